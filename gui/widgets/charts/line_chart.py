# SPDX-License-Identifier: Apache-2.0
"""The chart of a run: raw and smooth line, held-out points, the best of them, steps to come."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from gettext import gettext as _

import msgspec
import numpy as np
from PySide6.QtCore import QLocale, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from gui.widgets.box import Column, Row, Stretch
from gui.widgets.charts.canvas import Canvas, line_pen, paint_dot
from gui.widgets.charts.chart_menu import ChartMenu
from gui.widgets.charts.key import SeriesKey
from gui.widgets.charts.polyline import paint_polyline
from gui.widgets.charts.scale import padded
from gui.widgets.charts.series import Floats, Series, decimate
from gui.widgets.charts.values_table import ValuesTable
from gui.widgets.text import TextLabel
from gui.widgets.theme.paint import CENTRE, LEFT, RIGHT, stroke, text_width, write
from gui.widgets.theme.theme import theme

_RAW, _HELD_OUT = "s1", "s2"
SMOOTH, RAW = "smooth", "raw"
_DOT_ROOM = 3
"""Dots that stand closer than this are a line."""


class _Best(msgspec.Struct, frozen=True):
    """The best held-out point and its two lines of label."""

    step: int
    value: float
    text: str
    sub: str


class _LineCanvas(Canvas):
    """Draws the series of a line chart."""

    can_zoom = True

    def __init__(self, *, is_smoothed: bool) -> None:
        super().__init__()
        self.raw = Series(is_smoothed=is_smoothed)
        self.held_out = Series(is_smoothed=False)
        self.best: _Best | None = None
        self.total = 0
        self.to_come = ""
        self.marks: tuple[int, ...] = ()
        self.mark_text = ""
        self.paused = False
        self.shown: tuple[str, ...] = (SMOOTH, RAW)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def sizeHint(self) -> QSize:
        """Return the room of a chart."""
        current = theme()
        return QSize(current.px(480), current.px(260))

    def minimumSizeHint(self) -> QSize:
        """Return the least room in which it can be read."""
        current = theme()
        return QSize(current.px(240), current.px(150))

    def steps(self) -> Floats:
        """Return the steps of both series."""
        if not len(self.held_out):
            return self.raw.steps
        return np.union1d(self.raw.steps, self.held_out.steps)

    def x_range(self) -> tuple[float, float]:
        """Return 0 to the end of the run, or to the last point."""
        last = max((one.steps[-1] for one in (self.raw, self.held_out) if len(one)), default=1.0)
        return 0.0, float(max(self.total, last, 1))

    def y_range(self) -> tuple[float, float]:
        """Return the range of what matters: single spikes of the raw line may leave it."""
        held_out = self.in_view(self.held_out.steps, self.held_out.values)
        parts = [held_out, self.in_view(self.raw.steps, self.raw.smooth)]
        raw = self.in_view(self.raw.steps, self.raw.values)
        if RAW in self.shown and np.isfinite(raw).any():
            parts.append(np.nanpercentile(_thinned(raw), [1.0, 99.0]))
        values = np.concatenate(parts)
        values = values[np.isfinite(values)]
        if not values.size:
            return 0.0, 1.0
        return padded(float(values.min()), float(values.max()))

    def paint_series(self, painter: QPainter, plot: QRectF) -> None:
        """Draw ground to come, lines, points and the best one."""
        self._paint_to_come(painter, plot)
        self._paint_marks(painter, plot)
        painter.save()
        clip = Qt.ClipOperation.IntersectClip
        painter.setClipRect(plot.adjusted(-6, -7, 6, 6), clip)
        charts = theme().tokens.charts
        main = line_pen(_RAW, float(charts["line_width_main"]))
        if RAW in self.shown:
            # Alone, the raw line is the main one.
            thin = line_pen(_RAW, 1.0, alpha=int(charts["raw_alpha"]))
            pen = thin if SMOOTH in self.shown else line_pen(_RAW, 1.0)
            self._paint_line(painter, plot, self.raw.values, pen)
        if SMOOTH in self.shown:
            self._paint_line(painter, plot, self.raw.smooth, main)
        if self.paused and len(self.raw):
            end = self.to_point(plot, self.raw.steps[-1], self.raw.smooth[-1])
            paint_dot(painter, end, _RAW, hollow=True)
        painter.restore()
        self._paint_held_out(painter, plot)
        self._paint_best(painter, plot)

    def _paint_line(self, painter: QPainter, plot: QRectF, values: Floats, pen: QPen) -> None:
        (low, high), _up = self.ranges()
        columns = max(int(plot.width()), 1)
        steps, shown = decimate(self.raw.steps, values, low=low, high=high, columns=columns)
        paint_polyline(painter, self.polygon(plot, steps, shown), pen)

    def _paint_held_out(self, painter: QPainter, plot: QRectF) -> None:
        if not len(self.held_out):
            return
        charts = theme().tokens.charts
        dash = theme().tokens.series[_HELD_OUT].dash
        pen = line_pen(_HELD_OUT, float(charts["line_width"]), dash=dash)
        (low, high), _up = self.ranges()
        columns = max(int(plot.width() / theme().px(_DOT_ROOM)), 1)
        line = self.held_out
        points = self.polygon(
            plot, *decimate(line.steps, line.values, low=low, high=high, columns=columns)
        )
        paint_polyline(painter, points, pen)
        if len(line) <= columns:
            for point in points.toList():
                paint_dot(painter, point, _HELD_OUT)

    def _paint_to_come(self, painter: QPainter, plot: QRectF) -> None:
        last = max((one.steps[-1] for one in (self.raw, self.held_out) if len(one)), default=0.0)
        if last >= self.total:
            return
        current = theme()
        left = self.to_point(plot, float(last), 0).x()
        rect = QRectF(left, 0, plot.right() - left, plot.bottom())
        ground = current.colour("sunken")
        ground.setAlphaF(0.6)
        painter.fillRect(rect, ground)
        font = current.font("caption")
        if self.to_come and text_width(self.to_come, font) + current.px(16) < rect.width():
            top = plot.bottom() - current.px(50)
            words = QRectF(rect.left(), top, rect.width(), current.px(20))
            ink = current.colour("text2")
            write(painter, words, self.to_come, font=font, colour=ink, align=CENTRE)

    def _paint_marks(self, painter: QPainter, plot: QRectF) -> None:
        if not self.marks:
            return
        current = theme()
        font, ink = current.font("caption"), current.colour("text2")
        painter.setPen(stroke(ink, current.factor, (3 * current.factor,) * 2))
        for step in self.marks:
            left = self.to_point(plot, step, 0).x()
            painter.drawLine(QPointF(left, plot.top()), QPointF(left, plot.bottom()))
        wide = text_width(self.mark_text, font) + current.px(2)
        left = self.to_point(plot, self.marks[-1], 0).x() + current.px(5)
        if left + wide > plot.right():
            left -= wide + current.px(10)
        label = QRectF(left, plot.top(), wide, current.px(15))
        write(painter, label, self.mark_text, font=font, colour=ink, align=LEFT)

    def _paint_best(self, painter: QPainter, plot: QRectF) -> None:
        best = self.best
        if best is None or not len(self.held_out):
            return
        current = theme()
        at = self.to_point(plot, best.step, best.value)
        strong, small = current.font("small", weight=600), current.font("caption")
        wide = max(text_width(best.text, strong), text_width(best.sub, small)) + current.px(2)
        label = self.label_room(plot, at, wide)
        is_right = label.left() >= at.x()
        painter.setPen(QPen(current.colour(_HELD_OUT), 1.6 * current.factor))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawEllipse(at, current.px(8), current.px(8))
        leader = stroke(current.colour("text2"), current.factor, (2 * current.factor,) * 2)
        painter.setPen(leader)
        start = QPointF(at.x(), label.bottom() + current.px(15))
        painter.drawLine(start, at - QPointF(0, current.px(9)))
        align = LEFT if is_right else RIGHT
        ink, grey = current.colour("text"), current.colour("text2")
        write(painter, label, best.text, font=strong, colour=ink, align=align)
        label.translate(0, current.px(14))
        write(painter, label, best.sub, font=small, colour=grey, align=align)

    def label_room(self, plot: QRectF, at: QPointF, wide: float) -> QRectF:
        """Return the first line of a label above a point, on the side where it hides less."""
        top = max(plot.top(), at.y() - theme().px(130))
        left_side = QRectF(at.x() - wide, top, wide, theme().px(15))
        right_side = left_side.translated(wide, 0)
        fits = [left_side.left() >= plot.left(), right_side.right() <= plot.right()]
        sides = [one for one, is_fit in zip((left_side, right_side), fits, strict=True) if is_fit]
        return min(sides or [right_side], key=partial(self._hidden_by, plot))

    def _hidden_by(self, plot: QRectF, label: QRectF) -> int:
        """Return in how many columns of pixels the two lines of a label would lie on a curve."""
        columns = np.arange(label.left(), label.right())
        bottom = label.bottom() + theme().px(14)
        lines = (
            (self.raw.steps, self.raw.values, RAW in self.shown),
            (self.raw.steps, self.raw.smooth, SMOOTH in self.shown),
            (self.held_out.steps, self.held_out.values, True),
        )
        hidden = 0
        for steps, values, is_shown in lines:
            if is_shown and steps.size:
                across, down = self.pixels(plot, steps, values)
                heights = np.interp(columns, across, down, left=np.nan, right=np.nan)
                hidden += int(np.count_nonzero((heights > label.top()) & (heights < bottom)))
        return hidden


class LineChart(QWidget):
    """A chart with its name and present values above; T shows the values as a table.

    Args:
        title: What is shown, such as "Loss".
        x_name: What the steps count: name of the axis, and of a column of the table.
        y_name: What the values are measured in, over their axis.
        is_smoothed: The line is smoothed here; else it is drawn as it is given.
        is_of_run: It shows a run, of which TensorBoard can have a log.

    Signals:
        step_hovered: The crosshair went to this step.
        save_requested: A person wants a file: `png`, `svg`, `csv` or `tensorboard`.
    """

    step_hovered = Signal(int)
    save_requested = Signal(str)

    def __init__(
        self,
        *,
        title: str,
        x_name: str,
        y_name: str = "",
        is_smoothed: bool = True,
        is_of_run: bool = True,
    ) -> None:
        super().__init__()
        self._title, self._x_name = f"{title}, {y_name}" if y_name else title, x_name
        self._format: Callable[[float], str] = _two_digits
        self._names = (_("training"), _("held out"))
        self._canvas = _LineCanvas(is_smoothed=is_smoothed)
        self._canvas.setAccessibleName(self._title)
        self._canvas.x_name, self._canvas.y_name = x_name, y_name
        self._table: ValuesTable | None = None
        self._at = TextLabel("", role="small", colour="text2", figures=True)
        self._raw_key = SeriesKey(_RAW)
        self._held_key = SeriesKey(_HELD_OUT)
        head = Row(TextLabel(title, role="label"), Stretch(), self._at, gap=20)
        self._menu = ChartMenu(
            self._canvas,
            ((SMOOTH, _("Smooth line")), (RAW, _("Every single step"))),
            is_of_runs=is_of_run,
        )
        head.add(self._raw_key, self._held_key, self._menu)
        self._body = Column(head, gap=6)
        self._body.addWidget(self._canvas, 1)
        self.setLayout(self._body)
        self._canvas.step_hovered.connect(self._on_step)
        self._canvas.table_requested.connect(self.toggle_table)
        self._menu.lines_changed.connect(self._on_lines)
        self._menu.save_requested.connect(self.save_requested)
        self._refresh()

    def picture(self, kind: str) -> bytes:
        """Return the chart as it is seen now, as a `png` or `svg` picture."""
        return self._menu.picture(kind, self._title)

    def zoom_whole(self) -> None:
        """Show all steps."""
        self._canvas.zoom_whole()

    def set_names(self, raw: str, held_out: str) -> None:
        """Name the two series."""
        self._names = (raw, held_out)
        self._refresh()

    def set_value_format(self, write_value: Callable[[float], str]) -> None:
        """Write values in another way than with two digits."""
        self._format = write_value
        self._refresh()

    def set_points(self, steps: Sequence[float], values: Sequence[float]) -> None:
        """Show this raw line instead of the one before."""
        self._canvas.raw.clear()
        self.append_points(steps, values)

    def append_points(self, steps: Sequence[float], values: Sequence[float]) -> None:
        """Go on with the raw line. Steps that were there already are replaced."""
        self._canvas.raw.append(steps, values)
        self._refresh()

    def cut_points(self, step: float) -> None:
        """Forget the line from a step on."""
        self._canvas.raw.cut(step)
        self._refresh()

    def set_held_out(self, steps: Sequence[float], values: Sequence[float]) -> None:
        """Show these held-out points instead of those before."""
        self._canvas.held_out.clear()
        self._canvas.held_out.append(steps, values)
        self._refresh()

    def append_held_out(self, step: float, value: float) -> None:
        """Add a held-out point."""
        self._canvas.held_out.append([step], [value])
        self._refresh()

    def set_best(self, step: int, value: float, text: str, sub: str) -> None:
        """Mark the best held-out point with a ring and two lines of label."""
        self._canvas.best = _Best(step, value, text, sub)
        self._canvas.refresh()

    def clear_best(self) -> None:
        """Take the mark away."""
        self._canvas.best = None
        self._canvas.refresh()

    def set_marks(self, steps: Sequence[int], text: str) -> None:
        """Mark steps by a dashed line each, the last one with these words."""
        self._canvas.marks, self._canvas.mark_text = tuple(steps), text
        self._refresh()

    def set_total(self, steps: int) -> None:
        """Say how long the run is; the steps to come are a sunken ground."""
        self._canvas.total = steps
        self._canvas.refresh()

    def set_to_come_text(self, text: str) -> None:
        """Name the steps to come."""
        self._canvas.to_come = text
        self._canvas.refresh()

    def set_empty_text(self, text: str) -> None:
        """Say this until the first point is there."""
        self._canvas.empty_text = text
        self._canvas.refresh()

    def set_paused(self, paused: bool) -> None:
        """Draw the last point hollow while nothing goes on."""
        self._canvas.paused = paused
        self._canvas.refresh()

    def set_crosshair(self, step: int | None) -> None:
        """Put the crosshair on a step, so that charts beside each other agree."""
        self._canvas.set_crosshair(step)
        self._refresh_keys()

    def table(self) -> list[tuple[int, float | None, float | None]]:
        """Return step, raw value and held-out value, in order of the steps."""
        line = self._canvas.raw
        raw = dict(zip(line.steps.tolist(), line.values.tolist(), strict=True))
        held = self._canvas.held_out
        checks = dict(zip(held.steps.tolist(), held.values.tolist(), strict=True))
        return [(int(s), raw.get(s), checks.get(s)) for s in sorted({*raw, *checks})]

    def toggle_table(self) -> None:
        """Show the values as a table, or the chart again."""
        if self._table is None:
            self._table = ValuesTable(self._title, (self._x_name, *self._names))
            self._table.closed.connect(self.toggle_table)
            self._body.addWidget(self._table, 1)
            self._table.hide()
        showing = self._table.isHidden()
        if showing:
            self._table.show_values(self.table(), self._format)
        self._canvas.setHidden(showing)
        self._table.setHidden(not showing)
        (self._table if showing else self._canvas).setFocus(Qt.FocusReason.ShortcutFocusReason)

    def _on_lines(self, shown: tuple[str, ...]) -> None:
        self._canvas.shown = shown
        self._canvas.refresh()

    def _on_step(self, step: int) -> None:
        self._refresh_keys()
        self.step_hovered.emit(step)

    def _refresh(self) -> None:
        self._refresh_keys()
        self._canvas.refresh()

    def _refresh_keys(self) -> None:
        at = self._canvas.crosshair
        raw, held = self._canvas.raw, self._canvas.held_out
        texts = []
        for key, name, line, values in (
            (self._raw_key, self._names[0], raw, raw.smooth if at is None else raw.values),
            (self._held_key, self._names[1], held, held.values),
        ):
            value = _value_at(line.steps, values, at)
            key.set_values(name, "" if value is None else self._format(value))
            key.setHidden(not len(line))
            texts.append(key.words())
        number = QLocale().toString(at) if at is not None else ""
        self._at.set_text(_("step {step}").format(step=number) if number else "")
        marked = [
            f"{self._canvas.mark_text}: {QLocale().toString(one)}." for one in self._canvas.marks
        ]
        words = [self._at.text(), *texts, *marked]
        self._canvas.setAccessibleDescription(" ".join(words).strip())


def _two_digits(value: float) -> str:
    return QLocale().toString(value, "f", 2)


def _thinned(values: Floats) -> Floats:
    """Return at most about 2,000 of the values, evenly, for statistics that need no more."""
    return values[:: max(values.size // 2000, 1)]


def _value_at(steps: Floats, values: Floats, at: int | None) -> float | None:
    """Return the last value up to a step, or the last of all."""
    end = steps.size if at is None else int(steps.searchsorted(at, side="right"))
    return None if end == 0 or np.isnan(values[end - 1]) else float(values[end - 1])
