# SPDX-License-Identifier: Apache-2.0
"""Home: the example of the sample, recent work in order, and honest notes on this computer."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from engine.api.privacy import PrivacyState
from engine.api.starter import sample_file
from engine.hardware.doctor.snapshot import error, warning
from engine.protocol.events import Finished, WorkerStarted
from gui.viewmodels.home import (
    machine_rows,
    privacy_note,
    read_sample,
    ready_note,
    recent_items,
    what_will_happen,
)
from tests.fakes.api import GB, FakeApi, FakeFacts, FakeGpu, a_dataset, a_step

NOW = datetime(2026, 11, 3, 18, 0, tzinfo=UTC).astimezone()


def facts(**changes: Any) -> Any:
    return FakeFacts(**changes)


def test_sample_that_ships_has_rows_and_a_form_as_example() -> None:
    sample = read_sample(sample_file())
    assert sample.rows >= 100
    assert sample.example is not None
    assert len(sample.example.fields) == 4


def test_sample_that_is_missing_is_empty(tmp_path: Path) -> None:
    sample = read_sample(tmp_path / "none.jsonl")
    assert (sample.rows, sample.example) == (0, None)


def test_sample_with_broken_and_long_rows_shows_the_first_that_fits(tmp_path: Path) -> None:
    path = tmp_path / "sample.jsonl"
    long = '{"messages": [{"role": "user", "content": "%s"}]}' % ("x" * 200)
    good = (
        '{"messages": [{"role": "user", "content": "help"}, '
        '{"role": "assistant", "content": "A: 1\\nB: 2\\nC: 3\\nD: 4\\nE: 5"}]}'
    )
    path.write_text(f"rubbish\n{long}\n{good}\n", encoding="utf-8")
    example = read_sample(path).example
    assert example is not None
    assert example.question == "help"
    assert example.fields == (("A", "1"), ("B", "2"), ("C", "3"), ("D", "4"))


def test_what_will_happen_says_that_nothing_leaves() -> None:
    sentences = what_will_happen(read_sample(sample_file()))
    assert any("nothing leaves" in one for one in sentences)


def test_recent_items_put_live_runs_first_then_the_newest() -> None:
    api = FakeApi()
    done = api.runs.make("done", "r1", created_at="2026-11-03T16:00:00.000Z")
    done.emit(WorkerStarted(attempt=1, pid=1), a_step(100), Finished())
    live = api.runs.make("live", "r2", created_at="2026-11-01T09:00:00.000Z")
    live.emit(WorkerStarted(attempt=1, pid=1), a_step(38))
    datasets = [a_dataset(created_at="2026-11-03T17:00:00.000Z")]
    items = recent_items(datasets, cast("Any", api.runs.list()), now=NOW)
    assert [one.key for one in items] == ["run:r2", "dataset:d1", "run:r1"]
    assert items[0].is_live
    assert items[0].share == pytest.approx(0.38)
    assert items[2].right == "Finished"


def test_recent_items_of_an_empty_workspace_are_none() -> None:
    assert recent_items([], [], now=NOW) == ()


def test_computer_without_card_is_said_plainly() -> None:
    rows = machine_rows(facts())
    assert rows[0].value == "none from NVIDIA"
    note = ready_note(facts(), [])
    assert note.kind == "warning"
    assert note.text.startswith("No NVIDIA driver is installed. The processor trains.")


@pytest.mark.parametrize(("gigabytes", "billions"), [(8, 8), (12, 14), (24, 32), (80, 70)])
def test_card_is_ready_for_the_usual_size_that_fits(gigabytes: int, billions: int) -> None:
    card = FakeGpu(total_bytes=gigabytes * GB, free_bytes=gigabytes * GB)
    note = ready_note(facts(gpus=(card,)), [])
    assert note.kind == "success"
    assert f"about {billions} billion" in note.text


def test_computer_on_which_nothing_can_be_trained_is_not_called_ready() -> None:
    missing = error("libraries", "Libraries missing", "Nothing can be trained.", "Add them.")
    note = ready_note(facts(gpus=(FakeGpu(),)), [missing])
    assert (note.kind, note.title) == ("danger", "Libraries missing")
    assert note.text == "Nothing can be trained. Add them."
    unused = warning("card", "Card too old", "It is not used.", "")
    assert ready_note(facts(gpus=(FakeGpu(),)), [unused]).kind == "warning"


def test_second_card_is_counted() -> None:
    rows = machine_rows(facts(gpus=(FakeGpu(), FakeGpu())))
    assert rows[0].second == "and 1 more"
    assert rows[1].value == "24.0 GB"


@pytest.mark.parametrize(
    ("active", "attempts", "kind", "word"),
    [
        (True, 0, "accent", "system refuses"),
        (False, 0, "accent", "cannot refuse"),
        (True, 2, "warning", "2 attempts"),
    ],
)
def test_privacy_note_says_only_what_is_true(
    active: bool, attempts: int, kind: str, word: str
) -> None:
    state = PrivacyState(
        is_verified=active and not attempts,
        kernel_filter_active=active,
        attempts=attempts,
        title="Not verified" if attempts else "Offline",
        sentence="2 attempts to use the network were refused",
    )
    note = privacy_note(state)
    assert note.kind == kind
    assert word in note.text
