# SPDX-License-Identifier: Apache-2.0
"""Words for jobs: state, progress, what the status bar shows, and why one failed."""

from __future__ import annotations

import msgspec
import pytest

from engine.api.jobs import JobView
from engine.domain.run import Failure, JobKind, JobSnapshot, JobState
from engine.errors import (
    ComputerSlept,
    DiskFull,
    DriverChanged,
    EngineError,
    GpuLost,
    WorkerCrashed,
)
from engine.protocol.events import (
    CheckpointCommitted,
    Event,
    Failed,
    PhaseChanged,
    ProgressMade,
    WorkerStarted,
)
from gui.viewmodels.job import (
    BusyView,
    busy_view,
    failure_view,
    progress_words,
    share_of,
    state_chip,
    state_icon,
    state_kind,
    state_words,
    status_job,
    unfinished_words,
    work_words,
)
from tests.fakes.api import FakeJobs, a_step, a_stop

START = WorkerStarted(attempt=1, pid=1)


def view(*events: object, kind: JobKind = JobKind.TRAIN, is_dead: bool = False) -> JobView:
    jobs = FakeJobs()
    job = jobs.make(kind, "a job", "j1")
    job.emit(START, *events)  # type: ignore[arg-type]  # any event
    job.is_dead = is_dead
    return jobs.get("j1")


@pytest.mark.parametrize("state", list(JobState))
def test_every_state_has_word_kind_and_icon(state: JobState) -> None:
    assert state_words(state)
    assert state_kind(state) in {"accent", "neutral", "success", "danger", "warning"}
    assert bool(state_icon(state)) == state.is_over


def test_chip_of_a_live_run_says_what_it_does() -> None:
    job = view(PhaseChanged(phase="training"), a_step(3))
    chip = state_chip(JobKind.TRAIN, job.snapshot, job.state)
    assert (chip.text, chip.kind, chip.dot) == ("Training", "accent", True)


def test_chip_of_a_stopped_run_names_the_step() -> None:
    job = view(a_step(12), a_stop(12))
    chip = state_chip(JobKind.TRAIN, job.snapshot, job.state)
    assert (chip.text, chip.kind) == ("Stopped at step 12", "neutral")


def test_share_of_a_run_counts_steps_and_of_an_import_bytes() -> None:
    assert share_of(view(a_step(25)).snapshot) == pytest.approx(0.25)
    importing = view(ProgressMade(done=30, total=60, unit="bytes"), kind=JobKind.IMPORT)
    assert share_of(importing.snapshot) == pytest.approx(0.5)
    assert share_of(JobSnapshot()) is None


def test_progress_of_an_import_is_said_in_bytes() -> None:
    job = view(ProgressMade(done=30_000_000, total=60_000_000, unit="bytes"), kind=JobKind.IMPORT)
    assert progress_words(job.snapshot) == "30 MB of 60 MB"


def test_progress_of_a_run_is_the_time_left() -> None:
    job = view(PhaseChanged(phase="training"), a_step(10, eta_s=860))
    assert progress_words(job.snapshot) == "14 min left"


def test_work_is_its_phase_and_what_is_done_of_it() -> None:
    checking = PhaseChanged(phase="checking_rows")
    assert work_words(view(checking).snapshot) == "Checking the rows"
    some = view(checking, ProgressMade(done=1_100, total=4_400, unit="rows"))
    assert work_words(some.snapshot) == "Checking the rows · 1,100 of 4,400"
    assert work_words(JobSnapshot()) == "Starting"


def test_job_that_is_waited_for_shows_its_words_and_share() -> None:
    asking = (PhaseChanged(phase="asking"), ProgressMade(done=1, total=4, unit="rows"))
    shown = busy_view(view(*asking).snapshot)
    words = "Asking the trained model for text of its rows · 1 of 4"
    assert (shown.words, shown.share) == (words, 0.25)
    assert busy_view(view(*asking, START).snapshot) == BusyView(words="Starting", share=None)


@pytest.mark.parametrize(
    ("last", "words"),
    [
        (a_stop(0), "It was stopped."),
        (Failed(code="disk_full", message="Full.", remedy="Make room."), "Full. Make room."),
        (Failed(code="disk_full", message="Full.", remedy=""), "Full."),
    ],
)
def test_job_without_a_result_says_why(last: Event, words: str) -> None:
    assert unfinished_words(view(last), stopped="It was stopped.") == words


def test_job_whose_worker_is_gone_says_why() -> None:
    words = unfinished_words(dead("killed_by_system"), stopped="It was stopped.")
    assert words == "The cause. The remedy."


def test_status_job_without_live_jobs_is_none() -> None:
    assert status_job(()) is None


def test_status_job_prefers_the_run_and_counts_the_rest() -> None:
    importing = view(kind=JobKind.IMPORT)
    training = view(PhaseChanged(phase="training"), a_step(50, eta_s=30))
    shown = status_job((importing, training))
    assert shown is not None
    assert (shown.page, shown.argument, shown.share) == ("runs", "j1", 0.5)
    assert shown.text == "30 s left (and 1 more)"


def test_failure_of_a_run_with_a_checkpoint_says_what_is_safe() -> None:
    saved = CheckpointCommitted(step=200, name="ck-000200", size_bytes=1, is_best=True)
    failed = Failed(code="not_enough_memory", message="It is full.", remedy="Take less.")
    shown = failure_view(view(a_step(212), saved, failed))
    assert shown is not None
    assert (shown.cause, shown.remedy, shown.code) == (
        "It is full.",
        "Take less.",
        "not_enough_memory",
    )
    assert "step 200 is saved" in shown.safe


def test_failure_of_a_dead_worker_shows_the_end_of_its_output() -> None:
    shown = failure_view(view(a_step(3), is_dead=True), log_tail="Killed")
    assert shown is not None
    assert shown.code == "worker_died"
    assert shown.details == "Killed"
    assert "no checkpoint yet" in shown.safe


def dead(code: str) -> JobView:
    cause = Failure(code=code, message="The cause.", remedy="The remedy.", detail="exit status: -9")
    return msgspec.structs.replace(view(a_step(3), is_dead=True), cause=cause)


def test_death_with_a_known_cause_says_it_and_what_to_do() -> None:
    shown = failure_view(dead("killed_by_system"), log_tail="Killed")
    assert shown is not None
    assert shown.title == "The worker was ended from outside"
    assert (shown.cause, shown.remedy, shown.code) == (
        "The cause.",
        "The remedy.",
        "killed_by_system",
    )
    assert shown.details == "exit status: -9\n\nKilled"
    assert "no checkpoint yet" in shown.safe


def test_death_without_a_known_cause_keeps_what_is_known_in_the_details() -> None:
    shown = failure_view(dead("worker_died"), log_tail="")
    assert shown is not None
    assert shown.title == "The worker ended without a word"
    assert shown.details == "exit status: -9"


@pytest.mark.parametrize("kind", [GpuLost, ComputerSlept, DriverChanged, DiskFull, WorkerCrashed])
def test_end_with_a_name_has_a_title_of_its_own(kind: type[EngineError]) -> None:
    failed = Failed(code=kind.code, message="m", remedy="r")
    shown = failure_view(view(a_step(3), failed))
    assert shown is not None
    assert shown.title != "The training ended with an error"
    assert shown.title == getattr(failure_view(dead(kind.code)), "title", "")


def test_failure_of_a_finished_job_is_none() -> None:
    assert failure_view(view(a_stop(1))) is None
