# SPDX-License-Identifier: Apache-2.0
"""The facade of the check for memorised text: a job of its own, whose result stays with the run."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from engine.api.facade import Api
from engine.domain.memorisation import Asked, Memorisation, Verdict
from engine.domain.run import JobKind
from engine.errors import DatasetNotFound, DiskFull, InUse, NothingToExport, RunNotFound
from engine.protocol.codec import encode
from engine.protocol.events import Event, Failed, Finished, WorkerStarted
from engine.store import atomicfs
from engine.store.documents import write_document
from tests.builders.still_api import still_api

FOUND = Memorisation(
    adapter_sha256="",
    checked_at="2026-01-02T03:04:05+00:00",
    rows=4,
    all_rows=4,
    values={"email": Asked(count=3, written=1, within_tries=1, learned=1), "new": Asked(count=1)},
    given_away=0,
    passages=Asked(),
    held_out=Asked(),
)


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Api:
    return still_api(tmp_path, monkeypatch)


def make_run(api: Api, *, with_adapter: bool = True) -> str:
    model = api.models.list()[0].id
    recipe = api.runs.make_recipe(dataset="d1", model=model, method_id="sft_lora")
    run_id = api.runs.start(recipe)
    if with_adapter:
        leave_adapter(api, run_id, b"first")
    return run_id


def leave_adapter(api: Api, run_id: str, content: bytes) -> None:
    with atomicfs.new_folder(api.layout.job(run_id).adapter, replace=True) as building:
        atomicfs.write_file(building / "adapter.safetensors", content)


def end(api: Api, job_id: str, last: Event, found: Memorisation | None = None) -> None:
    """End a job as its worker would."""
    folder = api.layout.job(job_id)
    events: tuple[Event, ...] = (WorkerStarted(attempt=1, pid=1), last)
    lines = [encode(one, seq=i, t="2026-11-03T14:00:00.000Z") for i, one in enumerate(events, 1)]
    if found is not None:
        write_document(folder.memorisation, found)
    atomicfs.write_file(folder.events, b"".join(lines))


def of_now(api: Api, run_id: str) -> Memorisation:
    digest = atomicfs.sha256_of(api.layout.job(run_id).adapter / atomicfs.MANIFEST)
    return msgspec.structs.replace(FOUND, adapter_sha256=digest)


def test_job_is_no_run_and_knows_run_model_and_rows(api: Api) -> None:
    run_id = make_run(api)
    info = api.jobs.get(api.memorisation.start(run_id)).info
    assert (info.kind, info.entry) == (JobKind.MEMORISATION, "engine.train.memorisation:run")
    assert info.text_option("run_id") == run_id
    assert info.text_option("model_fingerprint")
    assert info.text_option("adapter_step") == ""
    assert api.layout.job(info.id).recipe.is_file()
    assert [one.id for one in api.runs.list()] == [run_id]


def test_run_without_adapter_or_without_rows_is_refused_by_name(api: Api) -> None:
    with pytest.raises(NothingToExport):
        api.memorisation.start(make_run(api, with_adapter=False))
    run_id = make_run(api)
    atomicfs.remove_folder(api.layout.dataset("d1").root)
    with pytest.raises(DatasetNotFound):
        api.memorisation.start(run_id)
    with pytest.raises(RunNotFound):
        api.memorisation.checked("nobody")


def test_result_is_kept_with_the_run_and_the_job_is_gone(api: Api) -> None:
    run_id = make_run(api)
    assert api.memorisation.checked(run_id) is None
    job_id = api.memorisation.start(run_id)
    end(api, job_id, Finished(), of_now(api, run_id))
    for _time in range(2):
        checked = api.memorisation.checked(run_id)
        assert checked is not None
        assert checked.is_current
        assert checked.verdict is Verdict.FOUND
        assert [title for title, _asked in checked.lines] == ["E-mail address", "new"]
    with pytest.raises(RunNotFound):
        api.jobs.get(job_id)


def test_result_is_told_though_there_is_no_room_to_keep_it(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An export to another disk must neither fail for it nor call the run not checked."""
    run_id = make_run(api)
    write_document(api.layout.job(run_id).memorisation, FOUND)
    job_id = api.memorisation.start(run_id)
    now = msgspec.structs.replace(of_now(api, run_id), checked_at="2026-02-02T03:04:05+00:00")
    end(api, job_id, Finished(), now)

    def refuse(*_given: object) -> None:
        raise DiskFull("The disk is full.")

    with monkeypatch.context() as patched:
        patched.setattr("engine.api.memorisation.write_document", refuse)
        checked = api.memorisation.checked(run_id)
    assert checked is not None
    assert (checked.found, checked.is_current) == (now, True)
    assert api.memorisation.checked(run_id) == checked
    assert api.jobs.list(JobKind.MEMORISATION) == []


def test_result_of_another_adapter_is_told_to_be_old(api: Api) -> None:
    run_id = make_run(api)
    write_document(api.layout.job(run_id).memorisation, of_now(api, run_id))
    leave_adapter(api, run_id, b"second")
    checked = api.memorisation.checked(run_id)
    assert checked is not None
    assert not checked.is_current


def test_result_that_cannot_be_read_counts_as_not_checked(api: Api) -> None:
    run_id = make_run(api)
    job_id = api.memorisation.start(run_id)
    end(api, job_id, Finished())
    assert api.memorisation.checked(run_id) is None
    assert api.jobs.list(JobKind.MEMORISATION) == []
    api.layout.job(run_id).memorisation.write_bytes(b"{}")
    assert api.memorisation.checked(run_id) is None


def test_second_start_joins_the_job_that_is_busy(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = make_run(api)
    job_id = api.memorisation.start(run_id)
    monkeypatch.setattr("engine.launcher.watch.has_worker", lambda _folder: True)
    busy = api.memorisation.busy(run_id)
    assert busy is not None
    assert busy.info.id == job_id == api.memorisation.start(run_id)
    with pytest.raises(InUse):
        api.datasets.remove("d1")
    with pytest.raises(InUse):
        api.models.remove(api.models.list()[0].id)


def test_start_takes_in_what_was_found_and_removes_what_failed(api: Api) -> None:
    first, second = make_run(api), make_run(api)
    done = api.memorisation.start(first)
    end(api, done, Finished(), of_now(api, first))
    failed = api.memorisation.start(second)
    assert api.layout.job(first).memorisation.is_file()
    end(api, failed, Failed(code="not_enough_memory", message="No.", remedy="Close something."))
    newest = api.memorisation.start(second)
    assert [one.info.id for one in api.jobs.list(JobKind.MEMORISATION)] == [newest]
