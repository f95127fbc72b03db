# SPDX-License-Identifier: Apache-2.0
"""The focus ring: one transparent child of the window, drawn around what has the keyboard."""

from __future__ import annotations

import shiboken6
from PySide6.QtCore import QEvent, QObject, QRect, QRectF, Qt
from PySide6.QtGui import QGuiApplication, QPaintEvent
from PySide6.QtWidgets import QApplication, QWidget

from gui.widgets.theme.paint import painting, rounded
from gui.widgets.theme.theme import theme

RING_RADIUS = "ring_radius"
"""Dynamic property: the corner radius of a control, at 100 %; default that of a control."""
OWN_FOCUS = "own_focus"
"""Dynamic property of controls that show their focus inside, as fields and lists do."""

_MOVES = frozenset({QEvent.Type.Move, QEvent.Type.Resize, QEvent.Type.Show, QEvent.Type.Hide})


class FocusRing(QWidget):
    """Follows the focus of one window; visible only after the keyboard was used.

    It watches the focused control and what it lies in, never the whole application: a filter
    for all events would cost time on each of them.
    """

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAttribute(Qt.WidgetAttribute.WA_NoSystemBackground)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setObjectName("focus_ring")
        self.hide()
        self._target: QWidget | None = None
        self._watched: list[QWidget] = []
        self._by_keyboard = False
        window.installEventFilter(self)
        app = QApplication.instance()
        if isinstance(app, QApplication):
            app.focusChanged.connect(self._on_focus_changed)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Learn whether keyboard or mouse is in use, and follow the target as it moves."""
        kind = event.type()
        if kind in (QEvent.Type.KeyPress, QEvent.Type.ShortcutOverride):
            self._set_by_keyboard(True)
        elif kind == QEvent.Type.MouseButtonPress:
            self._set_by_keyboard(False)
        elif kind in _MOVES and self._target is not None:
            self._place()
        return False

    def _set_by_keyboard(self, by_keyboard: bool) -> None:
        if by_keyboard != self._by_keyboard:
            self._by_keyboard = by_keyboard
            self._place()

    def _on_focus_changed(self, _old: QWidget | None, now: QWidget | None) -> None:
        if QGuiApplication.mouseButtons() != Qt.MouseButton.NoButton:
            self._by_keyboard = False
        for widget in self._watched:
            if shiboken6.isValid(widget):
                widget.removeEventFilter(self)
        self._watched = []
        self._target = None
        if now is not None and now.window() is self.window():
            self._watch(now)
            self._target = None if now.property(OWN_FOCUS) else now
        self._place()

    def _watch(self, control: QWidget) -> None:
        step: QWidget | None = control
        while step is not None and step is not self.window():
            step.installEventFilter(self)
            step.destroyed.connect(self._forget_destroyed)
            self._watched.append(step)
            step = step.parentWidget()

    def _forget_destroyed(self) -> None:
        """Drop what is gone: a removed widget must not be asked again."""
        self._target = None
        self._watched = []
        self.hide()

    def _place(self) -> None:
        target = self._target
        if target is None or not self._by_keyboard or not target.isVisible():
            self.hide()
            return
        room = theme().px(4)
        corner = target.mapTo(self.window(), target.rect().topLeft())
        self.setGeometry(QRect(corner, target.size()).adjusted(-room, -room, room, room))
        self.raise_()
        self.show()
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the ring, two pixels outside the control."""
        current = theme()
        own = self._target.property(RING_RADIUS) if self._target is not None else None
        base = own * current.factor if isinstance(own, int | float) else current.radius("control")
        with painting(self) as painter:
            rounded(
                painter,
                QRectF(self.rect()),
                base + current.px(4),
                edge=current.colour("focus"),
                width=current.size("focus_ring"),
            )
