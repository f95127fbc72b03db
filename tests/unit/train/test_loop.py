# SPDX-License-Identifier: Apache-2.0
"""Whole runs: what they tell, that they stop gracefully, and that a resume changes not one bit."""

from __future__ import annotations

import hashlib
import itertools
from pathlib import Path
from typing import Any

import pytest
import torch
from msgspec.structs import replace

from engine.domain.run import JobSnapshot, JobState
from engine.errors import (
    DeviceUnavailable,
    LossNotFiniteError,
    ModelChanged,
    NotEnoughMemory,
    NothingToTrain,
    RunNotResumable,
)
from engine.protocol.codec import Envelope
from engine.protocol.events import (
    AdapterCommitted,
    CheckpointCommitted,
    EvalDone,
    Event,
    Finished,
    LossNotFinite,
    Paused,
    PhaseChanged,
    PlanResolved,
    SampleMade,
    StepDone,
    Stopped,
    Warned,
)
from engine.protocol.fold import fold
from engine.store import atomicfs
from engine.store.adapterfolder import inspect_adapter
from engine.train import ladder, loop, resolve, sft_lora, sft_qlora, stepping
from engine.train.adapter import WEIGHTS, read_tensors
from engine.train.checkpoint import checkpoint_folders
from engine.train.heldout import HeldOutLoss
from tests.unit.train.runs import (
    DATASET,
    Desk,
    chat_row,
    chat_rows,
    make_desk,
    text_rows,
    write_dataset,
)
from tests.unit.train.spoiling import spoil_loss


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return make_desk(tmp_path_factory.mktemp("desk"))


_numbers = itertools.count(1)


def new_run(desk: Desk, **values: Any) -> str:
    run_id = f"run-{next(_numbers)}"
    desk.add_run(run_id, desk.recipe(**values))
    return run_id


def at_step(step: int) -> Any:
    return lambda event: isinstance(event, StepDone) and event.step == step


def adapter_sha256(desk: Desk, run_id: str) -> str:
    return hashlib.sha256((desk.layout.job(run_id).adapter / WEIGHTS).read_bytes()).hexdigest()


def train(desk: Desk, run_id: str, **options: Any) -> list[Event]:
    sft_lora.train(desk.context(run_id, **options))
    return list(desk.events)


def test_train_whole_run_tells_everything_in_order(desk: Desk) -> None:
    train(desk, new_run(desk, eval_every_steps=4, sample_rows=1))
    plan = desk.of(PlanResolved)[0]
    steps, checks = desk.of(StepDone), desk.of(EvalDone)
    assert [one.phase for one in desk.of(PhaseChanged)] == [
        "reading_rows",
        "loading_model",
        "checking_before",
        "training",
        "saving_adapter",
    ]
    assert [one.step for one in steps] == list(range(1, plan.total_steps + 1))
    assert [one.step for one in checks] == [0, 4, 8, plan.total_steps]
    assert [one.step for one in desk.of(SampleMade)] == [0, 4, 8, plan.total_steps]
    assert checks[-1].loss < checks[0].loss - 0.3
    assert steps[-1].epoch == 2.0
    assert sum(one.supervised_tokens for one in steps) == 2 * plan.trained_tokens
    assert steps[-1].tokens_seen == 2 * (plan.trained_tokens + plan.read_tokens)
    assert all(one.memory_bytes > 1 << 20 and one.step_s > 0 for one in steps)
    assert steps[-1].eta_s == 0.0
    assert isinstance(desk.events[-1], Finished)
    assert {
        "device",
        "dtype",
        "weights",
        "gradient_checkpointing",
        "micro_steps",
        "optimizer",
        "repeatability",
        "attention",
        "kernels",
    } == set(plan.decisions)
    assert all(one.reason for one in plan.decisions.values())


def test_train_events_fold_into_a_finished_job(desk: Desk) -> None:
    events = train(desk, new_run(desk))
    snapshot = JobSnapshot()
    for seq, event in enumerate(events, start=1):
        snapshot = fold(snapshot, Envelope(v=1, seq=seq, t="", kind="", event=event))
    assert snapshot.state is JobState.FINISHED
    assert snapshot.eval_before is not None
    assert snapshot.eval_last is not None
    assert snapshot.eval_last < snapshot.eval_before
    assert snapshot.result == {
        "adapter": "adapter",
        "checkpoint": "ck-000010",
        "step": "10",
    }
    assert (snapshot.adapter_step, snapshot.adapter_is_best) == (10, True)


def test_train_qlora_learns_and_leaves_a_verified_adapter(desk: Desk) -> None:
    run_id = new_run(desk, method="sft_qlora")
    sft_qlora.train(desk.context(run_id))
    folder = desk.layout.job(run_id).adapter
    checks = desk.of(EvalDone)
    assert checks[-1].loss < checks[0].loss - 0.3
    assert desk.of(PlanResolved)[0].decisions["weights"].value == "nf4"
    atomicfs.verify_folder(folder)
    assert desk.of(AdapterCommitted)[0].sha256 == adapter_sha256(desk, run_id)
    shape = inspect_adapter(folder).shape
    assert (shape.rank, shape.alpha) == (4, 8.0)
    assert str(desk.layout.root) not in (folder / "adapter_config.json").read_text("utf-8")


@pytest.mark.parametrize("dtype", ["fp32", "bf16"])
def test_train_text_rows_are_learned(tmp_path: Path, dtype: str) -> None:
    desk = make_desk(tmp_path, rows=text_rows(16), template=None)
    train(desk, new_run(desk, dtype=dtype, sample_rows=1))
    steps = desk.of(StepDone)
    assert (steps[-1].loss or 9) < (steps[0].loss or 0) - 0.3
    assert desk.of(SampleMade) == []


def test_train_same_recipe_twice_gives_the_same_bits(desk: Desk) -> None:
    one, other = new_run(desk, lora_dropout=0.3), new_run(desk, lora_dropout=0.3)
    train(desk, one)
    train(desk, other)
    assert adapter_sha256(desk, one) == adapter_sha256(desk, other)


Whole = tuple[list[Event], str]
"""Events and adapter hash of a run."""


@pytest.fixture(scope="module")
def whole_runs(desk: Desk) -> dict[str, Whole]:
    """Return a run of ten steps, five in each epoch, by each method."""
    found: dict[str, Whole] = {}
    for method in ("sft_lora", "sft_qlora"):
        run_id = new_run(desk, method=method, lora_dropout=0.2, eval_every_steps=3)
        loop.train_adapter(desk.context(run_id), quantised=method == "sft_qlora")
        found[method] = list(desk.events), adapter_sha256(desk, run_id)
    return found


@pytest.mark.parametrize(
    ("method", "stops"),
    [
        ("sft_lora", (1,)),
        ("sft_lora", (5,)),
        ("sft_lora", (2, 3, 9)),
        ("sft_qlora", (3, 5)),
    ],
)
def test_resume_after_a_stop_changes_not_one_bit(
    desk: Desk, whole_runs: dict[str, Whole], method: str, stops: tuple[int, ...]
) -> None:
    """Step 5 is the edge of an epoch, the others lie inside; at 3 and 9 a check falls due too."""
    events, digest = whole_runs[method]
    run_id = new_run(desk, method=method, lora_dropout=0.2, eval_every_steps=3)
    told: list[Event] = []
    for stop in (*stops, 0):
        context = desk.context(run_id, stop_when=at_step(stop))
        loop.train_adapter(context, quantised=method == "sft_qlora")
        told += desk.events
        if stop:
            assert desk.events[-1] == Stopped(step=stop, checkpoint=f"ck-{stop:06d}")
            atomicfs.verify_folder(desk.layout.job(run_id).adapter)
    assert isinstance(told[-1], Finished)
    for kind in (StepDone, EvalDone):
        assert losses(told, kind) == losses(events, kind)
    assert adapter_sha256(desk, run_id) == digest


@pytest.mark.parametrize("method", ["sft_lora", "sft_qlora"])
def test_resume_after_a_pause_at_every_step_changes_not_one_bit(
    desk: Desk, whole_runs: dict[str, Whole], method: str
) -> None:
    events, digest = whole_runs[method]
    run_id = new_run(desk, method=method, lora_dropout=0.2, eval_every_steps=3)
    told: list[Event] = []
    for pause in (*range(1, 10), 0):
        context = desk.context(run_id, stop_when=at_step(pause))
        context = replace(context, pause_requested=context.stop_requested)
        loop.train_adapter(context, quantised=method == "sft_qlora")
        told += desk.events
        if pause:
            assert desk.events[-1] == Paused(step=pause, checkpoint=f"ck-{pause:06d}")
            atomicfs.verify_folder(desk.layout.job(run_id).checkpoints / f"ck-{pause:06d}")
            assert not desk.layout.job(run_id).adapter.exists()
    for kind in (StepDone, EvalDone):
        assert losses(told, kind) == losses(events, kind)
    assert adapter_sha256(desk, run_id) == digest


def test_pause_before_the_first_step_leaves_nothing_and_says_so(desk: Desk) -> None:
    run_id = new_run(desk)
    context = desk.context(run_id, stop_when=lambda event: isinstance(event, PlanResolved))
    sft_lora.train(replace(context, pause_requested=context.stop_requested))
    assert desk.events[-1] == Paused(step=0, checkpoint="")
    train(desk, run_id)
    assert isinstance(desk.events[-1], Finished)


def losses(events: list[Event], kind: type[StepDone] | type[EvalDone]) -> list[Any]:
    found = [one for one in events if isinstance(one, kind)]
    return [(one.step, one.loss, one.supervised_tokens) for one in found]


def test_resume_after_a_crash_repeats_the_lost_steps_with_the_same_bits(
    desk: Desk, whole_runs: dict[str, Whole]
) -> None:
    run_id = new_run(desk, lora_dropout=0.2, eval_every_steps=3, checkpoint_every_steps=4)
    context = desk.context(run_id)

    def crash(event: Event) -> None:
        desk.events.append(event)
        if isinstance(event, StepDone) and event.step == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sft_lora.train(replace(context, emit=crash))
    train(desk, run_id)
    assert desk.of(StepDone)[0].step == 7
    assert adapter_sha256(desk, run_id) == whole_runs["sft_lora"][1]


def test_resume_damaged_newest_checkpoint_goes_on_from_the_one_before(desk: Desk) -> None:
    run_id = new_run(desk, checkpoint_every_steps=2)
    train(desk, run_id, stop_when=at_step(5))
    (desk.layout.job(run_id).checkpoints / "ck-000005" / "adapter.safetensors").write_bytes(b"x")
    train(desk, run_id)
    assert [one.code for one in desk.of(Warned)] == ["checkpoint_damaged"]
    assert desk.of(StepDone)[0].step == 5
    assert isinstance(desk.events[-1], Finished)


def test_resume_another_recipe_is_refused(desk: Desk) -> None:
    run_id = new_run(desk)
    train(desk, run_id, stop_when=at_step(2))
    desk.add_run(run_id, desk.recipe(learning_rate=0.1))
    with pytest.raises(RunNotResumable, match="recipe"):
        train(desk, run_id)


def test_resume_other_rows_are_refused(tmp_path: Path) -> None:
    desk = make_desk(tmp_path)
    run_id = new_run(desk)
    train(desk, run_id, stop_when=at_step(2))
    atomicfs.remove_folder(desk.layout.dataset(DATASET).root)
    write_dataset(desk.layout, [*chat_rows(21), chat_row("Where?", "Here.")])
    with pytest.raises(RunNotResumable, match="rows"):
        train(desk, run_id)


def test_stop_before_the_first_step_leaves_nothing_and_says_so(desk: Desk) -> None:
    run_id = new_run(desk)
    train(desk, run_id, stop_when=lambda event: isinstance(event, PlanResolved))
    assert desk.events[-1] == Stopped(step=0, checkpoint="")
    assert not desk.layout.job(run_id).adapter.exists()
    train(desk, run_id)
    assert isinstance(desk.events[-1], Finished)


def test_stop_while_a_resume_prepares_names_the_checkpoint_that_is_there(desk: Desk) -> None:
    run_id = new_run(desk)
    train(desk, run_id, stop_when=at_step(3))
    train(desk, run_id, stop_when=lambda event: isinstance(event, PhaseChanged))
    assert desk.events[-1] == Stopped(step=3, checkpoint="ck-000003")


def test_checkpoints_by_steps_are_pruned_but_the_best_stays(desk: Desk) -> None:
    run_id = new_run(desk, checkpoint_every_steps=2, keep_checkpoints=2, learning_rate=2e-3)
    train(desk, run_id)
    assert [one.step for one in desk.of(CheckpointCommitted)] == [2, 4, 6, 8, 10]
    kept = [one.name for one in checkpoint_folders(desk.layout.job(run_id).checkpoints)]
    assert kept == ["ck-000008", "ck-000010"]


def test_checkpoints_best_held_out_loss_is_kept_and_told(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The losses are given, since those of a run that gets worse hang on the last bit."""
    losses = iter([5.0, 4.0, 3.0, 3.5, 3.2, 6.0])

    def told_loss(*_all: object, **_named: object) -> HeldOutLoss:
        return HeldOutLoss(loss=next(losses), supervised_tokens=9, examples=4)

    monkeypatch.setattr(ladder, "held_out_loss", told_loss)
    run_id = new_run(desk, eval_every_steps=2, keep_checkpoints=1)
    train(desk, run_id)
    kept = [one.name for one in checkpoint_folders(desk.layout.job(run_id).checkpoints)]
    assert kept == ["ck-000004", "ck-000010"]
    assert [one.step for one in desk.of(EvalDone) if one.is_best] == [0, 2, 4]
    assert [one.code for one in desk.of(Warned)] == ["best_was_earlier"]


def test_checkpoints_by_time_follow_the_clock(desk: Desk) -> None:
    run_id = new_run(desk, checkpoint_every_s=100.0)
    seconds = itertools.count(step=30.0)
    loop.train_adapter(desk.context(run_id), quantised=False, clock=lambda: next(seconds))
    steps = [one.step for one in desk.of(CheckpointCommitted)]
    assert steps[-1] == 10
    assert 3 <= len(steps) < 10


def test_loss_not_finite_once_leaves_the_update_out_and_goes_on(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil_loss(monkeypatch, {3, 5, 6})
    train(desk, new_run(desk))
    assert [(one.step, one.consecutive) for one in desk.of(LossNotFinite)] == [
        (3, 1),
        (5, 1),
        (6, 2),
    ]
    assert [one.step for one in desk.of(StepDone) if one.loss is None] == [3, 5, 6]
    assert isinstance(desk.events[-1], Finished)


def test_loss_not_finite_three_times_in_a_row_ends_the_run(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil_loss(monkeypatch, {4, 5, 6})
    run_id = new_run(desk, checkpoint_every_steps=2)
    with pytest.raises(LossNotFiniteError, match="step 6"):
        train(desk, run_id)
    assert [one.name for one in checkpoint_folders(desk.layout.job(run_id).checkpoints)] == [
        "ck-000002",
        "ck-000004",
    ]


def test_stop_after_no_update_at_all_warns_and_leaves_no_adapter(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil_loss(monkeypatch, {1})
    run_id = new_run(desk)
    train(desk, run_id, stop_when=at_step(1))
    assert desk.events[-1] == Stopped(step=1, checkpoint="ck-000001")
    assert [one.code for one in desk.of(Warned)] == ["adapter_unusable"]
    assert not desk.layout.job(run_id).adapter.exists()


def test_memory_that_runs_out_is_named_with_numbers(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhausted(*_args: Any) -> None:
        raise torch.OutOfMemoryError("tried to allocate 20 GiB")

    monkeypatch.setattr(stepping.Stepper, "accumulate", exhausted)
    with pytest.raises(NotEnoughMemory, match="GiB") as caught:
        train(desk, new_run(desk))
    assert caught.value.detail == "tried to allocate 20 GiB"


def test_train_rows_without_answers_are_left_out_and_told(tmp_path: Path) -> None:
    rows = [*chat_rows(4), chat_row("Where?", "Here. " * 300)]
    long = chat_row("Where? " * 300, "Here.")
    desk = make_desk(tmp_path, rows=[*rows, long], eval_ratio=0.0)
    train(desk, new_run(desk, max_length=200))
    plan = desk.of(PlanResolved)[0]
    assert (plan.train_examples, plan.skipped_rows, plan.truncated_rows) == (5, 1, 1)
    assert plan.eval_examples == 0
    assert [one.code for one in desk.of(Warned)] == ["no_trained_tokens"]
    assert desk.of(EvalDone) == []
    assert isinstance(desk.events[-1], Finished)


def test_train_nothing_left_to_train_is_refused(tmp_path: Path) -> None:
    desk = make_desk(tmp_path, rows=[chat_row("Where? " * 99, f"Here {one}.") for one in range(3)])
    with pytest.raises(NothingToTrain, match="left out"):
        train(desk, new_run(desk, max_length=16))


def test_train_base_model_that_changed_is_refused(tmp_path: Path) -> None:
    desk = make_desk(tmp_path)
    (desk.base / "config.json").write_bytes((desk.base / "config.json").read_bytes() + b" ")
    with pytest.raises(ModelChanged):
        train(desk, new_run(desk))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_train_on_a_card_that_is_not_there_is_refused(desk: Desk) -> None:
    with pytest.raises(DeviceUnavailable):
        train(desk, new_run(desk, device="cuda"))


def test_train_step_limit_ends_the_run_early(desk: Desk) -> None:
    train(desk, new_run(desk, max_steps=3))
    assert [one.step for one in desk.of(StepDone)] == [1, 2, 3]
    assert desk.of(StepDone)[-1].epoch == pytest.approx(0.6)


def test_train_micro_batch_does_not_change_the_losses(desk: Desk) -> None:
    train(desk, new_run(desk, micro_batch_size=1, max_length=96))
    one_by_one = [one.loss for one in desk.of(StepDone)]
    train(desk, new_run(desk, micro_batch_size=4, max_length=400))
    assert [one.loss for one in desk.of(StepDone)] == pytest.approx(one_by_one, abs=1e-4)


@pytest.mark.parametrize("optimizer", ["adamw_8bit", "paged_adamw_8bit"])
def test_train_in_8_bits_learns_and_resumes_with_the_same_bits(desk: Desk, optimizer: str) -> None:
    """Rank 64 makes the adapters large enough for 8 bits."""
    values: dict[str, Any] = {"optimizer": optimizer, "lora_rank": 64, "lora_alpha": 64.0}
    one, other = new_run(desk, **values), new_run(desk, **values)
    events = train(desk, one)
    assert desk.of(PlanResolved)[0].decisions["optimizer"].value == "adamw_8bit"
    told = ["paged_unavailable"] if optimizer.startswith("paged") else []
    assert [event.code for event in desk.of(Warned)] == told
    checks = desk.of(EvalDone)
    assert checks[-1].loss < checks[0].loss - 0.3
    resumed = train(desk, other, stop_when=at_step(3)) + train(desk, other)
    assert losses(resumed, StepDone) == losses(events, StepDone)
    assert adapter_sha256(desk, other) == adapter_sha256(desk, one)
    saved = desk.layout.job(one).checkpoints / "ck-000010" / "optimizer.safetensors"
    assert any(name.startswith("state1/") for name in read_tensors(saved))


def test_train_some_layers_stored_gives_the_same_bits_and_says_so(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, some = new_run(desk), new_run(desk, uncheckpointed_layers=1, activation_offload=True)
    train(desk, plain)
    monkeypatch.setattr(resolve, "free_memory_bytes", lambda _device: 0)
    train(desk, some)
    decisions = desk.of(PlanResolved)[0].decisions
    assert decisions["gradient_checkpointing"].value is True
    assert decisions["uncheckpointed_layers"].value == 1
    assert decisions["activation_offload"].value is False
    assert adapter_sha256(desk, some) == adapter_sha256(desk, plain)
