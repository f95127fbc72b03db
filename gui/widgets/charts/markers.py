# SPDX-License-Identifier: Apache-2.0
"""The marks of series: each has a shape of its own, for those to whom colours look alike."""

from __future__ import annotations

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QPainter, QPolygonF

from gui.widgets.theme.theme import theme

_SIDE = 8.0


def paint_marker(painter: QPainter, at: QPointF, role: str) -> None:
    """Draw the mark of a series, with an edge of the ground so that it lifts off its line."""
    current = theme()
    shape = current.tokens.series[role].marker
    radius = current.px(_SIDE) / 2
    painter.setPen(Qt.PenStyle.NoPen)
    for colour, wide in ((current.colour("panel"), radius + 1.5), (current.colour(role), radius)):
        painter.setBrush(colour)
        if shape == "circle":
            painter.drawEllipse(at, wide, wide)
        else:
            painter.drawPolygon(_outline(shape, at, wide))


def _outline(shape: str, at: QPointF, radius: float) -> QPolygonF:
    corners = {
        "square": ((-0.85, -0.85), (0.85, -0.85), (0.85, 0.85), (-0.85, 0.85)),
        "triangle": ((0.0, -1.15), (1.1, 0.85), (-1.1, 0.85)),
        "diamond": ((0.0, -1.25), (1.25, 0.0), (0.0, 1.25), (-1.25, 0.0)),
    }[shape]
    return QPolygonF([QPointF(at.x() + x * radius, at.y() + y * radius) for x, y in corners])
