# SPDX-License-Identifier: Apache-2.0
"""The plan: whether it fits, what will happen, and what should be known before the start."""

from __future__ import annotations

from functools import partial
from gettext import gettext as _

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QGridLayout, QWidget

from gui.viewmodels.plan import PlanView, ProblemView
from gui.widgets.box import Column, Gap, Hairline, Panel, Reflow, Row, Stretch, clear_layout
from gui.widgets.buttons import Action
from gui.widgets.card import Card
from gui.widgets.chip import Chip
from gui.widgets.memory import MemoryBar, MemoryPart
from gui.widgets.rows import WarningRow
from gui.widgets.text import LinkLabel, TextLabel
from gui.widgets.theme.theme import follow_theme, theme

_TOP_LEFT = Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft
_ICONS = {"success": "check", "warning": "status-warning", "danger": "status-danger"}


def memory_parts(view: PlanView) -> list[MemoryPart]:
    """Return the parts of the memory bar."""
    return [
        MemoryPart(
            key=one.key,
            name=one.name,
            low_gb=one.low_gb,
            high_gb=one.high_gb,
            role=one.key,
            note=one.note,
        )
        for one in view.parts
    ]


class PlanCard(Card):
    """The plan of the present draft.

    Signals:
        fix_requested: Values by field that would solve a problem.
        field_requested: A setting to show.
    """

    fix_requested = Signal(object)
    field_requested = Signal(str)

    def __init__(self) -> None:
        super().__init__(padding=20, gap=10)
        self._chip = Chip()
        self._device = TextLabel("", role="small", colour="text2", elide=True, align_right=True)
        self._bar = MemoryBar()
        self._need = TextLabel("", role="value")
        self._statement = _Statement()
        self._problems = Column(gap=0)
        head = Row(TextLabel(_("Plan"), role="section"), self._chip, gap=10)
        head.addWidget(self._device, 1)
        # What is in the way, and what would help, stands before what will happen.
        self.add(head, self._bar, self._need, self._problems).add_rule()
        self.add(self._statement)
        self._figures = (self._chip, self._bar, self._need)
        self.show_waiting(_("Choose data and a model; what will happen then stands here."))

    def show_waiting(self, words: str) -> None:
        """Show that there is no plan yet, and why."""
        for one in self._figures:
            one.hide()
        self._device.set_text("")
        self._statement.set_sentences((words,))
        clear_layout(self._problems)

    def show_plan(self, view: PlanView) -> None:
        """Show a plan."""
        self._chip.set(view.chip, kind=view.chip_kind, icon=_ICONS[view.chip_kind])
        self._device.set_text(view.device)
        self._bar.setHidden(view.is_small)
        self._need.setHidden(not view.is_small)
        self._need.set_text(view.need)
        self._bar.set_plan(
            view.total_gb,
            memory_parts(view),
            headline=view.need,
            total_text=view.total,
            free_text=view.free,
            over_text=view.over,
        )
        self._statement.set_sentences(view.statement)
        clear_layout(self._problems)
        for problem in view.problems:
            self._problems.add(Hairline(), self._problem_row(problem))

    def _problem_row(self, problem: ProblemView) -> QWidget:
        actions = [
            Action(key=str(number), text=one.text) for number, one in enumerate(problem.fixes)
        ]
        if problem.field:
            actions.append(Action(key="show", text=_("Show the setting"), kind="ghost"))
        row = WarningRow(
            strong=problem.strong, text=problem.text, kind=problem.kind, actions=actions
        )
        row.action_triggered.connect(partial(self._on_action, problem))
        return row

    def _on_action(self, problem: ProblemView, key: str) -> None:
        if key == "show":
            self.field_requested.emit(problem.field)
        else:
            self.fix_requested.emit(problem.fixes[int(key)].values)


class _Statement(Panel):
    """What will happen, in two columns of sentences."""

    def __init__(self) -> None:
        self._grid = QGridLayout()
        self._grid.setContentsMargins(0, 0, 0, 0)
        super().__init__(self._grid)
        self._sentences: tuple[str, ...] = ()
        follow_theme(self, self._follow)

    def set_sentences(self, sentences: tuple[str, ...]) -> None:
        """Show these."""
        if sentences == self._sentences:
            return
        self._sentences = sentences
        clear_layout(self._grid)
        for i, sentence in enumerate(sentences):
            label = TextLabel(sentence, role="small", colour="text2", wrap=True)
            self._grid.addWidget(label, i // 2, i % 2, _TOP_LEFT)
        for column in range(2):
            self._grid.setColumnStretch(column, 1 if len(sentences) > 1 or not column else 0)

    def _follow(self) -> None:
        self._grid.setHorizontalSpacing(theme().px(24))
        self._grid.setVerticalSpacing(theme().px(4))


class PlanStrip(Panel):
    """The plan in one line, above the settings.

    Signals:
        show_requested: A person wants the whole plan.
    """

    show_requested = Signal()

    def __init__(self) -> None:
        self._chip = Chip()
        self._bar = MemoryBar(folded=True)
        self._need = TextLabel("", colour="text2", elide=True)
        self._effort = TextLabel("", role="value")
        link = LinkLabel(_("Show the plan"))
        fit = Row(self._chip, gap=14)
        fit.addWidget(self._bar, 1)
        fit.addWidget(self._need, 1)
        line = Reflow(
            fit,
            Row(self._effort, Stretch(), link, gap=14),
            gap=24,
            stack_below=620,
            stretches=(1, 0),
        )
        super().__init__(Column(Hairline(), Gap(8), line, Gap(8), Hairline(), gap=0))
        link.clicked.connect(self.show_requested)

    def show_plan(self, view: PlanView | None, effort: str) -> None:
        """Show the plan, or that there is none yet."""
        for one in (self._chip, self._bar, self._need):
            one.setHidden(view is None)
        self._effort.set_text(effort)
        if view is not None:
            self._chip.set(view.chip, kind=view.chip_kind, icon=_ICONS[view.chip_kind])
            self._bar.set_plan(view.total_gb, memory_parts(view))
            self._need.set_text(view.need)
