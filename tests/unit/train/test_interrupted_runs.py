# SPDX-License-Identifier: Apache-2.0
"""What a run does when something outside its steps goes wrong, or somebody else is in its way."""

from __future__ import annotations

import errno
import itertools
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.errors import DiskFull, ModelChanged
from engine.protocol.events import (
    CheckpointCommitted,
    EvalDone,
    Event,
    Finished,
    PhaseChanged,
    RolledBack,
    StepDone,
    Stopped,
    Warned,
)
from engine.store import atomicfs
from engine.store.known_model import find_model
from engine.train import checkpoint, device, heldout, sft_lora
from engine.train.checkpoint import checkpoint_folders, read_checkpoint
from engine.train.tuned import load_tuned
from tests.builders.model_folder import tiny_model_folder
from tests.unit.train.misfortune import RATE, Case, befall
from tests.unit.train.runs import MODEL, Desk, add_model, chat_rows, make_desk

_numbers = itertools.count(1)
VALUES: dict[str, Any] = {
    "effective_batch_size": 3,
    "epochs": 9.0,
    "max_steps": 6,
    "eval_every_steps": 2,
    "lora_dropout": 0.2,
}


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return make_desk(tmp_path, rows=chat_rows(12), vocabulary=300, layers=1)


def new_run(desk: Desk, **values: Any) -> str:
    run_id = f"run-{next(_numbers)}"
    desk.add_run(run_id, desk.recipe(**(VALUES | values)))
    return run_id


def train(desk: Desk, run_id: str, **options: Any) -> list[Event]:
    sft_lora.train(desk.context(run_id, **options))
    return list(desk.events)


def losses(events: list[Event]) -> list[tuple[int, float | None]]:
    return [(one.step, one.loss) for one in events if isinstance(one, (StepDone, EvalDone))]


def names(desk: Desk, run_id: str) -> list[str]:
    return [one.name for one in checkpoint_folders(desk.layout.job(run_id).checkpoints)]


def codes(events: list[Event]) -> list[str]:
    return [one.code for one in events if isinstance(one, Warned)]


# ---------------------------------------------------------------------- checks and answers


def test_answer_that_runs_out_of_memory_midway_leaves_the_training_as_it_was(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dropout is drawn in training only: a model left in evaluation would train without it."""
    expected = losses(train(desk, new_run(desk)))
    befall(monkeypatch, Case(recipe={}, answers_fail=True))
    events = train(desk, new_run(desk, sample_rows=1))
    assert "memory_sample_left_out" in codes(events)
    assert losses(events) == expected


def test_check_that_does_not_fit_says_nothing_about_patience(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = heldout.batch_loss

    def failing(model: Any, batch: Any) -> torch.Tensor:
        if not torch.is_grad_enabled():
            raise MemoryError
        return original(model, batch)

    monkeypatch.setattr(heldout, "batch_loss", failing)
    events = train(desk, new_run(desk, early_stopping_patience=1))
    assert "memory_check_left_out" in codes(events)
    assert "early_stopped" not in codes(events)
    assert events[-1] == Finished(
        result={"adapter": "adapter", "checkpoint": "ck-000006", "step": "6"}
    )


@pytest.mark.parametrize("step", [4, 6])
def test_stop_within_a_check_ends_it_and_the_resume_does_it_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """A check may take minutes, more than the grace that a system gives at its shutdown."""
    expected = train(desk, new_run(desk, deliver_best=True))
    run_id = new_run(desk, deliver_best=True)
    events = train(
        desk, run_id, stop_when=lambda one: isinstance(one, StepDone) and one.step == step
    )
    assert events[-1] == Stopped(step=step, checkpoint=f"ck-{step:06d}")
    assert max(one.step for one in events if isinstance(one, EvalDone)) == step - 2
    folder = desk.layout.job(run_id).checkpoints / f"ck-{step:06d}"
    assert read_checkpoint(folder).state.is_check_due
    resumed = train(desk, run_id)
    assert losses(events) + losses(resumed) == losses(expected)
    assert resumed[-1] == expected[-1]
    if folder.exists():
        assert not read_checkpoint(folder).state.is_check_due


def test_stop_within_a_check_that_is_done_again_keeps_it_due(desk: Desk) -> None:
    run_id = new_run(desk)
    train(desk, run_id, stop_when=lambda one: isinstance(one, StepDone) and one.step == 4)
    again = train(
        desk,
        run_id,
        stop_when=lambda one: isinstance(one, PhaseChanged) and one.phase == "checking_before",
    )
    assert again[-1] == Stopped(step=4, checkpoint="ck-000004")
    assert [one.step for one in train(desk, run_id) if isinstance(one, EvalDone)] == [4, 6]


# ---------------------------------------------------------------------- checkpoints


def test_checkpoint_that_another_program_holds_is_told_once_and_the_run_goes_on(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    remove = atomicfs.remove_folder

    def refuse(folder: Path) -> None:
        if folder.name == "ck-000001":
            raise PermissionError(errno.EACCES, "in use")
        remove(folder)

    monkeypatch.setattr(atomicfs, "remove_folder", refuse)
    run_id = new_run(desk, checkpoint_every_steps=1, keep_checkpoints=1, eval_every_steps=0)
    events = train(desk, run_id)
    assert codes(events).count("checkpoint_not_removed") == 1
    assert isinstance(events[-1], Finished)
    assert names(desk, run_id) == ["ck-000001", "ck-000006"]


def test_disk_full_while_a_run_goes_back_leaves_the_step_that_it_went_back_to(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    befall(monkeypatch, Case(recipe={}, torn=7))
    run_id = new_run(desk, max_steps=10, schedule="constant", learning_rate=RATE)
    write = checkpoint.write_tensors
    is_full: list[bool] = []

    def write_or_fail(path: Path, *args: Any, **options: Any) -> None:
        if is_full:
            raise OSError(errno.ENOSPC, "full")
        write(path, *args, **options)

    monkeypatch.setattr(checkpoint, "write_tensors", write_or_fail)
    context = desk.context(
        run_id, stop_when=lambda one: isinstance(one, RolledBack) and is_full.append(True) is None
    )
    with pytest.raises(DiskFull):
        sft_lora.train(context)
    assert [one.to_step for one in desk.of(RolledBack)] == [4]
    assert "ck-000004" in names(desk, run_id)
    is_full.clear()
    events = train(desk, run_id)
    assert next(one.step for one in events if isinstance(one, StepDone)) == 5
    assert isinstance(events[-1], Finished)


def test_checkpoint_is_announced_when_it_is_whole_and_before_older_ones_go(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = new_run(desk, checkpoint_every_steps=1, keep_checkpoints=1, eval_every_steps=0)
    seen: list[list[str]] = []

    def look(event: Event) -> bool:
        if isinstance(event, CheckpointCommitted):
            read_checkpoint(desk.layout.job(run_id).checkpoints / event.name)
            seen.append(names(desk, run_id))
        return False

    train(desk, run_id, stop_when=look)
    assert seen == [["ck-000001"]] + [[f"ck-{at:06d}", f"ck-{at + 1:06d}"] for at in range(1, 6)]


def test_resume_after_a_kill_within_the_delivery_leaves_nothing_of_it(desk: Desk) -> None:
    run_id = new_run(desk)
    train(desk, run_id, stop_when=lambda one: isinstance(one, StepDone) and one.step == 3)
    root = desk.layout.job(run_id).root
    (root / ".tmp-1").mkdir()
    (root / ".tmp-1" / "adapter_model.safetensors").write_bytes(b"half")
    train(desk, run_id)
    assert not list(root.glob(".tmp-*"))


# ---------------------------------------------------------------------- what is around a run


@pytest.mark.parametrize("is_added_again", [False, True])
def test_resume_with_other_weights_of_the_same_form_is_refused(
    desk: Desk, is_added_again: bool
) -> None:
    run_id = new_run(desk)
    train(desk, run_id, stop_when=lambda one: isinstance(one, StepDone) and one.step == 3)
    other = tiny_model_folder(desk.base.parent / "other", vocabulary=300, layers=1, seed=77)
    weights = desk.base / "model.safetensors"
    weights.write_bytes((other / weights.name).read_bytes())
    why = "not those that were added"
    if is_added_again:
        add_model(desk.layout, desk.base)
        why = "other weights than this run was trained on"
    with pytest.raises(ModelChanged, match=why):
        train(desk, run_id)


def test_tuned_model_with_other_weights_below_the_adapter_is_refused(desk: Desk) -> None:
    run_id = new_run(desk)
    train(desk, run_id)
    folder, recipe = desk.layout.job(run_id), desk.recipe()
    placement = device.choose_placement(recipe.device, recipe.dtype)

    def load() -> None:
        info = find_model(desk.layout, MODEL)
        load_tuned(desk.context(run_id), folder, recipe, info, placement)

    load()
    other = tiny_model_folder(desk.base.parent / "other", vocabulary=300, layers=1, seed=77)
    (desk.base / "model.safetensors").write_bytes((other / "model.safetensors").read_bytes())
    add_model(desk.layout, desk.base)
    with pytest.raises(ModelChanged, match="other weights than this run was trained on"):
        load()


def test_resume_with_the_same_weights_written_anew_goes_on(desk: Desk) -> None:
    run_id = new_run(desk)
    train(desk, run_id, stop_when=lambda one: isinstance(one, StepDone) and one.step == 3)
    weights = desk.base / "model.safetensors"
    weights.write_bytes(weights.read_bytes())
    assert isinstance(train(desk, run_id)[-1], Finished)


def test_resume_elsewhere_is_told(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = new_run(desk, dtype="auto")
    told: list[list[str]] = []
    for has_bf16, step in ((True, 3), (True, 4), (False, 0)):
        monkeypatch.setattr(device, "_processor_has_bf16", lambda found=has_bf16: found)
        events = train(
            desk,
            run_id,
            stop_when=lambda one, at=step: isinstance(one, StepDone) and one.step == at,
        )
        told.append([one.message for one in events if isinstance(one, Warned)])
    assert [len(one) for one in told] == [0, 0, 1]
    assert "cpu, fp32; up to step 4 it computed with cpu, bf16" in told[2][0]
