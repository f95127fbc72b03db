# SPDX-License-Identifier: Apache-2.0
"""One prompt while the model learns: its answers side by side, from the first to the newest."""

from __future__ import annotations

from gettext import gettext as _

from PySide6.QtWidgets import QWidget

from gui.viewmodels.runs import AnswerView, PromptView
from gui.widgets.box import Column, Hairline, Panel, Reflow, Row, Stretch, clear_layout
from gui.widgets.buttons import IconButton
from gui.widgets.chip import Chip
from gui.widgets.text import TextLabel
from gui.widgets.theme.theme import follow_theme, theme


class Samples(Panel):
    """A strip with up to three answers; arrows go to the other prompts."""

    def __init__(self) -> None:
        self._views: tuple[PromptView, ...] = ()
        self._at = 0
        self._prompt = TextLabel("", colour="text2", elide=True)
        self._place = TextLabel("", role="small", figures=True)
        self._before = IconButton("chevron-left", _("The prompt before"))
        self._after = IconButton("chevron-right", _("The next prompt"))
        self._answers = Column(gap=0)
        self._expected = TextLabel("", role="small", colour="text2", elide=True)
        head = Row(TextLabel(_("One prompt while it learns"), role="label"), gap=12)
        head.addWidget(self._prompt, 1)
        head.add(self._before, self._place, self._after)
        super().__init__(Column(Hairline(), head, self._answers, self._expected, gap=8))
        self._before.clicked.connect(lambda: self._go(-1))
        self._after.clicked.connect(lambda: self._go(1))
        self.hide()

    def set_prompts(self, views: tuple[PromptView, ...]) -> None:
        """Show these prompts; the one that was looked at stays."""
        if views == self._views:
            return
        self._views = views
        self._at = min(self._at, max(0, len(views) - 1))
        self.setHidden(not views)
        self._show()

    def _go(self, by: int) -> None:
        self._at = (self._at + by) % len(self._views)
        self._show()

    def _show(self) -> None:
        clear_layout(self._answers)
        if not self._views:
            return
        view, count = self._views[self._at], len(self._views)
        self._prompt.set_text(_("“{prompt}”").format(prompt=" ".join(view.prompt.split())))
        self._place.set_text(_("{n} of {count}").format(n=self._at + 1, count=count))
        for one in (self._before, self._place, self._after):
            one.setHidden(count < 2)
        last = len(view.answers) - 1
        parts = [_answer(one, is_last=i == last) for i, one in enumerate(view.answers)]
        shares = (1,) * len(parts)
        columns = Reflow(*parts, gap=16, stack_below=600, stretches=shares, ruled=True)
        self._answers.add(Panel(columns))
        expected = " ".join(view.expected.split())
        self._expected.set_text(_("Expected: {text}").format(text=expected) if expected else "")
        self._expected.setHidden(not expected)


class _Head(Panel):
    """The head of an answer, equally high with and without a chip."""

    def __init__(self, row: Row) -> None:
        super().__init__(row)
        follow_theme(self, self._follow)

    def _follow(self) -> None:
        self.setMinimumHeight(theme().size("chip"))


def _answer(view: AnswerView, *, is_last: bool) -> QWidget:
    chip = Chip(small=True)
    if view.is_expected:
        chip.set(_("as expected"), kind="success", icon="check")
    head = _Head(Row(TextLabel(view.title, role="label", figures=True), Stretch(), chip))
    text = TextLabel(
        view.text, role="small", colour="text" if is_last else "text2", wrap=True, selectable=True
    )
    return Panel(Column(head, text, Stretch(), gap=4))
