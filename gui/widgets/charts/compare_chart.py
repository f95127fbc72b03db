# SPDX-License-Identifier: Apache-2.0
"""The curves of several runs over each other: colour, dash and mark tell them apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from gettext import gettext as _

import msgspec
import numpy as np
from PySide6.QtCore import QLocale, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from gui.widgets.box import Column, Flow, Row, Stretch, clear_layout
from gui.widgets.charts.canvas import Canvas, line_pen
from gui.widgets.charts.chart_menu import ChartMenu
from gui.widgets.charts.key import SeriesKey
from gui.widgets.charts.markers import paint_marker
from gui.widgets.charts.polyline import paint_polyline
from gui.widgets.charts.scale import padded
from gui.widgets.charts.series import Floats, Series, decimate
from gui.widgets.charts.values_table import ValuesTable
from gui.widgets.text import TextLabel
from gui.widgets.theme.theme import theme

ROLES = ("s1", "s2", "s3", "s4", "s5")
"""A series for each run; there are no more that everybody can tell apart."""

_MARK_ROOM = 7

TRAINING, RAW, HELD_OUT = "training", "raw", "held_out"


class RunLine(msgspec.Struct, frozen=True, kw_only=True):
    """The curves of one run.

    Attributes:
        name: Its name, short enough for a legend.
        steps: Steps of the training losses.
        losses: Training losses; NaN where one was not finite.
        checks: Steps of the held-out losses.
        held_out: Held-out losses.
    """

    name: str
    steps: Sequence[float]
    losses: Sequence[float]
    checks: Sequence[float]
    held_out: Sequence[float]


class _Curve:
    """A run in the chart."""

    def __init__(self, line: RunLine, role: str) -> None:
        self.name, self.role = line.name, role
        self.training, self.held_out = Series(), Series(is_smoothed=False)
        self.training.append(line.steps, line.losses)
        self.held_out.append(line.checks, line.held_out)

    def value_at(self, step: int | None) -> float | None:
        """Return the last held-out loss up to a step, else the smooth training loss there."""
        for series, values in (
            (self.held_out, self.held_out.values),
            (self.training, self.training.smooth),
        ):
            end = len(series) if step is None else int(series.steps.searchsorted(step, "right"))
            if end and np.isfinite(values[end - 1]):
                return float(values[end - 1])
        return None


class _CompareCanvas(Canvas):
    """Draws the curves of all runs."""

    can_zoom = True

    def __init__(self) -> None:
        super().__init__()
        self.curves: tuple[_Curve, ...] = ()
        self._steps: Floats = np.empty(0)
        self.shown: tuple[str, ...] = (TRAINING, HELD_OUT)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def sizeHint(self) -> QSize:
        """Return the room of a chart."""
        current = theme()
        return QSize(current.px(560), current.px(360))

    def minimumSizeHint(self) -> QSize:
        """Return the least room in which it can be read."""
        current = theme()
        return QSize(current.px(240), current.px(180))

    def steps(self) -> Floats:
        """Return the steps of all runs."""
        return self._steps

    def set_curves(self, curves: tuple[_Curve, ...]) -> None:
        """Show these curves."""
        self.curves = curves
        parts = [one.steps for curve in curves for one in (curve.training, curve.held_out)]
        self._steps = np.unique(np.concatenate(parts)) if parts else np.empty(0)
        self.refresh()

    def x_range(self) -> tuple[float, float]:
        """Return 0 to the last step of the longest run."""
        steps = self.steps()
        return 0.0, float(max(steps[-1], 1.0)) if steps.size else 1.0

    def y_range(self) -> tuple[float, float]:
        """Return the range of the lines that are seen; single spikes of raw lines may leave it."""
        parts: list[Floats] = []
        for curve in self.curves:
            training, held_out = curve.training, curve.held_out
            if TRAINING in self.shown:
                parts.append(self.in_view(training.steps, training.smooth))
            if HELD_OUT in self.shown:
                parts.append(self.in_view(held_out.steps, held_out.values))
            raw = self.in_view(training.steps, training.values)
            if RAW in self.shown and np.isfinite(raw).any():
                parts.append(np.nanpercentile(raw, [1.0, 99.0]))
        values = np.concatenate(parts) if parts else np.empty(0)
        values = values[np.isfinite(values)]
        return padded(float(values.min()), float(values.max())) if values.size else (0.0, 1.0)

    def plot_rect(self) -> QRectF:
        """Return where the lines are drawn, with room for a whole mark at the right."""
        return super().plot_rect().adjusted(0, 0, -theme().px(_MARK_ROOM), 0)

    def paint_series(self, painter: QPainter, plot: QRectF) -> None:
        """Draw the lines of every run, the first one on top."""
        room = theme().px(_MARK_ROOM)
        seen = plot.adjusted(-room, -room, room, room)
        painter.setClipRect(seen, Qt.ClipOperation.IntersectClip)
        charts = theme().tokens.charts
        for curve in reversed(self.curves):
            training, dash = curve.training, theme().tokens.series[curve.role].dash
            if RAW in self.shown:
                pen = line_pen(curve.role, 1.0, alpha=int(charts["raw_alpha"]))
                self._paint_line(painter, plot, training.steps, training.values, pen)
            if TRAINING in self.shown:
                pen = line_pen(curve.role, float(charts["line_width"]), dash=dash)
                self._paint_line(painter, plot, training.steps, training.smooth, pen)
            if HELD_OUT in self.shown:
                self._paint_held_out(painter, plot, curve)

    def _paint_line(
        self, painter: QPainter, plot: QRectF, steps: Floats, values: Floats, pen: QPen
    ) -> None:
        (low, high), _up = self.ranges()
        columns = max(int(plot.width()), 1)
        steps, shown = decimate(steps, values, low=low, high=high, columns=columns)
        paint_polyline(painter, self.polygon(plot, steps, shown), pen)

    def _paint_held_out(self, painter: QPainter, plot: QRectF, curve: _Curve) -> None:
        known = ~np.isnan(curve.held_out.values)
        steps, values = curve.held_out.steps[known], curve.held_out.values[known]
        dash = theme().tokens.series[curve.role].dash
        pen = line_pen(curve.role, float(theme().tokens.charts["line_width_main"]), dash=dash)
        self._paint_line(painter, plot, steps, values, pen)
        for point in self.polygon(plot, steps, values).toList():
            paint_marker(painter, point, curve.role)


class CompareChart(QWidget):
    """Curves of up to five runs with a legend; T shows the values as a table.

    Args:
        title: What is shown.
        x_name: What the steps count.
        y_name: What the values are measured in, over their axis.

    Signals:
        save_requested: A person wants a file: `png`, `svg`, `csv` or `tensorboard`.
    """

    save_requested = Signal(str)

    def __init__(self, *, title: str, x_name: str, y_name: str = "") -> None:
        super().__init__()
        self._title, self._x_name = f"{title}, {y_name}" if y_name else title, x_name
        self._format: Callable[[float], str] = str
        self._keys: tuple[SeriesKey, ...] = ()
        self._table: ValuesTable | None = None
        self._canvas = _CompareCanvas()
        self._canvas.setAccessibleName(self._title)
        self._canvas.x_name, self._canvas.y_name = x_name, y_name
        self._at = TextLabel("", role="small", colour="text2", figures=True)
        self._menu = ChartMenu(
            self._canvas,
            (
                (HELD_OUT, _("Held-out loss, with marks")),
                (TRAINING, _("Training loss, smooth")),
                (RAW, _("Training loss of every single step")),
            ),
            is_of_runs=True,
        )
        self._legend = Flow(gap=20, line_gap=6)
        head = Row(TextLabel(title, role="label"), Stretch(), self._at, self._menu, gap=20)
        self._body = Column(head, gap=6)
        self._body.addLayout(self._legend)
        self._body.addWidget(self._canvas, 1)
        self.setLayout(self._body)
        self._menu.show_only((HELD_OUT, TRAINING))
        self._menu.lines_changed.connect(self._on_lines)
        self._menu.save_requested.connect(self.save_requested)
        self._canvas.step_hovered.connect(lambda _step: self._refresh_keys())
        self._canvas.table_requested.connect(self.toggle_table)

    def set_value_format(self, write_value: Callable[[float], str]) -> None:
        """Write values like this."""
        self._format = write_value
        self._refresh_keys()

    def set_empty_text(self, text: str) -> None:
        """Say this until the first point is there."""
        self._canvas.empty_text = text
        self._canvas.refresh()

    def set_runs(self, lines: Sequence[RunLine]) -> None:
        """Show the curves of these runs, in the order of the series; `ROLES` says how many.

        Raises:
            ValueError: There are more runs than series.
        """
        if len(lines) > len(ROLES):
            raise ValueError(f"{len(lines)} runs, but {len(ROLES)} series")
        roles = ROLES[: len(lines)]
        names = [one.name for one in self._canvas.curves]
        curves = tuple(_Curve(line, role) for line, role in zip(lines, roles, strict=True))
        self._canvas.set_curves(curves)
        if names != [one.name for one in lines]:
            clear_layout(self._legend)
            self._keys = tuple(SeriesKey(role, marked=True) for role in roles)
            for key in self._keys:
                self._legend.addWidget(key)
        self._refresh_keys()

    def legend(self) -> tuple[str, ...]:
        """Return what the legend says of each run."""
        return tuple(one.words() for one in self._keys)

    def picture(self, kind: str) -> bytes:
        """Return the chart as it is seen now, as a `png` or `svg` picture."""
        return self._menu.picture(kind, self._title)

    def table(self) -> list[tuple[float | None, ...]]:
        """Return each step with the training losses of all runs, then their held-out losses."""
        curves = self._canvas.curves
        series = [one.training for one in curves] + [one.held_out for one in curves]
        values = [dict(zip(s.steps.tolist(), s.values.tolist(), strict=True)) for s in series]
        steps = sorted({step for one in values for step in one})
        return [(step, *(one.get(step) for one in values)) for step in steps]

    def toggle_table(self) -> None:
        """Show the values as a table, or the chart again."""
        showing = self._table is None or self._table.isHidden()
        if showing:
            self._make_table()
        if self._table is not None:
            self._canvas.setHidden(showing)
            self._table.setHidden(not showing)
            (self._table if showing else self._canvas).setFocus(Qt.FocusReason.ShortcutFocusReason)

    def _make_table(self) -> None:
        if self._table is not None:
            self._table.deleteLater()
        names = [one.name for one in self._canvas.curves]
        held_out = [_("{name}, held out").format(name=one) for one in names]
        self._table = ValuesTable(self._title, (self._x_name, *names, *held_out))
        self._table.closed.connect(self.toggle_table)
        self._body.addWidget(self._table, 1)
        self._table.show_values(self.table(), self._format)

    def _on_lines(self, shown: tuple[str, ...]) -> None:
        self._canvas.shown = shown
        self._canvas.refresh()

    def _refresh_keys(self) -> None:
        at = self._canvas.crosshair
        for key, curve in zip(self._keys, self._canvas.curves, strict=True):
            value = curve.value_at(at)
            key.set_values(curve.name, "" if value is None else self._format(value))
        number = QLocale().toString(at) if at is not None else ""
        which = _("with marks: held out, without: training")
        self._at.set_text(_("step {step}").format(step=number) if number else which)
        words = (self._at.text(), *self.legend())
        self._canvas.setAccessibleDescription(". ".join(one for one in words if one))
