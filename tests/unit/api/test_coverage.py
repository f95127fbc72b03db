# SPDX-License-Identifier: Apache-2.0
"""What would be trained of a split: the job, its result, and the rows packed with one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np
import pytest
import typer
from msgspec.structs import replace

from engine.api.coverage import Coverages
from engine.api.facade import Api
from engine.api.measuring import run
from engine.chat.packing import StepOrder, micro_steps, whole
from engine.cli.session import Session
from engine.cli.tokens import tokens
from engine.domain.coverage import Coverage
from engine.domain.dataset import ChatRow
from engine.domain.randomness import seed_of
from engine.domain.run import JobSnapshot, JobState
from engine.domain.split import EVAL
from engine.errors import (
    DatasetNotFound,
    DocumentDamaged,
    ModelNotFound,
    NoChatTemplate,
    WrongUsage,
)
from engine.protocol.events import Event, Finished, ProgressMade, Stopped
from engine.protocol.job import JobContext
from engine.store.documents import write_document
from engine.store.layout import JobFolder
from tests.builders.conversations import chat
from tests.builders.model_folder import tiny_model_folder
from tests.builders.still_api import still_api

NOW = datetime(2026, 11, 20, tzinfo=UTC)


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Api:
    return still_api(tmp_path, monkeypatch)


@pytest.fixture
def model_id(api: Api) -> str:
    return api.models.list()[0].id


def work(
    api: Api, job_id: str, *, stop_requested: Callable[[], bool] = lambda: False
) -> list[Event]:
    """Do a job in this process, as a worker would, and return its events."""
    events: list[Event] = []
    folder = api.layout.job(job_id)
    run(
        JobContext(
            workspace=api.layout.root,
            folder=folder.root,
            info=api.jobs.get(job_id).info,
            attempt=1,
            emit=events.append,
            stop_requested=stop_requested,
            now=lambda: NOW,
        )
    )
    is_done = isinstance(events[-1], Finished)
    state = JobState.FINISHED if is_done else JobState.STOPPED
    write_document(folder.result, JobSnapshot(state=state))
    return events


def counted(api: Api, model_id: str, *, max_length: int = 64) -> Coverage:
    job_id = api.coverages.start("d1", model_id, max_length=max_length)
    work(api, job_id)
    return api.coverages.get(job_id)


def test_job_counts_what_the_preview_shows(api: Api, model_id: str) -> None:
    found = counted(api, model_id)
    rows = api.models.preview("d1", model_id, rows=100, max_length=64)
    kept = [one for one in rows if not one.problem]
    assert (found.rows, found.trained_rows) == (40, len(kept))
    assert found.trained_tokens == sum(one.trained_count for one in kept)
    assert found.tokens == sum(len(one.tokens) for one in kept)
    assert found.lost_tokens == sum(one.lost_tokens for one in rows) > 0
    assert found.cut.rows == sum(one.truncated for one in rows) > 0
    assert found.longest_tokens == max(one.length_tokens for one in rows)
    assert (found.dataset_version, found.split, found.max_length) == (1, "train", 64)


def test_job_tells_its_progress_and_ends_with_a_result(api: Api, model_id: str) -> None:
    events = work(api, api.coverages.start("d1", model_id))
    assert any(isinstance(one, ProgressMade) and one.unit == "rows" for one in events)
    assert events[-1] == Finished(result={"dataset_id": "d1"})


def test_stopped_job_leaves_no_result(api: Api, model_id: str) -> None:
    job_id = api.coverages.start("d1", model_id)
    assert isinstance(work(api, job_id, stop_requested=lambda: True)[-1], Stopped)
    with pytest.raises(DocumentDamaged):
        api.coverages.get(job_id)
    assert api.coverages.find("d1", model_id) is None


def test_result_is_found_again_while_rows_and_length_are_the_same(api: Api, model_id: str) -> None:
    assert api.coverages.find("d1", model_id, max_length=64) is None
    found = counted(api, model_id)
    assert api.coverages.find("d1", model_id, max_length=64) == found
    assert api.coverages.find("d1", model_id, max_length=65) is None
    assert api.coverages.find("d1", model_id, split=EVAL, max_length=64) is None
    api.versions.remove_rows("d1", [0])
    assert api.coverages.find("d1", model_id, max_length=64) is None


def test_what_cannot_be_counted_is_refused_at_once(api: Api, model_id: str, tmp_path: Path) -> None:
    plain = api.models.add(tiny_model_folder(tmp_path / "plain", template=None)).id
    with pytest.raises(DatasetNotFound):
        api.coverages.start("d2", model_id)
    with pytest.raises(DatasetNotFound, match="test"):
        api.coverages.start("d1", model_id, split="test")
    with pytest.raises(ModelNotFound):
        api.coverages.start("d1", "m2")
    with pytest.raises(NoChatTemplate):
        api.coverages.start("d1", plain)
    with pytest.raises(WrongUsage):
        api.coverages.start("d1", model_id, max_length=0)


# --- packing -----------------------------------------------------------------------------------


def test_rows_packed_with_one_are_those_of_the_trainer(api: Api, model_id: str) -> None:
    found = counted(api, model_id, max_length=128)
    shown = api.models.preview("d1", model_id, rows=100, max_length=128)
    lengths = np.asarray([len(one.tokens) for one in shown], np.int64)
    order = StepOrder(parts=whole(40), effective_batch_size=8, seed=seed_of("order", 5))
    for row in range(40):
        packed = api.coverages.packed_with(found, row, effective_batch_size=8, seed=5)
        assert row in packed.rows
        assert packed.lengths == tuple(int(lengths[one]) for one in packed.rows)
        groups = micro_steps(order.members(packed.step), lengths, capacity=128, micro_batch_size=1)
        assert list(packed.rows) in [one.tolist() for one in groups]


def test_rows_that_are_not_trained_take_no_place_among_the_packed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [chat("q" * 200, "too late"), chat("a", "b"), chat("q" * 201, "late"), chat("c", "d")]
    api = still_api(tmp_path, monkeypatch, rows=[_openai(one) for one in rows])
    found = counted(api, api.models.list()[0].id, max_length=100)
    packed = api.coverages.packed_with(found, 3, effective_batch_size=4, seed=0)
    assert (sorted(packed.rows), packed.step) == ([1, 3], 1)
    with pytest.raises(WrongUsage, match="not trained"):
        api.coverages.packed_with(found, 0, effective_batch_size=4, seed=0)
    with pytest.raises(WrongUsage):
        api.coverages.packed_with(found, 4, effective_batch_size=4, seed=0)


def _openai(row: ChatRow) -> dict[str, object]:
    return {"messages": [{"role": one.role.value, "content": one.content} for one in row.messages]}


def test_damaged_lengths_are_told(api: Api, model_id: str) -> None:
    found = counted(api, model_id)
    folder = JobFolder(api.layout.job(found.job_id).root)
    folder.example_lengths.write_bytes(b"123")
    with pytest.raises(DocumentDamaged):
        api.coverages.packed_with(found, 0, effective_batch_size=4, seed=0)
    folder.example_lengths.unlink()
    with pytest.raises(DocumentDamaged):
        api.coverages.packed_with(found, 0, effective_batch_size=4, seed=0)


# --- the command line --------------------------------------------------------------------------


def run_command(api: Api, *arguments: str) -> None:
    """Run the command alone, on a workspace."""
    app = typer.Typer()
    app.command()(tokens)
    app(list(arguments), obj=Session(root=api.layout.root), standalone_mode=False)


def test_command_writes_what_was_counted_as_json(
    api: Api, model_id: str, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    found = counted(api, model_id)
    named = ("Rows", "--model", model_id, "--max-length", "64")
    run_command(api, *named, "--row", "3", "--json")
    said = msgspec.json.decode(capfdbinary.readouterr().out)
    packed = said.pop("packed")
    assert said.pop("trained_ratio") == pytest.approx(found.trained_ratio)
    assert said.pop("end_of_turn_ratio") == pytest.approx(found.ends.ratio)
    assert msgspec.convert(said, Coverage) == found
    assert 3 in packed["rows"]


def test_command_says_in_words_what_is_not_trained(
    api: Api, model_id: str, capfd: pytest.CaptureFixture[str]
) -> None:
    counted(api, model_id, max_length=64)
    run_command(api, "Rows", "--model", model_id, "--max-length", "64", "--row", "0")
    said = capfd.readouterr().out
    assert "of 40 rows are trained" in said
    assert "rows are cut at 64 tokens" in said
    assert "one sequence with" in said


def test_ratios_of_nothing_are_zero(api: Api, model_id: str) -> None:
    empty = replace(counted(api, model_id), tokens=0, trained_tokens=0)
    assert empty.trained_ratio == 0.0
    assert isinstance(api.coverages, Coverages)
