# SPDX-License-Identifier: Apache-2.0
"""A note in place: what is so, what follows from it, what can be done. One per page at most."""

from __future__ import annotations

from collections.abc import Sequence
from gettext import gettext as _

from PySide6.QtCore import QRectF, Signal
from PySide6.QtGui import QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from gui.widgets.box import Reflow, Row, clear_layout
from gui.widgets.buttons import Action, Button, make_button
from gui.widgets.chip import kind_ink, soft_ground
from gui.widgets.text import IconLabel, StrongText
from gui.widgets.theme.paint import painting, rounded
from gui.widgets.theme.theme import follow_theme, theme

ICONS = {
    "neutral": "status-info",
    "accent": "status-info",
    "info": "status-info",
    "success": "status-ok",
    "warning": "status-warning",
    "danger": "status-danger",
}
"""The icon of each kind: a colour is never the only sign."""


class Banner(QWidget):
    """A soft strip with an icon, a bold cause, its consequence and up to two buttons."""

    action_triggered = Signal(str)
    dismissed = Signal()

    def __init__(self, *, kind: str = "accent") -> None:
        super().__init__()
        self._kind = kind
        self._icon = IconLabel(ICONS[kind], role=kind_ink(kind), size=20)
        self._text = StrongText()
        self._actions = Row(gap=8)
        words = Row(self._icon, gap=12)
        words.addWidget(self._text, 1)
        around = (16.0, 8.0, 12.0, 8.0)
        self.setLayout(
            Reflow(words, self._actions, stack_below=480, stretches=(1, 0), margins=around)
        )
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        follow_theme(self, self._follow)

    def set_kind(self, kind: str) -> None:
        """Take the look of another kind."""
        self._kind = kind
        self._icon.set_icon(ICONS[kind], kind_ink(kind))
        self.update()

    def set_content(
        self,
        cause: str,
        consequence: str = "",
        actions: Sequence[Action] = (),
        *,
        dismissable: bool = True,
    ) -> None:
        """Say something else, with other buttons."""
        self._text.set_texts(cause, consequence)
        self.setAccessibleName(f"{cause} {consequence}".strip())
        clear_layout(self._actions)
        for action in actions:
            self._add(action)
        if dismissable:
            dismiss = Button(_("Dismiss"), kind="ghost", size="small")
            dismiss.clicked.connect(self.dismissed)
            self._actions.add(dismiss)
        if self._actions.count():
            # Below the words the buttons stand at the left, not spread over the width.
            self._actions.addStretch(1)

    def _add(self, action: Action) -> None:
        button = make_button(action, size="small")
        button.clicked.connect(lambda: self.action_triggered.emit(action.key))
        self._actions.add(button)

    def _follow(self) -> None:
        self.setMinimumHeight(theme().size("banner"))

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the soft ground."""
        current = theme()
        with painting(self) as painter:
            ground = current.colour(soft_ground(self._kind))
            rounded(painter, QRectF(self.rect()), current.radius("card"), fill=ground)
