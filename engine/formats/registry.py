# SPDX-License-Identifier: Apache-2.0
"""All dataset formats, and the best match for a file."""

from __future__ import annotations

import os
from gettext import gettext as _
from pathlib import Path

from engine.errors import FileEmpty, FileUnreadable, FormatUnknown
from engine.formats import arrow, csv, docx, json, jsonl, ods, parquet, pdf, text, xlsx
from engine.formats.format import HEAD_BYTES, PERHAPS, Format
from engine.formats.source import read_head

FORMATS: tuple[Format, ...] = (
    jsonl.FORMAT,
    json.FORMAT,
    csv.FORMAT,
    parquet.FORMAT,
    arrow.FORMAT,
    xlsx.FORMAT,
    ods.FORMAT,
    docx.FORMAT,
    pdf.FORMAT,
    text.FORMAT,
)


_BLANKS = b"\0 \t\r\n\xef\xbb\xbf\xff\xfe"


def best_match(path: Path) -> Format:
    """Return the format that the content of a file fits best; its suffix only breaks ties.

    Raises:
        FileMissing: The file does not exist.
        FileUnreadable: It cannot be read.
        FileEmpty: It holds nothing, or nothing but blanks.
        FormatUnknown: It is none of the formats, or only text where its suffix promises more.
    """
    if shown_name(path) != path.name:
        raise FileUnreadable(
            _("The name of the file {name} holds bytes that are no characters.").format(
                name=shown_name(path)
            ),
            remedy=_("Rename the file."),
        )
    head = read_head(path)
    if len(head) < HEAD_BYTES and not head.strip(_BLANKS):
        raise FileEmpty(_("{name} is empty.").format(name=path.name))
    scored = [(one.sniff(path, head), _is_named_so(path, one), one) for one in FORMATS]
    # Of equals the last wins: what may be a table or just text is text.
    score, is_named_so, best = max(reversed(scored), key=lambda one: one[:2])
    promises_more = not is_named_so and any(named for _score, named, _one in scored)
    if score <= 0 or (score <= PERHAPS and promises_more):
        raise FormatUnknown(
            _("The content of {name} is in none of the formats that Burnish reads.").format(
                name=path.name
            )
        )
    return best


def shown_name(path: Path) -> str:
    """Return the name of a file with U+FFFD for bytes that are no characters."""
    return os.fsencode(path.name).decode("utf-8", errors="replace")


def _is_named_so(path: Path, one: Format) -> bool:
    return path.suffix.lower() in one.suffixes
