# SPDX-License-Identifier: Apache-2.0
"""Changing rows of a dataset: each change is a version, and can be taken back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from gettext import gettext as _

from engine.domain.dataset import Row
from engine.domain.version import VersionInfo, action_text
from engine.errors import EngineError
from gui.bridge.services import Services
from gui.bridge.tasks import Outcome

Refused = Callable[[EngineError], None]


def remove_rows(services: Services, *, dataset_id: str, ids: Sequence[int]) -> None:
    """Leave rows out of the dataset."""
    _change(services, dataset_id, lambda: services.api.versions.remove_rows(dataset_id, ids))


def restore_rows(services: Services, *, dataset_id: str, ids: Sequence[int]) -> None:
    """Take rows back that were left out."""
    _change(services, dataset_id, lambda: services.api.versions.restore_rows(dataset_id, ids))


def edit_row(
    services: Services, *, dataset_id: str, row_id: int, row: Row, refused: Refused
) -> None:
    """Replace a row; `refused` is told why it cannot be."""
    _change(
        services,
        dataset_id,
        lambda: services.api.versions.edit_rows(dataset_id, {row_id: row}),
        refused,
    )


def add_row(services: Services, *, dataset_id: str, row: Row, split: str, refused: Refused) -> None:
    """Add a row to a split; `refused` is told why it cannot be."""
    _change(
        services,
        dataset_id,
        lambda: services.api.versions.add_rows(dataset_id, [row], split=split),
        refused,
    )


def tag_rows(
    services: Services, *, dataset_id: str, ids: Sequence[int], tag: str, on: bool
) -> None:
    """Give rows a tag, or take it off them."""
    _change(services, dataset_id, lambda: services.api.versions.tag(dataset_id, ids, tag, on=on))


def undo_change(services: Services, *, dataset_id: str) -> None:
    """Go back to the version before the current one."""
    _move(services, lambda: services.api.versions.undo(dataset_id))


def redo_change(services: Services, *, dataset_id: str) -> None:
    """Do again what was taken back last."""
    _move(services, lambda: services.api.versions.redo(dataset_id))


def go_to_version(services: Services, *, dataset_id: str, number: int) -> None:
    """Make any version the current one."""
    _move(services, lambda: services.api.versions.go_to(dataset_id, number))


def _change(
    services: Services,
    dataset_id: str,
    work: Callable[[], VersionInfo],
    refused: Refused | None = None,
) -> None:
    def done(outcome: Outcome[VersionInfo]) -> None:
        if outcome.error is None:
            services.notices.say(
                f"{action_text(outcome.value)}.",
                undo_text=_("Undo"),
                undo=lambda: undo_change(services, dataset_id=dataset_id),
            )
            services.library.refresh()
        elif refused is not None:
            refused(outcome.error)
        else:
            services.notices.show_error(outcome.error, title=_("Nothing was changed"))

    services.notices.clear()
    services.tasks.run(work, done, owner=services.library)


def _move(services: Services, work: Callable[[], VersionInfo]) -> None:
    def done(outcome: Outcome[VersionInfo]) -> None:
        if outcome.error is not None:
            services.notices.show_error(outcome.error, title=_("Nothing was changed"))
        else:
            version = outcome.value
            services.notices.say(
                _("At version {number} now: {what}.").format(
                    number=version.number, what=action_text(version)
                )
            )
        services.library.refresh()

    services.notices.clear()
    services.tasks.run(work, done, owner=services.library)
