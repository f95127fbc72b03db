# SPDX-License-Identifier: Apache-2.0
"""The charts of a run: loss with held-out points, learning rate, gradient, speed and memory."""

from __future__ import annotations

from bisect import bisect_left
from functools import partial
from gettext import gettext as _
from gettext import ngettext
from math import isnan

from PySide6.QtCore import QEvent, Signal
from PySide6.QtWidgets import QWidget

from engine.domain.run import JobSnapshot, JobState
from gui.viewmodels import numbers
from gui.viewmodels.trace import RunTrace
from gui.widgets.box import Column, Hairline, Panel, Reflow
from gui.widgets.charts.line_chart import LineChart
from gui.widgets.charts.small_chart import SmallChart

_COLUMNS = ("loss", "learning_rate", "grad_norm", "tokens_per_s", "memory_gb")


class Charts(Panel):
    """Five charts, one of each column, that share one crosshair.

    Signals:
        save_requested: A person wants the loss as a file: `png`, `svg` or `csv`, or all of it as
            a log for TensorBoard: `tensorboard`.
    """

    save_requested = Signal(str)

    def __init__(self) -> None:
        self._loss = LineChart(title=_("Loss"), x_name=_("Step"), y_name=numbers.loss_unit())
        self._rate = SmallChart(title=_("Learning rate"), series="s1")
        self._norm = SmallChart(title=_("Gradient"), series="s2")
        self._speed = SmallChart(title=_("Speed"), series="s3")
        self._memory = SmallChart(title=_("Memory"), series="s4")
        self._all = (self._loss, self._rate, self._norm, self._speed, self._memory)
        small = Column(self._rate, gap=8)
        for chart in self._all[2:]:
            small.add(Hairline(), chart)
        super().__init__(
            Reflow(
                self._loss,
                small,
                gap=20,
                line_gap=20,
                stack_below=720,
                stretches=(19, 10),
                ruled=True,
            )
        )
        self._held_out: list[tuple[int, float]] = []
        self._loss.set_names(_("training"), _("held out"))
        self._loss.set_value_format(numbers.loss)
        self._loss.set_empty_text(_("The first point comes after the first step"))
        self._loss.save_requested.connect(self.save_requested)
        self._join_crosshairs()

    def picture(self, kind: str) -> bytes:
        """Return the chart of the loss as it is seen now, as a `png` or `svg` picture."""
        return self._loss.picture(kind)

    def _join_crosshairs(self) -> None:
        for chart in self._all:
            others = tuple(one for one in self._all if one is not chart)
            chart.step_hovered.connect(partial(_hover, others))

    def leaveEvent(self, event: QEvent) -> None:
        """Take the crosshair of all charts away with the pointer."""
        for chart in self._all:
            chart.set_crosshair(None)
        super().leaveEvent(event)

    def clear(self) -> None:
        """Forget the run that was shown."""
        self._held_out = []
        for chart in self._all:
            chart.set_points((), ())
        self._loss.set_held_out((), ())
        self._loss.set_marks((), "")
        self._loss.clear_best()
        self._loss.zoom_whole()

    def take(self, trace: RunTrace, changed_from: int) -> None:
        """Take in what a trace has from a step on, and forget what was shown from there on.

        This is done as events come in and not as they are drawn: a trace keeps its newest steps.
        """
        start, columns = bisect_left(trace.steps, changed_from), trace.columns
        steps = trace.steps[start:]
        for chart, name in zip(self._all, _COLUMNS, strict=True):
            chart.cut_points(changed_from)
            chart.append_points(steps, columns[name][start:])

    def show_trace(self, trace: RunTrace, snapshot: JobSnapshot, state: JobState) -> None:
        """Show what else is new in a trace."""
        self._show_newest(trace)
        if trace.held_out != self._held_out:
            self._held_out = list(trace.held_out)
            checks, losses = zip(*self._held_out, strict=True) if self._held_out else ((), ())
            self._loss.set_held_out(checks, losses)
        self._loss.set_marks(trace.rollbacks, _("went back to here"))
        self._show_best(trace, state)
        self._show_rest(snapshot, state)
        self._loss.set_paused(state.is_over and state is not JobState.FINISHED)

    def _show_newest(self, trace: RunTrace) -> None:
        if not trace.steps:
            return
        newest = {name: column[-1] for name, column in trace.columns.items()}
        norm = newest["grad_norm"]
        self._rate.set_current(numbers.rate_of_step(newest["learning_rate"]), "")
        self._norm.set_current("–" if isnan(norm) else numbers.decimal(norm, 3), _("length"))
        self._speed.set_current(numbers.speed(newest["tokens_per_s"]), _("tokens/s"))
        self._memory.set_current(numbers.decimal(newest["memory_gb"], 2), "GB")

    def _show_best(self, trace: RunTrace, state: JobState) -> None:
        best = trace.best
        if best is None or not best[0]:
            self._loss.clear_best()
            return
        words = _("Best {loss}") if state.is_over else _("Best so far {loss}")
        self._loss.set_best(
            best[0],
            best[1],
            words.format(loss=numbers.loss(best[1])),
            _("held out, step {step}").format(step=numbers.count(best[0])),
        )

    def _show_rest(self, snapshot: JobSnapshot, state: JobState) -> None:
        # A finished run has nothing to come, also where it ended early.
        total = snapshot.step if state is JobState.FINISHED else snapshot.total_steps
        to_come = max(0, total - snapshot.step)
        for chart in self._all:
            chart.set_total(total)
        words = ngettext("{count} step to come", "{count} steps to come", to_come)
        self._loss.set_to_come_text(words.format(count=numbers.count(to_come)) if to_come else "")


def _hover(charts: tuple[QWidget, ...], step: int) -> None:
    for chart in charts:
        if isinstance(chart, LineChart | SmallChart):
            chart.set_crosshair(None if step < 0 else step)
