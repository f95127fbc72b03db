# SPDX-License-Identifier: Apache-2.0
"""Where each token of a row stands: lines that break between words, never inside one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

RETURN_SIGN = "\u2009↵\u2009"
"""What is shown for a line break, with thin spaces around it."""


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """One token: its text, its number in the vocabulary, and what becomes of it."""

    text: str
    id: int
    trained: bool
    special: bool = False


class TokenSection(msgspec.Struct, frozen=True, kw_only=True):
    """The tokens of one turn. `role` is its key, `title` the word that people read."""

    role: str
    title: str
    tokens: tuple[Token, ...]

    @property
    def trained(self) -> int:
        """How many of the tokens are trained."""
        return sum(1 for token in self.tokens if token.trained)


class Placed(msgspec.Struct, frozen=True):
    """A token at its place: `index` counts over all sections, `x` and `width` are pixels."""

    index: int
    token: Token
    text: str
    line: int
    x: float
    width: float


Measure = Callable[[Token, str], float]


def shown_text(token: Token, *, at_start: bool) -> str:
    """Return what is drawn for a token: signs for breaks, no space at the start of a line."""
    text = token.text.replace("\r", "").replace("\n", RETURN_SIGN).replace("\t", "    ")
    text = text.lstrip(" ") if at_start and text.strip(" ") else text
    return text or "·"


def lay_out(
    section: TokenSection, *, first: int, width: float, gap: float, measure: Measure
) -> list[Placed]:
    """Place the tokens of one section.

    Args:
        section: The section.
        first: The index of its first token over all sections.
        width: Room of a line, in pixels.
        gap: Room beside a special token, in pixels.
        measure: Gives the width of a token that is shown with a text.

    Returns:
        One entry per token, in order; `line` counts from 0.
    """
    placed: list[Placed] = []
    breaks = _breaks(section.tokens)
    x, line = 0.0, 0
    for word in _words(section.tokens, breaks):
        wide = sum(measure(section.tokens[i], section.tokens[i].text) for i in word)
        if x > 0 and x + wide > width:
            x, line = 0.0, line + 1
        for i in word:
            token = section.tokens[i]
            text = shown_text(token, at_start=x == 0)
            own = measure(token, text)
            if x > 0 and x + own > width:
                x, line = 0.0, line + 1
                text = shown_text(token, at_start=True)
                own = measure(token, text)
            placed.append(Placed(first + i, token, text, line, x, min(own, width)))
            x += own + (gap if token.special else 0)
            if i in breaks:
                x, line = 0.0, line + 1
    return placed


def as_text(sections: Sequence[TokenSection]) -> str:
    """Return the row as text, trained parts in [[ ]]."""
    parts: list[str] = []
    inside = False
    for section in sections:
        for token in section.tokens:
            if token.trained != inside:
                parts.append("[[" if token.trained else "]]")
                inside = token.trained
            parts.append(token.text)
    return "".join([*parts, "]]" if inside else ""])


def _breaks(tokens: Sequence[Token]) -> set[int]:
    """Return after which tokens a line ends: after line breaks in what was said.

    The break behind the role name, and those in an empty thought, part no content.
    """
    found: set[int] = set()
    content = False
    opened = False
    for i, token in enumerate(tokens):
        ends = "\n" in token.text and not token.special
        if content and ends:
            found.add(i)
        if ends:
            opened = True
        starts_without_role = i == 0 and not token.special
        if not token.special and (opened or starts_without_role) and token.text.strip():
            content = True
    return found


def _words(tokens: Sequence[Token], breaks: set[int]) -> list[list[int]]:
    words: list[list[int]] = []
    for i, token in enumerate(tokens):
        before = tokens[i - 1] if i else None
        joins = (
            before is not None
            and not token.special
            and not before.special
            and i - 1 not in breaks
            and not token.text[:1].isspace()
            and not before.text[-1:].isspace()
        )
        if joins:
            words[-1].append(i)
        else:
            words.append([i])
    return words
