# SPDX-License-Identifier: Apache-2.0
"""Disk use: every byte is somebody's, and only what can be made again goes."""

from __future__ import annotations

import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.api.facade import Api, open_api
from engine.domain.run import JobKind
from engine.domain.space import SpaceItem, SpaceKind
from engine.domain.trash import TrashKind
from engine.errors import InUse, WrongUsage
from engine.launcher.identity import own_identity
from engine.protocol.events import EvalDone, Event, Finished, WorkerStarted
from engine.store.caches import CACHE_VARIABLE
from engine.store.disk_use import size_of
from engine.store.documents import write_document
from engine.store.eventlog import EventWriter
from tests.builders.dataset_import import ImportRun
from tests.builders.model_folder import tiny_model_folder

NOW = datetime(2026, 11, 20, tzinfo=UTC)
MOST = 1000


@pytest.fixture(autouse=True)
def compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of compiled code, which is not that of the person who runs the tests."""
    shared = fill(tmp_path / "shared", MOST)
    monkeypatch.setenv(CACHE_VARIABLE, str(shared))
    return shared / "burnish-compiled"


@pytest.fixture(autouse=True)
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the file of a program that nothing else runs: other tests have workers too."""
    path = tmp_path / "program"
    if sys.platform != "win32":
        shutil.copy("/bin/sh", path)
        monkeypatch.setattr(sys, "executable", str(path))
    return path


@pytest.fixture
def api(tmp_path: Path) -> Api:
    return open_api(tmp_path / "w")


def fill(folder: Path, size: int) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "content").write_bytes(bytes(size))
    return folder


def add_run(api: Api, *events: Event, name: str = "One") -> str:
    run_id = api.jobs.create(JobKind.TRAIN, name, "", {})
    writer = EventWriter(api.layout.job(run_id).events, now=lambda: NOW)
    for one in (WorkerStarted(attempt=1, pid=1), *events):
        writer.append(one)
    writer.close()
    for step in (10, 20, 30):
        fill(api.layout.job(run_id).checkpoints / f"ck-{step:06d}", MOST)
    return run_id


def an_eval(step: int, loss: float) -> EvalDone:
    return EvalDone(
        step=step, loss=loss, supervised_tokens=1, examples=1, is_best=step == 10, eval_s=0.1
    )


def item(api: Api, kind: SpaceKind) -> SpaceItem:
    return next(one for one in api.space.report().items if one.kind is kind)


def test_all_bytes_are_told_once_and_the_largest_first(api: Api, tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"text":"a"}\n{"text":"b"}\n', encoding="utf-8")
    ImportRun(api.layout, [tmp_path / "rows.jsonl"], name="Rows").run()
    fill(api.layout.dataset("d1").tokens / "k", 300)
    model = api.models.add(tiny_model_folder(tmp_path / "tiny"), name="Tiny")
    fill(api.layout.nf4_cache(model.id), 5_000)
    add_run(api, Finished(result={}))
    fill(api.layout.backups / "version-1", 70)
    told: list[tuple[int, int]] = []
    report = api.space.report(lambda done, total: told.append((done, total)))
    assert report.size_bytes == size_of(api.layout.root)
    sizes = [one.size_bytes for one in report.items]
    assert sizes == sorted(sizes, reverse=True)
    assert told[-1][0] == told[-1][1] == len(told)
    by_kind = {one.kind: one for one in report.items}
    assert by_kind[SpaceKind.TOKENS].freeable_bytes == 300
    assert by_kind[SpaceKind.WEIGHTS].freeable_bytes == 5_000
    assert by_kind[SpaceKind.BACKUP].freeable_bytes == 70
    assert by_kind[SpaceKind.DATASET].freeable_bytes == 0
    assert report.free_bytes


def test_caches_go_and_their_owner_stays(api: Api, tmp_path: Path) -> None:
    model = api.models.add(tiny_model_folder(tmp_path / "tiny"), name="Tiny")
    fill(api.layout.nf4_cache(model.id), 5_000)
    assert api.space.free(f"weights:{model.id}") == 5_000
    assert not api.layout.nf4_cache(model.id).exists()
    assert api.models.get("Tiny") == model
    assert api.space.free(f"weights:{model.id}") == 0


def test_compiled_code_outside_of_the_workspace_is_told_and_can_go(
    api: Api, compiled: Path
) -> None:
    fill(compiled / "triton", MOST)
    found = item(api, SpaceKind.COMPILED)
    assert found.size_bytes == found.freeable_bytes >= MOST
    assert api.space.free(found.key) == found.size_bytes
    assert not compiled.exists()
    # What else stands in a cache folder that a person named is nobody's to remove.
    assert (compiled.parent / "content").stat().st_size == MOST


def test_caches_stay_while_a_job_runs(api: Api) -> None:
    fill(api.layout.dataset("d1").tokens, 300)
    run_id = add_run(api)
    folder = api.layout.job(run_id)
    write_document(folder.identity, own_identity(folder, "l"))
    with pytest.raises(InUse):
        api.space.free("tokens:d1")
    assert api.layout.dataset("d1").tokens.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="a copy of a program lacks its libraries there")
def test_compiled_code_stays_while_a_worker_of_another_workspace_lives(
    api: Api, compiled: Path, program: Path, tmp_path: Path
) -> None:
    fill(compiled / "triton", MOST)
    fill(api.layout.dataset("d1").tokens, 300)
    words = [str(program), "-c", "read word", "--worker", str(tmp_path / "other/jobs/j1")]
    with subprocess.Popen(words, stdin=subprocess.PIPE) as worker:
        with pytest.raises(InUse, match=str(worker.pid)):
            api.space.free("compiled:all")
        assert (compiled / "triton/content").exists()
        assert api.space.free("tokens:d1") == 300  # of this workspace alone
        worker.communicate(b"\n")
    assert api.space.free("compiled:all") >= MOST
    assert not compiled.exists()


def test_newest_and_best_checkpoint_of_a_finished_run_stay(api: Api) -> None:
    run_id = add_run(
        api,
        an_eval(10, 1.0),
        an_eval(20, 2.0),
        Finished(result={}),
    )
    assert item(api, SpaceKind.CHECKPOINTS).freeable_bytes == MOST
    assert api.space.free(f"checkpoints:{run_id}") == MOST
    left = sorted(one.name for one in api.layout.job(run_id).checkpoints.iterdir())
    assert left == ["ck-000010", "ck-000030"]


def test_checkpoints_of_a_run_that_can_go_on_all_stay(api: Api) -> None:
    run_id = add_run(api)
    assert item(api, SpaceKind.CHECKPOINTS).freeable_bytes == 0
    assert api.space.free(f"checkpoints:{run_id}") == 0


def test_trash_counts_until_it_is_deleted(api: Api) -> None:
    folder = fill(api.layout.exports / "one", 400)
    entry = api.trash.throw_away(TrashKind.EXPORT, "One", [folder])
    found = item(api, SpaceKind.TRASH)
    assert found.freeable_bytes == found.size_bytes > 400
    assert api.space.free(f"trash:{entry}") == found.size_bytes
    assert api.trash.list() == []


@pytest.mark.parametrize("key", ["dataset:d1", "tokens:", "tokens:../d1", "run:x", "nothing", ""])
def test_nothing_else_can_be_removed_this_way(key: str, api: Api) -> None:
    fill(api.layout.dataset("d1").root, 10)
    with pytest.raises(WrongUsage):
        api.space.free(key)
    assert api.layout.dataset("d1").root.exists()
