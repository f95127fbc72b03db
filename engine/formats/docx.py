# SPDX-License-Identifier: Apache-2.0
"""Word documents: headings by their outline level, paragraphs, lists, tables as lines of cells."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

from engine.domain.chunking import Chunking
from engine.domain.dataset import Reject
from engine.errors import EngineError, FileUnreadable, mark
from engine.formats.document import document_records
from engine.formats.format import CERTAIN, Block, Format, Record, Seen
from engine.formats.packed import is_zip, seekable, size_bytes
from engine.formats.source import naming_read_errors
from engine.formats.wording import translated as _
from engine.formats.zip_archive import members_in

if TYPE_CHECKING:
    from lxml.etree import Element

DOCUMENT = "word/document.xml"
CAP_BYTES = 32 << 20
"""The largest part that is read: a document of words is far smaller, and it is held in memory."""

_HEADING = re.compile(r"(?:heading|überschrift|titre|título|titolo|kop)\s*(\d)", re.I)
_TITLES = ("title", "titel")
_NO_HEADING = 9
"""Outline level of body text, ECMA-376 part 1, 17.3.1.20."""

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_P, _T, _TABLE, _VAL = f"{_W}p", f"{_W}t", f"{_W}tbl", f"{_W}val"
_TEXTS = {_T: "", f"{_W}tab": "\t", f"{_W}br": "\n", f"{_W}cr": "\n", f"{_W}noBreakHyphen": "-"}
_PROGRESS_BLOCKS = 256


def sniff(path: Path, head: bytes) -> float:
    """Score by the files inside."""
    if not is_zip(head):
        return 0.0
    try:
        with seekable(path, _ignore) as stream:
            return CERTAIN if DOCUMENT in members_in(stream, path) else 0.0
    except (EngineError, OSError):
        # What is wrong with it is said where it is opened as an archive.
        return 0.0


def _ignore(_done: int) -> None:
    """Hear of progress where nobody waits for it."""


def blocks(path: Path, seen: Seen) -> Iterator[Block | Reject]:
    """Yield headings and paragraphs; `line` counts them from 1.

    Raises:
        FileUnreadable: It is damaged, or too large to be held in memory.
    """
    with naming_read_errors(path), seekable(path, seen) as stream:
        seen(0)
        items = _items(path, stream)
        for number, item in enumerate(items, start=1):
            if number % _PROGRESS_BLOCKS == 0:
                seen(0)
            level, text = item
            if text:
                yield Block(number, text, level)
    seen(size_bytes(path))


def _items(path: Path, stream: IO[bytes]) -> Iterator[tuple[int, str]]:
    import docx
    from docx.opc.exceptions import OpcError
    from lxml.etree import LxmlError

    parts = members_in(stream, path)
    if any(one.size_bytes > CAP_BYTES for name, one in parts.items() if name.endswith(".xml")):
        raise FileUnreadable(
            _(
                "{name} is larger than {cap} MB unpacked, the most that is read of a document."
            ).format(name=path.name, cap=CAP_BYTES >> 20),
            remedy=_("Save it as several documents, or as plain text."),
        )
    try:
        stream.seek(0)
        document = docx.Document(stream)
        styles = {str(one.style_id): str(one.name or "") for one in document.styles}
        body = cast("Element", document.element.body)  # pyright: ignore[reportUnknownMemberType] -- untyped
        for item in body.iterchildren(_P, _TABLE):
            if item.tag == _TABLE:
                yield from ((0, line) for line in _lines(item))
            else:
                yield _paragraph(item, styles)
    except (OpcError, LxmlError, KeyError, ValueError, zipfile.BadZipFile, AttributeError) as error:
        raise FileUnreadable(
            _("{name} is damaged: it is no whole Word document.").format(name=path.name),
            remedy=_("Open it in the program that made it, and save it again."),
            detail=type(error).__name__,
        ) from error


def _paragraph(element: Element, styles: Mapping[str, str]) -> tuple[int, str]:
    """Return level and text of a paragraph; the library's own way takes a millisecond for each."""
    text = _text(element)
    named = element.find(f"{_W}pPr/{_W}pStyle")
    style = styles.get(named.get(_VAL) or "", "") if named is not None else ""
    level = _level(element, style)
    is_item = style.lower().startswith("list") or element.find(f"{_W}pPr/{_W}numPr") is not None
    return level, f"- {text}" if text and is_item and not level else text


def _text(element: Element) -> str:
    parts = (
        (one.text or "") if one.tag == _T else _TEXTS[one.tag] for one in element.iter(*_TEXTS)
    )
    return "".join(parts).replace("\0", "").strip()


def _level(element: Element, style: str) -> int:
    """Return the level of a heading, 0 for other paragraphs; 1 is the title of the document."""
    if style.lower() in _TITLES:
        return 1
    found = _HEADING.match(style)
    if found is not None:
        return int(found[1]) + 1
    outline = element.find(f"{_W}pPr/{_W}outlineLvl")
    value = (outline.get(_VAL) or "") if outline is not None else ""
    return int(value) + 2 if value.isdecimal() and int(value) < _NO_HEADING else 0


def _lines(table: Element) -> Iterator[str]:
    for row in table.iterchildren(f"{_W}tr"):
        cells = [" ".join(_text(cell).split()) for cell in row.iterchildren(f"{_W}tc")]
        if any(cells):
            yield " | ".join(cells)


def read(path: Path, seen: Seen) -> Iterator[Record | Reject]:
    """Yield the pieces of the document.

    Raises:
        FileUnreadable: It is damaged, or too large to be held in memory.
    """
    return document_records(blocks(path, seen), Chunking())


FORMAT = Format(
    id="docx",
    title=mark("Word document"),
    suffixes=(".docx", ".docm"),
    sniff=sniff,
    read=read,
    blocks=blocks,
)
