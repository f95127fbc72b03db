# SPDX-License-Identifier: Apache-2.0
"""The start card: the one-minute run with an example, and the two other ways to begin."""

from __future__ import annotations

from gettext import gettext as _

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QGridLayout

from engine.errors import EngineError
from gui.actions.start_sample_run import start_sample_run
from gui.bridge.services import Services
from gui.viewmodels.home import Example, Sample, start_words, what_will_happen
from gui.widgets.box import Column, Gap, Hairline, Panel, Row, Stretch
from gui.widgets.buttons import Button
from gui.widgets.card import Card, SoftBlock, StepNumber
from gui.widgets.text import IconLabel, TextLabel


class StartCard(Card):
    """Three steps in one card.

    Signals:
        data_requested: A person wants to choose files.
        model_requested: A person wants to choose a model folder.
    """

    data_requested = Signal()
    model_requested = Signal()

    def __init__(self, services: Services, sample: Sample) -> None:
        super().__init__(padding=24, gap=16)
        self._services = services
        self._start = Button(
            _("Start the one-minute run"), kind="primary", icon="play", size="large"
        )
        self._why = Button(_("What will happen"), kind="ghost", size="large")
        self._plan = _PlanBlock(what_will_happen(sample))
        self._plan.hide()
        self._start.clicked.connect(self._on_start)
        self._why.clicked.connect(lambda: self._plan.setHidden(not self._plan.isHidden()))
        self.add(self._first_step(sample), self._plan).add_rule()
        self.add(self._other_steps())

    def _first_step(self, sample: Sample) -> Row:
        words = Column(
            _step_title(1, _("Try it now"), current=True),
            TextLabel(_("Train your first model in a minute"), role="heading"),
            TextLabel(start_words(sample), colour="text2", wrap=True),
            Gap(2),
            Row(self._start, self._why, Stretch(), gap=8),
            Stretch(),
            gap=8,
        )
        row = Row(gap=32)
        row.addLayout(words, 1)
        if sample.example is not None:
            row.addWidget(_ExampleBlock(sample.example), 1)
        return row

    def _other_steps(self) -> Row:
        browse = Button(_("Browse for data…"), icon="file")
        add = Button(_("Add a model folder…"), icon="folder")
        browse.clicked.connect(self.data_requested)
        add.clicked.connect(self.model_requested)
        data = Column(
            _step_title(2, _("Drop your files")),
            TextLabel(
                _("JSONL, JSON, CSV, Parquet or plain text. Your files are copied, never changed."),
                colour="text2",
                wrap=True,
            ),
            Stretch(),
            Row(browse, Stretch()),
            gap=10,
        )
        model = Column(
            _step_title(3, _("Add a model")),
            TextLabel(
                _(
                    "A folder with safetensors files. It is linked where it is, and checked "
                    "before it is listed."
                ),
                colour="text2",
                wrap=True,
            ),
            Stretch(),
            Row(add, Stretch()),
            gap=10,
        )
        row = Row(gap=24)
        row.addLayout(data, 1)
        row.addWidget(Hairline(vertical=True))
        row.addLayout(model, 1)
        return row

    def _on_start(self) -> None:
        start_sample_run(self._services, tell=self._start.set_busy, done=self._on_done)

    def _on_done(self, _error: EngineError | None) -> None:
        self._start.set_busy("")


def _step_title(number: int, text: str, *, current: bool = False) -> Row:
    colour = "accent_text" if current else "text"
    title = TextLabel(text, role="label" if current else "section", colour=colour)
    return Row(StepNumber(number, current=current), title, Stretch(), gap=10)


class _PlanBlock(SoftBlock):
    """What the one-minute run does, sentence by sentence."""

    def __init__(self, sentences: tuple[str, ...]) -> None:
        super().__init__(kind="neutral", padding=16)
        self.add(TextLabel(_("What will happen"), role="label"))
        for sentence in sentences:
            line = Row(gap=8)
            line.addWidget(IconLabel("check", role="text2"))
            line.addWidget(TextLabel(sentence, wrap=True), 1)
            self.add(line)


class _ExampleBlock(Panel):
    """A row of the sample: the text that comes in, and the form that is learned."""

    def __init__(self, example: Example) -> None:
        arrow = Row(
            Gap(12),
            IconLabel("chevron-down", role="accent_text"),
            TextLabel(_("It learns to fill your form"), role="small", colour="accent_text"),
            Stretch(),
            gap=6,
        )
        question = SoftBlock(kind="neutral", padding=12)
        question.add(TextLabel(example.question, role="small", wrap=True))
        form = SoftBlock(kind="accent", padding=12)
        form.add(_form(example))
        super().__init__(
            Column(
                TextLabel(_("A ticket comes in"), role="small", colour="text2"),
                question,
                arrow,
                form,
                Stretch(),
                gap=8,
            )
        )


def _form(example: Example) -> QGridLayout:
    grid = QGridLayout()
    grid.setColumnStretch(1, 1)
    for i, (name, value) in enumerate(example.fields):
        grid.addWidget(TextLabel(name, role="small", colour="text2"), i, 0)
        grid.addWidget(TextLabel(value, role="small", elide=True), i, 1)
    return grid
