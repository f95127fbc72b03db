# SPDX-License-Identifier: Apache-2.0
"""The ground of every chart: grid, ticks, crosshair, and the keys that move it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import log10

import numpy as np
from PySide6.QtCore import QEvent, QLocale, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPolygonF,
)
from PySide6.QtWidgets import QWidget

from gui.widgets.charts.scale import log_ticks, tick_step, tick_text, ticks_between
from gui.widgets.charts.series import Floats
from gui.widgets.charts.zoom import Zoom
from gui.widgets.theme.focus_ring import RING_RADIUS
from gui.widgets.theme.paint import (
    CENTRE,
    LEFT,
    RIGHT,
    painting,
    rule,
    stroke,
    text_width,
    write,
)
from gui.widgets.theme.theme import follow_theme, theme

_SMALLEST = 1e-12
_LOG_DEPTH = 1e-4
"""A logarithmic axis ends here, as a share of its highest value: zero has no place on it."""
_CLOSER = 0.5
_DRAG = 8
_NAME_ROOM = 16
"""Room above a chart for what its values are measured in, at 100 %."""
_ZOOM_KEYS: dict[int, int] = {
    Qt.Key.Key_Plus: 0,
    Qt.Key.Key_Equal: 0,
    Qt.Key.Key_Minus: 1,
    Qt.Key.Key_Backspace: 1,
    Qt.Key.Key_0: 2,
}


class Canvas(QWidget):
    """Paints a chart and knows at which step the crosshair stands.

    Subclasses say what the axes show and draw their series.

    Signals:
        step_hovered: The crosshair went to this step.
        table_requested: A person wants the values as a table.
    """

    step_hovered = Signal(int)
    table_requested = Signal()

    can_zoom = False

    x_ticks = 5
    y_ticks = 3
    x_axis = True

    def __init__(self) -> None:
        super().__init__()
        self.x_name, self.y_name = "", ""
        self.crosshair: int | None = None
        self._ranges: tuple[tuple[float, float], tuple[float, float]] | None = None
        self.zoom = Zoom()
        self.is_log = False
        self._drag: tuple[float, float] | None = None
        self.empty_text = ""
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setProperty(RING_RADIUS, 4)
        follow_theme(self, self.updateGeometry)

    def steps(self) -> Floats:
        """Return the steps that the crosshair can stand on, rising."""
        raise NotImplementedError

    def x_range(self) -> tuple[float, float]:
        """Return the steps at the left and right edge."""
        raise NotImplementedError

    def y_range(self) -> tuple[float, float]:
        """Return the values at the lower and upper edge."""
        raise NotImplementedError

    def paint_series(self, painter: QPainter, plot: QRectF) -> None:
        """Draw the lines and points."""
        raise NotImplementedError

    def y_texts(self) -> list[tuple[float, str]]:
        """Return the values with a grid line, and how they are written."""
        _across, (low, high) = self.ranges()
        if self.is_log:
            found = log_ticks(10.0**low, 10.0**high, self.y_ticks)
            gaps = [after - at for at, after in pairwise(found)]
            return [(at, tick_text(at, min(gaps, default=at))) for at in found]
        step = tick_step(high - low, self.y_ticks)
        return [(at, tick_text(at, step)) for at in ticks_between(low, high, self.y_ticks)]

    def refresh(self) -> None:
        """Draw anew after the data changed."""
        self._ranges = None
        self.update()

    def ranges(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """Return what the axes show, worked out once for each change of the data."""
        if self._ranges is None:
            self._ranges = (self.zoom.window or self.x_range(), self._up_range())
        return self._ranges

    def _up_range(self) -> tuple[float, float]:
        low, high = self.y_range()
        if not self.is_log:
            return low, high
        high = max(high, _SMALLEST)
        return log10(max(low, high * _LOG_DEPTH)), log10(high)

    def in_view(self, steps: Floats, values: Floats) -> Floats:
        """Return the values whose steps are shown."""
        if self.zoom.window is None:
            return values
        low, high = self.zoom.window
        first, last = np.searchsorted(steps, low, "left"), np.searchsorted(steps, high, "right")
        return values[first:last]

    def set_log(self, is_log: bool) -> None:
        """Let equal distances be equal ratios, or equal differences again."""
        self.is_log = is_log
        self.refresh()

    def zoom_to(self, low: float, high: float) -> None:
        """Show the steps between two."""
        self.zoom.show(low, high, self.x_range())
        self.refresh()

    def zoom_in(self) -> None:
        """Show half as many steps, around the crosshair."""
        self.zoom.closer(_CLOSER, self.crosshair, self.x_range())
        self.refresh()

    def zoom_back(self) -> None:
        """Show the steps that were shown before."""
        self.zoom.back()
        self.refresh()

    def zoom_whole(self) -> None:
        """Show all steps."""
        self.zoom.clear()
        self.refresh()

    def set_crosshair(self, step: int | None) -> None:
        """Put the crosshair on a step, or take it away."""
        self.crosshair = step
        self.update()

    def plot_rect(self) -> QRectF:
        """Return where the series are drawn: inside the tick labels."""
        current = theme()
        font = current.font("caption", figures=True)
        left = max((text_width(text, font) for _at, text in self.y_texts()), default=0)
        left = max(left + current.px(10), current.px(34))
        above = current.px(_NAME_ROOM if self.y_name else 0) + current.px(7)
        below = current.px(22) if self.x_axis else current.px(8)
        return QRectF(self.rect()).adjusted(left, above, -1, -below)

    def to_point(self, plot: QRectF, step: float, value: float) -> QPointF:
        """Return the pixel of a step and a value."""
        (x0, x1), (y0, y1) = self.ranges()
        across = (step - x0) / (x1 - x0) if x1 > x0 else 0.0
        value = log10(max(value, _SMALLEST)) if self.is_log else value
        up = (value - y0) / (y1 - y0) if y1 > y0 else 0.5
        return QPointF(plot.left() + plot.width() * across, plot.bottom() - plot.height() * up)

    def polygon(self, plot: QRectF, steps: Floats, values: Floats) -> QPolygonF:
        """Return the pixels of many points."""
        across, down = self.pixels(plot, steps, values)
        return QPolygonF(
            [QPointF(x, y) for x, y in zip(across.tolist(), down.tolist(), strict=True)]
        )

    def pixels(self, plot: QRectF, steps: Floats, values: Floats) -> tuple[Floats, Floats]:
        """Return where many points stand, across and down."""
        (x0, x1), (y0, y1) = self.ranges()
        values = np.log10(np.maximum(values, _SMALLEST)) if self.is_log else values
        across = plot.left() + (steps - x0) * (plot.width() / max(x1 - x0, 1e-12))
        down = plot.bottom() - (values - y0) * (plot.height() / max(y1 - y0, 1e-12))
        return across, down

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Arrows move the crosshair, T asks for the table, Escape ends it, + - 0 zoom."""
        key = event.key()
        if self.can_zoom and key in _ZOOM_KEYS:
            (self.zoom_in, self.zoom_back, self.zoom_whole)[_ZOOM_KEYS[key]]()
        elif key == Qt.Key.Key_T:
            self.table_requested.emit()
        elif key == Qt.Key.Key_Escape and self.crosshair is not None:
            self.set_crosshair(None)
        elif key in (Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Home, Qt.Key.Key_End):
            control = Qt.KeyboardModifier.ControlModifier
            self._walk(Qt.Key(key), fast=bool(event.modifiers() & control))
        else:
            super().keyPressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Let the crosshair follow the pointer, or the band that is drawn."""
        if self._drag is not None:
            self._drag = (self._drag[0], event.position().x())
            self.update()
        steps, plot = self._steps_in_view(), self.plot_rect()
        if steps.size and plot.contains(event.position()):
            self._stand_on(_nearest(steps, self._step_at(event.position().x())))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin to draw a band over the steps that are to be shown."""
        super().mousePressEvent(event)
        if self.can_zoom and event.button() == Qt.MouseButton.LeftButton and self.steps().size:
            self._drag = (event.position().x(), event.position().x())
            event.accept()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Show the steps under the band."""
        super().mouseReleaseEvent(event)
        drag, self._drag = self._drag, None
        if drag is not None and abs(drag[1] - drag[0]) >= _DRAG:
            self.zoom_to(self._step_at(drag[0]), self._step_at(drag[1]))
        self.update()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Show all steps again."""
        if self.can_zoom:
            self.zoom_whole()
        else:
            super().mouseDoubleClickEvent(event)

    def _step_at(self, x: float) -> float:
        plot, ((low, high), _up) = self.plot_rect(), self.ranges()
        return low + (x - plot.left()) / max(plot.width(), 1.0) * (high - low)

    def _steps_in_view(self) -> Floats:
        steps = self.steps()
        return self.in_view(steps, steps)

    def leaveEvent(self, event: QEvent) -> None:
        """Take the crosshair away with the pointer."""
        if not self.hasFocus():
            self.set_crosshair(None)
        super().leaveEvent(event)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw grid, ticks, series and crosshair, or the words for no data."""
        plot = self.plot_rect()
        with painting(self) as painter:
            if not self.steps().size:
                self._paint_grid(painter, plot)
                font, ink = theme().font("body"), theme().colour("text2")
                write(painter, plot, self.empty_text, font=font, colour=ink, align=CENTRE)
                return
            self._paint_grid(painter, plot)
            painter.save()
            if self.zoom.window is not None:
                room = theme().px(7)
                painter.setClipRect(plot.adjusted(-room, -room, room, room))
            self.paint_series(painter, plot)
            painter.restore()
            self._paint_crosshair(painter, plot)
            self._paint_band(painter, plot)

    def _walk(self, key: Qt.Key, *, fast: bool) -> None:
        steps = self._steps_in_view()
        if not steps.size:
            return
        last = steps.size - 1
        at = last if self.crosshair is None else int(steps.searchsorted(self.crosshair))
        stride = max(steps.size // 20, 1) if fast else 1
        moves = {
            Qt.Key.Key_Left: at - stride if self.crosshair is not None else last,
            Qt.Key.Key_Right: at + stride,
            Qt.Key.Key_Home: 0,
            Qt.Key.Key_End: last,
        }
        self._stand_on(int(steps[min(max(moves[key], 0), last)]))

    def _stand_on(self, step: int) -> None:
        self.set_crosshair(step)
        self.step_hovered.emit(step)

    def _paint_grid(self, painter: QPainter, plot: QRectF) -> None:
        current = theme()
        font, ink = current.font("caption", figures=True), current.colour("text2")
        line = current.colour("hairline")
        for at, text in self.y_texts():
            y = self.to_point(plot, 0, at).y()
            rule(painter, QPointF(plot.left(), y), QPointF(plot.right(), y), line)
            label = QRectF(0, y - current.px(8), plot.left() - current.px(6), current.px(16))
            write(painter, label, text, font=font, colour=ink, align=RIGHT)
        name = QRectF(0, 0, self.width(), current.px(_NAME_ROOM))
        write(painter, name, self.y_name, font=font, colour=ink, align=LEFT)
        if self.x_axis:
            self._paint_steps(painter, plot)

    def _paint_steps(self, painter: QPainter, plot: QRectF) -> None:
        current = theme()
        font, ink = current.font("caption", figures=True), current.colour("text2")
        (low, high), _up = self.ranges()
        name = QRectF(plot.left(), plot.bottom() + current.px(5), plot.width(), current.px(16))
        write(painter, name, self.x_name, font=font, colour=ink, align=RIGHT)
        room = text_width(self.x_name, font) + current.px(10) if self.x_name else 0
        end = plot.right() - room if room else self.width()
        for at in ticks_between(low, high, self.x_ticks):
            if at != round(at):
                continue
            text = QLocale().toString(round(at))
            x, wide = self.to_point(plot, at, 0).x(), text_width(text, font)
            if x + wide / 2 > end:
                continue
            label = QRectF(x - wide, plot.bottom() + current.px(5), wide * 2, current.px(16))
            write(painter, label, text, font=font, colour=ink, align=CENTRE)

    def _paint_crosshair(self, painter: QPainter, plot: QRectF) -> None:
        if self.crosshair is None:
            return
        x = self.to_point(plot, self.crosshair, 0).x()
        if not plot.left() - 1 <= x <= plot.right() + 1:
            return
        painter.setPen(stroke(theme().colour("text2"), 1.0))
        sharp = round(x) + 0.5
        painter.drawLine(QPointF(sharp, plot.top()), QPointF(sharp, plot.bottom()))

    def _paint_band(self, painter: QPainter, plot: QRectF) -> None:
        if self._drag is None:
            return
        left, right = (min(max(at, plot.left()), plot.right()) for at in sorted(self._drag))
        ground = theme().colour("accent")
        ground.setAlphaF(0.15)
        painter.fillRect(QRectF(left, plot.top(), right - left, plot.height()), ground)


def line_pen(role: str, width: float, *, dash: Sequence[float] = (), alpha: int = 255) -> QPen:
    """Return the pen of a series, in pixels at 100 %."""
    current = theme()
    colour = current.colour(role)
    colour.setAlpha(alpha)
    factor = current.factor
    pen = stroke(colour, width * factor, tuple(length * factor for length in dash))
    pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
    return pen


def paint_dot(painter: QPainter, at: QPointF, role: str, *, hollow: bool = False) -> None:
    """Draw a point of 8 px with an edge of the ground, so that it lifts off its line."""
    current = theme()
    radius = current.px(8) / 2
    ground: QColor = current.colour("panel")
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(ground)
    painter.drawEllipse(at, radius + 1.5, radius + 1.5)
    painter.setBrush(ground if hollow else current.colour(role))
    if hollow:
        painter.setPen(QPen(current.colour(role), 1.6 * current.factor))
    painter.drawEllipse(at, radius, radius)


def _nearest(steps: Floats, wanted: float) -> int:
    at = int(steps.searchsorted(wanted))
    around = [steps[i] for i in (at - 1, at) if 0 <= i < steps.size]
    return int(min(around, key=lambda step: abs(step - wanted)))
