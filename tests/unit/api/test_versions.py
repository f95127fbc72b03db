# SPDX-License-Identifier: Apache-2.0
"""Versions of a dataset: every change is kept, and every version can be gone back to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import filelock
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.api import versions as api_versions
from engine.api.datasets import Datasets
from engine.api.jobs import Jobs
from engine.api.row_changes import RowChange
from engine.api.versions import Versions
from engine.domain.dataset import ChatRow, TextRow
from engine.domain.split import EVAL, TRAIN
from engine.domain.version import Action, action_text
from engine.errors import Cancelled, DatasetDamaged, InUse, NothingToUndo, WrongUsage
from engine.formats.row_table import RowTable
from engine.formats.versions import iter_rows, read_ids, write_ids
from engine.store import atomicfs
from engine.store.layout import Layout
from tests.builders.dataset_import import ImportRun, new_workspace

NOW = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = new_workspace(tmp_path / "workspace")
    source = tmp_path / "t.jsonl"
    source.write_text("".join(f'{{"text": "row {one}"}}\n' for one in range(50)), encoding="utf-8")
    ImportRun(layout, [source], name="texts", eval_ratio=0.2).run()
    return layout


@pytest.fixture
def datasets(layout: Layout) -> Datasets:
    return Datasets(layout, Jobs(layout))


@pytest.fixture
def versions(layout: Layout, datasets: Datasets) -> Versions:
    return Versions(layout, datasets, now=lambda: NOW)


def texts_of(datasets: Datasets, split: str | None = None, version: int = 0) -> list[str]:
    """Return the texts of a split, or of all, in order."""
    table = datasets.open_rows("d1", split, version=version)
    found = [row.text for _hash, row in table.rows() if isinstance(row, TextRow)]
    table.close()
    return found


def test_the_import_is_version_one(versions: Versions, datasets: Datasets) -> None:
    (only,) = versions.history("d1")
    assert (only.number, only.parent, only.action, only.rows) == (1, 0, Action.IMPORTED, 50)
    assert datasets.get("d1").version == 1
    assert action_text(only) == "Imported 50 rows"


def test_remove_rows_makes_a_version_and_undo_takes_it_back(
    versions: Versions, datasets: Datasets
) -> None:
    before = texts_of(datasets)
    made = versions.remove_rows("d1", [0, 3, 49], detail="exact_copies")
    assert (made.number, made.parent, made.changed, made.rows) == (2, 1, 3, 47)
    assert texts_of(datasets) == [one for at, one in enumerate(before) if at not in (0, 3, 49)]
    assert datasets.get("d1").rows == 47
    assert versions.removed("d1").tolist() == [0, 3, 49]
    assert versions.undo("d1").number == 1
    assert texts_of(datasets) == before
    assert versions.redo("d1").number == 2
    assert datasets.get("d1").rows == 47
    assert texts_of(datasets, version=1) == before


def test_history_outlives_the_program_that_made_it(layout: Layout, versions: Versions) -> None:
    versions.remove_rows("d1", [1])
    again = Datasets(layout, Jobs(layout))
    assert again.get("d1").version == 2
    assert Versions(layout, again).undo("d1").number == 1


def test_undo_of_the_import_is_a_named_error(versions: Versions) -> None:
    with pytest.raises(NothingToUndo):
        versions.undo("d1")
    with pytest.raises(NothingToUndo):
        versions.redo("d1")


def test_edit_rows_take_the_place_of_the_old_and_keep_their_source(
    versions: Versions, datasets: Datasets
) -> None:
    before = texts_of(datasets, TRAIN)
    versions.edit_rows("d1", {2: TextRow(text="new")})
    assert texts_of(datasets, TRAIN) == [*before[:2], "new", *before[3:]]
    old, new = datasets.open_rows("d1", TRAIN, version=1), datasets.open_rows("d1", TRAIN)
    assert new.source(2) == old.source(2)
    assert new.row_hash(2) != old.row_hash(2)
    assert int(new.ids[2]) == 50
    assert new.row(2) == TextRow(text="new")
    versions.edit_rows("d1", {50: TextRow(text="newer")})
    assert texts_of(datasets, TRAIN) == [*before[:2], "newer", *before[3:]]


def test_edited_row_that_equals_one_of_another_split_goes_there(
    versions: Versions, datasets: Datasets
) -> None:
    held = texts_of(datasets, EVAL)
    versions.edit_rows("d1", {0: TextRow(text=held[0])})
    assert texts_of(datasets, EVAL) == [*held, held[0]]
    assert not set(texts_of(datasets, TRAIN)) & set(texts_of(datasets, EVAL))


def test_edited_rows_that_become_equal_are_held_out_together(
    versions: Versions, datasets: Datasets
) -> None:
    held = versions.order("d1").splits[EVAL].tolist()
    same = TextRow(text="all alike")
    versions.edit_rows("d1", {3: same, held[0]: same, 1: TextRow(text="other")})
    assert texts_of(datasets, EVAL).count("all alike") == 2
    assert "all alike" not in texts_of(datasets, TRAIN)
    assert "other" in texts_of(datasets, TRAIN)
    assert not set(texts_of(datasets, TRAIN)) & set(texts_of(datasets, EVAL))


def test_rewritten_rows_keep_their_places_in_whatever_order_they_come(
    versions: Versions, datasets: Datasets
) -> None:
    before = texts_of(datasets)

    def changes(table: RowTable) -> Iterator[RowChange]:
        for row_id in (7, 30, 2, 31):
            place = table.narrowed(np.array([row_id])).place(0)
            yield RowChange(row_id, TextRow(text=f"new {row_id}"), place)
        yield RowChange(5)

    made = versions.rewrite("d1", changes, action=Action.FIXED)
    wanted = [f"new {at}" if at in (2, 7, 30, 31) else one for at, one in enumerate(before)]
    assert texts_of(datasets) == wanted[:5] + wanted[6:]
    assert (made.changed, made.rows) == (5, 49)


def test_a_rewrite_that_ends_in_an_error_leaves_nothing(
    versions: Versions, datasets: Datasets, layout: Layout
) -> None:
    before = texts_of(datasets)

    def changes(table: RowTable) -> Iterator[RowChange]:
        yield RowChange(1, TextRow(text="half done"), table.place(1))
        raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        versions.rewrite("d1", changes, action=Action.FIXED)
    assert texts_of(datasets) == before
    assert list(layout.dataset("d1").versions.iterdir()) == []


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.dictionaries(st.integers(0, 49), st.sampled_from(["a", "b", "row 3", "row 30"])))
def test_no_edit_leaves_a_row_in_two_splits(
    versions: Versions, datasets: Datasets, edits: dict[int, str]
) -> None:
    versions.go_to("d1", 1)
    if edits:
        versions.edit_rows("d1", {at: TextRow(text=one) for at, one in edits.items()})
    assert not set(texts_of(datasets, TRAIN)) & set(texts_of(datasets, EVAL))
    assert len(texts_of(datasets)) == 50


def test_added_and_restored_rows_never_straddle_the_splits(
    versions: Versions, datasets: Datasets
) -> None:
    held = texts_of(datasets, EVAL)
    rows = [TextRow(text="fresh"), TextRow(text=held[1])]
    made = versions.add_rows("d1", rows, split=TRAIN)
    assert made.splits == {TRAIN: 50 - len(held) + 1, EVAL: len(held) + 1}
    assert texts_of(datasets, TRAIN)[-1] == "fresh"
    table = datasets.open_rows("d1", TRAIN)
    assert table.source(len(table) - 1) == ("", 0)
    versions.remove_rows("d1", [51])
    versions.restore_rows("d1", [51])
    assert texts_of(datasets, EVAL)[-1] == held[1]


def test_go_to_and_a_change_from_there_makes_a_branch(
    versions: Versions, datasets: Datasets
) -> None:
    versions.remove_rows("d1", [0])
    versions.edit_rows("d1", {1: TextRow(text="branch one")})
    versions.go_to("d1", 2)
    made = versions.edit_rows("d1", {1: TextRow(text="branch two")})
    assert (made.number, made.parent) == (4, 2)
    assert "branch two" in texts_of(datasets)
    assert "branch one" not in texts_of(datasets)
    versions.go_to("d1", 3)
    assert "branch one" in texts_of(datasets)
    with pytest.raises(WrongUsage, match="no version 9"):
        versions.go_to("d1", 9)


def test_compare_names_what_was_added_removed_and_moved(versions: Versions) -> None:
    order = versions.order("d1")
    first_held = int(order.splits[EVAL][0])
    versions.change("d1", removed=[0], edited={1: TextRow(text="x")}, action=Action.FIXED)
    now = versions.order("d1").splits
    moved = {TRAIN: np.append(now[TRAIN], first_held), EVAL: now[EVAL][1:]}
    versions.split_anew("d1", moved, detail="by hand")
    found = versions.compare("d1", 1, 3)
    assert (found.added, found.removed, found.moved) == ((50,), (0, 1), (first_held,))


def test_tags_follow_an_edited_row_and_leave_with_a_removed_one(versions: Versions) -> None:
    versions.tag("d1", [1, 2, 3], "check")
    versions.change("d1", removed=[2], edited={3: TextRow(text="y")}, action=Action.FIXED)
    assert {tag: ids.tolist() for tag, ids in versions.tags("d1").items()} == {"check": [1, 50]}
    made = versions.tag("d1", [1, 50], "check", on=False)
    assert made.tags == {}
    assert versions.tags("d1") == {}


@pytest.mark.parametrize(
    "change",
    [
        lambda versions: versions.remove_rows("d1", []),
        lambda versions: versions.remove_rows("d1", [50]),
        lambda versions: versions.remove_rows("d1", range(50)),
        lambda versions: versions.edit_rows("d1", {1: ChatRow(messages=())}),
        lambda versions: versions.restore_rows("d1", [1]),
        lambda versions: versions.restore_rows("d1", [77]),
        lambda versions: versions.tag("d1", [1], " "),
        lambda versions: versions.add_rows("d1", [TextRow(text="a")], split="test"),
        lambda versions: versions.split_anew("d1", {TRAIN: np.arange(49)}, detail=""),
    ],
)
def test_an_impossible_change_is_refused_and_changes_nothing(
    change: Callable[[Versions], object], versions: Versions, datasets: Datasets
) -> None:
    before = texts_of(datasets)
    with pytest.raises(WrongUsage):
        change(versions)
    assert texts_of(datasets) == before
    assert len(versions.history("d1")) == 1


def test_a_change_while_another_program_changes_is_refused(
    versions: Versions, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_versions, "LOCK_TIMEOUT_S", 0.05)
    with filelock.FileLock(str(layout.dataset("d1").lock)), pytest.raises(InUse):
        versions.remove_rows("d1", [1])


def test_a_change_that_cannot_be_written_leaves_the_old_version(
    versions: Versions, datasets: Datasets, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_args: object) -> None:
        raise OSError(28, "No space left on device")

    before = texts_of(datasets)
    monkeypatch.setattr(atomicfs, "_take_the_name", full)
    with pytest.raises(Exception, match="full"):
        versions.remove_rows("d1", [1])
    monkeypatch.undo()
    assert texts_of(datasets) == before
    assert versions.remove_rows("d1", [1]).number == 2


def test_training_reads_the_version_it_was_started_with(versions: Versions, layout: Layout) -> None:
    folder = layout.dataset("d1")
    before = [row for _hash, row in iter_rows(folder, TRAIN, 1)]
    versions.edit_rows("d1", {0: TextRow(text="later")})
    versions.remove_rows("d1", [1])
    assert [row for _hash, row in iter_rows(folder, TRAIN, 1)] == before
    assert [row for _hash, row in iter_rows(folder, TRAIN, 3)] == [
        TextRow(text="later"),
        *before[2:],
    ]


@pytest.mark.parametrize("name", ["rows.arrow", "order.arrow"])
def test_training_refuses_a_version_that_differs_from_what_was_written(
    name: str, versions: Versions, layout: Layout
) -> None:
    versions.edit_rows("d1", {0: TextRow(text="later")})
    file = layout.dataset("d1").version(2).root / name
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(DatasetDamaged):
        list(iter_rows(layout.dataset("d1"), TRAIN, 2))


@settings(deadline=None, max_examples=60, derandomize=True)
@given(st.lists(st.integers(0, 400), unique=True, max_size=120))
def test_ids_written_and_read_back_are_equal(
    tmp_path_factory: pytest.TempPathFactory, ids: list[int]
) -> None:
    path = tmp_path_factory.mktemp("ids") / "order.arrow"
    named = {"a": np.array(ids, np.int64), "b": np.arange(5, 300)}
    write_ids(path, named)
    found = read_ids(path)
    assert found.get("a", np.zeros(0)).tolist() == ids
    assert found["b"].tolist() == list(range(5, 300))
