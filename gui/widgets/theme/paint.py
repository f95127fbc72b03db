# SPDX-License-Identifier: Apache-2.0
"""The few strokes that painted widgets share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QIcon, QPainter, QPen, QPixmap
from PySide6.QtWidgets import QWidget

from gui.widgets.theme.icons import as_icon
from gui.widgets.theme.theme import theme

LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
CENTRE = Qt.AlignmentFlag.AlignCenter
_ONE_LINE = {align: align | Qt.TextFlag.TextSingleLine for align in (LEFT, RIGHT, CENTRE)}
"""Put together once: for each cell of a table it would take as long as a stroke."""


@contextmanager
def painting(widget: QWidget) -> Iterator[QPainter]:
    """Paint on a widget, antialiased; the painter ends even where painting raises."""
    painter = QPainter(widget)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    try:
        yield painter
    finally:
        painter.end()


def rounded(
    painter: QPainter,
    rect: QRectF,
    radius: float,
    *,
    fill: QColor | None = None,
    edge: QColor | None = None,
    width: float = 1.0,
    dash: tuple[float, ...] = (),
) -> None:
    """Draw a rounded rectangle whose edge lies inside `rect`.

    Args:
        painter: Where to draw.
        rect: The outer border.
        radius: Corner radius in pixels; more than half the height makes a pill.
        fill: Colour of the ground, none leaves it open.
        edge: Colour of the edge, none draws no edge.
        width: Width of the edge in pixels.
        dash: Dash pattern of the edge in pixels.
    """
    inset = width / 2 if edge is not None else 0.0
    inner = rect.adjusted(inset, inset, -inset, -inset)
    corner = min(max(radius - inset, 0.0), inner.height() / 2, inner.width() / 2)
    painter.setPen(stroke(edge, width, dash) if edge is not None else Qt.PenStyle.NoPen)
    painter.setBrush(fill if fill is not None else Qt.BrushStyle.NoBrush)
    painter.drawRoundedRect(inner, corner, corner)


def stroke(colour: QColor, width: float = 1.0, dash: tuple[float, ...] = ()) -> QPen:
    """Return a pen; `dash` counts in pixels, not in widths of the line."""
    pen = QPen(colour, width)
    pen.setCapStyle(Qt.PenCapStyle.FlatCap)
    if dash:
        pen.setDashPattern([length / width for length in dash])
    return pen


def soft_shadow(painter: QPainter, rect: QRectF, radius: float, reach: float) -> None:
    """Draw the soft shadow of what floats: palette, menu, toast.

    Args:
        painter: Where to draw.
        rect: What throws the shadow.
        radius: Its corner radius.
        reach: How far the shadow goes, in pixels.
    """
    steps = max(int(reach), 1)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(0, 0, 0, max(round(20 / steps), 1)))
    for i in range(steps, 0, -1):
        grown = rect.adjusted(-i, -i + reach * 0.3, i, i)
        painter.drawRoundedRect(grown, radius + i, radius + i)


def rule(painter: QPainter, start: QPointF, end: QPointF, colour: QColor) -> None:
    """Draw a sharp line of one pixel, horizontal or vertical."""
    line = QRectF(start, end).normalized()
    if line.width() >= line.height():
        painter.fillRect(QRectF(line.x(), round(line.y()), line.width(), 1), colour)
    else:
        painter.fillRect(QRectF(round(line.x()), line.y(), 1, line.height()), colour)


def write(
    painter: QPainter,
    rect: QRectF,
    text: str,
    *,
    font: QFont,
    colour: QColor,
    align: Qt.AlignmentFlag = LEFT,
) -> float:
    """Write one line of text, elided at its end where it does not fit.

    Returns:
        The width that the text took, in pixels; that of `rect` where it was shortened.
    """
    metrics, room = QFontMetricsF(font), rect.width() + 0.5
    taken = metrics.horizontalAdvance(text)
    if taken > room:
        text, taken = metrics.elidedText(text, Qt.TextElideMode.ElideRight, room), rect.width()
    painter.setFont(font)
    painter.setPen(colour)
    painter.drawText(rect, _ONE_LINE[align], text)
    return taken


def text_width(text: str, font: QFont) -> int:
    """Return how many pixels a line of text takes, rounded up."""
    return int(QFontMetricsF(font).horizontalAdvance(text) + 0.999)


def wrap_lines(text: str, font: QFont, width: float) -> list[str]:
    """Break a text at its spaces, not at hard ones; a word longer than a line stands alone."""
    metrics = QFontMetricsF(font)
    lines: list[str] = []
    line = ""
    for word in filter(None, text.replace("\n", " ").split(" ")):
        longer = f"{line} {word}" if line else word
        if line and metrics.horizontalAdvance(longer) > width:
            lines.append(line)
            line = word
        else:
            line = longer
    return [*lines, line] if line else lines


def tint(name: str, role: str, size: float, ratio: float) -> QPixmap:
    """Return an icon in a token colour; `size` counts at 100 % text."""
    current = theme()
    return current.icons.pixmap(name, current.colour(role), current.px(size), ratio)


def themed_icon(name: str, *, role: str = "text2", size: float = 16) -> QIcon:
    """Return an icon for Qt's own controls, grey where they are disabled."""
    return as_icon(tint(name, role, size, 2.0), tint(name, "disabled", size, 2.0))


def put_icon(painter: QPainter, centre: QPointF, name: str, role: str, size: float) -> None:
    """Draw an icon around a point, aligned to whole pixels."""
    ratio = painter.device().devicePixelRatio()
    pixmap = tint(name, role, size, float(ratio))
    side = pixmap.deviceIndependentSize().width()
    painter.drawPixmap(QPointF(round(centre.x() - side / 2), round(centre.y() - side / 2)), pixmap)
