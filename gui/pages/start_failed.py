# SPDX-License-Identifier: Apache-2.0
"""What stands in place of the window where the workspace cannot be opened."""

from __future__ import annotations

from gettext import gettext as _

from PySide6.QtCore import QEventLoop, Signal
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import QWidget

from engine.errors import EngineError
from gui.widgets.box import Column
from gui.widgets.buttons import Action
from gui.widgets.error_panel import ErrorPanel, ErrorText
from gui.widgets.theme.theme import follow_theme, theme

USUAL, CLOSE = "usual", "close"


class StartFailed(QWidget):
    """Why Burnish cannot start, and the way out.

    Signals:
        answered: `usual` to open the usual workspace, `close` to end.
    """

    answered = Signal(str)

    def __init__(self, error: EngineError, *, has_usual: bool) -> None:
        super().__init__()
        self.setWindowTitle("Burnish")
        panel = ErrorPanel()
        panel.set_error(_words(error), _actions(has_usual))
        panel.action_triggered.connect(self.answered)
        self.setLayout(Column(panel, gap=0, margins=(40, 32, 40, 32)))
        follow_theme(self, self._follow)

    def _follow(self) -> None:
        self.setMinimumWidth(theme().px(640))

    def closeEvent(self, event: QCloseEvent) -> None:
        """Take the closing of the window as an answer."""
        self.answered.emit(CLOSE)
        super().closeEvent(event)


def ask_for_a_way_out(error: EngineError, *, has_usual: bool) -> str:
    """Show why the workspace cannot be opened, and return what the person answers."""
    answers: list[str] = []
    loop = QEventLoop()
    shown = StartFailed(error, has_usual=has_usual)
    shown.answered.connect(answers.append)
    shown.answered.connect(loop.quit)
    shown.show()
    loop.exec()
    shown.hide()
    return answers[0] if answers else CLOSE


def _words(error: EngineError) -> ErrorText:
    return ErrorText(
        title=_("The workspace cannot be opened"),
        cause=error.message,
        safe=_("Nothing in it was changed."),
        remedy=error.remedy,
        code=error.code,
        details=error.detail,
    )


def _actions(has_usual: bool) -> tuple[Action, ...]:
    close = Action(key=CLOSE, text=_("Close"))
    if not has_usual:
        return (close,)
    return (Action(key=USUAL, text=_("Open the usual workspace"), kind="primary"), close)
