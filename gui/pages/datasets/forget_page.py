# SPDX-License-Identifier: Apache-2.0
"""Shows what forgetting a dataset deletes and what remains, asks for its name, and does it."""

from __future__ import annotations

from collections.abc import Iterable
from gettext import gettext as _

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QCheckBox, QWidget

from engine.domain.forgetting import ForgetPlan
from gui.actions.forgetting import forget_dataset, plan_forgetting
from gui.bridge.services import Services
from gui.bridge.tasks import Outcome
from gui.viewmodels.forgetting import (
    ForgetRequest,
    ForgetView,
    GoingLine,
    RelatedLine,
    choices_of,
    forget_reason,
    forget_view,
    forgotten_words,
)
from gui.widgets.banner import Banner
from gui.widgets.box import Column, Flow, Panel, Row, clear_layout
from gui.widgets.buttons import Button
from gui.widgets.empty import Skeleton
from gui.widgets.fields import Field, TextField
from gui.widgets.page import Page
from gui.widgets.rows import SectionTitle
from gui.widgets.text import TextLabel


class _Section(Panel):
    """A title with lines below; hidden while there is no line."""

    def __init__(self, title: str, text: str = "") -> None:
        self.title = SectionTitle(title)
        self._lines = Column(gap=6)
        about = _small(text)
        about.setHidden(not text)
        super().__init__(Column(self.title, about, self._lines, gap=8))

    def set_lines(self, lines: Iterable[QWidget]) -> None:
        """Show these lines."""
        clear_layout(self._lines)
        found = list(lines)
        self._lines.add(*found)
        self.setHidden(not found)


class ForgetPage(Page):
    """The plan, the question, and afterwards what remains.

    Signals:
        left: The person went back: to the dataset, or to the list where it is forgotten.
    """

    left = Signal(str)

    def __init__(self, services: Services) -> None:
        super().__init__("")
        self._services = services
        self._request: ForgetRequest | None = None
        self._view: ForgetView | None = None
        self._asked = 0
        self._boxes: dict[str, QCheckBox] = {}
        self._blocker = Banner(kind="warning")
        self._waiting = Skeleton(rows=5)
        self._going = _Section(_("Deleted for good"))
        self._related = _Section(
            _("Other datasets with the same rows"), _("What is marked is deleted, too.")
        )
        self._emptied = _Section(
            _("Kept without the text of rows"),
            _("Curves, recipes and weights stay; prompts and answers are taken out."),
        )
        self._remaining = _Section(_("Remains"))
        self._limits = _Section(_("What cannot be promised"))
        self._name = TextField(name=_("Name of the dataset"))
        self._field = Field(_("Name of the dataset"), self._name)
        self._forget = Button(_("Forget for good"), kind="danger")
        self._leave = Button(_("Keep it"), kind="ghost")
        self._fill()
        self._connect()

    def _fill(self) -> None:
        self.header.set_actions(self._leave, self._forget)
        self._plan = Panel(
            Column(self._going, self._related, self._emptied, self._remaining, self._limits, gap=24)
        )
        self._question = Panel(Flow(self._field))
        self.add(self._blocker, self._question, self._waiting, self._plan)

    def _connect(self) -> None:
        self.header.back_clicked.connect(self._go_back)
        self._leave.clicked.connect(self._go_back)
        self._name.textChanged.connect(self._check)
        self._name.returnPressed.connect(self._forget.click)
        self._forget.clicked.connect(self._on_forget)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Go back on Escape."""
        if event.key() == Qt.Key.Key_Escape:
            self._go_back()
        else:
            super().keyPressEvent(event)

    # ------------------------------------------------------------------ what is shown

    def show_request(self, request: ForgetRequest) -> None:
        """Look for everything that holds rows of a dataset, and ask whether it shall go."""
        self._request = request
        self._view = None
        self.header.set_title(_("Forget “{name}”?").format(name=request.name))
        self.header.set_back(request.name)
        self.header.set_meta(_("This cannot be undone. “Remove…” can, for a while."))
        words = _("Below is what goes and what remains. To go on, type: {name}")
        self._field.set_hint(words.format(name=request.name))
        self._name.clear()
        self._offer(())
        self._blocker.hide()
        self._plan.hide()
        for one in (self._question, self._forget, self._leave, self._waiting):
            one.show()
        self._waiting.start()
        self._check()
        self._look(keep=(), also=())
        self._name.setFocus()

    def _look(self, *, keep: tuple[str, ...], also: tuple[str, ...]) -> None:
        request = self._request
        if request is None:
            return
        self._asked += 1
        asked = self._asked
        plan_forgetting(
            self._services,
            dataset_id=request.dataset_id,
            keep=keep,
            also=also,
            owner=self,
            done=lambda outcome: self._take(asked, outcome),
        )

    def _take(self, asked: int, outcome: Outcome[ForgetPlan]) -> None:
        if asked != self._asked:
            return
        self._waiting.stop()
        self._waiting.hide()
        if outcome.error is not None:
            self._services.notices.show_error(outcome.error)
            self._go_back()
            return
        self._show(forget_view(outcome.value))

    def _show(self, view: ForgetView) -> None:
        self._view = view
        self._going.title.set_meta(view.total)
        self._going.set_lines(_going_line(one) for one in view.going)
        if {one.id: one.goes for one in view.related} != self._marks():
            self._offer(view.related)
        self._emptied.set_lines(_text(one) for one in view.emptied)
        self._show_remaining(view)
        self._blocker.setHidden(not view.blocker)
        self._blocker.set_content(
            _("This cannot be done now."), view.blocker, dismissable=False
        )  # fmt: skip
        self._plan.show()
        self._check()

    def _show_remaining(self, view: ForgetView) -> None:
        self._remaining.set_lines(_text(one) for one in view.remaining)
        self._limits.set_lines(_text(one) for one in view.limits)

    def _marks(self) -> dict[str, bool]:
        """Return whether each related dataset is marked, by id."""
        return {key: box.isChecked() for key, box in self._boxes.items()}

    def _offer(self, lines: Iterable[RelatedLine]) -> None:
        """Offer these datasets, each with a mark."""
        found = tuple(lines)
        self._boxes = {one.id: self._mark(one) for one in found}
        self._related.set_lines(
            Panel(Column(self._boxes[one.id], _small(one.about), gap=2)) for one in found
        )

    def _mark(self, line: RelatedLine) -> QCheckBox:
        box = QCheckBox(line.shown_name)
        box.setToolTip(line.name)
        box.setAccessibleName(_("Forget {name}, too").format(name=line.name))
        box.setAccessibleDescription(line.about)
        box.setChecked(line.goes)
        box.toggled.connect(self._on_marked)
        return box

    def _check(self) -> None:
        name = self._request.name if self._request else ""
        self._forget.set_reason(forget_reason(self._view, name=name, typed=self._name.text()))

    # ------------------------------------------------------------------ what can be done

    def _chosen(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the ids of related datasets that stay, and of those that go."""
        if self._view is None:
            return (), ()
        return choices_of(self._view, [key for key, goes in self._marks().items() if goes])

    def _on_marked(self, _is_marked: bool) -> None:
        keep, also = self._chosen()
        self._look(keep=keep, also=also)

    def _on_forget(self) -> None:
        request = self._request
        if request is None or self._view is None:
            return
        keep, also = self._chosen()
        self._asked += 1
        self._forget.set_busy(_("Forgetting…"))
        forget_dataset(
            self._services,
            dataset_id=request.dataset_id,
            keep=keep,
            also=also,
            owner=self,
            done=self._on_done,
        )

    def _on_done(self, outcome: Outcome[ForgetPlan]) -> None:
        self._forget.set_busy("")
        request = self._request
        if request is None:
            return
        if outcome.error is not None:
            keep, also = self._chosen()
            self._look(keep=keep, also=also)
            return
        self._request = None
        self.header.set_title(forgotten_words(request.name))
        self.header.set_back(_("Datasets"))
        self.header.set_meta(
            _("It is deleted for good. What is left of its rows is for you to decide.")
        )
        for part in (self._going, self._related, self._emptied, self._question, self._blocker):
            part.hide()
        for button in (self._forget, self._leave):
            button.hide()
        self._show_remaining(forget_view(outcome.value))

    def _go_back(self) -> None:
        self._asked += 1
        self.left.emit(self._request.dataset_id if self._request else "")


def _text(text: str) -> TextLabel:
    label = TextLabel(text, wrap=True, selectable=True)
    label.setToolTip(text)  # a name without a blank may be longer than the line
    return label


def _small(text: str) -> TextLabel:
    return TextLabel(text, role="small", colour="text2", wrap=True)


def _going_line(line: GoingLine) -> QWidget:
    row = Row(gap=16)
    row.addWidget(TextLabel(line.text, wrap=True), 1)
    size = TextLabel(line.size, colour="text2", figures=True, align_right=True)
    row.addWidget(size, 0, Qt.AlignmentFlag.AlignTop)
    return Panel(row)
