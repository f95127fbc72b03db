# SPDX-License-Identifier: Apache-2.0
"""Making files, a sample or a merged dataset of a dataset, from its menu."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from engine.domain.dataset import RowKind
from engine.domain.split import SplitRule
from engine.protocol.events import Failed, Finished, WorkerStarted
from gui.bridge.services import Services
from gui.pages.datasets.dataset_page import DatasetPage
from gui.pages.datasets.derive import ExportRow, MergeRow, SampleRow
from gui.pages.datasets.job_line import JobLine
from gui.viewmodels.derive import form_choices, merge_choices, sample_limits
from gui.widgets.buttons import Button, IconButton
from gui.widgets.fields import PathField, SelectField
from gui.widgets.number_field import NumberField
from tests.fakes.api import FakeApi, FakeJob, a_dataset
from tests.gui.find import carried, child

pytestmark = pytest.mark.gui


@pytest.fixture
def page(api: FakeApi, window_services: Services, qtbot: QtBot) -> DatasetPage:
    api.datasets.all = [
        a_dataset(),
        a_dataset(id="d2", name="Orders"),
        a_dataset(id="d3", name="Texts", kind=RowKind.TEXT),
    ]
    page = DatasetPage(window_services)
    qtbot.addWidget(page)
    with qtbot.wait_signal(window_services.library.loaded):
        window_services.library.refresh()
    page.resize(1000, 700)
    page.show()
    page.show_dataset(api.datasets.all[0])
    return page


def pick(page: DatasetPage, key: str) -> None:
    more = next(one for one in page.findChildren(IconButton) if one.accessibleName() == "More")
    more.picked.emit(key)


def press(row: QWidget, name: str) -> None:
    next(one for one in row.findChildren(Button) if one.accessibleName() == name).click()


def job_of(api: FakeApi) -> FakeJob:
    return list(api.jobs.by_id.values())[-1]


def test_rows_are_exported_in_a_form_to_a_folder(
    page: DatasetPage, api: FakeApi, window_services: Services, qtbot: QtBot, tmp_path: Path
) -> None:
    pick(page, "export")
    row = child(page, ExportRow)
    assert row.isVisible()
    assert not row.begin.isEnabled()
    child(row, SelectField).set_value("parquet")
    field = child(row, PathField)
    field.set_path(tmp_path / "out")
    field.path_changed.emit(tmp_path / "out")
    press(row, "Export")
    qtbot.wait_until(lambda: bool(api.preparation.made))
    assert api.preparation.made == [("d1", "parquet", tmp_path / "out")]
    qtbot.wait_until(lambda: child(page, JobLine).isVisible())
    with qtbot.wait_signal(window_services.notices.said) as said:
        job_of(api).emit(
            WorkerStarted(attempt=1, pid=1, versions={}), Finished(result={"path": "/x/out"})
        )
    assert carried(said)[0] == "The rows were written to /x/out."


def test_sample_is_made_and_shown(
    page: DatasetPage, api: FakeApi, window_services: Services, qtbot: QtBot
) -> None:
    pick(page, "sample")
    row = child(page, SampleRow)
    rows = next(one for one in row.findChildren(NumberField) if one.maximum() == 400)
    assert rows.value() == 40
    rows.setValue(25)
    press(row, "Make the sample")
    qtbot.wait_until(lambda: bool(api.preparation.made))
    assert api.preparation.made == [("d1", 25, "", 0)]
    with qtbot.wait_signal(window_services.navigator.requested) as went:
        job_of(api).emit(
            WorkerStarted(attempt=1, pid=1, versions={}), Finished(result={"dataset_id": "d2"})
        )
    assert carried(went) == ["datasets", "d2"]


def test_datasets_of_one_kind_are_merged(page: DatasetPage, api: FakeApi, qtbot: QtBot) -> None:
    pick(page, "merge")
    row = child(page, MergeRow)
    assert child(row, SelectField).count() == 1
    press(row, "Merge")
    qtbot.wait_until(lambda: bool(api.preparation.made))
    assert api.preparation.made == [("d1", "d2", "", SplitRule())]


def test_work_that_fails_says_why(
    page: DatasetPage, api: FakeApi, window_services: Services, qtbot: QtBot
) -> None:
    pick(page, "sample")
    press(child(page, SampleRow), "Make the sample")
    qtbot.wait_until(lambda: bool(api.jobs.by_id))
    failed = Failed(code="disk_full", message="The disk is full.", remedy="Free some room.")
    with qtbot.wait_signal(window_services.notices.failed) as told:
        job_of(api).emit(WorkerStarted(attempt=1, pid=1, versions={}), failed)
    assert "The disk is full." in carried(told)[0].message


def test_question_is_closed_by_escape(page: DatasetPage, qtbot: QtBot) -> None:
    pick(page, "merge")
    row = child(page, MergeRow)
    qtbot.keyClick(row, Qt.Key.Key_Escape)
    assert not row.isVisible()


def test_choices_name_forms_limits_and_partners() -> None:
    assert [key for key, _words in form_choices()] == ["jsonl", "parquet", "csv", "datasets"]
    assert sample_limits(a_dataset(rows=400)) == (400, 40)
    assert sample_limits(a_dataset(rows=3)) == (3, 1)
    own, other = a_dataset(), a_dataset(id="d2", name="B", rows=1_200)
    text = a_dataset(id="d3", kind=RowKind.TEXT)
    assert merge_choices(own, [own, other, text]) == (("d2", "B (1,200)"),)
