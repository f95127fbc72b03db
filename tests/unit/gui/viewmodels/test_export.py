# SPDX-License-Identifier: Apache-2.0
"""Exports as values: choices with their sizes, reasons, progress, verdicts and the list."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.domain.run import JobState
from engine.exporters.registry import TARGETS
from engine.protocol.events import AdapterCommitted
from gui.viewmodels.export import (
    FileFact,
    Place,
    done_view,
    empty_view,
    exact_percent,
    export_failure,
    export_request,
    folder_view,
    live_export,
    live_view,
    needed_bytes,
    past_lines,
    run_choices,
    start_reason,
    target_choices,
    target_title,
)
from tests.fakes.api import FakeApi, a_model
from tests.fakes.exports import a_verified, fail, finish, move_on, stop

NOW = datetime(2026, 11, 4, 12, 0, tzinfo=UTC)
ADAPTER, MERGED = TARGETS


@pytest.fixture
def api() -> FakeApi:
    made = FakeApi()
    made.runs.make("support-v2", "r6", has_adapter=True)
    made.runs.make("support-v3", "r7")
    return made


def test_run_choices_offer_only_runs_with_an_adapter(api: FakeApi) -> None:
    (only,) = run_choices(api.runs.list(), now=NOW)  # type: ignore[arg-type]  # a fake run
    assert (only.key, only.name) == ("r6", "support-v2")
    assert only.facts.startswith("Qwen3-4B · Support tickets · ")


@pytest.mark.parametrize(
    ("is_best", "words"), [(True, "step 1,550, the best"), (False, "step 1,550")]
)
def test_run_choices_say_which_step_the_weights_are_of(is_best: bool, words: str) -> None:
    made = FakeApi()
    job = made.runs.make("support-v2", "r6", has_adapter=True)
    job.emit(AdapterCommitted(path="adapter", sha256="0", step=1550, is_best=is_best))
    (only,) = run_choices(made.runs.list(), now=NOW)  # type: ignore[arg-type]  # a fake run
    assert words in only.facts.split(" · ")


def test_target_choices_tell_the_size_of_each_form() -> None:
    adapter, merged = target_choices(
        TARGETS, model=a_model(), place=Place(adapter_bytes=132_000_000)
    )
    assert adapter.text.endswith("132 MB.")
    assert merged.text.endswith("About 8.0 GB.")
    assert not adapter.reason
    assert not merged.reason


def test_target_choices_without_the_base_model_say_why_not() -> None:
    cards = target_choices(TARGETS, model=None, place=Place())
    assert {one.reason for one in cards} == {"The base model is not in the list any more."}


def test_needed_bytes_of_a_merged_model_are_those_of_its_base() -> None:
    assert needed_bytes(MERGED, a_model(), Place(adapter_bytes=7)) == 8_045_000_000
    assert needed_bytes(ADAPTER, a_model(), Place(adapter_bytes=7)) == 7
    assert needed_bytes(MERGED, None, Place(adapter_bytes=7)) is None


def test_folder_that_holds_something_is_refused() -> None:
    view = folder_view(Path("/data"), place=Place(is_taken=True), needed=None)
    assert view.error == "This folder holds something already. Choose a new or an empty one."


def test_folder_on_a_full_disk_is_refused_with_both_sizes() -> None:
    view = folder_view(None, place=Place(free_bytes=10**9), needed=8 * 10**9)
    assert view.error == "It needs 8.0 GB, but this disk has only 1.0 GB free."


def test_folder_with_room_says_how_much() -> None:
    view = folder_view(None, place=Place(free_bytes=212 * 10**9), needed=8 * 10**9)
    assert (view.title, view.error) == ("A new folder in the workspace", "")
    assert view.text == "Needs 8.0 GB, 212 GB free on this disk"


@pytest.mark.parametrize(
    ("run_id", "has_model", "target", "said"),
    [
        ("", True, "adapter", "Choose a run first."),
        ("r6", False, "adapter", "The base model is not in the list any more."),
        ("r6", True, "", "Choose a form first."),
        ("r6", True, "adapter", ""),
    ],
)
def test_start_reason_names_what_is_missing(
    run_id: str, has_model: bool, target: str, said: str
) -> None:
    folder = folder_view(None, place=Place(), needed=None)
    model = a_model() if has_model else None
    assert start_reason(run_id=run_id, model=model, target=target, folder=folder) == said


def test_export_request_reads_what_was_asked_for(api: FakeApi) -> None:
    job = api.exports.make("r6", "merged", Path("/data/out"))
    request = export_request(job.info)
    assert (request.run_id, request.target) == ("r6", "merged")
    assert request.out == Path("/data/out")


def test_live_view_names_phase_and_progress(api: FakeApi) -> None:
    job = api.exports.make("r6", "merged")
    move_on(job, "merging", 2 * 10**9, 8 * 10**9)
    view = live_view(job.info, job.snapshot, target="Merged model", is_stopping=False)
    assert view.title == "Exporting support-v2: Merged model"
    assert view.words == "Merging · 2.0 GB of 8.0 GB"
    assert view.share == 0.25
    assert view.cancel == ""


def test_live_view_before_the_first_event_knows_no_share(api: FakeApi) -> None:
    job = api.exports.make("r6", "merged")
    view = live_view(job.info, job.snapshot, target="Merged model", is_stopping=True)
    assert (view.words, view.share, view.cancel) == ("Starting", None, "Cancelling…")


@pytest.mark.parametrize(
    ("ratio", "said"),
    [(1.0, "100 %"), (0.99999, "99.99 %"), (0.9951, "99.51 %"), (0.5, "50 %"), (0.0, "0 %")],
)
def test_exact_percent_says_all_only_where_it_is_all(ratio: float, said: str) -> None:
    assert exact_percent(ratio) == said


def test_done_view_says_what_was_compared(api: FakeApi) -> None:
    job = api.exports.make("r6", "adapter")
    files = (FileFact(name="README.md", size_bytes=2_000), FileFact(name="a", size_bytes=10**6))
    view = done_view(job.info, a_verified("/out"), target="Adapter", files=files)
    assert view.verdict == (
        "4 prompts were given to the trained run and to these files. "
        "Both found the same most likely token at 100 % of the positions."
    )
    assert ("Mean divergence", "below 0.000001", "nats") in view.facts
    assert ("Largest difference of a logit", "0.0021", "") in view.facts
    assert view.files == (("README.md", "2 kB"), ("a", "1 MB"))
    assert view.files_words == "2 files · 1 MB"
    assert view.missing == ""


def test_done_view_of_a_removed_folder_says_so(api: FakeApi) -> None:
    job = api.exports.make("r6", "adapter")
    files = (FileFact(name="README.md", size_bytes=None),)
    view = done_view(job.info, a_verified("/out"), target="Adapter", files=files)
    assert view.missing == "This folder is not there any more."
    assert view.files == (("README.md", "not there"),)


def test_done_view_while_sizes_are_read_claims_nothing(api: FakeApi) -> None:
    job = api.exports.make("r6", "adapter")
    view = done_view(job.info, a_verified("/out"), target="Adapter", files=None)
    assert view.missing == ""
    assert [size for _name, size in view.files] == ["", "", ""]


def test_export_failure_keeps_code_and_remedy(api: FakeApi) -> None:
    job = api.exports.make("r6", "merged")
    fail(job)
    view = export_failure(api.jobs.get(job.info.id), log_tail="")
    assert view is not None
    assert view.title == "support-v2 was not exported"
    assert view.code == "export_not_equal"
    assert view.remedy.startswith("Export it again.")


def test_export_failure_of_a_dead_worker_holds_its_log(api: FakeApi) -> None:
    job = api.exports.make("r6", "merged")
    job.is_dead = True
    view = export_failure(api.jobs.get(job.info.id), log_tail="Killed")
    assert view is not None
    assert (view.code, view.details) == ("worker_died", "Killed")


def test_export_failure_of_a_good_export_is_none(api: FakeApi) -> None:
    job = api.exports.make("r6", "merged")
    finish(job, "/out")
    assert export_failure(api.jobs.get(job.info.id), log_tail="") is None


def test_past_lines_name_no_folder_that_was_not_kept(api: FakeApi) -> None:
    finish(api.exports.make("r6", "adapter", Path("/a"), "e1"), "/a")
    stop(api.exports.make("r6", "merged", Path("/b"), "e2"))
    lines = {one.key: one for one in past_lines(api.jobs.list(), TARGETS, now=NOW)}
    assert set(lines) == {"e1", "e2"}
    assert (lines["e1"].path, lines["e1"].target) == ("/a", "Adapter")
    assert (lines["e2"].path, lines["e2"].state.text) == ("", "Stopped")


def test_live_export_is_the_one_that_goes_on(api: FakeApi) -> None:
    finish(api.exports.make("r6", "adapter", job_id="e1"), "/a")
    assert live_export(api.exports.list()) is None
    api.exports.make("r6", "merged", job_id="e2")
    live = live_export(api.jobs.list())
    assert live is not None
    assert (live.info.id, live.state) == ("e2", JobState.RUNNING)


def test_target_of_a_newer_version_keeps_its_id() -> None:
    assert target_title(TARGETS, "gguf") == "gguf"


def test_empty_view_leads_to_what_comes_first(api: FakeApi) -> None:
    assert empty_view(()).first == "train"
    assert empty_view(api.runs.list()).first == "runs"  # type: ignore[arg-type]  # fake runs
