# SPDX-License-Identifier: Apache-2.0
"""Small documents: Word files, and PDF files written by hand, so that they can have any fault."""

from __future__ import annotations

import io
import zlib
from collections.abc import Sequence

import docx


def word(paragraphs: Sequence[str]) -> bytes:
    """Return a Word document of plain paragraphs."""
    document = docx.Document()
    for one in paragraphs:
        document.add_paragraph(one)
    stream = io.BytesIO()
    document.save(stream)
    return stream.getvalue()


def pdf(pages: Sequence[Sequence[str] | None], *, encrypted: bool = False) -> bytes:
    """Return a PDF file; each page is lines of text, or None for a picture of a page."""
    objects: list[bytes] = [b"<< /Type /Catalog /Pages 2 0 R >>", b""]
    kids: list[int] = []
    font = 3
    objects.append(b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>")
    image = 4
    picture = zlib.compress(b"\x80" * 64)
    objects.append(
        b"<< /Type /XObject /Subtype /Image /Width 8 /Height 8 /ColorSpace /DeviceGray "
        b"/BitsPerComponent 8 /Filter /FlateDecode /Length %d >>\nstream\n%s\nendstream"
        % (len(picture), picture)
    )
    for lines in pages:
        content = b"q 500 0 0 700 50 50 cm /I Do Q" if lines is None else _text(lines)
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content))
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents %d 0 R /Resources "
            b"<< /Font << /F %d 0 R >> /XObject << /I %d 0 R >> >> >>" % (len(objects), font, image)
        )
        kids.append(len(objects))
    named = b" ".join(b"%d 0 R" % one for one in kids)
    objects[1] = b"<< /Type /Pages /Kids [%s] /Count %d >>" % (named, len(kids))
    return _file(objects, encrypted=encrypted)


def _text(lines: Sequence[str]) -> bytes:
    shown = b"".join(
        b"(%s) Tj 0 -14 Td " % line.encode("latin-1").replace(b"(", b"\\(").replace(b")", b"\\)")
        for line in lines
    )
    return b"BT /F 12 Tf 50 740 Td " + shown + b"ET"


def _file(objects: Sequence[bytes], *, encrypted: bool) -> bytes:
    found = bytearray(b"%PDF-1.4\n")
    offsets: list[int] = []
    for number, one in enumerate(objects, start=1):
        offsets.append(len(found))
        found += b"%d 0 obj\n%s\nendobj\n" % (number, one)
    start = len(found)
    found += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    for offset in offsets:
        found += b"%010d 00000 n \n" % offset
    lock = b""
    if encrypted:
        secret = b"<" + b"41" * 32 + b">"
        lock = b" /Encrypt << /Filter /Standard /V 1 /R 2 /O %s /U %s /P -4 >> /ID [<00> <00>]" % (
            secret,
            secret,
        )
    found += b"trailer << /Size %d /Root 1 0 R%s >>\nstartxref\n%d\n%%%%EOF\n" % (
        len(objects) + 1, lock, start,
    )  # fmt: skip
    return bytes(found)
