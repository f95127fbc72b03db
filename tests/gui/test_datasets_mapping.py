# SPDX-License-Identifier: Apache-2.0
"""Asking what columns mean: when it is asked, what is shown, what comes of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from engine.domain.dataset import Mapping, Part, RowKind
from engine.domain.mapping import SavedMapping
from engine.domain.run import JobKind
from engine.errors import FileMissing
from engine.protocol.events import Failed, WorkerStarted
from gui.actions.import_files import import_files
from gui.bridge.services import Services
from gui.pages.datasets.imports import FailedImports
from gui.pages.datasets.mapping_form import ExpressionField, MappingForm
from gui.pages.datasets.mapping_page import MappingPage
from gui.pages.datasets.mapping_preview import MappingPreview
from gui.pages.datasets.view import DatasetsPage
from gui.viewmodels.import_requests import MappingRequest
from gui.widgets.buttons import Button, IconButton
from gui.widgets.error_panel import ErrorPanel
from gui.widgets.fields import SelectField, TextField
from gui.widgets.table import DataTable
from gui.widgets.text import LinkLabel
from tests.fakes.api import FakeApi
from tests.fakes.mappings import a_sample
from tests.gui.find import child

pytestmark = pytest.mark.gui

PATHS = (Path("/data/tickets.csv"),)
RECORDS = [
    {"subject": "Scanner", "body": "It hangs.", "reply": "Restart it."},
    {"subject": "Badge", "body": "It blinks.", "reply": ""},
    {"subject": "Scale", "body": "It drifts.", "reply": "Set it to zero."},
]
PROPOSAL = Mapping(
    kind=RowKind.CHAT,
    parts=(Part(target="user", value="{subject}"), Part(target="assistant", value="{reply}")),
)


@pytest.fixture
def page(window_services: Services, api: FakeApi, qtbot: QtBot) -> DatasetsPage:
    """Return the page Datasets, in a workspace where the files are not recognised."""
    api.mappings.found = a_sample(
        RECORDS, proposal=PROPOSAL, confidence=0.0, reason="No name is known."
    )
    made = DatasetsPage(window_services)
    qtbot.addWidget(made)
    window_services.navigator.requested.connect(lambda _page, what: made.show_argument(what))
    read: list[bool] = []
    window_services.library.refresh(lambda: read.append(True))
    qtbot.wait_until(lambda: bool(read))
    made.resize(1070, 720)
    made.show()
    return made


@pytest.fixture
def asked(page: DatasetsPage, qtbot: QtBot) -> MappingPage:
    """Return the page that asks, with the files read and the rows tried."""
    page.show_argument(MappingRequest(paths=PATHS, name="Tickets"))
    found = child(page, MappingPage)
    qtbot.wait_until(lambda: preview(found).model().rowCount() == 3)
    return found


def preview(page: MappingPage) -> DataTable:
    return child(child(page, MappingPreview), DataTable)


def field(page: MappingPage, name: str) -> TextField:
    found = page.findChildren(ExpressionField)
    return next(one.edit for one in found if one.edit.accessibleName() == name)


def button(page: MappingPage, text: str) -> Button:
    return next(one for one in page.findChildren(Button) if one.text() == text)


def texts(page: MappingPage) -> list[str]:
    shown = [one for one in page.findChildren(QLabel) if one.isVisible()]
    return [one.text() for one in shown]


def test_files_that_are_recognised_are_imported_at_once(
    window_services: Services, api: FakeApi, page: DatasetsPage, qtbot: QtBot
) -> None:
    api.mappings.found = a_sample(RECORDS, confidence=0.9)
    import_files(window_services, paths=PATHS)
    qtbot.wait_until(lambda: api.datasets.imported == [(PATHS, "")])
    assert api.datasets.mapped == [None]
    assert not page.findChildren(MappingPage)


def test_files_that_are_not_recognised_are_asked_about(
    window_services: Services, api: FakeApi, page: DatasetsPage, qtbot: QtBot
) -> None:
    import_files(window_services, paths=PATHS)
    qtbot.wait_until(lambda: bool(page.findChildren(MappingPage)))
    found = child(page, MappingPage)
    qtbot.wait_until(lambda: preview(found).model().rowCount() == 3)
    assert api.datasets.imported == []
    assert any("No name is known." in one for one in texts(found))


def test_files_that_cannot_be_read_are_refused_by_the_import(
    window_services: Services, api: FakeApi, page: DatasetsPage, qtbot: QtBot
) -> None:
    api.mappings.error = FileMissing("gone")
    import_files(window_services, paths=PATHS)
    qtbot.wait_until(lambda: api.datasets.imported == [(PATHS, "")])
    assert not page.findChildren(MappingPage)


def test_preview_shows_rows_and_what_is_rejected(asked: MappingPage) -> None:
    model = preview(asked).model()
    cells = [model.index(row, 1).data() for row in range(3)]
    assert cells == ["Scanner", "The field assistant holds no text.", "Scale"]
    assert "Restart it." in texts(asked)


def test_typing_shows_the_rows_anew_and_problems_in_words(asked: MappingPage, qtbot: QtBot) -> None:
    user = field(asked, "User says")
    user.setFocus()
    user.selectAll()
    qtbot.keyClicks(user, "About {subject}: {body}")
    qtbot.wait_until(
        lambda: preview(asked).model().index(0, 1).data() == "About Scanner: It hangs."
    )
    qtbot.keyClicks(user, " {")
    qtbot.wait_until(lambda: not button(asked, "Import").isEnabled())
    assert any("}" in one and "missing" in one for one in texts(asked))
    assert preview(asked).model().rowCount() == 0
    user.setText("subject")
    qtbot.wait_until(lambda: any("Write {subject}" in one for one in texts(asked)))


def test_enter_on_a_column_puts_it_into_the_field_that_was_written_in(
    asked: MappingPage, qtbot: QtBot
) -> None:
    system = field(asked, "Instruction to the assistant (optional)")
    system.setFocus()
    qtbot.keyClicks(system, "On ")
    table = next(one for one in asked.findChildren(DataTable) if one is not preview(asked))
    table.setFocus()
    table.set_current(1)
    qtbot.keyClick(table, Qt.Key.Key_Return)
    assert system.text() == "On {body}"
    picker = next(
        one
        for one in asked.findChildren(IconButton)
        if one.accessibleName() == "Insert a column into: Assistant answers"
    )
    picker.picked.emit("{body}")
    assert field(asked, "Assistant answers").text().endswith("{body}")


def test_new_lines_are_shown_as_a_sign_and_kept(asked: MappingPage, qtbot: QtBot) -> None:
    form = child(asked, MappingForm)
    user = field(asked, "User says")
    user.setText("{subject}")
    qtbot.keyClick(user, Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
    qtbot.keyClicks(user, "{body}")
    assert form.draft().values["user:1"] == "{subject}\n{body}"
    assert "\u21b5" in user.text()
    qtbot.wait_until(lambda: "Scanner\nIt hangs." in texts(asked))


def test_another_kind_of_rows_asks_for_its_parts(asked: MappingPage, qtbot: QtBot) -> None:
    kind = next(
        one for one in asked.findChildren(SelectField)
        if one.accessibleName() == "What a row becomes"
    )  # fmt: skip
    kind.set_value("label")
    kind.chosen.emit("label")
    qtbot.wait_until(lambda: not button(asked, "Import").isEnabled())
    field(asked, "Text").setText("{body}")
    field(asked, "Class").setText("{subject}")
    qtbot.wait_until(lambda: preview(asked).model().rowCount() == 3)
    assert preview(asked).model().index(2, 2).data() == "Scale"


def test_turns_are_added_and_removed(asked: MappingPage) -> None:
    form = child(asked, MappingForm)
    button(asked, "Add a turn").click()
    assert len(form.findChildren(ExpressionField)) == 5
    button(asked, "Earlier turns and tools").click()
    assert len(form.findChildren(ExpressionField)) == 7
    button(asked, "Remove the last turn").click()
    assert not button(asked, "Remove the last turn").isVisible()
    assert field(asked, "User says").text() == "{subject}"


def test_import_takes_the_mapping_and_goes_back(
    asked: MappingPage, api: FakeApi, qtbot: QtBot
) -> None:
    field(asked, "Instruction to the assistant (optional)").setText("Be brief.")
    button(asked, "Import").click()
    qtbot.wait_until(lambda: api.datasets.imported == [(PATHS, "Tickets")])
    (mapping,) = api.datasets.mapped
    assert mapping is not None
    assert mapping.parts == (Part(target="system", value="Be brief."), *PROPOSAL.parts)
    assert not asked.isVisible()


def test_import_of_what_is_wrong_is_not_begun(asked: MappingPage, api: FakeApi) -> None:
    field(asked, "User says").setText("{")
    button(asked, "Import").click()
    assert api.datasets.imported == []
    assert asked.isVisible()


def test_mapping_is_saved_under_a_name(asked: MappingPage, api: FakeApi, qtbot: QtBot) -> None:
    assert not button(asked, "Save mapping").isEnabled()
    next(
        one for one in asked.findChildren(TextField)
        if one.accessibleName() == "Name of the mapping"
    ).setText("Tickets")  # fmt: skip
    button(asked, "Save mapping").click()
    qtbot.wait_until(lambda: [one.name for one in api.mappings.all] == ["Tickets"])
    assert api.mappings.all[0].columns == ("body", "reply", "subject")


def test_saved_mapping_that_fits_is_offered_first(
    page: DatasetsPage, api: FakeApi, qtbot: QtBot
) -> None:
    text = Mapping(kind=RowKind.TEXT, parts=(Part(target="text", value="{body}"),))
    api.mappings.all = [SavedMapping(name="Bodies", columns=(), mapping=text, saved_at="")]
    page.show_argument(MappingRequest(paths=PATHS))
    found = child(page, MappingPage)
    qtbot.wait_until(lambda: preview(found).model().rowCount() == 3)
    assert field(found, "Text").text() == "{body}"
    begin = next(
        one for one in found.findChildren(SelectField) if one.accessibleName() == "Begin with"
    )
    begin.set_value("")
    begin.chosen.emit("")
    assert field(found, "User says").text() == "{subject}"
    assert not button(found, "Remove this mapping").isVisible()
    begin.set_value("Bodies")
    begin.chosen.emit("Bodies")
    button(found, "Remove this mapping").click()
    qtbot.wait_until(lambda: not begin.isVisible())
    assert api.mappings.all == []
    assert field(found, "Text").text() == "{body}"


def test_files_that_cannot_be_read_say_why(page: DatasetsPage, api: FakeApi, qtbot: QtBot) -> None:
    api.mappings.error = FileMissing("/data/tickets.csv does not exist.")
    page.show_argument(MappingRequest(paths=PATHS))
    found = child(page, MappingPage)
    panel = child(found, ErrorPanel)
    qtbot.wait_until(panel.isVisible)
    assert "/data/tickets.csv does not exist." in texts(found)
    assert not button(found, "Import").isEnabled()
    child(found, LinkLabel).clicked.emit()
    assert not found.isVisible()


def test_failed_import_leads_to_the_mapping(
    page: DatasetsPage, window_services: Services, api: FakeApi, qtbot: QtBot
) -> None:
    job = api.jobs.make(
        JobKind.IMPORT, "tickets.csv", "j1",
        options={"paths": ["/data/tickets.csv"], "name": "Tickets"},
    )  # fmt: skip
    failed = Failed(code="no_usable_rows", message="None could be used.", remedy="Look.")
    job.emit(WorkerStarted(attempt=1, pid=1), failed)
    read: list[bool] = []
    window_services.library.refresh(lambda: read.append(True))
    qtbot.wait_until(lambda: bool(read))
    panel = child(child(page, FailedImports), ErrorPanel)
    # The error of such an import names the button by this word.
    assert "Map columns…" in [one.text() for one in panel.findChildren(Button)]
    panel.action_triggered.emit("map")
    qtbot.wait_until(lambda: bool(page.findChildren(MappingPage)))
    found = child(page, MappingPage)
    qtbot.wait_until(lambda: found.isVisible() and preview(found).model().rowCount() == 3)
    qtbot.wait_until(lambda: "j1" not in api.jobs.by_id)
