# SPDX-License-Identifier: Apache-2.0
"""Saving the report for help, exactly as it was shown."""

from __future__ import annotations

from gettext import gettext as _
from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QWidget

from engine.api.paper import Paper
from gui.bridge.services import Services
from gui.bridge.tasks import Outcome

_FILTER = "Markdown (*.md);;HTML (*.html)"


def ask_to_save_report(services: Services, *, parent: QWidget, paper: Paper) -> None:
    """Let a person choose a file, then write the report to it and say so."""
    chosen, _filter = QFileDialog.getSaveFileName(
        parent, _("Save the report"), "burnish-report.md", _FILTER
    )
    if not chosen:
        return
    path = Path(chosen)

    def done(outcome: Outcome[None]) -> None:
        if outcome.error is not None:
            services.notices.show_error(outcome.error, title=_("The report was not saved"))
        else:
            services.notices.say(_("Saved as {name}.").format(name=path.name))

    services.tasks.run(
        lambda: services.api.diagnosis.save(paper, path), done, owner=services.library
    )
