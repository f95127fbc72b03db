# SPDX-License-Identifier: Apache-2.0
"""Asks what the columns of files mean, and shows at once what rows become of it."""

from __future__ import annotations

from gettext import gettext as _
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer, Signal

from engine.domain.dataset import Mapping, RowKind
from engine.domain.mapping import SavedMapping, problems_of_mapping
from gui.actions.import_files import import_now
from gui.actions.mapping import read_sample, remove_mapping, save_mapping, try_mapping
from gui.bridge.services import Services
from gui.bridge.tasks import Outcome
from gui.pages.datasets.mapping_form import MappingForm
from gui.pages.datasets.mapping_preview import MappingPreview
from gui.viewmodels.import_requests import MappingRequest
from gui.viewmodels.mapping import (
    PreviewRows,
    column_lines,
    draft_of,
    files_words,
    guess_words,
    mapping_of,
    problems_view,
    saved_choices,
)
from gui.widgets.box import Column, Flow, Panel, Reflow, Row
from gui.widgets.buttons import Button
from gui.widgets.card import Card
from gui.widgets.empty import Skeleton
from gui.widgets.error_panel import ErrorPanel, ErrorText
from gui.widgets.fields import Field, SelectField, TextField
from gui.widgets.fitting_table import FittingTable
from gui.widgets.page import Page, Stack
from gui.widgets.rows import SectionTitle
from gui.widgets.table import Column as TableColumn
from gui.widgets.text import TextLabel

if TYPE_CHECKING:
    from engine.api.mappings import PreviewRow, Sample

WAIT_MS = 150
"""How long typing rests before the rows are shown anew."""


class MappingPage(Page):
    """The columns at the left, the parts of a row at the right, what rows become below.

    Signals:
        left: The person went back, or the import has begun.
    """

    left = Signal()

    def __init__(self, services: Services) -> None:
        super().__init__(_("What the columns mean"))
        self._services = services
        self._request: MappingRequest | None = None
        self._sample: Sample | None = None
        self._saved: list[SavedMapping] = []
        self._asked = 0
        self._reason = ""
        self._guess = TextLabel("", colour="text2", wrap=True)
        self._choice = SelectField(name=_("Begin with"))
        self._choice_field = Field(_("Begin with"), self._choice)
        self._forget = Button(_("Remove this mapping"), kind="ghost", size="small")
        self._table = FittingTable(name=_("Columns of the files"))
        self._form = MappingForm()
        self._whole = TextLabel("", role="small", colour="danger", wrap=True)
        self._preview = MappingPreview()
        self._name = TextField(name=_("Name of the mapping"), placeholder=_("Such as: Tickets"))
        self._save = Button(_("Save mapping"))
        self._import = Button(_("Import"), kind="primary")
        self._skeleton = Skeleton(rows=6)
        self._error = ErrorPanel()
        self._stack = Stack()
        self._timer = QTimer(self, singleShot=True, interval=WAIT_MS)
        self._fill()
        self._connect()

    def _fill(self) -> None:
        self.header.set_back(_("Datasets"))
        self.header.set_actions(self._import)
        self._table.set_ranked_columns(
            [
                (TableColumn(key="name", title=_("Column"), width=130, code=True), 0),
                (TableColumn(key="examples", title=_("Examples"), width=130, stretch=True), 0),
                (TableColumn(key="types", title=_("Holds"), width=84, muted=True), 1),
            ]
        )
        self._table.set_empty_text(_("These files have no columns."))
        hint = _(
            "Enter puts a column into the field that you wrote in last. A text may hold columns, "
            "such as: Subject: {subject}. Shift+Enter begins a new line. Write two braces for one."
        )
        columns = Card(padding=16).add(
            SectionTitle(_("Columns")),
            self._table,
            TextLabel(hint, role="small", colour="text2", wrap=True),
        )
        parts = Card(padding=16).add(
            self._choice_field, Flow(self._forget), self._form, self._whole
        )
        save = Row(gap=8)
        save.addWidget(self._name, 1)
        save.add(self._save)
        kept = Card(padding=16).add(
            SectionTitle(_("Use it again")),
            TextLabel(
                _("A saved mapping is offered for the next files with these columns."),
                role="small", colour="text2", wrap=True,
            ),
            save,
        )  # fmt: skip
        filled = Column(
            self._guess,
            Reflow(columns, parts, gap=16, line_gap=16, stack_below=720, stretches=(1, 1)),
            Card(padding=16).add(self._preview),
            kept,
            gap=16,
        )
        self._filled = Panel(filled)
        self._loading = Panel(Column(self._skeleton, gap=0))
        self._failed = Panel(Column(Card(padding=20).add(self._error), gap=0))
        for one in (self._loading, self._filled, self._failed):
            self._stack.addWidget(one)
        self.add(self._stack)

    def _connect(self) -> None:
        self.header.back_clicked.connect(self.left)
        self._form.changed.connect(self._on_changed)
        self._timer.timeout.connect(self._try)
        self._choice.chosen.connect(self._begin_with)
        self._forget.clicked.connect(self._on_forget)
        self._table.row_activated.connect(self._insert)
        self._save.clicked.connect(self._on_save)
        self._name.textChanged.connect(self._follow_name)
        self._import.clicked.connect(self._on_import)

    # --- reading the files ----------------------------------------------------------------------

    def show_request(self, request: MappingRequest) -> None:
        """Ask about other files."""
        self._request, self._sample = request, None
        self.header.set_meta(files_words(request.paths))
        self._set_reason(_("The files are being read."))
        self._stack.setCurrentWidget(self._loading)
        self._skeleton.start()
        read_sample(self._services, paths=request.paths, owner=self, done=self._on_read)

    def _on_read(self, outcome: Outcome[tuple[Sample, list[SavedMapping]]]) -> None:
        self._skeleton.stop()
        if outcome.error is not None:
            error = outcome.error
            self._error.set_error(
                ErrorText(
                    title=_("These files cannot be read"),
                    cause=error.message,
                    remedy=error.remedy,
                    code=error.code,
                    details=error.detail,
                )
            )
            self._set_reason(error.message)
            self._stack.setCurrentWidget(self._failed)
            return
        self._sample, self._saved = outcome.value
        self._show_sample(self._sample)

    def _show_sample(self, sample: Sample) -> None:
        lines = column_lines(sample.columns)
        self._guess.set_text(guess_words(sample.files))
        self._table.set_rows([(one.name, one.examples, one.types) for one in lines])
        self._choice.set_options(saved_choices(self._saved))
        self._choice_field.setHidden(not self._saved)
        self._form.set_columns(sample.columns)
        asked = self._request.mapping if self._request is not None else None
        first = self._saved[0].name if self._saved and asked is None else ""
        self._choice.set_value(first)
        self._name.setText(first)
        self._forget.setHidden(not first)
        self._form.set_draft(draft_of(asked or self._mapping_named(first)))
        self._stack.setCurrentWidget(self._filled)
        self._try()

    def _mapping_named(self, name: str) -> Mapping:
        """Return a saved mapping, or the proposal where there is none of the name."""
        found = next((one.mapping for one in self._saved if one.name == name), None)
        if found is None and self._sample is not None:
            return self._sample.proposal
        return found or Mapping(kind=RowKind.CHAT, parts=())

    def _begin_with(self, name: str) -> None:
        self._name.setText(name)
        self._forget.setHidden(not name)
        self._form.set_draft(draft_of(self._mapping_named(name)))
        self._try()

    def _on_forget(self) -> None:
        name = self._choice.value()
        remove_mapping(self._services, name=name, done=lambda: self._drop(name))

    def _drop(self, name: str) -> None:
        """Offer a mapping no more; the form keeps what it says."""
        self._saved = [one for one in self._saved if one.name != name]
        self._choice.set_options(saved_choices(self._saved))
        self._choice.set_value("")
        self._choice_field.setHidden(not self._saved)
        self._forget.hide()

    # --- the form -------------------------------------------------------------------------------

    def _insert(self, row: int) -> None:
        if self._sample is not None:
            self._form.insert(self._sample.columns[row].expression)

    def _on_changed(self) -> None:
        self._timer.start()

    def _try(self) -> None:
        """Say what is wrong with the mapping, or show what rows become."""
        if self._sample is None:
            return
        mapping, keys = mapping_of(self._form.draft())
        shown = problems_view(problems_of_mapping(mapping, self._sample.names), keys)
        self._form.set_errors(shown.by_field)
        self._whole.set_text(shown.whole)
        self._whole.setHidden(not shown.whole)
        self._set_reason(shown.reason)
        self._asked += 1
        if shown.reason:
            self._preview.set_rows(PreviewRows(()), mapping.kind)
            return
        asked = self._asked

        def done(outcome: Outcome[list[PreviewRow]]) -> None:
            if asked == self._asked:
                rows = outcome.value if outcome.error is None else []
                self._preview.set_rows(PreviewRows(rows), mapping.kind)

        try_mapping(self._services, sample=self._sample, mapping=mapping, owner=self, done=done)

    # --- what is done with it -------------------------------------------------------------------

    def _set_reason(self, reason: str) -> None:
        """Say why nothing can be imported or saved now; "" where it can."""
        self._reason = reason
        self._import.set_reason(reason)
        self._follow_name()

    def _follow_name(self) -> None:
        nameless = "" if self._name.text().strip() else _("Give it a name first.")
        self._save.set_reason(self._reason or nameless)

    def _on_save(self) -> None:
        if self._sample is not None:
            mapping, _keys = mapping_of(self._form.draft())
            save_mapping(
                self._services,
                name=self._name.text(),
                mapping=mapping,
                columns=self._sample.names,
            )

    def _on_import(self) -> None:
        self._timer.stop()
        self._try()
        if self._request is None or self._reason:
            return
        mapping, _keys = mapping_of(self._form.draft())
        paths: list[Path] = list(self._request.paths)
        import_now(self._services, paths=paths, name=self._request.name, mapping=mapping)
        self.left.emit()
