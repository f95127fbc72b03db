# SPDX-License-Identifier: Apache-2.0
"""The root of all errors, and those that can happen anywhere."""

from __future__ import annotations

from gettext import gettext as _
from typing import ClassVar


def mark(text: str) -> str:
    """Mark a class-level text for the message catalogue; it is translated where it is shown."""
    return text


class EngineError(Exception):
    """Root of everything that the engine raises on purpose.

    Attributes:
        code: Stable snake_case name, shown in logs, in the interface and in docs/errors.md.
        message: What happened and what is safe, for the user.
        remedy: What the user can do, one imperative sentence.
        detail: Technical detail that may be copied; free of row text; may be empty.
    """

    code: ClassVar[str] = "engine_error"
    default_remedy: ClassVar[str] = mark("Try again; if it stays, look at the details.")

    def __init__(self, message: str, *, remedy: str | None = None, detail: str = "") -> None:
        """Keep the cause; take the remedy of the class when none is given."""
        super().__init__(message)
        self.message = message
        self.remedy = remedy if remedy is not None else _(self.default_remedy)
        self.detail = detail


class Unforeseen(EngineError):
    """Something failed in a way that Burnish does not know by name."""

    code = "unforeseen"
    default_remedy = mark("Look at the details below, and report them if it happens again.")


class Cancelled(EngineError):
    """The user cancelled the work before it was done."""

    code = "cancelled"
    default_remedy = mark("Start it again when you like.")


class WrongUsage(EngineError):
    """A command or a call was given values that do not fit together."""

    code = "wrong_usage"
    default_remedy = mark("Check the values that were given.")
