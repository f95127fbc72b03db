# SPDX-License-Identifier: Apache-2.0
"""PDF files: the text layer, page by page; a scanned page is named as such."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING

from engine.domain.chunking import Chunking
from engine.domain.dataset import Reject
from engine.errors import FileEncrypted, FileUnreadable, mark
from engine.formats.document import document_records
from engine.formats.format import CERTAIN, RECORD_CAP_BYTES, Block, Format, Record, Seen
from engine.formats.packed import seekable, size_bytes
from engine.formats.refusal import RefusedRecord, reject
from engine.formats.source import naming_read_errors
from engine.formats.wording import translated as _

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument, PdfPage

_MARK = b"%PDF-"
_MARK_WITHIN = 1024
"""Readers find the mark within the first 1,024 bytes (ISO 32000-1, Annex H, note 13)."""

_SHORT_LINE = 0.75
"""A line that ends a sentence and is shorter than this share of the longest ends a paragraph."""

_ENDS = (".", "!", "?", ":", "…")
_HYPHEN = re.compile(r"(\w)[\u00ad\u0002-]\n(?=[a-zà-ÿ])")


def sniff(path: Path, head: bytes) -> float:
    """Score by the mark at the start."""
    del path
    return CERTAIN if _MARK in head[:_MARK_WITHIN] else 0.0


def blocks(path: Path, seen: Seen) -> Iterator[Block | Reject]:
    """Yield the paragraphs of each page; `line` is the page, from 1.

    Raises:
        FileEncrypted: It is protected by a password.
        FileUnreadable: It is damaged.
    """
    with naming_read_errors(path), seekable(path, seen) as stream:
        document = _opened(path, stream)
        try:
            for number in range(len(document)):
                seen(0)
                yield from _page_blocks(path, document, number)
        finally:
            document.close()
    seen(size_bytes(path))


def _opened(path: Path, stream: IO[bytes]) -> PdfDocument:
    import pypdfium2
    from pypdfium2 import raw

    try:
        return pypdfium2.PdfDocument(stream)
    except pypdfium2.PdfiumError as error:
        if getattr(error, "err_code", 0) == raw.FPDF_ERR_PASSWORD:
            raise FileEncrypted(
                _("{name} is protected by a password.").format(name=path.name)
            ) from error
        raise _damaged(path, str(error)) from error


def _page_blocks(path: Path, document: PdfDocument, number: int) -> Iterator[Block | Reject]:
    import pypdfium2

    try:
        page = document[number]
        try:
            text = _text(page)
            is_scan = not text.strip() and _has_picture(page)
        finally:
            page.close()
    except pypdfium2.PdfiumError as error:
        refused = RefusedRecord("page_damaged", _("This page is damaged ({detail}).").format(
            detail=error
        ))  # fmt: skip
        yield reject(path.name, number + 1, refused)
        return
    if is_scan:
        refused = RefusedRecord(
            "scanned_page",
            _("This page is a picture without a text layer. Burnish reads no text from pictures."),
        )
        yield reject(path.name, number + 1, refused)
    for paragraph in paragraphs(text):
        yield Block(number + 1, paragraph)


def _text(page: PdfPage) -> str:
    layer = page.get_textpage()
    try:
        return layer.get_text_bounded()[:RECORD_CAP_BYTES]
    finally:
        layer.close()


def _has_picture(page: PdfPage) -> bool:
    from pypdfium2 import raw

    return any(True for _one in page.get_objects(filter=[raw.FPDF_PAGEOBJ_IMAGE], max_depth=5))


def paragraphs(text: str) -> Iterator[str]:
    """Yield the paragraphs of a page, their lines and the words that were parted joined again."""
    lines = _HYPHEN.sub(r"\1", text.replace("\r\n", "\n").replace("\0", "")).split("\n")
    longest = max((len(line) for line in lines), default=0)
    kept: list[str] = []
    for line in (one.strip() for one in lines):
        if line:
            kept.append(line)
        is_last = line.endswith(_ENDS) and len(line) < _SHORT_LINE * longest
        if kept and (not line or is_last):
            yield " ".join(kept)
            kept = []
    if kept:
        yield " ".join(kept)


def _damaged(path: Path, detail: str) -> FileUnreadable:
    return FileUnreadable(
        _("{name} is damaged: it is no whole PDF file.").format(name=path.name),
        remedy=_("Open it in the program that made it, and save it again."),
        detail=detail,
    )


def read(path: Path, seen: Seen) -> Iterator[Record | Reject]:
    """Yield the pieces of the document.

    Raises:
        FileEncrypted: It is protected by a password.
        FileUnreadable: It is damaged.
    """
    return document_records(blocks(path, seen), Chunking())


FORMAT = Format(
    id="pdf",
    title=mark("PDF document"),
    suffixes=(".pdf",),
    sniff=sniff,
    read=read,
    blocks=blocks,
)
