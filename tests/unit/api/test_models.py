# SPDX-License-Identifier: Apache-2.0
"""Adding, finding and forgetting base models of a workspace."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import msgspec
import pytest

from engine.api.jobs import Jobs, JobView
from engine.api.models import Models
from engine.domain.recipe import Recipe
from engine.domain.run import JobInfo, JobKind, JobSnapshot, JobState
from engine.errors import FileMissing, InUse, ModelInvalid, ModelNotFound, UnsafeWeights
from engine.store import atomicfs
from engine.store.documents import write_document
from engine.store.layout import Layout
from engine.store.workspace import open_workspace
from tests.builders.evil_model_folders import config
from tests.builders.model_folder import tiny_model_folder

NOW = datetime(2026, 11, 20, tzinfo=UTC)


class FixedJobs(Jobs):
    """Jobs that are as the test says."""

    views: tuple[JobView, ...] = ()

    def list(self, kind: JobKind | None = None) -> list[JobView]:
        return [one for one in self.views if kind is None or one.info.kind is kind]


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return open_workspace(tmp_path / "workspace", now=NOW)


@pytest.fixture
def jobs(layout: Layout) -> FixedJobs:
    return FixedJobs(layout)


@pytest.fixture
def models(layout: Layout, jobs: FixedJobs, tmp_path: Path) -> Models:
    numbers = count(1)
    ticks = count()
    return Models(
        layout,
        jobs,
        make_id=lambda: f"abcdef{next(numbers):06d}",
        now=lambda: NOW + timedelta(seconds=next(ticks)),
        starter=tmp_path / "starter",
    )


def test_added_model_is_listed_and_its_folder_left_alone(models: Models, tmp_path: Path) -> None:
    path = tiny_model_folder(tmp_path / "Tiny-1B")
    before = {one.name: one.read_bytes() for one in path.iterdir()}
    info = models.add(path)
    assert (info.id, info.name, info.path) == ("abcdef000001", "Tiny-1B", str(path))
    assert models.list() == [info]
    assert {one.name: one.read_bytes() for one in path.iterdir()} == before


def test_same_folder_twice_keeps_its_id_and_is_read_anew(models: Models, tmp_path: Path) -> None:
    path = tiny_model_folder(tmp_path / "m")
    first = models.add(path, name="Mine")
    config(rms_norm_eps=1e-5)(path)
    (tmp_path / "other").mkdir()
    second = models.add(tmp_path / "other" / ".." / "m")
    assert (second.id, second.name, second.added_at) == (first.id, "Mine", first.added_at)
    assert second.fingerprint != first.fingerprint
    assert models.list() == [second]


def test_second_model_of_a_name_gets_a_number(models: Models, tmp_path: Path) -> None:
    names = [models.add(tiny_model_folder(tmp_path / one / "m")).name for one in ("a", "b", "c")]
    assert names == ["m", "m 2", "m 3"]


def test_folder_of_the_hugging_face_cache_is_named_after_the_model(
    models: Models, tmp_path: Path
) -> None:
    cache = tmp_path / "models--Qwen--Qwen3-4B" / "snapshots" / "0123abcd"
    assert models.add(tiny_model_folder(cache)).name == "Qwen3-4B"


def test_refused_folder_leaves_nothing(models: Models, layout: Layout, tmp_path: Path) -> None:
    path = tiny_model_folder(tmp_path / "m")
    (path / "model.safetensors").rename(path / "pytorch_model.bin")
    with pytest.raises(UnsafeWeights):
        models.add(path)
    with pytest.raises(FileMissing):
        models.add(tmp_path / "nowhere")
    assert list(layout.models.iterdir()) == []


def test_known_model_that_went_bad_keeps_its_record(models: Models, tmp_path: Path) -> None:
    path = tiny_model_folder(tmp_path / "m")
    info = models.add(path)
    config(hidden_size=-1)(path)
    with pytest.raises(ModelInvalid):
        models.add(path)
    assert models.list() == [info]


def test_starter_is_bundled_and_added_once(models: Models, tmp_path: Path) -> None:
    with pytest.raises(FileMissing):
        models.add_starter()
    tiny_model_folder(tmp_path / "starter")
    first, second = models.add_starter(), models.add_starter()
    assert first == second
    assert first.bundled
    assert models.add(tmp_path / "starter").bundled


def test_model_is_found_by_id_name_and_unique_beginning(models: Models, tmp_path: Path) -> None:
    one = models.add(tiny_model_folder(tmp_path / "a"), name="One")
    two = models.add(tiny_model_folder(tmp_path / "b"), name="Two")
    assert models.get(one.id) == models.get("One") == one
    assert models.get("abcdef000002") == two
    with pytest.raises(ModelNotFound, match="More than one"):
        models.get("abcdef")
    for key in ("abc", "Three", "", ".."):
        with pytest.raises(ModelNotFound, match="no model"):
            models.get(key)


def test_newest_model_comes_first(models: Models, tmp_path: Path) -> None:
    added = [models.add(tiny_model_folder(tmp_path / one)) for one in "abc"]
    assert models.list() == added[::-1]


def test_damaged_record_is_told_and_does_not_hide_the_others(
    models: Models, layout: Layout, tmp_path: Path
) -> None:
    bad, good = (models.add(tiny_model_folder(tmp_path / one)) for one in "ab")
    layout.model(bad.id).write_bytes(b"{")
    assert models.list() == [good]
    ((key, reason),) = models.damaged()
    assert key == bad.id
    assert "model.json" in reason
    assert models.name_of(bad.id) == bad.id
    assert models.name_of(good.id) == "b"
    models.remove(bad.id)
    assert models.damaged() == []


def test_copied_record_is_damaged_and_its_removal_leaves_the_first_alone(
    models: Models, layout: Layout, tmp_path: Path
) -> None:
    first = models.add(tiny_model_folder(tmp_path / "m"))
    shutil.copytree(layout.model(first.id).parent, layout.models / "copy")
    assert models.list() == [first]
    assert [key for key, _reason in models.damaged()] == ["copy"]
    models.remove("copy")
    assert models.list() == [first]
    assert models.damaged() == []


def test_removed_model_is_forgotten_and_its_folder_stays(models: Models, tmp_path: Path) -> None:
    path = tiny_model_folder(tmp_path / "m")
    models.remove(models.add(path).id)
    assert models.list() == []
    assert (path / "model.safetensors").is_file()
    with pytest.raises(ModelNotFound):
        models.remove("abcdef000001")


def test_removed_model_takes_its_kept_weights_along(
    models: Models, layout: Layout, tmp_path: Path
) -> None:
    info = models.add(tiny_model_folder(tmp_path / "m"))
    kept = layout.nf4_cache(info.id) / "current"
    atomicfs.make_folder(kept)
    (kept / "model.safetensors").write_bytes(b"bits")
    models.remove(info.id)
    assert not kept.exists()
    assert list(layout.models.iterdir()) == []


def job_view(kind: JobKind, state: JobState, **options: object) -> JobView:
    raw = {key: msgspec.Raw(msgspec.json.encode(one)) for key, one in options.items()}
    info = JobInfo(id="job1", kind=kind, name="My job", entry="e", created_at="", options=raw)
    return JobView(info=info, snapshot=JobSnapshot(state=state), state=state)


def training(layout: Layout, model_id: str, state: JobState) -> JobView:
    folder = layout.job("job1")
    atomicfs.make_folder(folder.root)
    write_document(folder.recipe, Recipe(dataset_id="d", model_id=model_id))
    return job_view(JobKind.TRAIN, state)


USERS: dict[str, Callable[[Layout, str, JobState], JobView]] = {
    "train": training,
    "generate": lambda _layout, key, state: job_view(JobKind.GENERATE, state, model_id=key),
}


@pytest.mark.parametrize("user", USERS)
def test_model_that_a_living_job_uses_cannot_be_removed(
    user: str, models: Models, jobs: FixedJobs, layout: Layout, tmp_path: Path
) -> None:
    info = models.add(tiny_model_folder(tmp_path / "m"))
    jobs.views = (USERS[user](layout, info.id, JobState.RUNNING),)
    with pytest.raises(InUse, match="My job"):
        models.remove(info.id)
    jobs.views = (USERS[user](layout, info.id, JobState.FINISHED),)
    models.remove(info.id)


def test_model_that_another_job_does_not_use_can_be_removed(
    models: Models, jobs: FixedJobs, layout: Layout, tmp_path: Path
) -> None:
    info = models.add(tiny_model_folder(tmp_path / "m"))
    jobs.views = (training(layout, "another", JobState.RUNNING),)
    models.remove(info.id)
    assert models.list() == []
