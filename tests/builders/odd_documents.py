# SPDX-License-Identifier: Apache-2.0
"""Odd documents: Word and PDF files that are damaged, locked, scanned, empty or hostile."""

from __future__ import annotations

import io
import zipfile

from tests.builders.documents import pdf, word
from tests.builders.odd_files import OddFile, file_with

_SPACE = b'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
_ENTITIES = b"".join(b'<!ENTITY e%d "%s">' % (n, b"&e%d;" % (n - 1) * 10) for n in range(1, 9))
_BOMB = (
    b'<!DOCTYPE w [<!ENTITY e0 "' + b"x" * 1000 + b'">' + _ENTITIES + b"]><w:document " + _SPACE
    + b"><w:body><w:p><w:r><w:t>&e8;</w:t></w:r></w:p></w:body></w:document>"
)  # fmt: skip
_DEEP = (
    b"<w:document " + _SPACE + b"><w:body>" + b"<w:p>" * 5000 + b"</w:p>" * 5000
    + b"</w:body></w:document>"
)  # fmt: skip


def _word_of(text: bytes) -> bytes:
    """Return a Word document whose text part has this content."""
    packed = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(word(["One."]))) as source,
        zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for name in source.namelist():
            is_text = name == "word/document.xml"
            target.writestr(name, text if is_text else source.read(name))
    return packed.getvalue()


def _refused(name: str, content: bytes, code: str = "file_unreadable") -> OddFile:
    return OddFile(name=name, make=file_with(content), code=code)


ODD_DOCUMENTS: tuple[OddFile, ...] = (
    _refused("word document with an entity bomb", _word_of(_BOMB)),
    _refused("word document that is nested without end", _word_of(_DEEP)),
    _refused("word document of other XML", _word_of(b"<a/>")),
    _refused("pdf with a password", pdf([["One."]], encrypted=True), "file_encrypted"),
    _refused("pdf with only its mark", b"%PDF-1.4\n"),
    OddFile(name="word document without text", make=file_with(word([]))),
    OddFile(
        name="pdf of scanned pages", make=file_with(pdf([None, None])), rejects={"scanned_page": 2}
    ),
    OddFile(
        name="pdf with one scanned page",
        make=file_with(pdf([["One sentence."], None])),
        rows=1,
        rejects={"scanned_page": 1},
    ),
)
