# SPDX-License-Identifier: Apache-2.0
"""One base model: its facts, its folder, and what can be done with it."""

from __future__ import annotations

from datetime import datetime
from gettext import gettext as _
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication, QKeySequence, QShortcut

from engine.domain.model import ModelInfo
from gui.actions.models import remove_model
from gui.bridge.services import Services
from gui.bridge.tasks import Lane, Outcome
from gui.viewmodels.models import (
    FactGroup,
    fact_groups,
    files_words,
    folder_words,
    model_header,
    notes,
    removal_question,
)
from gui.viewmodels.train import TrainArgument
from gui.widgets.banner import Banner
from gui.widgets.box import Column, Gap, Row, Stretch, clear_layout
from gui.widgets.buttons import Action, Button
from gui.widgets.page import Page
from gui.widgets.rows import NameValue, SectionTitle
from gui.widgets.text import IconLabel, TextLabel, breakable


class ModelPage(Page):
    """One model.

    Signals:
        back_requested: Go back to the list.
    """

    back_requested = Signal()

    def __init__(self, services: Services) -> None:
        super().__init__("")
        self._services = services
        self._model: ModelInfo | None = None
        self._train = Button(_("Train with this model"), kind="primary", icon="train")
        self._remove = Button(_("Remove from the list…"))
        self._question = Banner(kind="warning")
        self._facts = Column(gap=28)
        self._question.hide()
        self.header.set_back(_("Models"))
        self.header.set_actions(self._remove, self._train)
        self.add(self._question, Gap(4), self._facts, Stretch())
        self.header.back_clicked.connect(self.back_requested)
        back = QShortcut(QKeySequence("Alt+Left"), self)
        back.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        back.activated.connect(self.back_requested)
        self._train.clicked.connect(self._train_with)
        self._remove.clicked.connect(self._ask)
        self._question.action_triggered.connect(self._answer)

    def show_model(self, model: ModelInfo) -> None:
        """Show a model."""
        if model != self._model:
            self._model = model
            self._question.hide()
            self._show_header(is_there=True)
            self._show_facts(model)
        self.look_for_folder()

    def look_for_folder(self) -> None:
        """Look in the background whether the folder is still there."""
        model = self._model
        if model is not None:
            self._services.tasks.run(
                lambda: Path(model.path).is_dir(),
                lambda outcome: self._take_folder(model, outcome),
                owner=self,
                lane=Lane.READING,
            )

    def _take_folder(self, model: ModelInfo, outcome: Outcome[bool]) -> None:
        if model == self._model:
            self._show_header(is_there=outcome.error is None and outcome.value)

    def _show_header(self, *, is_there: bool) -> None:
        if self._model is None:
            return
        shown = model_header(self._model, is_there=is_there, now=datetime.now().astimezone())
        self.header.set_title(shown.title)
        self.header.set_chip(shown.chip.text, shown.chip.kind, shown.chip.icon)
        self.header.set_meta(shown.meta)
        self._train.set_reason(shown.train_reason)

    def _show_facts(self, model: ModelInfo) -> None:
        clear_layout(self._facts)
        use, build = (_group(one) for one in fact_groups(model))
        left = Column(use, gap=28)
        if notes(model):
            left.add(_notes(notes(model)))
        columns = Row(gap=48)
        columns.addLayout(left.add(Stretch()), 1)
        columns.addLayout(build.add(Stretch()), 1)
        self._facts.add(columns, self._folder(model))

    def _folder(self, model: ModelInfo) -> Column:
        copy = Button(_("Copy the path"), icon="copy", size="small")
        copy.clicked.connect(lambda: self._copy(model.path))
        return Column(
            SectionTitle(_("Folder"), meta=files_words(model)),
            TextLabel(folder_words(), colour="text2", wrap=True),
            TextLabel(breakable(model.path), wrap=True),
            Row(copy, Stretch(), gap=0),
            Gap(4),
            TextLabel(_("Fingerprint of its files (SHA-256)"), role="small", colour="text2"),
            TextLabel(breakable(model.fingerprint), role="code", wrap=True),
            gap=8,
        )

    def _copy(self, text: str) -> None:
        QGuiApplication.clipboard().setText(text)
        self._services.notices.say(_("The path was copied."))

    def _train_with(self) -> None:
        if self._model is not None:
            self._services.navigator.go("train", TrainArgument(model_id=self._model.id))

    def _ask(self) -> None:
        model = self._model
        if model is None:
            return
        runs = sum(one.recipe.model_id == model.id for one in self._services.library.runs)
        shown = removal_question(model, runs=runs)
        self._question.set_content(
            shown.cause,
            shown.consequence,
            (
                Action(key="yes", text=shown.yes, kind="danger"),
                Action(key="no", text=shown.no, kind="ghost"),
            ),
            dismissable=False,
        )
        self._question.show()

    def _answer(self, key: str) -> None:
        self._question.hide()
        if key == "yes" and self._model is not None:
            remove_model(self._services, model=self._model)


def _group(group: FactGroup) -> Column:
    rows = [NameValue(*row) for row in group.rows]
    return Column(SectionTitle(group.title), Gap(4), *rows, gap=0)


def _notes(sentences: tuple[str, ...]) -> Column:
    column = Column(SectionTitle(_("Notes")), gap=8)
    for sentence in sentences:
        line = Row(gap=10)
        line.addWidget(IconLabel("status-info", size=18), 0, Qt.AlignmentFlag.AlignTop)
        line.addWidget(TextLabel(sentence, colour="text2", wrap=True), 100)
        column.add(line.add(Stretch()))
    return column
