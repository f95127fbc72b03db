# SPDX-License-Identifier: Apache-2.0
"""What a mapping says of a target: a column, a text with columns in it, or a constant.

An expression is written as text. `{question}` is a column with its value as it is, `{user.name}`
and `{turns[0].text}` reach into it; `Subject: {title}` is a text with columns in it; a text without
braces is a constant. `{{` and `}}` stand for braces. A name with signs of this notation is quoted
as in JSON: `{"odd.name"}`. There are no attributes, calls or formats: nothing but names and
positions.
"""

from __future__ import annotations

import json
import re
from gettext import gettext as _

import msgspec

LONGEST_CHARACTERS = 20_000
MOST_STEPS = 16
MOST_COLUMNS = 64

_PLAIN = re.compile(r'[^.\[\]{}"]+')
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_POSITION = re.compile(r"\[(\d{1,6})\]")


class ExpressionFault(ValueError):
    """An expression is not written as one should be; the message says where."""


class ColumnPath(msgspec.Struct, frozen=True):
    """A column, or a place in its value.

    Attributes:
        text: As it is written between the braces.
        steps: Names of fields and positions in lists, the name of the column first.
    """

    text: str
    steps: tuple[str | int, ...]


class Expression(msgspec.Struct, frozen=True):
    """Texts and columns, one behind the other."""

    pieces: tuple[str | ColumnPath, ...]

    @property
    def column(self) -> ColumnPath | None:
        """Return the column that the expression is, or None where it is a text."""
        only = self.pieces[0] if len(self.pieces) == 1 else None
        return only if isinstance(only, ColumnPath) else None

    @property
    def columns(self) -> tuple[ColumnPath, ...]:
        """Return the columns in it."""
        return tuple(one for one in self.pieces if isinstance(one, ColumnPath))

    @property
    def constant(self) -> str | None:
        """Return the text that it is for every row, or None where it takes columns."""
        return None if self.columns else "".join(str(one) for one in self.pieces)


def parse(text: str) -> Expression:
    """Read an expression.

    Raises:
        ExpressionFault: It is too long, or a brace, a name or a position is not as it should be.
    """
    if len(text) > LONGEST_CHARACTERS:
        raise ExpressionFault(
            _("This is longer than {count} characters.").format(count=LONGEST_CHARACTERS)
        )
    pieces: list[str | ColumnPath] = []
    plain, at = "", 0
    while at < len(text):
        pair, sign = text[at : at + 2], text[at]
        if pair in ("{{", "}}"):
            plain, at = plain + sign, at + 2
        elif sign == "{":
            path, at = _path(text, at + 1)
            pieces += [plain, path] if plain else [path]
            plain = ""
        elif sign == "}":
            raise ExpressionFault(_("A } closes nothing. Write }} for the sign itself."))
        else:
            end = _next_brace(text, at)
            plain, at = plain + text[at:end], end
    pieces += [plain] if plain else []
    if sum(isinstance(one, ColumnPath) for one in pieces) > MOST_COLUMNS:
        raise ExpressionFault(_("This takes more than {count} columns.").format(count=MOST_COLUMNS))
    return Expression(tuple(pieces))


def _next_brace(text: str, at: int) -> int:
    found = [place for place in (text.find("{", at), text.find("}", at)) if place >= 0]
    return min(found, default=len(text))


def _path(text: str, start: int) -> tuple[ColumnPath, int]:
    """Return the path that begins behind a brace, and where its closing brace ends."""
    steps: list[str | int] = []
    at = start
    while True:
        name, at = _name(text, at)
        steps.append(name)
        while (position := _POSITION.match(text, at)) is not None:
            steps.append(int(position[1]))
            at = position.end()
        if len(steps) > MOST_STEPS:
            raise ExpressionFault(
                _("This reaches deeper than {count} levels.").format(count=MOST_STEPS)
            )
        sign = text[at : at + 1]
        if sign == "}":
            return ColumnPath(text[start:at].strip(), tuple(steps)), at + 1
        if sign != ".":
            raise _unclosed(text, start)
        at += 1


def _name(text: str, at: int) -> tuple[str, int]:
    quoted = _QUOTED.match(text, at)
    if quoted is not None:
        try:
            return str(json.loads(quoted[0])), quoted.end()
        except json.JSONDecodeError as error:
            raise ExpressionFault(_("A quoted name is not written as in JSON.")) from error
    plain = _PLAIN.match(text, at)
    if plain is None or not plain[0].strip():
        raise _unclosed(text, at)
    return plain[0].strip(), plain.end()


def _unclosed(text: str, at: int) -> ExpressionFault:
    return ExpressionFault(
        _(
            "Behind “{start}” no column is named, or its } is missing. "
            "Write {{ for the sign itself."
        ).replace("{start}", text[max(0, at - 20) : at])
    )


def written(steps: tuple[str | int, ...]) -> str:
    """Return a column or a place in it as an expression."""
    parts: list[str] = []
    for step in steps:
        if isinstance(step, int):
            parts.append(f"[{step}]")
        else:
            name = step if _is_plain(step) else json.dumps(step, ensure_ascii=False)
            parts.append(f".{name}" if parts else name)
    return "{" + "".join(parts) + "}"


def _is_plain(name: str) -> bool:
    return _PLAIN.fullmatch(name) is not None and name == name.strip()
