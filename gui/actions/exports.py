# SPDX-License-Identifier: Apache-2.0
"""Taking trained weights out, and opening what came of it."""

from __future__ import annotations

from collections.abc import Callable
from gettext import gettext as _
from pathlib import Path

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QFileDialog, QWidget

from gui.actions.trash import say_removed
from gui.bridge.services import Services
from gui.bridge.tasks import Outcome


def start_export(
    services: Services,
    *,
    run_id: str,
    target: str,
    out: Path | None,
    done: Callable[[str], None],
) -> None:
    """Start an export; `done` is told the job's id, or "" where it did not start."""

    def started(outcome: Outcome[str]) -> None:
        if outcome.error is not None:
            done("")
            services.notices.show_error(outcome.error, title=_("The export did not start"))
            return
        services.library.refresh()
        done(outcome.value)

    services.notices.clear()
    services.tasks.run(
        lambda: services.api.exports.start(run_id, target, out), started, owner=services.library
    )


def remove_export(services: Services, *, job_id: str) -> None:
    """Remove an export; files outside of the workspace stay where they are."""

    def done(outcome: Outcome[str]) -> None:
        if outcome.error is not None:
            services.notices.show_error(outcome.error, title=_("The export was not removed"))
        else:
            say_removed(services, _("The export was removed."), entry_id=outcome.value)
        services.library.refresh()

    services.notices.clear()
    services.tasks.run(lambda: services.api.exports.remove(job_id), done, owner=services.library)


def ask_for_folder(*, parent: QWidget, title: str, start: Path | None) -> Path | None:
    """Let a person choose a folder; None where they did not."""
    found = QFileDialog.getExistingDirectory(parent, title, str(start or ""))
    return Path(found) if found else None


def open_folder(services: Services, *, path: Path) -> None:
    """Show a folder in the file manager of the system."""
    if not QDesktopServices.openUrl(QUrl.fromLocalFile(str(path))):
        services.notices.say(_("The system has no program that opens folders."))


def copy_path(services: Services, *, path: Path) -> None:
    """Put a path on the clipboard."""
    QGuiApplication.clipboard().setText(str(path))
    services.notices.say(_("The path was copied."))
