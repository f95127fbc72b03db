# SPDX-License-Identifier: Apache-2.0
"""What was done, with a way to undo it, for ten seconds at the bottom left."""

from __future__ import annotations

from gettext import gettext as _

from PySide6.QtCore import QEvent, QObject, QPoint, QRectF, QTimer, Signal
from PySide6.QtGui import QEnterEvent, QPaintEvent
from PySide6.QtWidgets import QApplication, QSizePolicy, QWidget

from gui.widgets.box import Row
from gui.widgets.buttons import IconButton
from gui.widgets.text import IconLabel, LinkLabel, TextLabel
from gui.widgets.theme.paint import painting, rounded, soft_shadow
from gui.widgets.theme.theme import follow_theme, theme

_SHADOW = 10


class Toast(QWidget):
    """One message. It stays while the pointer is over it or the keyboard is inside."""

    undo_requested = Signal()
    closed = Signal()

    def __init__(self, text: str, *, action: str, icon: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAccessibleName(text)
        self._close = IconButton("close", _("Close this message"), size=24)
        row = Row(IconLabel(icon), gap=12, margins=(26, 20, 20, 20))
        row.addWidget(TextLabel(text, elide=True), 1)
        if action:
            link = LinkLabel(action)
            link.clicked.connect(self._on_undo)
            row.add(link)
        row.add(self._close)
        self.setLayout(row)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._close.clicked.connect(self.close_now)
        self.timer = QTimer(self)
        self.timer.setSingleShot(True)
        self.timer.setInterval(round(theme().tokens.motion["toast_s"] * 1000))
        self.timer.timeout.connect(self._on_time_over)
        self.timer.start()
        app = QApplication.instance()
        if isinstance(app, QApplication):
            app.focusChanged.connect(self._on_focus_changed)

    def close_now(self) -> None:
        """Go away."""
        self.timer.stop()
        self.hide()
        self.closed.emit()
        self.deleteLater()

    def is_held(self) -> bool:
        """Return whether the person is at it with pointer or keyboard."""
        focused = QApplication.focusWidget()
        return self.underMouse() or (focused is not None and self.isAncestorOf(focused))

    def _on_undo(self) -> None:
        self.undo_requested.emit()
        self.close_now()

    def _on_time_over(self) -> None:
        if not self.is_held():
            self.close_now()

    def _on_focus_changed(self, _old: QWidget | None, _now: QWidget | None) -> None:
        self._hold_or_go_on()

    def _hold_or_go_on(self) -> None:
        if self.is_held():
            self.timer.stop()
        elif not self.timer.isActive():
            self.timer.start()

    def enterEvent(self, event: QEnterEvent) -> None:
        """Stay while the pointer is here."""
        self.timer.stop()
        super().enterEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        """Count from the start again."""
        self.timer.start()
        super().leaveEvent(event)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw shadow, ground and edge."""
        current = theme()
        room = current.px(_SHADOW)
        rect = QRectF(self.rect()).adjusted(room, room, -room, -room)
        radius = current.radius("card")
        with painting(self) as painter:
            soft_shadow(painter, rect, radius, room)
            ground, edge = current.colour("raised"), current.colour("outline")
            rounded(painter, rect, radius, fill=ground, edge=edge)


class ToastHost(QObject):
    """Shows one toast at a time at the bottom left of a widget."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._ground = parent
        self._toast: Toast | None = None
        parent.installEventFilter(self)
        follow_theme(self, self._place)

    def show_toast(self, text: str, *, action: str = "", icon: str = "") -> Toast:
        """Show a message; the one before gives way.

        Args:
            text: What was done.
            action: The word that takes it back, or "".
            icon: Another icon than that of undoing or success.
        """
        if self._toast is not None:
            self._toast.close_now()
        shown = icon or ("undo" if action else "status-ok")
        toast = Toast(text, action=action, icon=shown, parent=self._ground)
        toast.closed.connect(self._forget)
        self._toast = toast
        self._place()
        toast.show()
        toast.raise_()
        return toast

    def current(self) -> Toast | None:
        """Return the toast that is shown, if any."""
        return self._toast

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Keep the toast in its corner."""
        if watched is self._ground and event.type() == QEvent.Type.Resize:
            self._place()
        return False

    def _forget(self) -> None:
        self._toast = None

    def _place(self) -> None:
        if self._toast is None:
            return
        room = theme().px(16 - _SHADOW)
        size = self._toast.sizeHint()
        size.setWidth(min(size.width(), self._ground.width() - 2 * room))
        self._toast.resize(size)
        self._toast.move(QPoint(room, self._ground.height() - size.height() - room))
