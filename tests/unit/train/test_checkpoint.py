# SPDX-License-Identifier: Apache-2.0
"""Checkpoints: whole or absent, strict, and the newest sound one wins."""

from __future__ import annotations

import errno
from pathlib import Path

import msgspec
import pytest
import torch

from engine.domain.checkpoint import CheckpointState
from engine.errors import (
    CheckpointDamaged,
    DiskFull,
    EngineError,
    ModelChanged,
    NotWritable,
    RunNotResumable,
)
from engine.protocol.events import Warned
from engine.store import atomicfs
from engine.train import checkpoint
from engine.train.checkpoint import (
    ADAPTER,
    OPTIMIZER,
    STATE,
    check_same_run,
    checkpoint_folders,
    moved_warning,
    newest_checkpoint,
    prune_checkpoints,
    read_checkpoint,
    write_checkpoint,
)
from engine.train.model import LanguageModel
from engine.train.optimizer import AdapterOptimizer
from tests.builders.model_folder import tiny_model_folder
from tests.unit.train.models import load_adapted


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> LanguageModel:
    return load_adapted(tiny_model_folder(tmp_path_factory.mktemp("model")))


@pytest.fixture
def optimizer(model: LanguageModel) -> AdapterOptimizer:
    return AdapterOptimizer(model.trainable(), weight_decay=0.0)


def state_at(step: int) -> CheckpointState:
    return CheckpointState(
        run_id="run",
        step=step,
        tokens_seen=10 * step,
        eval_before=2.0,
        eval_last=1.0,
        eval_best=0.5,
        eval_best_step=1,
        recipe_sha256="r",
        data_sha256="d",
        weights_sha256="w",
        placement="cuda, bf16",
    )


def write_three(root: Path, model: LanguageModel, optimizer: AdapterOptimizer) -> None:
    for step in (1, 2, 10):
        write_checkpoint(root, state_at(step), model, optimizer)


def names(root: Path) -> list[str]:
    return [one.name for one in checkpoint_folders(root)]


def test_write_checkpoint_read_back_is_the_same(
    tmp_path: Path, model: LanguageModel, optimizer: AdapterOptimizer
) -> None:
    folder = write_checkpoint(tmp_path / "all", state_at(7), model, optimizer)
    found = read_checkpoint(folder)
    assert folder.name == "ck-000007"
    assert found.state == state_at(7)
    other = load_adapted(tiny_model_folder(tmp_path / "model"), fill=False)
    found.restore(other, AdapterOptimizer(other.trainable(), weight_decay=0.0))
    restored = other.trainable()
    assert all(torch.equal(one, restored[name]) for name, one in model.trainable().items())


def test_write_checkpoint_same_step_again_replaces_it(
    tmp_path: Path, model: LanguageModel, optimizer: AdapterOptimizer
) -> None:
    write_checkpoint(tmp_path, state_at(7), model, optimizer)
    later = msgspec.structs.replace(state_at(7), tokens_seen=99)
    assert read_checkpoint(write_checkpoint(tmp_path, later, model, optimizer)).state == later
    assert names(tmp_path) == ["ck-000007"]


def test_newest_checkpoint_takes_the_highest_step(
    tmp_path: Path, model: LanguageModel, optimizer: AdapterOptimizer
) -> None:
    write_three(tmp_path, model, optimizer)
    warned: list[Warned] = []
    found = newest_checkpoint(tmp_path, warned.append)
    assert found is not None
    assert (found.state.step, warned) == (10, [])


@pytest.mark.parametrize("name", [ADAPTER, OPTIMIZER, STATE])
@pytest.mark.parametrize("damage", ["cut", "flip", "gone"])
def test_newest_checkpoint_damaged_one_is_told_and_skipped(
    tmp_path: Path, model: LanguageModel, optimizer: AdapterOptimizer, name: str, damage: str
) -> None:
    write_three(tmp_path, model, optimizer)
    file = tmp_path / "ck-000010" / name
    content = file.read_bytes()
    match damage:
        case "cut":
            file.write_bytes(content[:-1])
        case "flip":
            file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        case _:
            file.unlink()
    warned: list[Warned] = []
    found = newest_checkpoint(tmp_path, warned.append)
    assert found is not None
    assert found.state.step == 2
    assert [one.code for one in warned] == ["checkpoint_damaged"]
    assert "ck-000010" in warned[0].message


def test_newest_checkpoint_puts_a_damaged_one_aside(
    tmp_path: Path, model: LanguageModel, optimizer: AdapterOptimizer
) -> None:
    write_three(tmp_path, model, optimizer)
    (tmp_path / "ck-000010" / STATE).unlink()
    newest_checkpoint(tmp_path, lambda _event: None)
    write_checkpoint(tmp_path, state_at(3), model, optimizer)
    prune_checkpoints(tmp_path, keep=1, spared=())
    assert [one.name for one in checkpoint_folders(tmp_path)] == ["ck-000003"]
    assert any(one.name.startswith("damaged-ck-000010") for one in tmp_path.iterdir())


def test_newest_checkpoint_without_any_is_none(tmp_path: Path) -> None:
    assert newest_checkpoint(tmp_path / "none", lambda _event: None) is None


def test_read_checkpoint_without_a_manifest_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ck-000003").mkdir()
    with pytest.raises(CheckpointDamaged, match="manifest"):
        read_checkpoint(tmp_path / "ck-000003")


def test_restore_adapter_without_one_tensor_is_refused(
    tmp_path: Path, model: LanguageModel, optimizer: AdapterOptimizer
) -> None:
    found = read_checkpoint(write_checkpoint(tmp_path, state_at(1), model, optimizer))
    name = next(iter(found.adapter))
    del found.adapter[name]
    with pytest.raises(CheckpointDamaged, match=name):
        found.restore(model, optimizer)


def test_prune_checkpoints_keeps_the_newest_and_the_best(
    tmp_path: Path, model: LanguageModel, optimizer: AdapterOptimizer
) -> None:
    for step in (1, 2, 3, 4, 5):
        write_checkpoint(tmp_path, state_at(step), model, optimizer)
    prune_checkpoints(tmp_path, keep=2, spared=(2,))
    assert names(tmp_path) == ["ck-000002", "ck-000004", "ck-000005"]


def test_prune_checkpoints_one_that_another_program_holds_stays_and_is_named(
    tmp_path: Path,
    model: LanguageModel,
    optimizer: AdapterOptimizer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for step in (1, 2, 3):
        write_checkpoint(tmp_path, state_at(step), model, optimizer)
    remove = atomicfs.remove_folder

    def refuse(folder: Path) -> None:
        if folder.name == "ck-000001":
            raise NotWritable("in use")
        remove(folder)

    monkeypatch.setattr(atomicfs, "remove_folder", refuse)
    assert prune_checkpoints(tmp_path, keep=1, spared=()) == ["ck-000001"]
    assert names(tmp_path) == ["ck-000001", "ck-000003"]


def test_write_checkpoint_same_step_on_a_full_disk_leaves_the_one_that_is_there(
    tmp_path: Path,
    model: LanguageModel,
    optimizer: AdapterOptimizer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    target = write_checkpoint(tmp_path, state_at(7), model, optimizer)

    def full(*_args: object, **_options: object) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(checkpoint, "write_tensors", full)
    with pytest.raises(DiskFull):
        write_checkpoint(tmp_path, state_at(7), model, optimizer)
    assert read_checkpoint(target).state == state_at(7)
    assert [one.name for one in tmp_path.iterdir()] == ["ck-000007"]


HASHES = {"recipe_sha256": "r", "data_sha256": "d", "weights_sha256": "w"}


@pytest.mark.parametrize(
    ("field", "error"),
    [
        ("recipe_sha256", RunNotResumable),
        ("data_sha256", RunNotResumable),
        ("weights_sha256", ModelChanged),
    ],
)
def test_check_same_run_another_hash_is_refused(field: str, error: type[EngineError]) -> None:
    check_same_run(state_at(1), **HASHES)
    with pytest.raises(error):
        check_same_run(state_at(1), **(HASHES | {field: "other"}))


def test_check_same_run_older_checkpoint_without_a_hash_of_the_weights_goes_on() -> None:
    state = msgspec.structs.replace(state_at(1), weights_sha256="", placement="")
    check_same_run(state, **HASHES)
    assert moved_warning(state, placement="cpu, fp32") is None


def test_moved_warning_names_both_places() -> None:
    assert moved_warning(state_at(4), placement="cuda, bf16") is None
    warning = moved_warning(state_at(4), placement="cpu, fp32")
    assert warning is not None
    assert warning.code == "placement_changed"
    for word in ("cpu, fp32", "cuda, bf16", "step 4"):
        assert word in warning.message
