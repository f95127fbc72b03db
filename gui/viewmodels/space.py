# SPDX-License-Identifier: Apache-2.0
"""Words for the disk: what takes how much, what can go, and what cannot be changed here."""

from __future__ import annotations

from collections.abc import Sequence
from gettext import gettext as _
from gettext import ngettext

import msgspec

from engine.domain.space import Place, SpaceItem, SpaceKind, SpaceReport
from engine.domain.trash import KEEP_DAYS
from gui.viewmodels import numbers


class SpaceRow(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the table.

    Attributes:
        key: Names the thing towards the engine.
        name: What it is, in words.
        size: What it takes.
        freeable: What of it can go, or "–".
        about: What happens when that is removed, or why nothing of it can go.
        remove_text: Word of the button that removes it.
        remove_reason: Why it cannot be pressed, or "".
        entry_id: Entry of the trash that can be put back, or "".
    """

    key: str
    name: str
    size: str
    freeable: str
    about: str
    remove_text: str
    remove_reason: str
    entry_id: str


def space_rows(report: SpaceReport) -> tuple[SpaceRow, ...]:
    """Return the lines of the table, the largest thing first."""
    return tuple(_row(one) for one in report.items)


def _row(item: SpaceItem) -> SpaceRow:
    has_part = item.freeable_bytes > 0
    return SpaceRow(
        key=item.key,
        name=_name(item),
        size=numbers.size(item.size_bytes),
        freeable=numbers.size(item.freeable_bytes) if has_part else "–",
        about=_about(item),
        remove_text=_("Delete for good") if item.kind is SpaceKind.TRASH else _("Remove"),
        remove_reason="" if has_part else _about(item),
        entry_id=item.id if item.kind is SpaceKind.TRASH else "",
    )


def _name(item: SpaceItem) -> str:
    texts = {
        SpaceKind.DATASET: _("Dataset {name}"),
        SpaceKind.VERSIONS: _("Versions of {name}"),
        SpaceKind.TOKENS: _("Kept tokens of {name}"),
        SpaceKind.WEIGHTS: _("Kept 4-bit weights of {name}"),
        SpaceKind.RUN: _("Run {name}"),
        SpaceKind.CHECKPOINTS: _("Checkpoints of {name}"),
        SpaceKind.EXPORT: _("Export of {name}"),
        SpaceKind.TRASH: _("In the trash: {name}"),
        SpaceKind.BACKUP: _("Backup: {name}"),
        SpaceKind.COMPILED: _("Compiled code of the training libraries"),
        SpaceKind.OTHER: _("Other files"),
    }
    return texts[item.kind].format(name=item.name)


def _about(item: SpaceItem) -> str:
    texts = {
        SpaceKind.DATASET: _("The page of the dataset removes it."),
        SpaceKind.VERSIONS: _("Earlier versions stay as long as their dataset."),
        SpaceKind.TOKENS: _("This is made again by the next run that needs it."),
        SpaceKind.WEIGHTS: _("This is made again by the next run that needs it."),
        SpaceKind.RUN: _("The page of the run removes it."),
        SpaceKind.CHECKPOINTS: _(
            "The newest and the best checkpoint stay. The others are gone for good."
        ),
        SpaceKind.EXPORT: _("It holds weights that were taken out."),
        SpaceKind.TRASH: _("It can be put back until it is deleted."),
        SpaceKind.BACKUP: _("An earlier Burnish wrote this. It is not needed any more."),
        SpaceKind.COMPILED: _(
            "It lies in your cache folder, holds no data, and is made again by the next run, which "
            "then takes longer to start."
        ),
        SpaceKind.OTHER: _("Imports, logs and what this workspace is known by."),
    }
    if item.kind is SpaceKind.CHECKPOINTS and not item.freeable_bytes:
        return _("The newest and the best checkpoint stay, and all while a run can go on.")
    return texts[item.kind]


def total_words(report: SpaceReport) -> str:
    """Return what all takes, and what can go."""
    return _("{size} in all. {freeable} can go without losing a result.").format(
        size=numbers.size(report.size_bytes), freeable=numbers.size(report.freeable_bytes)
    )


def looked_words(done: int, total: int) -> str:
    """Return how far the adding up is."""
    return _("Adding up: {done} of {total}").format(
        done=numbers.count(done), total=numbers.count(total)
    )


def freed_words(size_bytes: int) -> str:
    """Return what became free."""
    return _("{size} became free.").format(size=numbers.size(size_bytes))


def emptied_words(count: int) -> str:
    """Return what was deleted from the trash."""
    words = ngettext(
        "{count} thing in the trash was deleted.",
        "{count} things in the trash were deleted.",
        count,
    )
    return words.format(count=numbers.count(count))


def trash_words() -> str:
    """Return how long the trash keeps things."""
    return ngettext(
        "What you remove stays in the trash for {count} day and can be put back.",
        "What you remove stays in the trash for {count} days and can be put back.",
        KEEP_DAYS,
    ).format(count=KEEP_DAYS)


def has_trash(rows: Sequence[SpaceRow]) -> bool:
    """Return whether there is anything in the trash."""
    return any(one.entry_id for one in rows)


def place_words(place: Place) -> tuple[str, str]:
    """Return what is odd about where the workspace lies, and what follows; or empty texts."""
    if place.is_read_only:
        return (
            _("This workspace can only be looked at."),
            _("Its folder cannot be written to, so nothing can be imported, trained or changed."),
        )
    if place.network:
        return (
            _("This workspace lies in a network folder ({kind}).").format(kind=place.network),
            _(
                "Locks may not hold there. Open it on one computer at a time, or move it to a disk "
                "of this computer."
            ),
        )
    return "", ""
