# SPDX-License-Identifier: Apache-2.0
"""A line that is drawn in pieces looks like the line, and no dot shows where a piece ends."""

from __future__ import annotations

import random

import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPen, QPolygonF
from PySide6.QtWidgets import QApplication

from gui.widgets.charts.polyline import paint_polyline

pytestmark = pytest.mark.gui


def painted(points: QPolygonF, pen: QPen, *, in_pieces: bool) -> list[int]:
    """Return how dark each pixel is."""
    image = QImage(120, 60, QImage.Format.Format_RGB32)
    image.fill(Qt.GlobalColor.white)
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    if in_pieces:
        paint_polyline(painter, points, pen)
    else:
        painter.setPen(pen)
        painter.drawPolyline(points)
    painter.end()
    return [image.pixelColor(x, y).lightness() for y in range(60) for x in range(120)]


@pytest.mark.usefixtures("qapp")
@pytest.mark.parametrize(("alpha", "dash"), [(255, ()), (90, ()), (255, (4.0, 3.0))])
@pytest.mark.parametrize("count", [0, 1, 2, 17, 90])
def test_line_in_pieces_looks_like_the_line(
    qapp: QApplication, alpha: int, dash: tuple[float, ...], count: int
) -> None:
    del qapp
    chance = random.Random(1)
    points = QPolygonF([QPointF(4 + 1.2 * i, 30 + chance.gauss(0, 3)) for i in range(count)])
    pen = QPen(QColor(0, 0, 0, alpha), 2.0)
    pen.setCapStyle(Qt.PenCapStyle.FlatCap)
    pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
    if dash:
        pen.setDashPattern(dash)
    whole = painted(points, pen, in_pieces=False)
    pieces = painted(points, pen, in_pieces=True)
    dark = sum(255 - one for one in whole)
    differing = sum(abs(a - b) for a, b in zip(whole, pieces, strict=True))
    assert differing <= 0.1 * dark + 1_000 * (alpha == 255)
    assert (dark > 0) is (count > 1)
