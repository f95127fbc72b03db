# SPDX-License-Identifier: Apache-2.0
"""The mark of Burnish: a copper plate with a polished stroke."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import (
    QColor,
    QIcon,
    QLinearGradient,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
    QPixmap,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from gui.widgets.theme.paint import painting
from gui.widgets.theme.theme import follow_theme, theme


def paint_mark(painter: QPainter, rect: QRectF, light: QColor, dark: QColor) -> None:
    """Draw the mark into a square."""
    shade = QLinearGradient(rect.topLeft(), rect.bottomRight())
    shade.setColorAt(0, light)
    shade.setColorAt(1, dark)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(shade)
    corner = rect.width() * 0.24
    painter.drawRoundedRect(rect, corner, corner)
    pen = QPen(Qt.GlobalColor.white, rect.width() * 0.095)
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    painter.setPen(pen)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawPath(_polished_stroke(rect))


def mark_icon() -> QIcon:
    """Return the mark as the icon of the window."""
    current = theme()
    icon = QIcon()
    for side in (16, 32, 64, 128, 256):
        pixmap = QPixmap(side, side)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        light, dark = current.colour("copper_light"), current.colour("copper_dark")
        paint_mark(painter, QRectF(0, 0, side, side), light, dark)
        painter.end()
        icon.addPixmap(pixmap)
    return icon


class Mark(QWidget):
    """The mark in the menu row."""

    def __init__(self) -> None:
        super().__init__()
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        follow_theme(self, self.updateGeometry)

    def sizeHint(self) -> QSize:
        """Return the square."""
        side = theme().px(22)
        return QSize(side, side)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the mark."""
        current = theme()
        with painting(self) as painter:
            light, dark = current.colour("copper_light"), current.colour("copper_dark")
            paint_mark(painter, QRectF(self.rect()), light, dark)


def _polished_stroke(rect: QRectF) -> QPainterPath:
    side = rect.width()

    def at(x: float, y: float) -> QPointF:
        return rect.topLeft() + QPointF(side * x, side * y)

    path = QPainterPath(at(0.27, 0.30))
    path.cubicTo(at(0.30, 0.52), at(0.46, 0.68), at(0.74, 0.70))
    return path
