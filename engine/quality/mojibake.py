# SPDX-License-Identifier: Apache-2.0
"""Garbled text: UTF-8 that was read in another encoding, and characters that are lost for good."""

from __future__ import annotations

from collections.abc import Iterable
from gettext import gettext as _

from engine.domain.dataset import RowKind
from engine.domain.problem import Severity
from engine.quality.batch import TurnBatch
from engine.quality.check import Check
from engine.quality.row_local import Hits, RowLocalPass, confirmed, is_not_ascii, matches

# Encodings in which UTF-8 is read by mistake, with the bytes whose letters are too common there to
# make a text a candidate: garbled text of any length holds others.
_READ_AS = {
    "cp1252": b"",
    "latin-1": b"",
    "cp1251": "іїєё".encode("cp1251"),
    "cp1250": "łążšžśźť".encode("cp1250"),
    "iso8859-2": "łążšžśźť".encode("iso8859-2"),
    "cp1253": b"",
    "mac-roman": b"",
    "cp437": b"",
}
_PAIR_LEADS = range(0xC2, 0xE0)
_TRIPLE_LEADS = range(0xE0, 0xF5)
_FOLLOWING = range(0x80, 0xC0)
_NO_BREAK_SPACE = 0xA0  # stands behind many a sound letter, in French before every colon


def repaired(text: str) -> str:
    """Return a text with the encoding repaired where that is certain; else as it is.

    Only changes that read all of the garbled characters as valid UTF-8 are made; nothing is
    replaced by U+FFFD, and quotes, widths and composition stay as they are.
    """
    import ftfy

    if text.isascii():
        return text
    fixed = ftfy.fix_encoding(text, replace_lossy_sequences=False)
    return text if "\0" in fixed else fixed  # no row may hold NUL


def _garbled_expression() -> str:
    """Return an RE2 expression for the characters that UTF-8 becomes in a wrong encoding."""
    choices = [r"[\x{80}-\x{9f}]"]
    for encoding, common in _READ_AS.items():
        following = [one for one in _FOLLOWING if one not in common]
        second = [one for one in following if one != _NO_BREAK_SPACE]
        pair, triple, any_one, any_second = (
            _class_of(numbers, encoding)
            for numbers in (_PAIR_LEADS, _TRIPLE_LEADS, following, second)
        )
        choices += [pair + any_one, triple + any_second + any_one]
    return "|".join(choices)


def _class_of(numbers: Iterable[int], encoding: str) -> str:
    """Return an RE2 class of the characters that bytes stand for."""
    characters = bytes(numbers).decode(encoding, errors="ignore")
    return "[" + "".join(rf"\x{{{ord(one):x}}}" for one in sorted(set(characters))) + "]"


def _begin() -> RowLocalPass:
    expression = _garbled_expression()

    def _look(batch: TurnBatch) -> list[Hits]:
        import numpy as np
        import pyarrow as pa

        beyond = np.flatnonzero(is_not_ascii(batch.texts))
        texts = batch.texts.take(pa.array(beyond))
        found = confirmed(texts, matches(texts, expression), lambda one: repaired(one) != one)
        return [Hits(rows=batch.rows[beyond[found]])]

    return RowLocalPass(("garbled",), _look)


def _look_for_lost(batch: TurnBatch) -> list[Hits]:
    return [Hits(rows=batch.rows[matches(batch.texts, "\ufffd")])]


GARBLED = Check(
    id="mojibake",
    title=lambda: _("Garbled characters"),
    why=lambda: _(
        "Text such as “Ã©” for “é” was read in the wrong encoding. The model would learn to write "
        "it that way. Where all of it can be read back with certainty, it is repaired."
    ),
    severity=Severity.WARNING,
    kinds=tuple(RowKind),
    begin=lambda _settings: _begin(),
    fix="repair_mojibake",
    is_safe=True,
)

LOST = Check(
    id="lost_characters",
    title=lambda: _("Lost characters"),
    why=lambda: _(
        "“\ufffd” stands where a character was lost before the import. It cannot be brought back "
        "from the row: read the source again in its right encoding, or leave the row out."
    ),
    severity=Severity.WARNING,
    kinds=tuple(RowKind),
    begin=lambda _settings: RowLocalPass(("lost_character",), _look_for_lost),
)
