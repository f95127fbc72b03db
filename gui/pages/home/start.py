# SPDX-License-Identifier: Apache-2.0
"""The start card: the one-minute run with an example, and the two other ways to begin."""

from __future__ import annotations

from gettext import gettext as _

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QGridLayout, QWidget

from engine.errors import EngineError
from gui.actions.start_sample_run import start_sample_run
from gui.bridge.services import Services
from gui.viewmodels.home import Example, Sample, start_words, what_will_happen
from gui.widgets.box import Column, Gap, Hairline, Panel, Reflow, Row, Stretch
from gui.widgets.buttons import Button
from gui.widgets.card import Card, SoftBlock, StepNumber
from gui.widgets.text import IconLabel, TextLabel


class StartCard(Card):
    """Three steps in one card; once there is work, the first is a short one.

    Signals:
        data_requested: A person wants to choose files.
        model_requested: A person wants to choose a model folder.
        run_requested: A person wants to train.
    """

    data_requested = Signal()
    model_requested = Signal()
    run_requested = Signal()

    def __init__(self, services: Services, sample: Sample) -> None:
        super().__init__(padding=24, gap=16)
        self._services = services
        self._numbers: list[StepNumber] = []
        self._start = Button(
            _("Start the one-minute run"), kind="primary", icon="play", size="large"
        )
        self._why = Button(_("What will happen"), kind="ghost", size="large")
        self._sample = sample
        self._sentences = Column(gap=0)
        self._plan = Panel(self._sentences)
        self._plan.hide()
        self._start.clicked.connect(self.start_sample)
        self._why.clicked.connect(self._switch_plan)
        self._first = Panel(Column(self._first_step(sample), self._plan, Gap(8), gap=16))
        self._rule = Hairline()
        self._new = Panel(self._new_run())
        self._new.hide()
        self.add(self._first, self._rule, self._other_steps())

    def set_first_start(self, is_first: bool) -> None:
        """Show the one-minute run large while there is nothing yet, small after that."""
        self._first.setHidden(not is_first)
        self._rule.setHidden(not is_first)
        self._new.setHidden(is_first)
        for number in self._numbers:
            number.setHidden(not is_first)

    def _switch_plan(self) -> None:
        """Show what will happen, or hide it again; made when it is first wanted."""
        if self._sentences.count() == 0:
            self._sentences.addWidget(_PlanBlock(what_will_happen(self._sample)))
        self._plan.setHidden(not self._plan.isHidden())

    def _new_run(self) -> Column:
        start = Button(_("New run…"), kind="primary", icon="play")
        start.clicked.connect(self.run_requested)
        words = _("Choose data, a model and a goal; the plan says what fits.")
        return self._part(None, _("Train"), words, start)

    def _first_step(self, sample: Sample) -> Reflow:
        words = Column(
            Row(
                StepNumber(1, current=True),
                TextLabel(_("Try it now"), role="label", colour="accent_text"),
                Stretch(),
                gap=10,
            ),
            TextLabel(_("Train your first model in a minute"), role="heading"),
            TextLabel(start_words(sample), colour="text2", wrap=True),
            Gap(2),
            Row(self._start, self._why, Stretch(), gap=8),
            Stretch(),
            gap=8,
        )
        parts: list[QWidget] = [Panel(words)]
        if sample.example is not None:
            parts.append(_ExampleBlock(sample.example))
        shares = (1,) * len(parts)
        return Reflow(*parts, gap=32, line_gap=24, stretches=shares)

    def _other_steps(self) -> Reflow:
        browse = Button(_("Browse for data…"), icon="file")
        add = Button(_("Add a model folder…"), icon="folder")
        browse.clicked.connect(self.data_requested)
        add.clicked.connect(self.model_requested)
        data = _(
            "JSONL, JSON, CSV, Excel, Parquet or plain text. Your files are copied, never changed."
        )
        model = _(
            "A folder with safetensors files. It is linked where it is, and checked before it "
            "is listed."
        )
        return Reflow(
            self._new,
            Panel(self._part(2, _("Drop your files"), data, browse)),
            Panel(self._part(3, _("Add a model"), model, add)),
            gap=24,
            line_gap=24,
            stretches=(1, 1, 1),
            ruled=True,
        )

    def _part(self, number: int | None, title: str, words: str, button: Button) -> Column:
        head = Row(gap=10)
        if number is not None:
            sign = StepNumber(number)
            self._numbers.append(sign)
            head.add(sign)
        head.add(TextLabel(title, role="section"), Stretch())
        text = TextLabel(words, colour="text2", wrap=True)
        return Column(head, text, Stretch(), Row(button, Stretch()), gap=10)

    def start_sample(self) -> None:
        """Start the one-minute run."""
        start_sample_run(self._services, tell=self._start.set_busy, done=self._on_done)

    def _on_done(self, _error: EngineError | None) -> None:
        self._start.set_busy("")


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
