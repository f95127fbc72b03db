# SPDX-License-Identifier: Apache-2.0
"""The page Privacy: the state of every process, the proof, and where files are written."""

from __future__ import annotations

from gettext import gettext as _

from PySide6.QtCore import QTimer

from engine.api.proofs import FolderView, ProcessView, Proof, Role
from gui.actions.proofs import ask_to_save_proof, run_proof
from gui.bridge.services import Services
from gui.bridge.tasks import Lane, Outcome
from gui.pages.privacy.parts import Groups, Sentences, Signs
from gui.viewmodels.privacy import (
    before_proof,
    folder_groups,
    other_folders_words,
    privacy_view,
    process_groups,
    proof_view,
)
from gui.viewmodels.settings import FindingView
from gui.widgets.box import Column, Gap, Panel, Reflow, Stretch
from gui.widgets.buttons import Button
from gui.widgets.page import Page
from gui.widgets.rows import SectionTitle
from gui.widgets.text import TextLabel

LOOK_EVERY_MS = 2_000


class PrivacyPage(Page):
    """Privacy."""

    def __init__(self, services: Services) -> None:
        super().__init__(_("Privacy"))
        self._services = services
        self._proof: Proof | None = None
        self._is_looking = False
        self._state, self._result = Signs(), Signs()
        self._processes, self._folders, self._tries = Groups(), Groups(), Groups()
        self._sure, self._unsure = Sentences(), Sentences()
        self._save = Button(_("Save the report…"), icon="file")
        self._run = Button(_("Run the proof"), kind="primary", icon="offline-verified")
        self.header.set_actions(self._save, self._run)
        others = TextLabel(other_folders_words(), role="small", colour="text2", wrap=True)
        left = Column(
            _section(_("Now"), self._state, self._processes),
            _section(_("Folders that Burnish writes to"), self._folders, others),
            gap=28,
        )
        right = Column(
            _section(_("Proof"), self._result, self._tries),
            _section(_("What holds"), self._sure),
            _section(_("What Burnish cannot tell"), self._unsure),
            gap=28,
        )
        self.add(
            Panel(
                Reflow(
                    left.add(Stretch()),
                    right.add(Stretch()),
                    gap=40,
                    line_gap=28,
                    stack_below=760,
                    stretches=(1, 1),
                )
            ),
            Gap(16),
        )
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK_EVERY_MS)
        self._timer.timeout.connect(self.look)
        self._run.clicked.connect(self.run)
        self._save.clicked.connect(self._on_save)
        self._save.set_reason(_("Run the proof first."))
        self._result.show_signs((before_proof(),))

    def page_entered(self) -> None:
        """Look now and every two seconds."""
        self.look()
        self._services.tasks.run(
            self._read_folders, self._take_folders, owner=self, lane=Lane.READING
        )
        self._timer.start()

    def page_left(self) -> None:
        """Look no more."""
        self._timer.stop()

    def look(self) -> None:
        """Show the state of this window, and ask for that of every process in the background."""
        own = self._services.privacy.state()
        view = privacy_view(own)
        self._state.show_signs((FindingView(kind=view.kind, title=view.title, text=view.sentence),))
        self._sure.show_sentences(view.sure)
        self._unsure.show_sentences(view.unsure)
        if self._is_looking:
            # Other readings may take minutes, and looks must not gather behind them.
            return
        self._is_looking = True
        self._services.tasks.run(
            lambda: self._services.api.proofs.processes(own, Role.WINDOW),
            self._take_processes,
            owner=self,
            lane=Lane.READING,
        )

    def run(self) -> None:
        """Run the proof."""
        self._run.set_busy(_("Trying…"))
        run_proof(self._services, owner=self, done=self._take_proof)

    def _take_processes(self, outcome: Outcome[tuple[ProcessView, ...]]) -> None:
        self._is_looking = False
        if outcome.error is not None:
            self._services.notices.show_error(outcome.error)
            self._timer.stop()
            return
        self._processes.show_groups(process_groups(outcome.value))

    def _read_folders(self) -> tuple[FolderView, ...]:
        return self._services.api.proofs.folders()

    def _take_folders(self, outcome: Outcome[tuple[FolderView, ...]]) -> None:
        if outcome.error is not None:
            self._services.notices.show_error(outcome.error)
            return
        self._folders.show_groups(folder_groups(outcome.value))

    def _take_proof(self, outcome: Outcome[Proof]) -> None:
        self._run.set_busy("")
        if outcome.error is not None:
            self._services.notices.show_error(outcome.error, title=_("Nothing was proved"))
            return
        self._proof = outcome.value
        view = proof_view(outcome.value)
        self._result.show_signs((view.result, *view.findings))
        self._tries.show_groups((view.tries,))
        self._save.set_reason("")

    def _on_save(self) -> None:
        if self._proof is not None:
            ask_to_save_proof(self._services, parent=self, proof=self._proof)


def _section(title: str, *items: Panel | TextLabel) -> Panel:
    column = Column(SectionTitle(title), gap=12)
    return Panel(column.add(*items))
