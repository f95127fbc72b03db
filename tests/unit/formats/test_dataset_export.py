# SPDX-License-Identifier: Apache-2.0
"""Exported datasets: what is written is imported again as the very same rows."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.api.datasets import Datasets
from engine.api.jobs import Jobs
from engine.domain.dataset import (
    ChatRow,
    LabelRow,
    PreferenceRow,
    RatedRow,
    Role,
    Row,
    RowKind,
    TextRow,
    Turn,
)
from engine.domain.split import EVAL, TRAIN
from engine.formats.arrow_rows import RowPlace, RowWriter
from engine.formats.dataset_export import ExportForm, export_rows, record_of
from engine.formats.row_table import RowTable
from engine.formats.shapes import kind_of
from tests.builders.dataset_import import ImportRun, new_workspace

USER, ASSISTANT = Role.USER, Role.ASSISTANT
HARD = 'quotes " and, commas;\nlines\r\n\ttabs é \U0001f600 <|im_start|> =1+1'
CHATS: list[Row] = [
    ChatRow(messages=(Turn(role=USER, content="Hi"), Turn(role=ASSISTANT, content=HARD))),
    ChatRow(
        messages=(
            Turn(role=Role.SYSTEM, content="Be brief."),
            Turn(role=USER, content=HARD),
            Turn(role=ASSISTANT, content="", tool_calls='[{"name":"f","arguments":{"a":1}}]'),
            Turn(role=Role.TOOL, content="[1, 2]", name="f", tool_call_id="c1"),
            Turn(role=ASSISTANT, content="Two", weight=0.0),
            Turn(role=USER, content="[]"),
            Turn(role=ASSISTANT, content="x"),
        ),
        tools='[{"name":"f"}]',
    ),
]
TEXTS: list[Row] = [TextRow(text=HARD), TextRow(text="012"), TextRow(text="plain")]
PAIRS: list[Row] = [
    PreferenceRow(
        prompt=(Turn(role=USER, content=HARD),),
        chosen=(Turn(role=ASSISTANT, content="Good"),),
        rejected=(Turn(role=ASSISTANT, content="Bad"),),
    )
]
RATED: list[Row] = [
    RatedRow(
        prompt=(Turn(role=Role.SYSTEM, content="Be brief."), Turn(role=USER, content=HARD)),
        completion=(Turn(role=ASSISTANT, content=f"Answer {one}"),),
        is_liked=one != 1,
    )
    for one in range(3)
]
LABELLED: list[Row] = [
    LabelRow(text=HARD + str(one), label="a b" if one else "c") for one in range(4)
]
PICTURES: list[Row] = [LabelRow(image=f"pics/{one}.png", label=str(one % 2)) for one in range(4)]
ALL = [CHATS, TEXTS, PAIRS, RATED, LABELLED, PICTURES]
NAMES = ["chat", "text", "preference", "rated", "label", "picture"]
FIELDS = ['{"customer":"c1","n":1,"day":"2026-01-01"}', None, '{"n":2.5,"deep":{"a":[1]}}']


def write(folder: Path, rows: list[Row]) -> RowTable:
    """Write rows with their fields as a stream, and map it."""
    folder.mkdir()
    with (folder / "rows.arrow").open("wb") as stream:
        writer = RowWriter(stream, kind_of(rows[0]))
        for line, row in enumerate(rows):
            writer.add(row, RowPlace(f"{line:032x}", 0, line, FIELDS[line % 3]))
        writer.close()
    return RowTable([folder / "rows.arrow"], ["a"])


def export(tmp_path: Path, form: ExportForm, rows: list[Row]) -> tuple[Path, list[str], list[int]]:
    """Export rows as the split train; return the folder, the files and what was told."""
    table, seen = write(tmp_path / "rows", rows), list[int]()
    out = tmp_path / "out"
    out.mkdir()
    empty = table.narrowed(table.ids[:0])
    names = export_rows(out, form, kind_of(rows[0]), {TRAIN: table, EVAL: empty}, seen.append)
    table.close()
    return out, names, seen


@pytest.mark.parametrize("rows", ALL, ids=NAMES)
@pytest.mark.parametrize("form", [ExportForm.JSONL, ExportForm.PARQUET, ExportForm.CSV])
def test_an_export_is_imported_again_as_equal_rows(
    form: ExportForm, rows: list[Row], tmp_path: Path
) -> None:
    out, names, _seen = export(tmp_path, form, rows)
    assert names == [f"train.{form.value}"]
    layout = new_workspace(tmp_path / "w")
    ImportRun(layout, [out / names[0]], eval_ratio=0.0).run()
    table = Datasets(layout, Jobs(layout)).open_rows("d1")
    assert [row for _hash, row in table.rows()] == rows
    kept = [place.fields for place, _row in table.placed_rows()]
    if form is ExportForm.JSONL:
        assert kept == [FIELDS[one % 3] for one in range(len(rows))]
    else:
        assert kept[0] is not None
        assert '"customer":"c1"' in kept[0]
    table.close()


@pytest.mark.parametrize("rows", ALL, ids=NAMES)
def test_a_datasets_folder_is_opened_by_stock_datasets(rows: list[Row], tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    out, names, _seen = export(tmp_path, ExportForm.DATASETS, rows)
    assert len(names) == 2
    found = datasets.load_from_disk(str(out))
    assert {split: len(part) for split, part in found.items()} == {TRAIN: len(rows), EVAL: 0}
    content = "messages" if kind_of(rows[0]) is RowKind.CHAT else found[TRAIN].column_names[0]
    first, row = found[TRAIN][0][content], rows[0]
    if isinstance(row, TextRow | LabelRow):
        assert first == row.text
    else:
        assert (
            first[-1]["content"]
            == (row.messages if isinstance(row, ChatRow) else row.prompt)[-1].content
        )
    assert found[TRAIN][0]["fields"] == FIELDS[0]


def test_progress_is_told_and_may_end_the_work(tmp_path: Path) -> None:
    rows: list[Row] = [TextRow(text=f"row {one}") for one in range(9000)]
    _out, _names, seen = export(tmp_path, ExportForm.JSONL, rows)
    assert seen == [4096, 8192]


def test_a_field_that_is_called_as_a_part_of_the_row_keeps_a_name_of_its_own() -> None:
    place = RowPlace("00", 0, 1, '{"label":"from the source","other":1}')
    record = record_of(place, LabelRow(text="a", label="b"))
    assert record == {"text": "a", "label": "b", "label_in_source": "from the source", "other": 1}
