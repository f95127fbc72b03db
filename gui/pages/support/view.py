# SPDX-License-Identifier: Apache-2.0
"""The page Report for help: all of the report as text, and saving exactly that."""

from __future__ import annotations

from gettext import gettext as _

from PySide6.QtWidgets import QApplication, QPlainTextEdit

from engine.api.paper import Paper, as_markdown
from gui.actions.support import ask_to_save_report
from gui.bridge.services import Services
from gui.bridge.tasks import Outcome
from gui.widgets.buttons import Button
from gui.widgets.page import Page
from gui.widgets.text import TextLabel
from gui.widgets.theme.theme import follow_theme, theme


class SupportPage(Page):
    """Report for help."""

    def __init__(self, services: Services) -> None:
        super().__init__(_("Report for help"), scroll=False)
        self._services = services
        self._paper: Paper | None = None
        self._text = QPlainTextEdit()
        self._text.setReadOnly(True)
        self._text.setTabChangesFocus(True)
        self._text.setAccessibleName(_("The whole report"))
        follow_theme(self, self._follow)
        self._copy = Button(_("Copy"), icon="copy")
        self._save = Button(_("Save…"), kind="primary", icon="file")
        self.header.set_actions(self._copy, self._save)
        about = _(
            "For whoever helps you: versions, this computer, and the newest run. No rows, no "
            "names and no paths are in it. Nothing is sent; what stands here is all there is."
        )
        self.add(TextLabel(about, colour="text2", wrap=True))
        self.body.addWidget(self._text, 1)
        self._copy.clicked.connect(self._on_copy)
        self._save.clicked.connect(self._on_save)
        self._forbid(_("The report is being written."))

    def _follow(self) -> None:
        # Of one width for all letters: the columns of the report are made of blanks.
        self._text.setFont(theme().font("code", weight=400))

    def page_entered(self) -> None:
        """Write the report anew."""
        self._forbid(_("The report is being written."))
        self._services.tasks.run(self._write, self._take, owner=self)

    def _forbid(self, reason: str) -> None:
        self._copy.set_reason(reason)
        self._save.set_reason(reason)

    def _write(self) -> Paper:
        return self._services.api.diagnosis.report()

    def _take(self, outcome: Outcome[Paper]) -> None:
        if outcome.error is not None:
            self._text.clear()
            self._forbid(_("The report could not be written. Open this page again to try."))
            self._services.notices.show_error(outcome.error, title=_("There is no report"))
            return
        self._paper = outcome.value
        self._text.setPlainText(as_markdown(outcome.value))
        self._forbid("")

    def _on_copy(self) -> None:
        QApplication.clipboard().setText(self._text.toPlainText())
        self._services.notices.say(_("The report was copied."))

    def _on_save(self) -> None:
        if self._paper is not None:
            ask_to_save_report(self._services, parent=self, paper=self._paper)
