# SPDX-License-Identifier: Apache-2.0
"""One finding of a validation; validation returns all of them at once."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Severity(StrEnum):
    """How much a problem matters."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Something about a set of values that the user should know.

    Attributes:
        field: The field it is about, or an empty text for the whole.
        severity: Errors forbid to go on; warnings and notes do not.
        code: Stable snake_case name.
        message: What is the matter, one sentence.
        remedy: What to do, one imperative sentence; may be empty.
    """

    field: str
    severity: Severity
    code: str
    message: str
    remedy: str = ""


def errors_of(problems: list[Problem]) -> list[Problem]:
    """Return the problems that forbid to go on."""
    return [one for one in problems if one.severity is Severity.ERROR]
