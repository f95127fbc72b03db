# SPDX-License-Identifier: Apache-2.0
"""The queue on the command line; no keeper is started, because none of its runs can be."""

from __future__ import annotations

import errno
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from engine.api.jobs import Jobs
from engine.api.queue import QueueDesk
from engine.api.queue_view import QueueLine, QueueView
from engine.cli.main import run_command_line
from engine.cli.queue import queue_sentences
from engine.domain.queue import EntryState, Hours, QueueEntry, WaitsFor, WhenDone
from engine.domain.recipe import Recipe
from engine.domain.run import JobKind, JobSnapshot, JobState
from engine.launcher import keeper
from engine.store import atomicfs
from engine.store.documents import write_document
from engine.store.layout import Layout
from engine.store.workspace import open_workspace


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a workspace with three runs that wait, in which no keeper is started."""
    layout = open_workspace(tmp_path / "w", now=datetime.now(UTC))
    for name in ("one", "two", "three"):
        jobs = Jobs(layout, make_id=lambda name=name: f"id{name}")
        jobs.create(JobKind.TRAIN, name, "a:b", {}, Recipe(dataset_id="d1", model_id="m1"))
    monkeypatch.setattr(keeper, "has_work", lambda _layout: False)
    return layout.root


def do(capfd: pytest.CaptureFixture[str], root: Path, *words: str) -> dict[str, Any]:
    status = run_command_line(["--workspace", str(root), *words, "--json"])
    answer = json.loads(capfd.readouterr().out)
    return answer | {"status": status}


def runs(answer: dict[str, Any]) -> list[str]:
    return [one["run_id"] for one in answer["lines"]]


def test_runs_are_added_moved_and_removed(
    workspace: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    do(capfd, workspace, "queue", "add", "one", "idtwo")
    assert runs(do(capfd, workspace, "queue", "add", "three")) == ["idone", "idtwo", "idthree"]
    assert runs(do(capfd, workspace, "queue", "move", "three", "1")) == [
        "idthree",
        "idone",
        "idtwo",
    ]
    assert runs(do(capfd, workspace, "queue", "remove", "one")) == ["idthree", "idtwo"]
    assert runs(do(capfd, workspace, "queue", "list")) == ["idthree", "idtwo"]
    assert run_command_line(["--workspace", str(workspace), "queue"]) == 0
    words = capfd.readouterr().out
    assert "three" in words
    assert "waits" in words


@pytest.mark.parametrize(("attempt", "state"), [(2, EntryState.WAITING), (1, EntryState.RUNNING)])
def test_run_that_was_just_paused_waits_again_and_one_that_begins_does_not(
    workspace: Path, capfd: pytest.CaptureFixture[str], attempt: int, state: EntryState
) -> None:
    """The keeper looks once a second; who pauses a run and puts it in at once is faster."""
    layout = Layout(workspace)
    entry = QueueEntry(run_id="idone", state=EntryState.RUNNING, attempt=1)
    QueueDesk(layout).change(lambda queue: replace(queue, entries=(entry,)))
    paused = JobSnapshot(state=JobState.PAUSED, attempt=attempt)
    write_document(layout.job("idone").result, paused)
    answer = do(capfd, workspace, "queue", "add", "one")
    assert [one["state"] for one in answer["lines"]] == [state]


def test_hours_and_the_end_are_chosen_and_taken_back(
    workspace: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert do(capfd, workspace, "queue", "when", "22:00-06:00")["hours"] == {
        "begin": 1320,
        "end": 360,
    }
    assert do(capfd, workspace, "queue", "when", "always")["hours"] is None
    assert do(capfd, workspace, "queue", "then", "sleep")["when_done"] == "sleep"
    assert do(capfd, workspace, "queue", "then", "nothing")["when_done"] == "nothing"
    assert do(capfd, workspace, "queue", "hold")["is_held"] is True
    assert do(capfd, workspace, "queue", "resume")["is_held"] is False


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("when", "late"), "wrong_usage"),
        (("add", "nobody"), "run_not_found"),
        (("move", "one", "1"), "run_not_found"),
        (("remove", "nobody"), "run_not_found"),
    ],
)
def test_what_cannot_be_done_is_named(
    workspace: Path, capfd: pytest.CaptureFixture[str], words: tuple[str, ...], code: str
) -> None:
    answer = do(capfd, workspace, "queue", *words)
    assert (answer["status"], answer["error"]["code"]) == (1, code)


def test_damaged_queue_hides_no_run_and_begins_anew(
    capfd: pytest.CaptureFixture[str], workspace: Path
) -> None:
    do(capfd, workspace, "queue", "add", "one", "two")
    document = Layout(workspace).queue.document
    content = document.read_bytes().replace(b"waiting", b"wailing")
    atomicfs.write_file(document, content)
    assert run_command_line(["--workspace", str(workspace), "queue", "move", "one", "1"]) == 1
    assert "Put the runs in again" in capfd.readouterr().err
    view = do(capfd, workspace, "queue", "list")
    assert (view["is_damaged"], view["lines"]) == (True, [])
    assert run_command_line(["--workspace", str(workspace), "queue"]) == 0
    assert "Your runs are all there." in capfd.readouterr().out
    assert runs(do(capfd, workspace, "queue", "add", "three")) == ["idthree"]
    assert do(capfd, workspace, "queue", "list")["is_damaged"] is False
    kept = [one for one in document.parent.iterdir() if one.name.startswith("damaged-")]
    assert [one.read_bytes() for one in kept] == [content]


def test_queue_that_the_disk_does_not_give_now_is_not_put_aside(
    workspace: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    do(capfd, workspace, "queue", "add", "one", "two")
    document = Layout(workspace).queue.document
    read = Path.read_bytes

    def fail(path: Path) -> bytes:
        if path == document:
            raise OSError(errno.EIO, "Input/output error")
        return read(path)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", fail)
        assert run_command_line(["--workspace", str(workspace), "queue", "add", "three"]) == 1
    assert "Put the runs in again" not in capfd.readouterr().err
    assert runs(do(capfd, workspace, "queue", "list")) == ["idone", "idtwo"]


def test_queue_says_all_that_is_to_be_known_of_it() -> None:
    view = QueueView(
        lines=(QueueLine(run_id="a", state=EntryState.WAITING),),
        hours=Hours(begin=1320, end=360),
        when_done=WhenDone.SHUT_DOWN,
        needs_keeper=True,
        waits_for=WaitsFor.DEVICE,
        closing_at="2026-11-21T12:00:00.000Z",
    )
    assert queue_sentences(view) == [
        "Runs go between 22:00 and 06:00 only.",
        "The next run waits: other programs hold the graphics card's memory.",
        "Nobody looks after it now. Go on: queue resume, or open the window.",
        "When it is done, the computer is shut down.",
        "That happens within a minute. Call it off: queue then nothing.",
    ]
    dying = QueueView(lines=view.lines, problem="It ends by an error.", remedy="Wait.")
    assert queue_sentences(dying) == ["It ends by an error. Wait."]
    assert queue_sentences(QueueView(is_held=True)) == [
        "It is held; nothing is started. Go on: queue resume.",
        "The queue is empty. Put a run in: queue new, or queue add RUN.",
    ]
