# SPDX-License-Identifier: Apache-2.0
"""Datasets whose stored turns lack names and ids of tool calls: all that is done works with them.

Burnish once wrote turns of four fields; their files stay as they are, and get neighbours with six.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import msgspec
import pyarrow as pa
import pytest
from pyarrow import ipc

from engine.api import checking, dataset_export, deriving, fixing, splitting
from engine.api.datasets import Datasets
from engine.api.jobs import Jobs
from engine.api.reports import Reports
from engine.api.row_views import RowViews
from engine.api.versions import Versions
from engine.domain.dataset import ChatRow, DatasetInfo, Role, Row, RowKind, Turn
from engine.domain.row_query import RowQuery
from engine.domain.split import EVAL, TRAIN, SplitRule
from engine.formats.arrow_layout import TURN_FIELDS, data_file
from engine.formats.versions import iter_rows
from engine.store.documents import read_document
from engine.store.layout import Layout
from tests.builders.dataset_import import ImportRun, new_workspace
from tests.builders.jobs import JobRun

CALL = '[{"id":"a1B2c3D4e","type":"function","function":{"name":"f","arguments":"{}"}}]'
EARLY_FIELDS = ["role", "content", "tool_calls", "weight"]
NEW = ChatRow(
    messages=(
        Turn(role=Role.USER, content="Written anew", name="Jane"),
        Turn(role=Role.ASSISTANT, content="", tool_calls=CALL),
        Turn(role=Role.TOOL, content="1", name="f", tool_call_id="a1B2c3D4e"),
        Turn(role=Role.ASSISTANT, content="One."),
    )
)


def early_rows() -> list[Row]:
    """Return the rows of the early dataset."""
    return [
        ChatRow(
            messages=(
                Turn(role=Role.USER, content=f"Question {one} of a kind?"),
                Turn(role=Role.ASSISTANT, content="", tool_calls=CALL),
                Turn(role=Role.TOOL, content=f"Result {one}"),
                Turn(role=Role.ASSISTANT, content=f"Mail jane{one}@kontor-mueller.de."),
            )
        )
        for one in range(30)
    ]


def write_early(layout: Layout, folder: Path, dataset_id: str) -> None:
    """Import the early rows with the columns that an early Burnish wrote."""
    source = folder / f"{dataset_id}.jsonl"
    lines: list[str] = []
    for row in early_rows():
        record: dict[str, Any] = msgspec.to_builtins(row)
        record["messages"][1]["tool_calls"] = json.loads(CALL)
        lines.append(json.dumps({"messages": record["messages"]}))
    source.write_text("\n".join(lines), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("name", "tool_call_id"):
            patch.delitem(TURN_FIELDS, name)
        ImportRun(layout, [source], dataset_id=dataset_id, name=dataset_id, eval_ratio=0.3).run()


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = new_workspace(tmp_path / "workspace")
    write_early(layout, tmp_path, "d1")
    return layout


@pytest.fixture
def datasets(layout: Layout) -> Datasets:
    return Datasets(layout, Jobs(layout))


def rows_of(datasets: Datasets, dataset_id: str = "d1", split: str | None = None) -> list[Row]:
    """Return rows read in batches, which are those read one by one."""
    table = datasets.open_rows(dataset_id, split)
    found = [row for _hash, row in table.rows()]
    assert [table.row(one) for one in range(len(table))] == found
    table.close()
    return found


def in_order(rows: Sequence[Row]) -> list[Row]:
    return sorted(rows, key=str)


def test_stored_turns_have_four_fields(layout: Layout) -> None:
    with data_file(layout.dataset("d1").rows, TRAIN).open("rb") as stream:
        schema = ipc.open_stream(stream).schema
    turn = cast(pa.ListType, schema.field("messages").type).value_type
    assert [turn.field(one).name for one in range(turn.num_fields)] == EARLY_FIELDS


def test_they_open_and_are_trained(layout: Layout, datasets: Datasets) -> None:
    assert in_order(rows_of(datasets)) == in_order(early_rows())
    folder = layout.dataset("d1")
    info = read_document(folder.info, DatasetInfo)
    trained = [row for split in info.splits for _hash, row in iter_rows(folder, split, 1)]
    assert in_order(trained) == in_order(early_rows())


def edit(layout: Layout, datasets: Datasets) -> Versions:
    """Change the first row, and add the same as a held-out one."""
    versions = Versions(layout, datasets)
    versions.edit_rows("d1", {0: NEW})
    added = msgspec.structs.replace(NEW, messages=NEW.messages[:-1])
    versions.add_rows("d1", [added], split=EVAL)
    return versions


def test_they_are_edited_by_turns_with_names(layout: Layout, datasets: Datasets) -> None:
    before = rows_of(datasets)
    versions = edit(layout, datasets)
    assert rows_of(datasets)[:2] == [NEW, before[1]]
    assert NEW.messages[:-1] in [
        row.messages for row in rows_of(datasets, split=EVAL) if isinstance(row, ChatRow)
    ]
    versions.undo("d1")
    versions.undo("d1")
    assert rows_of(datasets) == before


@pytest.mark.parametrize(
    ("text", "count"), [("kontor", 29), ("jane", 31), ("a1b2C3", 31), ("nowhere", 0)]
)
def test_they_are_searched_with_and_without_new_neighbours(
    text: str, count: int, layout: Layout, datasets: Datasets
) -> None:
    views = RowViews(datasets, Reports(layout, datasets), edit(layout, datasets))
    table = datasets.open_rows("d1", None)
    found = views.search("d1", table, RowQuery(text=text))
    found.go_on(60.0)
    assert len(found.found().positions) == count
    table.close()


def test_they_are_checked_and_repaired(layout: Layout, datasets: Datasets) -> None:
    edit(layout, datasets)
    settings = {"near_similarity": 0.8, "eval_margin": 0.05}
    JobRun(layout, checking.run, {"dataset_id": "d1", "settings": settings})
    report = Reports(layout, datasets).get("d1")
    assert report is not None
    assert {one.check: one.rows for one in report.results}["personal_data"] == 29
    JobRun(layout, fixing.run, {"dataset_id": "d1", "checks": ["personal_data"]})
    contents = str(rows_of(datasets))
    assert "@kontor" not in contents
    assert NEW in rows_of(datasets)


def test_they_are_split_and_merged(layout: Layout, datasets: Datasets, tmp_path: Path) -> None:
    edit(layout, datasets)
    rule = msgspec.to_builtins(SplitRule(is_near_together=False, eval_ratio=0.2))
    JobRun(layout, splitting.run, {"dataset_id": "d1", "rule": rule})
    write_early(layout, tmp_path, "d2")
    ids = ["d1", "d2"]
    options = {"dataset_ids": ids, "new_id": "new", "name": "both", "rule": rule}
    JobRun(layout, deriving.run_merge, options)
    both = in_order([*rows_of(datasets, "d1"), *rows_of(datasets, "d2")])
    assert in_order(rows_of(datasets, "new")) == both
    JobRun(
        layout,
        deriving.run_sample,
        {"dataset_id": "d1", "new_id": "few", "name": "few", "rows": 31, "seed": 1},
    )
    assert in_order(rows_of(datasets, "few")) == in_order(rows_of(datasets, "d1"))


@pytest.mark.parametrize("form", dataset_export.ExportForm)
def test_they_are_exported_and_imported_again(
    form: dataset_export.ExportForm, layout: Layout, datasets: Datasets, tmp_path: Path
) -> None:
    edit(layout, datasets)
    out = tmp_path / "out"
    options = {"dataset_id": "d1", "form": form.value, "out": str(out)}
    JobRun(layout, dataset_export.run, options)
    (out / dataset_export.CARD).unlink()
    ImportRun(layout, [out], dataset_id="again").run()
    assert datasets.get("again").kind is RowKind.CHAT
    assert in_order(rows_of(datasets, "again")) == in_order(rows_of(datasets))
