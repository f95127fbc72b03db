# SPDX-License-Identifier: Apache-2.0
"""Plain text and Markdown as blocks: paragraphs between blank lines, headings, code kept whole.

Headings are those of CommonMark 0.31 (https://spec.commonmark.org/0.31.2/): `#` to `######`, and a
line that is underlined with `=` or `-`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from engine.formats.format import Block

_ATX = re.compile(r" {0,3}(#{1,6})[ \t]+(.*?)(?:[ \t]+#+)?[ \t]*")
_UNDERLINE = re.compile(r" {0,3}(=+|-{2,})[ \t]*")
_FENCE = re.compile(r" {0,3}(```+|~~~+).*")


def text_blocks(lines: Iterable[tuple[int, str]], *, is_markdown: bool) -> Iterator[Block]:
    """Yield the blocks of a text.

    Args:
        lines: Number and text of each line, without its end.
        is_markdown: Headings and code are looked for.
    """
    gathered: list[str] = []
    first, fence = 0, ""
    for number, line in lines:
        is_code, fence = bool(fence), _fence_behind(line, fence) if is_markdown else ""
        heading = _heading(number, line) if is_markdown and not is_code else None
        underline = _underlined(first, gathered, line) if is_markdown and not is_code else None
        opens, closes = bool(fence) and not is_code, is_code and not fence
        if underline is not None:
            yield underline
            gathered = []
            continue
        if heading is not None or opens or not (line.strip() or is_code):
            yield from _taken(first, gathered)
            gathered = []
        if heading is not None:
            yield heading
        elif line.strip() or is_code:
            first = first if gathered else number
            gathered.append(line)
        if closes:
            yield from _taken(first, gathered)
            gathered = []
    yield from _taken(first, gathered)


def _heading(number: int, line: str) -> Block | None:
    found = _ATX.fullmatch(line)
    return Block(number, found[2], len(found[1])) if found is not None and found[2] else None


def _underlined(first: int, gathered: list[str], line: str) -> Block | None:
    """Return the heading that a line makes of the one before it."""
    found = _UNDERLINE.fullmatch(line) if len(gathered) == 1 else None
    if found is None:
        return None
    return Block(first, gathered[0].strip(), 1 if found[1][0] == "=" else 2)


def _taken(first: int, gathered: list[str]) -> Iterator[Block]:
    text = "\n".join(gathered).strip("\n")
    if text.strip():
        yield Block(first, text)


def _fence_behind(line: str, fence: str) -> str:
    """Return the fence that code stands in behind a line, or an empty text."""
    found = _FENCE.fullmatch(line)
    if found is None:
        return fence
    if not fence:
        return found[1]
    is_end = found[1].startswith(fence) and line.strip() == found[1]
    return "" if is_end else fence
