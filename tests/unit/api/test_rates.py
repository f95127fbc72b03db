# SPDX-License-Identifier: Apache-2.0
"""The facade of the learning-rate finder: a job that is no run, and a result that is read once."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.api.facade import Api
from engine.domain.rate_sweep import RateSweep, Sureness
from engine.domain.run import JobKind
from engine.errors import DocumentDamaged, InUse, RunNotFound
from engine.store.documents import write_document
from tests.builders.still_api import still_api


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Api:
    return still_api(tmp_path, monkeypatch)


def started(api: Api) -> str:
    model = api.models.list()[0].id
    return api.rates.start(api.runs.make_recipe(dataset="d1", model=model, method_id="sft_lora"))


def test_job_is_no_run_and_names_the_finder(api: Api) -> None:
    info = api.jobs.get(started(api)).info
    assert (info.kind, info.entry) == (JobKind.RATE, "engine.train.rate_finder:run")
    assert api.runs.list() == []


def test_result_is_taken_once_and_the_job_is_gone(api: Api) -> None:
    job_id = started(api)
    with pytest.raises(DocumentDamaged):
        api.rates.take(job_id)
    found = RateSweep(
        points=(), smoothed=(), rate=None, sureness=Sureness.NONE, reason="It is flat."
    )
    write_document(api.layout.job(job_id).rate_sweep, found)
    assert api.rates.take(job_id) == found
    with pytest.raises(RunNotFound):
        api.jobs.get(job_id)


def test_dataset_and_model_in_use_stay(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    job_id = started(api)
    monkeypatch.setattr("engine.launcher.watch.has_worker", lambda _folder: True)
    if api.jobs.get(job_id).state.is_over:
        pytest.fail("the job should count as live")
    with pytest.raises(InUse):
        api.models.remove(api.models.list()[0].id)
    with pytest.raises(InUse):
        api.datasets.remove("d1")
