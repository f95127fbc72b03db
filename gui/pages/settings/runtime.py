# SPDX-License-Identifier: Apache-2.0
"""Training libraries: which ones the packaged program has, adding them, taking them away."""

from __future__ import annotations

from gettext import gettext as _
from pathlib import Path
from threading import Event

from PySide6.QtCore import QObject, Signal

from engine.api.runtimes import RuntimeFit, RuntimeView
from gui.actions.runtime import (
    ask_for_runtime_file,
    ask_for_runtime_folder,
    install_runtime,
    remove_runtime,
)
from gui.bridge.services import Services
from gui.bridge.tasks import Lane, Outcome
from gui.pages.settings.parts import Facts, sentence
from gui.viewmodels.runtime import runtime_words, unpacking_words
from gui.widgets.box import Column, Flow, Panel, clear_layout
from gui.widgets.buttons import Button
from gui.widgets.progress import Progress
from gui.widgets.text import TextLabel, breakable


class _Told(QObject):
    """Carries how far an installation is from its thread to the window.

    Signals:
        moved: How many libraries of how many are unpacked.
    """

    moved = Signal(int, int)


class RuntimePart(Panel):
    """Training libraries."""

    def __init__(self, services: Services) -> None:
        self._state = Column(gap=8)
        self._progress = Progress(name=_("Installing the training libraries"))
        self._how_far = TextLabel("", role="small", colour="text2", figures=True)
        self._file = Button(
            _("From file…"), icon="file", accessible=_("Install training libraries from a file")
        )
        self._folder = Button(
            _("From folder…"),
            icon="folder",
            accessible=_("Install training libraries from a folder"),
        )
        self._remove = Button(_("Remove"), accessible=_("Remove the training libraries"))
        self._stop = Button(_("Stop"), accessible=_("Stop installing the training libraries"))
        buttons = Panel(Flow(self._file, self._folder, self._remove, self._stop))
        super().__init__(Column(self._state, self._progress, self._how_far, buttons, gap=10))
        self._services = services
        self._is_installing = False
        self._stopped = Event()
        self._told = _Told(self)
        self._told.moved.connect(self._on_moved)
        self._file.clicked.connect(lambda: self._install(ask_for_runtime_file(parent=self)))
        self._folder.clicked.connect(lambda: self._install(ask_for_runtime_folder(parent=self)))
        self._remove.clicked.connect(lambda: remove_runtime(services, done=self.show_runtime))
        self._stop.clicked.connect(self._on_stop)
        for one in (self._progress, self._how_far, self._stop):
            one.hide()
        self.show_runtime()

    def show_runtime(self) -> None:
        """Look in the background for what is installed now, and show it."""
        self._services.tasks.run(
            self._services.api.runtimes.current,
            self._take,
            owner=self,
            lane=Lane.READING,
        )

    def _take(self, outcome: Outcome[RuntimeView]) -> None:
        if self._is_installing:  # at its end it is looked at again
            return
        for one in (self._progress, self._how_far, self._stop):
            one.hide()
        self._stop.set_busy("")
        for button in (self._file, self._folder, self._remove):
            button.set_reason("")
        if outcome.error is not None:
            self._services.notices.show_error(outcome.error)
        else:
            self._show(outcome.value)

    def _show(self, view: RuntimeView) -> None:
        words = runtime_words(view)
        clear_layout(self._state)
        facts = Facts()
        facts.show_facts(words.facts)
        text = breakable(words.text) if view.fit is RuntimeFit.FITS else words.text
        self._state.add(sentence(words.kind, words.title, text), facts)
        self._remove.set_reason(words.remove_reason)

    def install(self, source: Path) -> None:
        """Install from a file or folder."""
        self._is_installing = True
        self._progress.set_share(None)
        self._progress.show()
        self._how_far.set_text(_("Looking at it…"))
        self._how_far.show()
        for button in (self._file, self._folder, self._remove):
            button.set_reason(_("The libraries are being installed."))
        self._stop.show()
        self._stopped = Event()
        install_runtime(
            self._services,
            source=source,
            tell=self._told.moved.emit,
            stopped=self._stopped,
            done=self._on_installed,
        )

    def _on_installed(self) -> None:
        self._is_installing = False
        self.show_runtime()

    def _on_stop(self) -> None:
        self._stopped.set()
        self._stop.set_busy(_("Stopping…"))

    def _install(self, source: Path | None) -> None:
        if source is not None:
            self.install(source)

    def _on_moved(self, done: int, of: int) -> None:
        self._progress.set_share((done + 1) / of if done + 1 < of else None)
        self._how_far.set_text(unpacking_words(done, of))
