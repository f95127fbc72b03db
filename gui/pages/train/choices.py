# SPDX-License-Identifier: Apache-2.0
"""The four choices: data, model, goal and effort."""

from __future__ import annotations

from collections.abc import Sequence
from gettext import gettext as _

from PySide6.QtCore import Signal

from gui.pages.train.extra_data import ExtraDataList
from gui.viewmodels.goals import AdviceView
from gui.viewmodels.train import PASSES, PickerView, effort_stop, passes_words
from gui.widgets.box import Column, Gap, Panel, Reflow, Row, Stretch
from gui.widgets.buttons import Button
from gui.widgets.choices import Choice, ChoiceCards
from gui.widgets.picker import ObjectPicker, PickerOption
from gui.widgets.slider import Slider
from gui.widgets.text import TextLabel

_IMPORT, _ADD_MODEL = "import", "add_model"


class Choices(Panel):
    """What a person decides; everything else follows.

    Signals:
        dataset_chosen, model_chosen, goal_chosen: Key of the choice.
        passes_chosen: Passes over the data.
        advice_taken: Values by field that were advised.
        import_requested, add_model_requested: There is nothing fitting yet.
    """

    dataset_chosen = Signal(str)
    model_chosen = Signal(str)
    goal_chosen = Signal(str)
    passes_chosen = Signal(float)
    advice_taken = Signal(object)
    import_requested = Signal()
    add_model_requested = Signal()

    def __init__(self) -> None:
        self.data = ObjectPicker(name=_("Data"), icon="datasets", placeholder=_("Choose a dataset"))
        self.extra = ExtraDataList()
        self.model = ObjectPicker(name=_("Model"), icon="models", placeholder=_("Choose a model"))
        self.goals = ChoiceCards(name=_("Goal"), compact=True)
        self.effort = Slider(name=_("Effort"), stops=len(PASSES))
        self._effort_words = TextLabel("", role="label", figures=True)
        self._advice: AdviceView | None = None
        self._advice_text = TextLabel("", role="small", colour="text2", elide=True)
        self._take = Button("", kind="ghost", size="small")
        self._advice_room = Panel(Row(self._advice_text, self._take, Stretch(), gap=4))
        self._advice_room.hide()
        super().__init__(self._arrange())
        self.data.set_footer(_IMPORT, _("Browse for data…"), "file")
        self.model.set_footer(_ADD_MODEL, _("Add a model folder…"), "folder")
        self._connect()

    def _arrange(self) -> Column:
        data = Column(TextLabel(_("Data"), role="label"), self.data, gap=5)
        model = Column(TextLabel(_("Model"), role="label"), self.model, gap=5)
        pickers = Reflow(data, model, line_gap=12, stack_below=620, stretches=(1, 1))
        slider = Row(TextLabel(_("Effort"), role="label"), gap=16)
        slider.add(TextLabel(passes_words(PASSES[0]), role="small", colour="text2"))
        slider.addWidget(self.effort, 1)
        slider.add(TextLabel(passes_words(PASSES[-1]), role="small", colour="text2"))
        effort = Reflow(slider, self._effort_words, gap=16, stack_below=620, stretches=(1, 0))
        goal = Column(TextLabel(_("Goal"), role="label"), self.goals, gap=5)
        below = Column(effort, self._advice_room, gap=2)
        return Column(pickers, self.extra, goal, Gap(2), below, gap=12)

    def _connect(self) -> None:
        self.data.chosen.connect(self.dataset_chosen)
        self.model.chosen.connect(self.model_chosen)
        self.goals.chosen.connect(self.goal_chosen)
        self.effort.value_changed.connect(self._on_stop)
        self._take.clicked.connect(self._on_take)
        self.data.footer_chosen.connect(self._on_footer)
        self.model.footer_chosen.connect(self._on_footer)

    def _on_stop(self, stop: int) -> None:
        self.passes_chosen.emit(PASSES[stop])

    def _on_footer(self, key: str) -> None:
        (self.import_requested if key == _IMPORT else self.add_model_requested).emit()

    def set_datasets(self, views: Sequence[PickerView]) -> None:
        """Offer these datasets."""
        options = [_option(one) for one in views]
        self.data.set_options(options)
        self.extra.set_options(options)

    def set_models(self, views: Sequence[PickerView]) -> None:
        """Offer these models."""
        self.model.set_options([_option(one) for one in views])

    def show_advice(self, advice: AdviceView | None) -> None:
        """Show what is usual, or nothing where the draft follows it."""
        self._advice = advice
        self._advice_room.setHidden(advice is None)
        if advice is not None:
            self._advice_text.set_text(advice.text)
            self._advice_room.setToolTip(advice.reason)
            self._take.set_text(advice.button)
            self._take.setAccessibleName(f"{advice.button}: {advice.text}")

    def _on_take(self) -> None:
        if self._advice is not None:
            self.advice_taken.emit(self._advice.values)

    def set_goals(self, goals: Sequence[Choice]) -> None:
        """Offer these goals."""
        self.goals.set_choices(goals)

    def set_effort(self, passes: float, words: str) -> None:
        """Show so many passes, and what they mean."""
        self.effort.set_value(effort_stop(passes))
        self.effort.set_value_text(words)
        self._effort_words.set_text(words)


def _option(view: PickerView) -> PickerOption:
    return PickerOption(
        key=view.key,
        name=view.name,
        facts=view.facts,
        enabled=not view.reason,
        reason=view.reason,
    )
