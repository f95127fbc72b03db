# SPDX-License-Identifier: Apache-2.0
"""Drawing a line of thousands of points in a few milliseconds.

Qt fills a wide line as one shape, and the time for it grows with the square of how often the line
crosses its own rows of pixels: 2,400 points of a noisy line take 400 ms, and a chart is drawn ten
times a second. Pieces of it take 16 ms together.
"""

from __future__ import annotations

from itertools import pairwise
from math import hypot

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QPainter, QPen, QPolygonF

_PIECE = 16


def paint_polyline(painter: QPainter, points: QPolygonF, pen: QPen) -> None:
    """Draw a line through some points; a dashed one goes on in each piece where it was."""
    piece_pen = QPen(pen)
    dash = pen.dashPattern() if pen.style() == Qt.PenStyle.CustomDashLine else []
    if not dash and pen.color().alpha() == 255:
        # Round ends close the joints. A line that is seen through would show them as dots.
        piece_pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    along, all_points = 0.0, points.toList()
    for start in range(0, max(len(all_points) - 1, 0), _PIECE):
        piece = all_points[start : start + _PIECE + 1]
        if dash:
            piece_pen.setDashOffset(pen.dashOffset() + along / max(pen.widthF(), 1e-6))
            along += _length(piece)
        painter.setPen(piece_pen)
        painter.drawPolyline(piece)


def _length(points: list[QPointF]) -> float:
    return sum(hypot(b.x() - a.x(), b.y() - a.y()) for a, b in pairwise(points))
