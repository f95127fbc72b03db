# SPDX-License-Identifier: Apache-2.0
"""Asking what the columns of files mean, before they are imported."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from gettext import gettext as _
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QFileDialog, QWidget

from engine.domain.dataset import Mapping
from engine.domain.mapping import SavedMapping
from gui.bridge.services import Services
from gui.bridge.tasks import Lane, Outcome
from gui.viewmodels.import_requests import MappingRequest

if TYPE_CHECKING:
    from engine.api.mappings import PreviewRow, Sample


def map_columns(services: Services, *, paths: Sequence[Path], name: str = "") -> None:
    """Show the columns of files, and let a person say what they mean."""
    services.navigator.go("datasets", MappingRequest(paths=tuple(paths), name=name))


def ask_for_mapped_files(services: Services, *, parent: QWidget) -> None:
    """Let a person choose files, then say what their columns mean."""
    names, _filter = QFileDialog.getOpenFileNames(parent, _("Browse for data"))
    if names:
        map_columns(services, paths=[Path(name) for name in names])


def read_sample(
    services: Services,
    *,
    paths: Sequence[Path],
    owner: QObject,
    done: Callable[[Outcome[tuple[Sample, list[SavedMapping]]]], None],
) -> None:
    """Read the first rows of files, and which saved mappings fit them."""

    def work() -> tuple[Sample, list[SavedMapping]]:
        sample = services.api.mappings.sample(list(paths))
        return sample, services.api.mappings.matching(sample)

    services.tasks.run(work, done, owner=owner, lane=Lane.READING)


def try_mapping(
    services: Services,
    *,
    sample: Sample,
    mapping: Mapping,
    owner: QObject,
    done: Callable[[Outcome[list[PreviewRow]]], None],
) -> None:
    """Find out what the first rows become."""
    services.tasks.run(
        lambda: services.api.mappings.preview(sample, mapping),
        done,
        owner=owner,
        lane=Lane.READING,
    )


def remove_mapping(services: Services, *, name: str, done: Callable[[], None]) -> None:
    """Remove a saved mapping; a toast can bring it back."""

    def over(outcome: Outcome[SavedMapping]) -> None:
        if outcome.error is not None:
            services.notices.show_error(outcome.error, title=_("The mapping was not removed"))
            return
        gone = outcome.value
        services.notices.say(
            _("“{name}” was removed.").format(name=gone.name),
            undo_text=_("Undo"),
            undo=lambda: save_mapping(
                services, name=gone.name, mapping=gone.mapping, columns=gone.columns
            ),
        )
        done()

    services.tasks.run(lambda: services.api.mappings.remove(name), over, owner=services.library)


def save_mapping(
    services: Services, *, name: str, mapping: Mapping, columns: Sequence[str]
) -> None:
    """Save a mapping under a name, to be offered for the next files of these columns."""

    def done(outcome: Outcome[SavedMapping]) -> None:
        if outcome.error is not None:
            services.notices.show_error(outcome.error, title=_("The mapping was not saved"))
            return
        services.notices.say(_("“{name}” was saved.").format(name=outcome.value.name))

    services.tasks.run(
        lambda: services.api.mappings.save(name, mapping, columns),
        done,
        owner=services.library,
    )
