# SPDX-License-Identifier: Apache-2.0
"""A slider with a few stops."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QMouseEvent, QWheelEvent
from PySide6.QtWidgets import QSizePolicy, QSlider

from gui.widgets.theme.focus_ring import RING_RADIUS
from gui.widgets.theme.theme import follow_theme, theme


class Slider(QSlider):
    """A slider with a few stops, each with a tick below the track."""

    value_changed = Signal(int)

    def __init__(self, *, name: str, stops: int) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self.setAccessibleName(name)
        self.setRange(0, max(stops - 1, 1))
        self.setTickInterval(1)
        self.setPageStep(1)
        self.setProperty(RING_RADIUS, 8)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.valueChanged.connect(self.value_changed)
        follow_theme(self, self.updateGeometry)

    def set_value(self, stop: int) -> None:
        """Move to a stop, without a signal."""
        self.blockSignals(True)
        self.setValue(stop)
        self.blockSignals(False)
        self.update()

    def set_value_text(self, text: str) -> None:
        """Say in words what the stop means, for screen readers."""
        self.setAccessibleDescription(text)

    def sizeHint(self) -> QSize:
        """Return the room of knob and ticks."""
        current = theme()
        return QSize(current.px(200), current.px(26))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Move to where the person pressed, which Qt does for the middle button only."""
        left, middle = Qt.MouseButton.LeftButton, Qt.MouseButton.MiddleButton
        if event.button() != left or event.buttons() != left:
            event.ignore()
            return
        places = event.position(), event.scenePosition(), event.globalPosition()
        pressed = QMouseEvent(
            event.type(), *places, middle, middle, event.modifiers(), event.pointingDevice()
        )
        super().mousePressEvent(pressed)
        event.setAccepted(pressed.isAccepted())

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Leave the wheel to the page: a value must not change in passing."""
        event.ignore()
