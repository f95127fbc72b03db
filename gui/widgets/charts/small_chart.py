# SPDX-License-Identifier: Apache-2.0
"""A small chart beside the main one: one line, its last point, its present value."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import QRectF, QSize, Signal
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QSizePolicy, QWidget

from gui.widgets.box import Column, Row, Stretch
from gui.widgets.charts.canvas import Canvas, line_pen, paint_dot
from gui.widgets.charts.polyline import paint_polyline
from gui.widgets.charts.scale import round_top, tick_text
from gui.widgets.charts.series import Floats, Series, decimate
from gui.widgets.text import TextLabel
from gui.widgets.theme.theme import theme


class _SmallCanvas(Canvas):
    """Draws one line between zero and a round top."""

    x_axis = False

    def __init__(self, role: str) -> None:
        super().__init__()
        self.role = role
        self.line = Series(is_smoothed=False)
        self.future_steps: Floats = np.empty(0)
        self.future_values: Floats = np.empty(0)
        self.total = 0
        self.top = 0.0
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        """Return the room of a small chart."""
        current = theme()
        return QSize(current.px(240), current.px(64))

    def minimumSizeHint(self) -> QSize:
        """Return the least room in which it can be read."""
        current = theme()
        return QSize(current.px(140), current.px(56))

    def steps(self) -> Floats:
        """Return the steps of the line."""
        return self.line.steps

    def x_range(self) -> tuple[float, float]:
        """Return 0 to the end of the run, or to the last point."""
        last = self.line.steps[-1] if len(self.line) else 1.0
        return 0.0, float(max(self.total, last, 1))

    def y_range(self) -> tuple[float, float]:
        """Return zero to the highest value, with a little room."""
        top = self._top()
        return 0.0, top * 1.08

    def y_texts(self) -> list[tuple[float, str]]:
        """Return zero and the round top."""
        top = self._top()
        return [(0.0, "0"), (top, tick_text(top, top))]

    def paint_series(self, painter: QPainter, plot: QRectF) -> None:
        """Draw the line, what is known of its future, and its last point."""
        (low, high), _up = self.ranges()
        columns = max(int(plot.width()), 1)
        steps, values = decimate(
            self.line.steps, self.line.values, low=low, high=high, columns=columns
        )
        if not steps.size:
            return
        points = self.polygon(plot, steps, values)
        paint_polyline(painter, points, line_pen(self.role, 1.5))
        if self.future_steps.size:
            painter.setPen(line_pen(self.role, 1.5, dash=(3, 3)))
            ahead = self.polygon(plot, self.future_steps, self.future_values)
            painter.drawPolyline([points.last(), *ahead.toList()])
        paint_dot(painter, points.last(), self.role)

    def _top(self) -> float:
        values = np.concatenate((self.line.values, self.future_values))
        values = values[np.isfinite(values)]
        return self.top or round_top(float(values.max()) if values.size else 0.0)


class SmallChart(QWidget):
    """Name at the left, present value with its unit at the right, the line below."""

    step_hovered = Signal(int)

    def __init__(self, *, title: str, series: str = "s1", unit: str = "") -> None:
        super().__init__()
        self._canvas = _SmallCanvas(series)
        self._canvas.setAccessibleName(title)
        self._value = TextLabel("", role="label", figures=True)
        self._unit = TextLabel(unit, role="small", colour="text2")
        head = Row(TextLabel(title, role="label", elide=True), Stretch(), gap=5)
        head.add(self._value, self._unit)
        self._unit.setHidden(not unit)
        self.setLayout(Column(head, self._canvas, gap=2))
        self._canvas.step_hovered.connect(self.step_hovered)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def set_points(self, steps: Sequence[float], values: Sequence[float]) -> None:
        """Show this line instead of the one before."""
        self._canvas.line.clear()
        self.append_points(steps, values)

    def append_points(self, steps: Sequence[float], values: Sequence[float]) -> None:
        """Go on with the line. Steps that were there already are replaced."""
        self._canvas.line.append(steps, values)
        self._canvas.refresh()

    def cut_points(self, step: float) -> None:
        """Forget the line from a step on."""
        self._canvas.line.cut(step)
        self._canvas.refresh()

    def set_future(self, steps: Sequence[float], values: Sequence[float]) -> None:
        """Draw dashed what is known already of the steps to come."""
        self._canvas.future_steps = np.asarray(steps, dtype=np.float64)
        self._canvas.future_values = np.asarray(values, dtype=np.float64)
        self._canvas.refresh()

    def set_current(self, text: str, unit: str = "") -> None:
        """Show the present value in words."""
        self._value.set_text(text)
        self._unit.set_text(unit)
        self._unit.setHidden(not unit)
        self._canvas.setAccessibleDescription(f"{text} {unit}".strip())

    def set_total(self, steps: int) -> None:
        """Say how long the run is."""
        self._canvas.total = steps
        self._canvas.refresh()

    def set_top(self, top: float) -> None:
        """Let the axis end at a value with a meaning, such as the memory of the card."""
        self._canvas.top = top
        self._canvas.refresh()

    def set_empty_text(self, text: str) -> None:
        """Say this until the first point is there."""
        self._canvas.empty_text = text
        self._canvas.refresh()

    def set_crosshair(self, step: int | None) -> None:
        """Put the crosshair on a step, so that charts beside each other agree."""
        self._canvas.set_crosshair(step)
