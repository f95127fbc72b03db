# SPDX-License-Identifier: Apache-2.0
"""The Rows tab: searching, filtering, choosing many, changing rows, and taking it back."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QItemSelectionModel, Qt
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from engine.domain.dataset import ChatRow, Role, Row, RowKind, TextRow, Turn
from engine.domain.report import CheckResult, Report
from engine.domain.row_query import RowMark, RowSort
from engine.domain.version import Action, VersionInfo
from engine.errors import WrongUsage
from gui.bridge.services import Services
from gui.pages.datasets.row_editor import RowEditor
from gui.pages.datasets.row_reader import RowReader
from gui.pages.datasets.rows_table import RowsTable
from gui.pages.datasets.view import DatasetsPage
from gui.viewmodels.row_draft import draft_of
from gui.widgets.buttons import Button, IconButton
from gui.widgets.choices import SegmentedControl, Switch
from gui.widgets.fields import SearchField, SelectField, TextArea, TextField
from gui.widgets.multi_select import MultiSelectField
from gui.widgets.tabs import TabBar
from gui.widgets.text import TextLabel
from gui.widgets.theme.theme import Theme, theme
from tests.fakes.api import MOMENT, FakeApi, a_dataset
from tests.fakes.rows import a_chat
from tests.gui.find import child

pytestmark = pytest.mark.gui

REPORT = Report(
    version=1,
    checked_at=MOMENT,
    duration_s=1.0,
    rows=40,
    near_similarity=0.8,
    eval_rows_needed=385,
    results=(CheckResult(check="exact_copies", rows=2, groups=1),),
)


@pytest.fixture
def page(api: FakeApi, window_services: Services, qtbot: QtBot) -> DatasetsPage:
    """Return the page on a dataset of 40 rows, every tenth of which is of a scanner."""
    api.datasets.all = [a_dataset(splits={"train": 40, "eval": 3}, rows=43)]
    rows: list[Row] = [
        a_chat(f"question {one}" + (" scanner" if one % 10 == 0 else ""), f"answer {one}")
        for one in range(40)
    ]
    api.datasets.rows[("d1", "train")] = rows
    api.reports.report = REPORT
    api.versions.all = [
        VersionInfo(
            number=1, parent=0, action=Action.IMPORTED, changed=43, splits={}, made_at=MOMENT
        )
    ]
    page = DatasetsPage(window_services)
    qtbot.addWidget(page)
    with qtbot.wait_signal(window_services.library.loaded):
        window_services.library.refresh()
    page.resize(1070, 720)
    page.show()
    page.show_argument("d1")
    wait_for_rows(page, qtbot, 40)
    return page


def wait_for_rows(page: DatasetsPage, qtbot: QtBot, count: int) -> None:
    qtbot.wait_until(lambda: table(page).model().rowCount() == count)


def table(page: DatasetsPage) -> RowsTable:
    return child(page, RowsTable)


def named(page: QWidget, kind: type, name: str) -> QWidget:
    return next(one for one in page.findChildren(kind) if one.accessibleName() == name)


def icon(page: DatasetsPage, name: str) -> IconButton:
    found = named(page, IconButton, name)
    assert isinstance(found, IconButton)
    return found


def search(page: DatasetsPage) -> SearchField:
    found = named(page, SearchField, "Find in the rows")
    assert isinstance(found, SearchField)
    return found


def select(page: DatasetsPage, name: str, key: str) -> None:
    field = named(page, SelectField, name)
    assert isinstance(field, SelectField)
    field.set_value(key)
    field.chosen.emit(key)


def texts(page: QWidget) -> list[str]:
    return [one.text() for one in page.findChildren(TextLabel) if one.isVisible()]


def choose(page: DatasetsPage, *rows: int) -> None:
    model = table(page).selectionModel()
    flags = QItemSelectionModel.SelectionFlag
    model.clearSelection()
    for row in rows:
        model.select(table(page).model().index(row, 0), flags.Select | flags.Rows)


# ---------------------------------------------------------------------- finding


def test_search_shows_what_is_found_and_counts_it(page: DatasetsPage, qtbot: QtBot) -> None:
    qtbot.keyClicks(search(page), "scanner")
    wait_for_rows(page, qtbot, 4)
    assert "4 of 40 rows" in texts(page)
    assert table(page).model().index(1, 0).data() == "11"
    qtbot.keyClick(search(page), Qt.Key.Key_Escape)
    wait_for_rows(page, qtbot, 40)
    assert "40 rows" in texts(page)


def test_search_by_keys_goes_to_its_field(page: DatasetsPage, qtbot: QtBot) -> None:
    page.activateWindow()
    table(page).setFocus()
    qtbot.keyClick(table(page), Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier)
    qtbot.wait_until(lambda: search(page).hasFocus())


def test_search_that_finds_nothing_says_so(page: DatasetsPage, qtbot: QtBot) -> None:
    search(page).setText("no such words")
    wait_for_rows(page, qtbot, 0)
    assert "0 of 40 rows" in texts(page)
    assert not icon(page, "Leave the chosen rows out (Delete)").isEnabled()


def test_bad_pattern_is_said_beside_the_search(
    page: DatasetsPage, api: FakeApi, qtbot: QtBot
) -> None:
    named(page, Switch, "Search by pattern").click()  # type: ignore[attr-defined]  # by kind
    api.row_views.error = WrongUsage("This is no regular expression: (", remedy="Escape it.")
    search(page).setText("(")
    qtbot.wait_until(lambda: "This is no regular expression: ( Escape it." in texts(page))
    assert api.row_views.queries[-1].is_pattern
    api.row_views.error = None
    search(page).setText("scanner")
    wait_for_rows(page, qtbot, 4)
    assert not any("no regular" in one for one in texts(page))


def which_rows(page: DatasetsPage) -> MultiSelectField:
    found = named(page, MultiSelectField, "Which rows")
    assert isinstance(found, MultiSelectField)
    return found


def test_filter_takes_the_rows_of_any_chosen_finding_or_tag(
    page: DatasetsPage, api: FakeApi, qtbot: QtBot
) -> None:
    api.versions.tagged = {"odd": [5]}
    api.row_views.within = {"exact_copies": [3, 7], "odd": [5]}
    show_version(page, api, qtbot, 2)
    field = which_rows(page)
    qtbot.wait_until(lambda: len(field.menu().actions()) == 4)
    for key, count, said in (
        ("check:exact_copies:", 2, "Exact copies (2)"),
        ("tag:odd", 3, "Any of 2 kinds"),
    ):
        field.picked.emit(key)
        wait_for_rows(page, qtbot, count)
        assert field.text() == said
    assert api.row_views.queries[-1].marks == (RowMark(check="exact_copies"), RowMark(tag="odd"))
    field.picked.emit("")
    wait_for_rows(page, qtbot, 40)
    assert field.text() == "Every row"


def test_filter_that_is_found_no_more_is_taken_off(
    page: DatasetsPage, api: FakeApi, qtbot: QtBot
) -> None:
    api.row_views.within = {"exact_copies": [3, 7]}
    which_rows(page).picked.emit("check:exact_copies:")
    wait_for_rows(page, qtbot, 2)
    api.reports.report = None
    show_version(page, api, qtbot, 2)
    assert which_rows(page).values() == ()


def test_order_by_length_is_asked_for(page: DatasetsPage, api: FakeApi, qtbot: QtBot) -> None:
    select(page, "Order of the rows", "longest")
    qtbot.wait_until(lambda: bool(api.row_views.queries))
    assert api.row_views.queries[-1].sort is RowSort.LONGEST


def show_copies(page: DatasetsPage, qtbot: QtBot) -> TabBar:
    bar = child(page, TabBar)
    bar.set_value("health")
    bar.chosen.emit("health")
    qtbot.wait_until(lambda: any("thing" in one for one in texts(page)))
    link = next(
        one for one in page.findChildren(QWidget) if one.accessibleName() == "Show: Exact copies"
    )
    qtbot.mouseClick(link, Qt.MouseButton.LeftButton)
    return bar


def cell(page: DatasetsPage, row: int, title: str, *, spoken: bool = False) -> str:
    model = table(page).model()
    flat, aloud = Qt.Orientation.Horizontal, Qt.ItemDataRole.AccessibleTextRole
    titles = [model.headerData(one, flat) for one in range(model.columnCount())]
    role = aloud if spoken else Qt.ItemDataRole.DisplayRole
    return str(model.index(row, titles.index(title)).data(role))


def test_show_on_a_finding_leads_to_its_rows_of_both_parts_by_group(
    page: DatasetsPage, api: FakeApi, qtbot: QtBot
) -> None:
    api.row_views.within = {"exact_copies": [3, 7, 20, 41]}
    api.row_views.groups = {3: 0, 7: 0, 20: 1, 41: 1}
    bar = show_copies(page, qtbot)
    wait_for_rows(page, qtbot, 4)
    assert bar.value() == "rows"
    assert child(page, SegmentedControl).value() == "all"
    assert "4 of 43 rows, 2 groups" in texts(page)
    shown = [[cell(page, row, one) for one in ("Group", "Part", "Row")] for row in range(4)]
    assert shown == [
        ["1", "Training", "4"],
        ["1", "Training", "8"],
        ["2", "Training", "21"],
        ["2", "Held out", "2"],
    ]
    assert cell(page, 3, "Group", spoken=True) == "Group 2 of 2"
    table(page).set_current(3)
    qtbot.keyClick(table(page), Qt.Key.Key_Up)
    qtbot.wait_until(lambda: "Training · Group 2 of 2" in texts(page))


def test_groups_are_set_apart_by_lines(page: DatasetsPage, api: FakeApi, qtbot: QtBot) -> None:
    api.row_views.within = {"exact_copies": [3, 7, 20]}
    api.row_views.groups = {3: 0, 7: 0, 20: 1}
    show_copies(page, qtbot)
    wait_for_rows(page, qtbot, 3)
    table(page).set_current(-1)
    picture = table(page).viewport().grab().toImage()
    ratio = picture.devicePixelRatio()
    below = [int((table(page).rowViewportPosition(one + 1) - 1) * ratio) for one in range(2)]
    ground = picture.pixelColor(2, below[0] - 3)
    assert picture.pixelColor(2, below[0]) == ground
    assert picture.pixelColor(2, below[1]) == theme().colour("outline")
    far = picture.width() - 3
    assert picture.pixelColor(far, below[0]) == theme().colour("hairline")
    assert picture.pixelColor(far, below[1]) == theme().colour("outline")


# ---------------------------------------------------------------------- changing


def test_delete_leaves_all_chosen_rows_out_in_one_change(
    page: DatasetsPage, api: FakeApi, qtbot: QtBot
) -> None:
    choose(page, 2, 5, 6)
    qtbot.keyClick(table(page), Qt.Key.Key_Delete)
    qtbot.wait_until(lambda: bool(api.versions.changes))
    assert api.versions.changes == [("d1", Action.REMOVED, [2, 5, 6])]


def test_all_rows_are_chosen_by_keys_and_tagged(
    page: DatasetsPage, api: FakeApi, qtbot: QtBot
) -> None:
    table(page).setFocus()
    qtbot.keyClick(table(page), Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    icon(page, "Tag the chosen rows").click()
    field = named(page, TextField, "Tag")
    qtbot.keyClicks(field, "odd")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    qtbot.wait_until(lambda: bool(api.versions.changes))
    assert api.versions.changes == [("d1", Action.TAGGED, list(range(40)), "odd")]


def test_edited_turn_becomes_a_new_row(page: DatasetsPage, api: FakeApi, qtbot: QtBot) -> None:
    choose(page, 1)
    table(page).set_current(1)
    page.activateWindow()
    table(page).setFocus()
    qtbot.keyClick(table(page), Qt.Key.Key_F2)
    editor = child(page, RowEditor)
    qtbot.wait_until(editor.isVisible)
    area = named(editor, TextArea, "Turn 1")
    assert isinstance(area, TextArea)
    assert area.text() == "question 1"
    area.setPlainText("What is it?")
    qtbot.keyClick(area, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    qtbot.wait_until(lambda: bool(api.versions.changes))
    ((_id, action, rows),) = api.versions.changes
    assert action is Action.EDITED
    assert isinstance(rows, dict)
    assert rows[1].messages[0] == Turn(role=Role.USER, content="What is it?")


def open_by(page: DatasetsPage, qtbot: QtBot, key: Qt.Key) -> RowEditor:
    table(page).set_current(3)
    table(page).setFocus()
    qtbot.keyClick(table(page), key)
    return child(page, RowEditor)


@pytest.mark.parametrize("key", [Qt.Key.Key_Return, Qt.Key.Key_Enter])
def test_enter_begins_editing_the_row_that_is_read(
    page: DatasetsPage, qtbot: QtBot, key: Qt.Key
) -> None:
    editor = open_by(page, qtbot, key)
    qtbot.wait_until(editor.isVisible)
    area = named(editor, TextArea, "Turn 1")
    assert isinstance(area, TextArea)
    assert area.text() == "question 3"
    qtbot.wait_until(lambda: editor.isAncestorOf(editor.window().focusWidget()))
    qtbot.keyClick(editor, Qt.Key.Key_Escape)
    qtbot.wait_until(lambda: editor.window().focusWidget() is table(page))


def test_what_was_written_is_not_lost_by_opening_another_row(
    page: DatasetsPage, qtbot: QtBot
) -> None:
    editor = open_by(page, qtbot, Qt.Key.Key_Return)
    area = named(editor, TextArea, "Turn 1")
    assert isinstance(area, TextArea)
    area.setPlainText("half a thought")
    table(page).set_current(5)
    qtbot.keyClick(table(page), Qt.Key.Key_Return)
    icon(page, "Add a row").click()
    assert area.text() == "half a thought"
    assert "Keep this row first, or cancel." in texts(editor)
    qtbot.keyClick(editor, Qt.Key.Key_Escape)
    table(page).set_current(5)
    qtbot.keyClick(table(page), Qt.Key.Key_Return)
    other = named(editor, TextArea, "Turn 1")
    assert isinstance(other, TextArea)
    assert other.text() == "question 5"


def test_enter_reads_the_row_where_there_is_no_room_beside_the_table(
    page: DatasetsPage, qtbot: QtBot
) -> None:
    page.resize(620, 720)
    editor = open_by(page, qtbot, Qt.Key.Key_Return)
    assert not editor.isVisible()
    qtbot.wait_until(child(page, RowReader).isVisible)


def test_enter_edits_no_row_that_is_left_out(
    page: DatasetsPage, api: FakeApi, qtbot: QtBot
) -> None:
    api.versions.left_out = [a_chat(f"gone {one}") for one in range(4)]
    parts = child(page, SegmentedControl)
    parts.set_value("left_out")
    parts.chosen.emit("left_out")
    wait_for_rows(page, qtbot, 4)
    assert not open_by(page, qtbot, Qt.Key.Key_Return).isVisible()


def test_editing_is_given_up_by_escape(page: DatasetsPage, api: FakeApi, qtbot: QtBot) -> None:
    icon(page, "Edit the row (Enter, F2)").click()
    editor = child(page, RowEditor)
    qtbot.wait_until(editor.isVisible)
    qtbot.keyClick(editor, Qt.Key.Key_Escape)
    qtbot.wait_until(lambda: not editor.isVisible())
    assert api.versions.changes == []


def test_row_that_is_refused_stays_in_the_editor_with_the_reason(
    page: DatasetsPage, api: FakeApi, qtbot: QtBot
) -> None:
    api.versions.refusal = WrongUsage("The row was not kept.", remedy="Fill in what is missing.")
    icon(page, "Add a row").click()
    editor = child(page, RowEditor)
    qtbot.wait_until(editor.isVisible)
    named(editor, Button, "Keep").click()  # type: ignore[attr-defined]  # found by kind
    qtbot.wait_until(lambda: "The row was not kept. Fill in what is missing." in texts(editor))
    assert editor.isVisible()


def add_question(page: DatasetsPage, qtbot: QtBot) -> None:
    icon(page, "Add a row").click()
    editor = child(page, RowEditor)
    qtbot.wait_until(editor.isVisible)
    for name, words in (("Turn 1", "q"), ("Turn 2", "a")):
        area = named(editor, TextArea, name)
        assert isinstance(area, TextArea)
        area.setPlainText(words)
    named(editor, Button, "Keep").click()  # type: ignore[attr-defined]  # found by kind


def test_added_row_goes_into_the_shown_part(page: DatasetsPage, api: FakeApi, qtbot: QtBot) -> None:
    add_question(page, qtbot)
    qtbot.wait_until(lambda: bool(api.versions.changes))
    ((_id, action, rows, split),) = api.versions.changes
    assert (action, split) == (Action.ADDED, "train")
    asked, answered = (Turn(role=Role.USER, content="q"), Turn(role=Role.ASSISTANT, content="a"))
    assert rows == [ChatRow(messages=(asked, answered))]


def test_row_added_among_all_rows_is_one_for_training(
    page: DatasetsPage, api: FakeApi, qtbot: QtBot
) -> None:
    parts = child(page, SegmentedControl)
    parts.set_value("all")
    parts.chosen.emit("all")
    wait_for_rows(page, qtbot, 43)
    assert (cell(page, 0, "Part"), cell(page, 42, "Part")) == ("Training", "Held out")
    add_question(page, qtbot)
    qtbot.wait_until(lambda: bool(api.versions.changes))
    assert api.versions.changes[0][-1] == "train"


def test_turns_are_added_and_removed_while_editing(page: DatasetsPage, qtbot: QtBot) -> None:
    icon(page, "Edit the row (Enter, F2)").click()
    editor = child(page, RowEditor)
    qtbot.wait_until(editor.isVisible)
    named(editor, Button, "Add a turn").click()  # type: ignore[attr-defined]  # found by kind
    qtbot.wait_until(lambda: len(editor.findChildren(TextArea)) == 3)
    named(editor, IconButton, "Remove Turn 1").click()  # type: ignore[attr-defined]  # by kind
    qtbot.wait_until(lambda: len(editor.findChildren(TextArea)) == 2)


TOOL_ROW = ChatRow(
    messages=(
        Turn(role=Role.USER, content="one\r\ntwo", name="a\nb"),
        Turn(role=Role.ASSISTANT, content="", tool_calls='[{"id":"c1"}]'),
        Turn(role=Role.TOOL, content="1", name="f", tool_call_id="c1"),
        Turn(role=Role.ASSISTANT, content="One."),
    )
)


@pytest.fixture
def tool_editor(themed: Theme, qtbot: QtBot) -> RowEditor:
    """Return an editor of a row with a tool's turn."""
    editor = RowEditor()
    qtbot.addWidget(editor)
    editor.show()
    editor.start("Row 1", draft_of(TOOL_ROW))
    return editor


def line(editor: RowEditor, name: str) -> TextField:
    found = named(editor, TextField, name)
    assert isinstance(found, TextField)
    return found


def kept_row(editor: RowEditor, qtbot: QtBot) -> Row:
    found: list[Row] = []
    editor.kept.connect(found.append)
    qtbot.keyClick(editor, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    (row,) = found
    return row


def test_row_that_is_kept_untouched_stays_exactly_as_it_was(
    tool_editor: RowEditor, qtbot: QtBot
) -> None:
    assert kept_row(tool_editor, qtbot) == TOOL_ROW


def test_name_and_call_id_stand_beside_turns_of_tools_and_can_be_changed(
    tool_editor: RowEditor, qtbot: QtBot
) -> None:
    shown = [
        [line(tool_editor, f"{field} of Turn {one}").isVisible() for one in (1, 2, 3, 4)]
        for field in ("Name", "Tool call id")
    ]
    assert shown == [[True, False, True, False], [False, False, True, False]]
    assert line(tool_editor, "Name of Turn 3").text() == "f"
    line(tool_editor, "Name of Turn 1").clear()
    qtbot.keyClicks(line(tool_editor, "Tool call id of Turn 3"), "23")
    assert tool_editor.keeps_hold()
    row = kept_row(tool_editor, qtbot)
    assert isinstance(row, ChatRow)
    assert row.messages == (
        Turn(role=Role.USER, content="one\r\ntwo"),
        TOOL_ROW.messages[1],
        Turn(role=Role.TOOL, content="1", name="f", tool_call_id="c123"),
        TOOL_ROW.messages[3],
    )


def test_turn_that_becomes_a_tools_gets_fields_for_name_and_call_id(
    tool_editor: RowEditor, qtbot: QtBot
) -> None:
    role = named(tool_editor, SelectField, "Role of Turn 2")
    assert isinstance(role, SelectField)
    for key, is_shown in (("tool", True), ("user", False), ("tool", True)):
        role.set_value(key)
        role.chosen.emit(key)
        for field in ("Name", "Tool call id"):
            assert line(tool_editor, f"{field} of Turn 2").isVisible() is is_shown
    qtbot.keyClicks(line(tool_editor, "Name of Turn 2"), "g")
    role.set_value("user")
    role.chosen.emit("user")
    assert line(tool_editor, "Name of Turn 2").isVisible()
    row = kept_row(tool_editor, qtbot)
    assert isinstance(row, ChatRow)
    assert row.messages[1] == Turn(role=Role.USER, content="", name="g")


def test_left_out_rows_are_a_part_of_their_own_and_can_be_taken_back(
    page: DatasetsPage, api: FakeApi, qtbot: QtBot
) -> None:
    api.versions.left_out = [a_chat("gone one"), a_chat("gone two")]
    parts = child(page, SegmentedControl)
    parts.set_value("left_out")
    parts.chosen.emit("left_out")
    wait_for_rows(page, qtbot, 2)
    assert not icon(page, "Edit the row (Enter, F2)").isVisible()
    choose(page, 0, 1)
    icon(page, "Take the chosen rows back (Delete)").click()
    qtbot.wait_until(lambda: bool(api.versions.changes))
    assert api.versions.changes == [("d1", Action.RESTORED, [0, 1])]


def test_undo_and_redo_by_keys_where_there_is_something(
    page: DatasetsPage, api: FakeApi, qtbot: QtBot
) -> None:
    undo = icon(page, "Undo the last change (Ctrl+Z)")
    redo = icon(page, "Do it again (Ctrl+Shift+Z)")
    assert not undo.isEnabled()
    page.activateWindow()
    table(page).setFocus()
    qtbot.keyClick(table(page), Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert api.versions.undone == []
    api.versions.all.append(
        VersionInfo(number=2, parent=1, action=Action.EDITED, changed=1, splits={}, made_at=MOMENT)
    )
    show_version(page, api, qtbot, 2)
    qtbot.wait_until(undo.isEnabled)
    assert undo.toolTip() == "Undo: Edited 1 row (Ctrl+Z)"
    qtbot.keyClick(table(page), Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    qtbot.wait_until(lambda: api.versions.undone == ["d1"])
    show_version(page, api, qtbot, 1)
    qtbot.wait_until(redo.isEnabled)
    assert redo.accessibleName() == "Do again: Edited 1 row (Ctrl+Shift+Z)"


def show_version(page: DatasetsPage, api: FakeApi, qtbot: QtBot, number: int) -> None:
    """Let the library find another version of the dataset."""
    api.datasets.all = [a_dataset(splits={"train": 40, "eval": 3}, rows=43, version=number)]
    services = page._services  # the page has no other way to its library
    with qtbot.wait_signal(services.library.datasets_changed):
        services.library.refresh()
    wait_for_rows(page, qtbot, 40)


def test_new_version_keeps_place_and_chosen_row(
    page: DatasetsPage, api: FakeApi, qtbot: QtBot
) -> None:
    table(page).set_current(30)
    table(page).verticalScrollBar().setValue(600)
    show_version(page, api, qtbot, 2)
    qtbot.wait_until(lambda: table(page).current_row() == 30)
    assert table(page).verticalScrollBar().value() == 600
    assert table(page).chosen_rows() == [30]


def test_text_row_is_edited_as_one_text(
    page: DatasetsPage, api: FakeApi, window_services: Services, qtbot: QtBot
) -> None:
    api.datasets.all.append(a_dataset(id="d2", kind=RowKind.TEXT, splits={"train": 2}))
    api.datasets.rows[("d2", "train")] = [TextRow(text="one"), TextRow(text="two")]
    with qtbot.wait_signal(window_services.library.datasets_changed):
        window_services.library.refresh()
    page.show_argument("d2")
    wait_for_rows(page, qtbot, 2)
    icon(page, "Edit the row (Enter, F2)").click()
    editor = child(page, RowEditor)
    qtbot.wait_until(editor.isVisible)
    area = named(editor, TextArea, "Text")
    assert isinstance(area, TextArea)
    area.setPlainText("other")
    named(editor, Button, "Keep").click()  # type: ignore[attr-defined]  # found by kind
    qtbot.wait_until(lambda: bool(api.versions.changes))
    assert api.versions.changes[0][2] == {0: TextRow(text="other")}
