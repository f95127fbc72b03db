# SPDX-License-Identifier: Apache-2.0
"""Memorised text of a run: what a check is, and what it told."""

from __future__ import annotations

from datetime import datetime
from gettext import gettext as _
from typing import TYPE_CHECKING

import msgspec

from engine.domain.memorisation import TRIES, Verdict, sentences_of, title_of
from gui.viewmodels import numbers

if TYPE_CHECKING:
    from engine.api.memorisation import Checked

_SIGNS = {
    Verdict.FOUND: ("status-warning", "warning"),
    Verdict.NOT_FOUND: ("status-ok", "success"),
    Verdict.NOTHING_TO_ASK: ("status-info", "text2"),
}


class MemorisedView(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of memorised text before weights leave.

    Attributes:
        icon: The sign before the words.
        colour: Its role.
        title: What is known, in a few words.
        text: The same in sentences.
        button: What the button does.
        lines: Cells of the table: what was asked for, how often, what came; none where it is empty.
    """

    icon: str
    colour: str
    title: str
    text: str
    button: str
    lines: tuple[tuple[str, ...], ...] = ()


def memorised_view(checked: Checked | None, *, now: datetime) -> MemorisedView:
    """Return what to say of a run; None was never checked."""
    if checked is None or not checked.is_current:
        return MemorisedView(
            icon="status-info",
            colour="text2",
            title=_("Not checked") if checked is None else _("The weights changed since the check"),
            text=_(
                "Ask the model for private values and passages of its rows before you give the "
                "weights away. What it writes by itself, others can get out of it."
            ),
            button=_("Check for memorised text"),
        )
    icon, colour = _SIGNS[checked.verdict]
    when = numbers.day_and_clock(checked.found.checked_at, now=now)
    looked = _("{rows} of {all} training rows were looked through, {when}.").format(
        rows=numbers.count(checked.found.rows),
        all=numbers.count(checked.found.all_rows),
        when=when,
    )
    return MemorisedView(
        icon=icon,
        colour=colour,
        title=title_of(checked.verdict),
        text=" ".join((*sentences_of(checked.found), looked)),
        button=_("Check again"),
        lines=tuple(
            (
                title,
                numbers.count(one.count),
                numbers.count(one.written),
                numbers.count(one.within_tries),
                numbers.count(one.base_within_tries),
            )
            for title, one in checked.lines
        ),
    )


def column_titles() -> tuple[str, ...]:
    """Return the heads of the table."""
    within = _("Within {tries} tries").format(tries=numbers.count(TRIES))
    return _("Asked for"), _("How many"), _("Word for word"), within, _("Base model")
