# SPDX-License-Identifier: Apache-2.0
"""The list of datasets, and what is said of imports that go on, end well or end badly."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from engine.domain.dataset import RowKind
from engine.domain.run import JobKind, JobSnapshot
from engine.protocol.events import Failed, Finished, PhaseChanged, WorkerStarted
from gui.viewmodels.datasets import (
    dataset_lines,
    failed_imports,
    import_failure,
    import_progress,
    import_request,
    imported_words,
    list_meta,
    live_imports,
    more_failures_words,
)
from tests.fakes.api import FakeJobs, a_dataset

NOW = datetime(2026, 11, 3, 18, 0).astimezone()
READING = {"phase": "reading", "total": 100_000_000, "unit": "bytes"}


def an_import(jobs: FakeJobs, job_id: str = "j1", **options: object) -> None:
    given = {"paths": ["/data/tickets.csv"], "name": "tickets", **options}
    job = jobs.make(JobKind.IMPORT, "tickets", job_id, options=given)
    job.emit(WorkerStarted(attempt=1, pid=1), PhaseChanged(phase="reading"))


def test_lines_without_a_search_are_all_datasets_in_their_order() -> None:
    lines = dataset_lines([a_dataset(), a_dataset(id="d2", name="Orders")], query="", now=NOW)
    assert [one.id for one in lines] == ["d1", "d2"]
    assert (lines[0].rows, lines[0].kind, lines[0].source) == (
        "400", "Conversations", "tickets.jsonl",
    )  # fmt: skip


def test_lines_with_a_search_need_each_word_in_name_kind_or_file() -> None:
    text = a_dataset(id="d2", name="Handbook", kind=RowKind.TEXT)
    datasets = [a_dataset(), text]

    def found(query: str) -> list[str]:
        return [one.id for one in dataset_lines(datasets, query=query, now=NOW)]

    assert found("SUPPORT") == ["d1"]
    assert found("plain hand") == ["d2"]
    assert found("tickets.jsonl") == ["d1", "d2"]
    assert found("support plain") == []


def test_list_meta_counts_datasets_and_rows() -> None:
    assert list_meta([]) == ""
    assert list_meta([a_dataset(), a_dataset()]) == "2 datasets · 800 rows"


def test_live_and_failed_imports_are_told_apart_from_other_jobs() -> None:
    jobs = FakeJobs()
    an_import(jobs, "live")
    an_import(jobs, "broken")
    jobs.by_id["broken"].emit(Failed(code="file_empty", message="Empty.", remedy="", detail=""))
    an_import(jobs, "dead")
    jobs.by_id["dead"].is_dead = True
    an_import(jobs, "done")
    jobs.by_id["done"].emit(Finished(result={"dataset_id": "d1"}))
    jobs.make(JobKind.TRAIN, "run", "run").emit(WorkerStarted(attempt=1, pid=1))
    views = jobs.list()
    assert [one.info.id for one in live_imports(views)] == ["live"]
    assert {one.info.id for one in failed_imports(views)} == {"broken", "dead"}


def test_progress_while_reading_has_bytes_and_the_time_left() -> None:
    snapshot = JobSnapshot(
        **READING,
        done=25_000_000,
        started_at="2026-11-03T14:00:00.000Z",
        updated_at="2026-11-03T14:00:10.000Z",
    )
    shown = import_progress(snapshot)
    assert shown.share == 0.25
    assert shown.words == "Reading the files · 25 MB of 100 MB · about 30 s left"


def test_progress_at_the_very_beginning_promises_no_time() -> None:
    snapshot = JobSnapshot(**READING, done=1_000, started_at="2026-11-03T14:00:00.000Z",
                           updated_at="2026-11-03T14:00:01.000Z")  # fmt: skip
    assert "left" not in import_progress(snapshot).words


def test_progress_before_anything_is_known_has_no_share() -> None:
    assert import_progress(JobSnapshot()).share is None


def test_progress_after_cancel_says_so() -> None:
    assert import_progress(JobSnapshot(**READING), is_stopping=True).words == "Cancelling…"


def test_request_names_the_first_file_and_how_many_more() -> None:
    jobs = FakeJobs()
    an_import(jobs, paths=["/data/a.jsonl", "/data/b.jsonl", "/data/c.jsonl"], name="mine")
    request = import_request(jobs.get("j1").info)
    assert request.words == "a.jsonl and 2 more files"
    assert request.name == "mine"
    assert request.paths[1] == Path("/data/b.jsonl")


def test_failure_of_an_import_names_the_file_the_cause_and_the_remedy() -> None:
    jobs = FakeJobs()
    an_import(jobs)
    jobs.by_id["j1"].emit(
        Failed(code="file_empty", message="tickets.csv is empty.", remedy="Choose another.",
               detail="more")
    )  # fmt: skip
    shown = import_failure(jobs.get("j1"))
    assert shown.title == "tickets.csv was not imported"
    assert (shown.cause, shown.remedy) == ("tickets.csv is empty.", "Choose another.")
    assert (shown.code, shown.details) == ("file_empty", "more")
    assert "as they were" in shown.safe


def test_failure_of_a_worker_that_died_says_that_its_process_is_gone() -> None:
    jobs = FakeJobs()
    an_import(jobs)
    jobs.by_id["j1"].is_dead = True
    shown = import_failure(jobs.get("j1"))
    assert shown.code == "worker_died"
    assert "process is gone" in shown.cause


def test_imported_words_tell_rejected_rows_only_where_there_are_some() -> None:
    assert imported_words(a_dataset()) == "“Support tickets” was imported: 400 rows."
    assert imported_words(a_dataset(rejects=1)).endswith("400 rows. 1 was rejected.")


def test_more_failures_are_counted() -> None:
    assert more_failures_words(2).startswith("2 more imports went wrong")
