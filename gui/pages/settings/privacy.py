# SPDX-License-Identifier: Apache-2.0
"""Privacy: what is known of the network, what is not, and where files are written."""

from __future__ import annotations

from functools import partial
from gettext import gettext as _
from pathlib import Path

from engine.api.settings import settings_file
from gui.actions.exports import open_folder
from gui.bridge.services import Services
from gui.pages.settings.parts import Facts, sentence
from gui.viewmodels.settings import PrivacyView, folders, other_folders_words, privacy_view
from gui.widgets.box import Column, Panel, Reflow, Row, clear_layout
from gui.widgets.buttons import Button
from gui.widgets.text import TextLabel, breakable


class PrivacyPart(Panel):
    """What leaves this computer."""

    def __init__(self, services: Services) -> None:
        self._state = Column(gap=12)
        self._folders = Column(gap=12)
        super().__init__(Column(self._state, self._folders, gap=16))
        self._services = services
        self._shown: PrivacyView | None = None
        self._show_folders()
        self.show_state()

    def show_state(self) -> None:
        """Show what is true now; the same again moves nothing."""
        view = privacy_view(self._services.privacy.state())
        if view == self._shown:
            return
        self._shown = view
        clear_layout(self._state)
        facts = Facts()
        facts.show_facts(view.facts)
        self._state.add(sentence(view.kind, view.title, view.sentence, role="label"), facts)
        self._state.add(_sentences(_("What holds"), view.sure))
        self._state.add(_sentences(_("What Burnish cannot tell"), view.unsure))

    def _show_folders(self) -> None:
        self._folders.add(TextLabel(_("Folders that Burnish writes to"), role="label"))
        for title, path in folders(self._services.api.layout.root, settings_file()):
            self._folders.add(self._folder(title, Path(path)))
        self._folders.add(TextLabel(other_folders_words(), role="small", colour="text2", wrap=True))

    def _folder(self, title: str, path: Path) -> Reflow:
        words = Column(
            TextLabel(title, wrap=True),
            TextLabel(breakable(str(path)), role="small", colour="text2", wrap=True),
            gap=2,
        )
        name = _("Open the folder: {title}").format(title=title)
        button = Button(_("Open folder"), size="small", accessible=name)
        button.clicked.connect(partial(self._open, path))
        beside = Row(button, gap=0)
        beside.addStretch(0)
        return Reflow(words, beside, gap=16, stack_below=360, stretches=(1, 0))

    def _open(self, path: Path) -> None:
        open_folder(self._services, path=path)


def _sentences(title: str, texts: tuple[str, ...]) -> Column:
    column = Column(TextLabel(title, role="label"), gap=6)
    for text in texts:
        column.add(TextLabel(text, colour="text2", wrap=True))
    return column
