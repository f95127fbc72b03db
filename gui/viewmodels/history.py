# SPDX-License-Identifier: Apache-2.0
"""The versions of a dataset as values: what was done, when, and what can be undone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from difflib import SequenceMatcher
from gettext import gettext as _

import msgspec

from engine.domain.dataset import Row
from engine.domain.version import VersionDifference, VersionInfo, action_text
from gui.viewmodels import numbers
from gui.viewmodels.dataset_rows import turn_views

_SHOWN_CHARACTERS = 400
_AROUND = 60
_MOST_WORDS = 1_000
_WORD = re.compile(r"\s+|\w+|[^\w\s]")


def undo_reason(history: Sequence[VersionInfo], number: int) -> str:
    """Return why nothing can be taken back at a version, or "" where something can."""
    version = next((one for one in history if one.number == number), None)
    if version is None or not version.parent:
        return _("This is the dataset as it was imported.")
    return ""


def redo_reason(history: Sequence[VersionInfo], number: int) -> str:
    """Return why nothing can be done again at a version, or "" where something can."""
    if any(one.parent == number for one in history):
        return ""
    return _("Nothing was taken back.")


def undo_words(history: Sequence[VersionInfo], number: int) -> str:
    """Return the name of the way back from a version: what would be undone."""
    version = next((one for one in history if one.number == number and one.parent), None)
    if version is None:
        return _("Undo the last change (Ctrl+Z)")
    return _("Undo: {what} (Ctrl+Z)").format(what=action_text(version))


def redo_words(history: Sequence[VersionInfo], number: int) -> str:
    """Return the name of the way on from a version: what would be done again."""
    later = [one for one in history if one.parent == number]
    if not later:
        return _("Do it again (Ctrl+Shift+Z)")
    return _("Do again: {what} (Ctrl+Shift+Z)").format(what=action_text(later[-1]))


class VersionLine(msgspec.Struct, frozen=True, kw_only=True):
    """A version in the list of all."""

    number: int
    what: str
    when: str
    rows: str
    change: str
    is_current: bool


def version_lines(
    history: Sequence[VersionInfo], current: int, *, now: datetime
) -> tuple[VersionLine, ...]:
    """Return all versions, newest first."""
    rows = {one.number: one.rows for one in history}
    return tuple(
        VersionLine(
            number=one.number,
            what=action_text(one),
            when=numbers.day_and_clock(one.made_at, now=now),
            rows=numbers.count(one.rows),
            change=_signed(one.rows - rows.get(one.parent, 0)) if one.parent else "",
            is_current=one.number == current,
        )
        for one in reversed(history)
    )


def _signed(change: int) -> str:
    if not change:
        return "±0"
    return f"{'+' if change > 0 else '−'}{numbers.count(abs(change))}"


def difference_words(difference: VersionDifference, *, earlier: int, later: int) -> str:
    """Return what sets a later version apart from an earlier one."""
    if not (difference.added or difference.removed or difference.moved):
        return _("Versions {earlier} and {later} hold the same rows in the same parts.").format(
            earlier=earlier, later=later
        )
    return _(
        "From version {earlier} to {later}: {added} rows came, {removed} went, {moved} changed "
        "their part."
    ).format(
        earlier=earlier,
        later=later,
        added=numbers.count(len(difference.added)),
        removed=numbers.count(len(difference.removed)),
        moved=numbers.count(len(difference.moved)),
    )


class ChangeView(msgspec.Struct, frozen=True, kw_only=True):
    """A row that two versions have differently: what became of it, and its text."""

    title: str
    text: str


def change_view(before: Row | None, after: Row | None) -> ChangeView:
    """Return what became of a row; of an edited one the words that went and came are marked."""
    if before is None:
        text = row_text(after) if after is not None else ""
        return ChangeView(title=_("Came"), text=text[:_SHOWN_CHARACTERS])
    if after is None:
        return ChangeView(title=_("Went"), text=row_text(before)[:_SHOWN_CHARACTERS])
    return ChangeView(title=_("Edited"), text=word_difference(row_text(before), row_text(after)))


def row_text(row: Row) -> str:
    """Return the texts of a row, each turn under who speaks."""
    return "\n".join(f"{one.title}: {one.text}" for one in turn_views(row))


def word_difference(before: str, after: str) -> str:
    """Return a text in which what went stands as [−this−] and what came as {+that+}.

    Of what stayed, a few words around each change are kept.
    """
    old, new = _WORD.findall(before)[:_MOST_WORDS], _WORD.findall(after)[:_MOST_WORDS]
    parts: list[str] = []
    for action, i, j, k, end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if action == "equal":
            parts.append(_around("".join(old[i:j])))
            continue
        went, came = "".join(old[i:j]), "".join(new[k:end])
        parts.append((f"[−{went}−]" if went else "") + (f"{{+{came}+}}" if came else ""))
    return "".join(parts)


def _around(text: str) -> str:
    return text if len(text) <= 2 * _AROUND else f"{text[:_AROUND]} … {text[-_AROUND:]}"
