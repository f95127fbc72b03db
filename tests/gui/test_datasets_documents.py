# SPDX-License-Identifier: Apache-2.0
"""Importing documents: what they become is shown before anything is imported."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from engine.domain.chunking import Chunking
from engine.errors import FileUnreadable
from gui.actions.import_files import import_files
from gui.bridge.services import Services
from gui.pages.datasets.documents_page import DocumentsPage
from gui.pages.datasets.view import DatasetsPage
from gui.widgets.buttons import Button
from gui.widgets.choices import SegmentedControl, Switch
from gui.widgets.fields import SelectField
from gui.widgets.number_field import NumberField
from gui.widgets.text import TextLabel
from tests.fakes.api import FakeApi, a_model
from tests.gui.find import child

pytestmark = pytest.mark.gui

PATHS = [Path("/data/handbook.docx"), Path("/data/scan.pdf")]


@pytest.fixture
def page(api: FakeApi, window_services: Services, qtbot: QtBot) -> DocumentsPage:
    """Return the page that two documents lead to."""
    api.documents.are_all = True
    page = DatasetsPage(window_services)
    qtbot.addWidget(page)
    window_services.navigator.requested.connect(lambda _name, what: page.show_argument(what))
    with qtbot.wait_signal(window_services.library.loaded):
        window_services.library.refresh()
    page.resize(1000, 800)
    page.show()
    import_files(window_services, paths=PATHS)
    qtbot.wait_until(lambda: bool(page.findChildren(DocumentsPage)))
    found = child(page, DocumentsPage)
    qtbot.wait_until(lambda: "3 rows" in texts(found))
    return found


def texts(page: QWidget) -> str:
    return "\n".join(one.text() for one in page.findChildren(TextLabel) if one.isVisible())


def number(page: QWidget, name: str) -> NumberField:
    found = next(one for one in page.findChildren(NumberField) if one.accessibleName() == name)
    assert isinstance(found, NumberField)
    return found


def button(page: QWidget, name: str) -> Button:
    found = next(one for one in page.findChildren(Button) if one.accessibleName() == name)
    assert isinstance(found, Button)
    return found


def test_rows_are_shown_with_what_they_repeat_and_what_is_no_text(page: DocumentsPage) -> None:
    shown = texts(page)
    assert "3 rows, about 18 to 40 tokens each" in shown
    assert "handbook.docx, 3 · about 18 tokens" in shown
    assert "Repeated: Load the paper." in shown
    assert "Handbook > Printers" in shown
    assert "This page is a picture" in shown


def test_another_length_shows_other_rows_before_anything_is_imported(
    page: DocumentsPage, api: FakeApi, qtbot: QtBot
) -> None:
    api.documents.rows = 7
    number(page, "Longest row").setValue(200)
    number(page, "Repeated from the row before").setValue(20)
    qtbot.wait_until(lambda: "7 rows" in texts(page))
    assert api.documents.asked[-1] == Chunking(tokens=200, overlap_tokens=20)
    assert api.datasets.imported == []


def counter_of(page: QWidget) -> SelectField:
    (found,) = page.findChildren(SelectField)
    assert found.accessibleName() == "Count tokens as"
    return found


def choose(field: SelectField, key: str) -> None:
    """Choose as a person does, with the keyboard."""
    field.setFocus()
    while field.value() != key:
        QTest.keyClick(field, Qt.Key.Key_Down)


def test_a_model_counts_tokens_exactly_and_the_import_does_the_same(
    api: FakeApi, window_services: Services, page: DocumentsPage, qtbot: QtBot
) -> None:
    api.models.all = [a_model(id="m1", name="Qwen 0.5B")]
    with qtbot.wait_signal(window_services.library.models_changed):
        window_services.library.refresh()
    assert counter_of(page).value() == ""
    assert "Lengths are estimated" in texts(page)
    choose(counter_of(page), "m1")
    qtbot.wait_until(lambda: "handbook.docx, 3 · 18 tokens" in texts(page))
    assert "3 rows, 18 to 40 tokens each" in texts(page)
    assert "Lengths are exact tokens of Qwen 0.5B" in texts(page)
    assert api.documents.asked[-1] == Chunking(model_id="m1")
    button(page, "Import").click()
    qtbot.wait_until(lambda: bool(api.datasets.imported))
    assert api.datasets.options[-1]["chunking"] == Chunking(model_id="m1")


def test_lengths_are_estimated_again_when_the_model_is_gone(
    api: FakeApi, window_services: Services, page: DocumentsPage, qtbot: QtBot
) -> None:
    api.models.all = [a_model(id="m1", name="Qwen 0.5B")]
    with qtbot.wait_signal(window_services.library.models_changed):
        window_services.library.refresh()
    choose(counter_of(page), "m1")
    qtbot.wait_until(lambda: "3 rows, 18 to 40 tokens each" in texts(page))
    api.models.all = []
    with qtbot.wait_signal(window_services.library.models_changed):
        window_services.library.refresh()
    qtbot.wait_until(lambda: "3 rows, about 18 to 40 tokens each" in texts(page))
    assert counter_of(page).value() == ""


def test_tab_goes_through_the_lengths_to_who_counts(page: DocumentsPage) -> None:
    chain: list[QWidget] = [number(page, "Longest row")]
    for _step in range(60):
        following = chain[-1].nextInFocusChain()
        assert following is not None
        chain.append(following)
    names = [one.accessibleName() for one in chain if one.accessibleName()]
    wanted = ["Longest row", "Repeated from the row before", "Count tokens as", "Questions"]
    assert [one for one in dict.fromkeys(names) if one in wanted] == wanted


def test_import_takes_what_was_chosen(page: DocumentsPage, api: FakeApi, qtbot: QtBot) -> None:
    child(page, SegmentedControl).set_value("each")
    child(page, Switch).click()
    button(page, "Import").click()
    qtbot.wait_until(lambda: bool(api.datasets.imported))
    (options,) = api.datasets.options
    assert options["is_separate"]
    assert options["chunking"] == Chunking(finds_questions=False)
    assert api.datasets.imported[0][0] == tuple(PATHS)


def test_documents_without_text_cannot_be_imported(
    page: DocumentsPage, api: FakeApi, qtbot: QtBot
) -> None:
    api.documents.rows = 0
    number(page, "Longest row").setValue(300)
    qtbot.wait_until(lambda: "Nothing in these documents" in texts(page))
    assert not button(page, "Import").isEnabled()


def test_document_that_cannot_be_read_is_said(
    page: DocumentsPage, api: FakeApi, qtbot: QtBot
) -> None:
    api.documents.error = FileUnreadable("It is damaged.", remedy="Save it again.")
    number(page, "Longest row").setValue(300)
    qtbot.wait_until(lambda: "It is damaged. Save it again." in texts(page))
    assert not button(page, "Import").isEnabled()


def test_several_files_of_rows_become_one_dataset_or_one_each(
    page: DocumentsPage, api: FakeApi, window_services: Services, qtbot: QtBot
) -> None:
    api.documents.are_all = False
    asked = len(api.documents.asked)
    import_files(window_services, paths=[Path("/data/a.jsonl"), Path("/data/b.csv")])
    qtbot.wait_until(lambda: "b.csv" in texts(page))
    assert not number(page, "Longest row").isVisible()
    child(page, SegmentedControl).set_value("each")
    button(page, "Import").click()
    qtbot.wait_until(lambda: bool(api.datasets.imported))
    assert api.datasets.options[-1]["is_separate"]
    assert api.datasets.options[-1]["chunking"] is None
    assert len(api.documents.asked) == asked


def test_one_file_of_rows_is_imported_at_once(
    api: FakeApi, window_services: Services, qtbot: QtBot
) -> None:
    import_files(window_services, paths=[Path("/data/a.jsonl")])
    qtbot.wait_until(lambda: bool(api.datasets.imported))
