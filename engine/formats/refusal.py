# SPDX-License-Identifier: Apache-2.0
"""Why a single record is not accepted: stable reasons, and the sentence for each."""

from __future__ import annotations

from engine.domain.dataset import Reject
from engine.formats.wording import translated as _

EXCERPT_CHARACTERS = 200
UNKNOWN_SHAPE = "unknown_shape"
"""Reason of a record of which nobody knows which field is what; a mapping says so."""


class RefusedRecord(ValueError):
    """One record cannot become a row; the others are not concerned.

    Attributes:
        reason: Stable snake_case name.
        message: The reason as a sentence, without text of the record.
    """

    def __init__(self, reason: str, message: str) -> None:
        """Keep both."""
        super().__init__(message)
        self.reason = reason
        self.message = message


def reject(file: str, line: int, refused: RefusedRecord, excerpt: str | bytes = "") -> Reject:
    """Return the reject of a refused record; the excerpt is cut to its first characters."""
    if isinstance(excerpt, bytes):
        excerpt = excerpt[: EXCERPT_CHARACTERS * 4].decode("utf-8", errors="replace")
    return Reject(
        file=file,
        line=line,
        reason=refused.reason,
        message=refused.message,
        excerpt=excerpt.strip()[:EXCERPT_CHARACTERS],
    )


def too_long() -> RefusedRecord:
    """Return the refusal of a record that is too long to be read."""
    return RefusedRecord("too_long", _("This is longer than 16 MB, the most that one row may be."))


def bad_encoding() -> RefusedRecord:
    """Return the refusal of text whose bytes are no characters."""
    return RefusedRecord(
        "bad_encoding", _("This holds bytes that are no characters in the encoding of the file.")
    )


def nul_character() -> RefusedRecord:
    """Return the refusal of text with NUL characters, which mark binary data."""
    return RefusedRecord("nul_character", _("This holds a NUL character, which no text should."))


def broken_json(detail: str = "") -> RefusedRecord:
    """Return the refusal of text that is not JSON; the detail is free of its text."""
    if detail:
        return RefusedRecord(
            "broken_json", _("This is not valid JSON ({detail}).").format(detail=detail)
        )
    return RefusedRecord("broken_json", _("This is not valid JSON."))


def wrong_type(name: str, expected: str) -> RefusedRecord:
    """Return the refusal of a field that holds something else than it should."""
    return RefusedRecord(
        "wrong_type",
        _("The field {name} should hold {expected}.").format(name=name, expected=expected),
    )


def empty_text(name: str) -> RefusedRecord:
    """Return the refusal of a field without text."""
    return RefusedRecord("empty_text", _("The field {name} holds no text.").format(name=name))
