# SPDX-License-Identifier: Apache-2.0
"""Running the proof of privacy, and saving its report."""

from __future__ import annotations

from collections.abc import Callable
from gettext import gettext as _
from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QWidget

from engine.api.proof_report import save_report
from engine.api.proofs import Proof, Role
from gui.bridge.services import Services
from gui.bridge.tasks import Lane, Outcome

_FILTER = "HTML (*.html);;Markdown (*.md)"


def run_proof(
    services: Services, *, owner: QWidget, done: Callable[[Outcome[Proof]], None]
) -> None:
    """Try the network in a process of its own."""
    own = services.privacy.state()
    services.tasks.run(
        lambda: services.api.proofs.prove(own, Role.WINDOW), done, owner=owner, lane=Lane.READING
    )


def ask_to_save_proof(services: Services, *, parent: QWidget, proof: Proof) -> None:
    """Let a person choose a file, then write the report to it."""
    chosen, _filter = QFileDialog.getSaveFileName(
        parent, _("Save the report"), "burnish-privacy.html", _FILTER
    )
    if chosen:
        save_proof(services, proof=proof, path=Path(chosen))


def save_proof(services: Services, *, proof: Proof, path: Path) -> None:
    """Write the report to a file and say so."""

    def done(outcome: Outcome[None]) -> None:
        if outcome.error is not None:
            services.notices.show_error(outcome.error, title=_("The report was not saved"))
        else:
            services.notices.say(_("Saved as {name}.").format(name=path.name))

    services.tasks.run(lambda: save_report(proof, path), done, owner=services.library)
