# SPDX-License-Identifier: Apache-2.0
"""Asks how documents are cut, showing the rows they become, and what several files become."""

from __future__ import annotations

from gettext import gettext as _

from PySide6.QtCore import QTimer, Signal

from engine.domain.chunking import Chunking, DocumentPreview
from gui.actions.import_files import import_now
from gui.bridge.services import Services
from gui.bridge.tasks import Lane, Outcome
from gui.viewmodels.documents import (
    PieceView,
    counter_hint,
    counter_options,
    listed_names,
    piece_view,
    preview_words,
    request_title,
    request_words,
)
from gui.viewmodels.import_requests import DocumentRequest
from gui.widgets.box import Column, Flow, Panel, clear_layout
from gui.widgets.buttons import Button
from gui.widgets.card import Card
from gui.widgets.choices import SegmentedControl, Switch
from gui.widgets.fields import Field, SelectField
from gui.widgets.number_field import NumberField
from gui.widgets.page import Page
from gui.widgets.rows import SectionTitle
from gui.widgets.text import TextLabel

WAIT_MS = 200
NAME_CHARACTERS = 32
"""What most names of models have at most."""

ONE, EACH = "one", "each"


class DocumentsPage(Page):
    """The choices above, the rows below.

    Signals:
        left: The person went back, or the import has begun.
    """

    left = Signal()

    def __init__(self, services: Services) -> None:
        super().__init__(_("How documents become rows"))
        self._services = services
        self._request: DocumentRequest | None = None
        self._asked = 0
        self._import = Button(_("Import"), kind="primary")
        self._together = SegmentedControl(name=_("Documents become"))
        self._tokens = NumberField(
            name=_("Longest row"), minimum=32, maximum=100_000, step=100, unit=_("tokens")
        )
        self._overlap = NumberField(
            name=_("Repeated from the row before"), minimum=0, maximum=50_000, step=10,
            unit=_("tokens"),
        )  # fmt: skip
        self._counter = SelectField(name=_("Count tokens as"))
        self._counter.setMinimumContentsLength(NAME_CHARACTERS)
        self._hint = TextLabel("", role="small", colour="text2", wrap=True)
        self._questions = Switch(
            name=_("Questions"), on=_("Look for questions with answers"), off=_("All as text")
        )
        self._words = TextLabel("", colour="text2", wrap=True, figures=True)
        self._problem = TextLabel("", role="small", colour="danger", wrap=True)
        self._pieces = Column(gap=10)
        self._wait = QTimer(self, singleShot=True, interval=WAIT_MS)
        self._fill()
        self._connect()

    def _fill(self) -> None:
        self.header.set_back(_("Datasets"))
        self.header.set_actions(self._import)
        self._together.set_parts([(ONE, _("One dataset")), (EACH, _("One for each"))])
        self._together_field = Field(_("Documents become"), self._together)
        self._cutting = Panel(
            Column(
                Flow(
                    Field(_("Longest row"), self._tokens),
                    Field(_("Repeated from the row before"), self._overlap),
                    gap=16,
                ),
                Flow(Field(_("Count tokens as"), self._counter)),
                Flow(self._questions),
                self._hint,
                self._problem,
                gap=12,
            )
        )
        choices = Card(padding=16).add(Flow(self._together_field), self._cutting)
        self._title = SectionTitle("")
        shown = Card(padding=16).add(self._title, self._words, Panel(self._pieces))
        self.add(choices, shown)

    def _connect(self) -> None:
        self.header.back_clicked.connect(self.left)
        for number in (self._tokens, self._overlap):
            number.value_changed.connect(self._on_changed)
        self._counter.chosen.connect(self._on_counter)
        self._questions.toggled.connect(self._on_changed)
        self._services.library.models_changed.connect(self._show_models)
        self._wait.timeout.connect(self._look)
        self._import.clicked.connect(self._on_import)

    # ------------------------------------------------------------------ what is shown

    def show_request(self, request: DocumentRequest) -> None:
        """Ask about some documents."""
        self._request = request
        self.header.set_meta(request_words(request))
        usual = Chunking()
        self._tokens.set_value(usual.tokens)
        self._overlap.set_value(usual.overlap_tokens)
        self._show_models()
        self._questions.blockSignals(True)
        self._questions.setChecked(usual.finds_questions)
        self._questions.blockSignals(False)
        self._together.set_value(ONE)
        self._together_field.setHidden(len(request.paths) == 1)
        self.header.set_title(request_title(request))
        self._cutting.setHidden(not request.is_cut)
        self._words.setHidden(not request.is_cut)
        self._title.set_text(_("The first rows") if request.is_cut else _("Files"))
        clear_layout(self._pieces)
        self._import.set_reason("")
        if request.is_cut:
            self._look()
            return
        for name in listed_names(request):
            self._pieces.add(TextLabel(name, elide=True))

    def chunking(self) -> Chunking:
        """Return what was chosen."""
        return Chunking(
            tokens=int(self._tokens.value()),
            overlap_tokens=int(self._overlap.value()),
            finds_questions=self._questions.isChecked(),
            model_id=self._counter.value(),
        )

    def _show_models(self) -> None:
        """Offer the models of the library; where the chosen one is gone, lengths are estimated."""
        before = self._counter.value()
        self._counter.set_options(counter_options(self._services.library.models))
        self._show_hint()
        if self._counter.value() != before:
            self._wait.start()

    def _show_hint(self) -> None:
        self._hint.set_text(counter_hint(self._services.library.model(self._counter.value())))

    def _on_counter(self, _key: str) -> None:
        self._show_hint()
        self._look()

    def _on_changed(self, _value: object = None) -> None:
        self._wait.start()

    def _look(self) -> None:
        request = self._request
        if request is None or not request.is_cut:
            return
        self._asked += 1
        asked, chunking, api = self._asked, self.chunking(), self._services.api
        self._words.set_text(_("Looking into the documents…"))
        self._services.tasks.run(
            # What nobody waits for any more is not looked at.
            lambda: (
                api.documents.preview(request.paths, chunking) if asked == self._asked else None
            ),
            lambda outcome: self._take(asked, outcome),
            owner=self,
            lane=Lane.READING,
        )

    def _take(self, asked: int, outcome: Outcome[DocumentPreview | None]) -> None:
        if asked != self._asked:
            return
        clear_layout(self._pieces)
        error = outcome.error
        self._problem.set_text("" if error is None else f"{error.message} {error.remedy}")
        self._problem.setHidden(error is None)
        if error is not None:
            self._words.set_text("")
            self._import.set_reason(error.message)
            return
        found = outcome.value
        if found is None:
            return
        self._words.set_text(preview_words(found))
        self._import.set_reason("" if found.rows else preview_words(found))
        for line in found.rejects:
            self._pieces.add(TextLabel(line, role="small", colour="warning", wrap=True))
        for piece in found.chunks:
            self._show_piece(piece_view(piece, is_exact=found.is_exact))

    def _show_piece(self, piece: PieceView) -> None:
        self._pieces.add(TextLabel(piece.title, role="label"))
        if piece.repeated:
            words = _("Repeated: {text}").format(text=piece.repeated)
            self._pieces.add(TextLabel(words, role="small", colour="text2", wrap=True))
        self._pieces.add(TextLabel(piece.text, wrap=True, selectable=True))

    # ------------------------------------------------------------------ what can be done

    def _on_import(self) -> None:
        request = self._request
        if request is None:
            return
        import_now(
            self._services,
            paths=request.paths,
            name=request.name,
            chunking=self.chunking() if request.is_cut else None,
            is_separate=self._together.value() == EACH,
        )
        self.left.emit()
