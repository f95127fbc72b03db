# SPDX-License-Identifier: Apache-2.0
"""A run as one file: saving it, and taking one in."""

from __future__ import annotations

from gettext import gettext as _
from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QWidget

from gui.bridge.services import Services
from gui.bridge.tasks import Outcome
from gui.viewmodels.file_names import file_stem

_FILTER = "*.zip"


def ask_to_save_run(services: Services, *, parent: QWidget, run_id: str, name: str) -> None:
    """Let a person choose a file, then write a run to it."""
    chosen, _filter = QFileDialog.getSaveFileName(
        parent, _("Save the run as a file"), f"{file_stem(name, 'run')}.zip", _FILTER
    )
    if chosen:
        save_run(services, run_id=run_id, path=Path(chosen))


def save_run(services: Services, *, run_id: str, path: Path) -> None:
    """Write a run to a file and say so; a file of this name is replaced."""

    def done(outcome: Outcome[Path]) -> None:
        if outcome.error is not None:
            services.notices.show_error(outcome.error, title=_("The run was not saved as a file"))
        else:
            services.notices.say(_("Saved as {name}.").format(name=outcome.value.name))

    services.notices.clear()
    services.notices.say(_("Writing {name}…").format(name=path.name))
    services.tasks.run(
        lambda: services.api.run_files.save(run_id, path, replace=True),
        done,
        owner=services.library,
    )


def ask_to_import_run(services: Services, *, parent: QWidget) -> None:
    """Let a person choose a file with a run, then take it in."""
    chosen, _filter = QFileDialog.getOpenFileName(parent, _("Import a run"), "", _FILTER)
    if chosen:
        import_run(services, path=Path(chosen))


def import_run(services: Services, *, path: Path) -> None:
    """Take the run of a file in and show it."""

    def done(outcome: Outcome[str]) -> None:
        if outcome.error is not None:
            services.notices.show_error(outcome.error, title=_("The run was not imported"))
            return
        services.library.refresh(lambda: services.navigator.go("runs", outcome.value))

    services.notices.clear()
    services.tasks.run(lambda: services.api.run_files.take(path), done, owner=services.library)
