# SPDX-License-Identifier: Apache-2.0
"""What the checks found in a dataset, as values: one line a check, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from gettext import gettext as _
from gettext import ngettext
from typing import TYPE_CHECKING

import msgspec

from engine.api.reports import Check, CheckResult, Report, Severity
from gui.viewmodels import numbers
from gui.viewmodels.coverage import BarView

if TYPE_CHECKING:
    from engine.api.reports import Fix

_KINDS = {Severity.ERROR: "danger", Severity.WARNING: "warning", Severity.NOTE: "info"}
_ORDER = ("danger", "warning", "info", "success")


SHOW, REPAIR = "show", "repair"
LANGUAGE = "language"
"""Id of the check that sorts every row by language."""
MOST_LANGUAGES = 8
"""Languages that are named one by one."""


class HealthLine(msgspec.Struct, frozen=True, kw_only=True):
    """One check: a sign, its name, what was found or why it matters, a number, and a repair."""

    check: str
    kind: str
    title: str
    text: str
    number: str
    unit: str
    links: tuple[tuple[str, str], ...]
    hint: str


class HealthView(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that the tab shows.

    Attributes:
        title: How many things there are to look at.
        meta: When, and how long it took.
        lines: The checks, those that found something first.
        things: How many found something that is more than a note.
        safe_reason: Why nothing can be repaired without a loss; empty where something can.
        languages: How many rows are in which language.
    """

    title: str
    meta: str
    lines: tuple[HealthLine, ...]
    things: int
    safe_reason: str
    languages: tuple[BarView, ...] = ()


def health_view(
    report: Report,
    checks: Sequence[Check],
    fix_of: Callable[[Check], Fix | None],
    *,
    now: datetime,
) -> HealthView:
    """Return what is shown of a report."""
    lines = [
        _line(check, result, fix_of(check))
        for check in checks
        for result in [report.result(check.id)]
        if result is not None
    ]
    things = sum(one.kind in ("danger", "warning") for one in lines)
    has_safe = any(
        check.is_safe and (result := report.result(check.id)) is not None and result.rows
        for check in checks
    )
    title = ngettext(
        "{count} thing to look at before training",
        "{count} things to look at before training",
        things,
    ).format(count=things)
    return HealthView(
        title=title if things else _("Nothing to look at before training"),
        meta=_("checked {when}, in {time}").format(
            when=numbers.day_and_clock(report.checked_at, now=now),
            time=numbers.duration(report.duration_s),
        ),
        lines=tuple(sorted(lines, key=lambda one: _ORDER.index(one.kind))),
        things=things,
        safe_reason="" if has_safe else _("Nothing was found that is safe to repair by itself."),
        languages=_languages(report, checks),
    )


def _languages(report: Report, checks: Sequence[Check]) -> tuple[BarView, ...]:
    """Return the most frequent languages, then all others together."""
    result = report.result(LANGUAGE)
    check = next((one for one in checks if one.id == LANGUAGE), None)
    if result is None or check is None or not result.tally:
        return ()
    counts = list(result.tally.items())
    named = [(check.name_label(code), count) for code, count in counts[:MOST_LANGUAGES]]
    others = sum(count for _code, count in counts[MOST_LANGUAGES:])
    if others:
        named.append((_("Others"), others))
    total = sum(result.tally.values())
    return tuple(
        BarView(
            name=name,
            value=_("{count} · {share}").format(
                count=numbers.count(count), share=numbers.share(count / total)
            ),
            share=count / total,
        )
        for name, count in named
    )


def _line(check: Check, result: CheckResult, fix: Fix | None) -> HealthLine:
    found = bool(result.rows)
    return HealthLine(
        check=check.id,
        kind=_KINDS[check.severity] if found else "success",
        title=check.title(),
        text=_found_words(check, result) if found else _("Nothing found."),
        number=numbers.count(result.rows),
        unit=ngettext("row", "rows", result.rows),
        links=(
            (SHOW, _("Show") if found else ""),
            (REPAIR, _("Repair") if found and fix is not None else ""),
        ),
        hint=fix.summary() if fix is not None else "",
    )


def _found_words(check: Check, result: CheckResult) -> str:
    """Return what was found by kind, if there are kinds, and why it matters."""
    kinds = ", ".join(
        f"{numbers.count(count)} {check.name_label(name)}" for name, count in result.labels.items()
    )
    return f"{kinds}. {check.why()}" if kinds and len(result.labels) > 1 else check.why()


def repaired_words(edited: int, removed: int) -> str:
    """Return what a repair did."""
    if not removed:
        return ngettext("{count} row was repaired.", "{count} rows were repaired.", edited).format(
            count=numbers.count(edited)
        )
    if not edited:
        return ngettext("{count} row was left out.", "{count} rows were left out.", removed).format(
            count=numbers.count(removed)
        )
    return _("{edited} rows were repaired, {removed} left out.").format(
        edited=numbers.count(edited), removed=numbers.count(removed)
    )
