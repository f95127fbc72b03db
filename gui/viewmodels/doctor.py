# SPDX-License-Identifier: Apache-2.0
"""What the doctor found as values: each finding with its reason and its remedy."""

from __future__ import annotations

from collections.abc import Sequence
from gettext import gettext as _
from typing import TYPE_CHECKING

import msgspec

from engine.domain.problem import Severity
from gui.viewmodels.settings import FindingView

if TYPE_CHECKING:
    from engine.api.machine import Finding

_KINDS = {Severity.ERROR: "danger", Severity.WARNING: "warning", Severity.NOTE: "info"}


def doctor_views(found: Sequence[Finding], looked_at: Sequence[str]) -> tuple[FindingView, ...]:
    """Return the findings, the gravest first as given, and what was looked at."""
    looked = _("Looked at: {things}.").format(things=", ".join(looked_at))
    if not found:
        fine = _("Nothing was found that hinders training here.")
        return (FindingView(kind="success", title=fine, text=looked),)
    views = [
        FindingView(kind=_KINDS[one.severity], title=one.title, text=one.message, remedy=one.remedy)
        for one in found
    ]
    return (*views, FindingView(kind="info", title="", text=looked))


class BarView(msgspec.Struct, frozen=True, kw_only=True):
    """What forbids to train on this computer.

    Attributes:
        cause: What it is.
        consequence: The reason and the remedy.
    """

    cause: str
    consequence: str


def bar_view(found: Sequence[Finding]) -> BarView | None:
    """Return the gravest finding that forbids to train; None where nothing does."""
    for one in found:
        if one.severity is Severity.ERROR:
            return BarView(cause=one.title, consequence=f"{one.message} {one.remedy}".strip())
    return None
