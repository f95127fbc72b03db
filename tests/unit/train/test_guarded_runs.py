# SPDX-License-Identifier: Apache-2.0
"""Guards in whole runs: going back, ending early, delivering the best; all exact over a resume."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from msgspec.structs import replace

from engine.domain.run import JobSnapshot, JobState
from engine.errors import LossNotFiniteError, TrainingDiverged
from engine.protocol.codec import Envelope
from engine.protocol.events import (
    AdapterCommitted,
    CheckpointCommitted,
    EvalDone,
    Event,
    Finished,
    LossNotFinite,
    RolledBack,
    StepDone,
    Stopped,
    Warned,
)
from engine.protocol.fold import fold
from engine.train import guards, ladder, loop, sft_lora, stepping
from engine.train.adapter import WEIGHTS, read_tensors
from engine.train.checkpoint import ADAPTER, checkpoint_folders, read_checkpoint
from engine.train.heldout import HeldOutLoss
from engine.train.setup import Run, prepare_run
from tests.unit.train.runs import Desk, chat_rows, make_desk, text_rows, write_dataset
from tests.unit.train.spoiling import spoil_loss

_numbers = itertools.count(1)
RATE = 5e-3


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return make_desk(tmp_path_factory.mktemp("desk"), rows=chat_rows(12), vocabulary=300, layers=1)


def new_run(desk: Desk, **values: Any) -> str:
    run_id = f"run-{next(_numbers)}"
    desk.add_run(run_id, desk.recipe(**values))
    return run_id


def train(desk: Desk, run_id: str, **options: Any) -> list[Event]:
    sft_lora.train(desk.context(run_id, **options))
    return list(desk.events)


def at_step(step: int, *, time: int = 1) -> Callable[[Event], bool]:
    """Match the end of a step, the second or third time that it comes."""
    times = itertools.count(1)
    return lambda event: isinstance(event, StepDone) and event.step == step and next(times) == time


def codes(desk: Desk) -> list[str]:
    return [one.code for one in desk.of(Warned)]


def names(desk: Desk, run_id: str) -> list[str]:
    return [one.name for one in checkpoint_folders(desk.layout.job(run_id).checkpoints)]


def adapter_sha256(desk: Desk, run_id: str) -> str:
    return hashlib.sha256((desk.layout.job(run_id).adapter / WEIGHTS).read_bytes()).hexdigest()


def is_adapter_of(desk: Desk, run_id: str, step: int) -> bool:
    folder = desk.layout.job(run_id)
    kept = read_tensors(folder.checkpoints / f"ck-{step:06d}" / ADAPTER)
    found = read_tensors(folder.adapter / WEIGHTS)
    return all(torch.equal(found[name], values) for name, values in kept.items())


def folded(events: Sequence[Event]) -> JobSnapshot:
    snapshot = JobSnapshot()
    for seq, event in enumerate(events, start=1):
        snapshot = fold(snapshot, Envelope(v=1, seq=seq, t="", kind="", event=event))
    return snapshot


def kept_steps(events: Sequence[Event]) -> list[tuple[int, float | None, float]]:
    """Return the steps that count in the end, as a client reads them."""
    found: list[StepDone] = []
    for event in events:
        if isinstance(event, RolledBack):
            found = [one for one in found if one.step <= event.to_step]
        elif isinstance(event, StepDone):
            found = [one for one in found if one.step < event.step] + [event]
    return [(one.step, one.loss, one.learning_rate) for one in found]


# ---------------------------------------------------------------------- divergence


def explode(monkeypatch: pytest.MonkeyPatch, step: int, *, above: float) -> None:
    """Let a step with a higher learning rate than that tear the weights apart."""
    original = ladder.Ladder.step

    def run(self: ladder.Ladder, number: int, members: Any, *, learning_rate: float) -> Any:
        is_torn = number == step and learning_rate > above
        factor = 100.0 if is_torn else 1.0
        return original(self, number, members, learning_rate=factor * learning_rate)

    monkeypatch.setattr(ladder.Ladder, "step", run)


LONG: dict[str, Any] = {
    "effective_batch_size": 3,
    "epochs": 10.0,
    "schedule": "constant",
    "warmup_ratio": 0.0,
    "learning_rate": RATE,
    "lora_dropout": 0.1,
    "eval_every_steps": 4,
    "max_steps": 18,
}


@pytest.fixture
def watchful(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look closer than a real run, since an untrained model has not far to fall."""
    for name, value in (("WINDOW", 6), ("LEAST", 6), ("STREAK", 3), ("SPREADS", 2.0)):
        monkeypatch.setattr(guards, name, value)
    monkeypatch.setattr(guards, "LEAST_RISE", 0.3)


@pytest.fixture
def anchors(watchful: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guards, "LEAST_ANCHOR_STEPS", 5)


def diverging(desk: Desk, **values: Any) -> str:
    return new_run(desk, **(LONG | values))


@pytest.mark.usefixtures("anchors")
def test_rollback_goes_back_to_the_anchor_with_half_the_rate(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    explode(monkeypatch, 12, above=0.9 * RATE)
    run_id = diverging(desk)
    events = train(desk, run_id)
    back = desk.of(RolledBack)
    assert [(one.step, one.to_step, one.count, one.rate_factor) for one in back] == [
        (15, 10, 1, 0.5)
    ]
    told = next(one for one in desk.of(Warned) if one.code == "rolled_back")
    assert "step 15" in told.message
    assert "step 10" in told.message
    assert "0.0025" in told.message
    assert [one.step for one in desk.of(StepDone)] == [*range(1, 16), *range(11, 19)]
    kept = kept_steps(events)
    assert [rate for _step, _loss, rate in kept] == [RATE] * 10 + [RATE / 2] * 8
    assert all(loss is not None and loss < 5.9 for _step, loss, _rate in kept)
    snapshot = folded(events)
    assert (snapshot.state, snapshot.step, snapshot.rollbacks) == (JobState.FINISHED, 18, 1)
    assert snapshot.tokens_seen == desk.of(StepDone)[-1].tokens_seen


@pytest.mark.usefixtures("anchors")
def test_rollback_the_fold_stands_where_the_run_goes_on(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    explode(monkeypatch, 12, above=0.9 * RATE)
    script_checks(monkeypatch, {0: 9.0, 4: 2.0, 8: 3.0, 12: 1.0, 16: 4.0, 18: 5.0})
    events = train(desk, diverging(desk, checkpoint_every_steps=1))
    place = next(i for i, one in enumerate(events) if isinstance(one, RolledBack))
    before, after = folded(events[:place]), folded(events[: place + 3])
    assert (before.step, before.checkpoint) == (15, "ck-000014")
    assert (after.step, after.checkpoint, after.loss) == (10, "ck-000010", None)
    assert after.epoch == pytest.approx(before.epoch * 10 / 15)
    assert (before.eval_last, before.eval_best, before.eval_best_step) == (1.0, 1.0, 12)
    assert (after.eval_last, after.eval_best, after.eval_best_step) == (3.0, 2.0, 4)


@pytest.mark.usefixtures("anchors")
@pytest.mark.parametrize(
    "stops",
    [
        ((10, 1), (13, 1)),
        ((15, 1),),
        ((11, 1), (14, 1), (12, 2)),
    ],
)
def test_rollback_before_or_after_a_stop_changes_not_one_bit(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, stops: tuple[tuple[int, int], ...]
) -> None:
    """15 is the step at which it goes back; the second 12 comes behind that."""
    explode(monkeypatch, 12, above=0.9 * RATE)
    whole = diverging(desk)
    expected = kept_steps(train(desk, whole))
    run_id = diverging(desk)
    told: list[Event] = []
    for step, time in (*stops, (0, 1)):
        told += train(desk, run_id, stop_when=at_step(step, time=time))
    assert isinstance(told[-1], Finished)
    assert sum(isinstance(one, RolledBack) for one in told) == 1
    assert kept_steps(told) == expected
    assert adapter_sha256(desk, run_id) == adapter_sha256(desk, whole)


@pytest.mark.usefixtures("anchors")
def test_rollback_crash_right_behind_it_goes_on_with_the_lower_rate(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    explode(monkeypatch, 12, above=0.9 * RATE)
    whole = diverging(desk)
    expected = kept_steps(train(desk, whole))
    run_id = diverging(desk)
    context = desk.context(run_id)
    is_second = at_step(12, time=2)

    def crash(event: Event) -> None:
        desk.events.append(event)
        if is_second(event):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sft_lora.train(replace(context, emit=crash))
    told = [*desk.events, *train(desk, run_id)]
    assert desk.of(StepDone)[0].step == 11
    assert desk.of(RolledBack) == []
    assert kept_steps(told) == expected
    assert adapter_sha256(desk, run_id) == adapter_sha256(desk, whole)


@pytest.mark.usefixtures("anchors")
def test_rollback_does_not_depend_on_other_checkpoints(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    explode(monkeypatch, 12, above=0.9 * RATE)
    digests: set[str] = set()
    for values in ({}, {"checkpoint_every_steps": 1, "keep_checkpoints": 1}):
        run_id = diverging(desk, **values)
        train(desk, run_id)
        assert [one.to_step for one in desk.of(RolledBack)] == [10]
        digests.add(adapter_sha256(desk, run_id))
    assert len(digests) == 1


@pytest.mark.usefixtures("watchful")
@pytest.mark.parametrize("stop", [0, 13])
def test_rollback_without_an_anchor_goes_back_to_the_start(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, stop: int
) -> None:
    explode(monkeypatch, 12, above=0.9 * RATE)
    run_id = diverging(desk)
    told = train(desk, run_id, stop_when=at_step(stop))
    if stop:
        told += train(desk, run_id)
    back = desk.of(RolledBack)
    assert [(one.step, one.to_step) for one in back] == [(15, 0)]
    first = next(one for one in told if isinstance(one, EvalDone))
    assert (back[0].eval_best, back[0].eval_best_step) == (first.loss, 0)
    halved = diverging(desk, learning_rate=RATE / 2)
    assert kept_steps(told) == kept_steps(train(desk, halved))
    assert adapter_sha256(desk, run_id) == adapter_sha256(desk, halved)


@pytest.mark.usefixtures("watchful")
def test_rollback_to_the_start_stopped_at_once_begins_anew(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    explode(monkeypatch, 12, above=0.9 * RATE)
    run_id = diverging(desk)
    train(desk, run_id, stop_when=lambda event: isinstance(event, RolledBack))
    assert desk.events[-1] == Stopped(step=0, checkpoint="")
    assert names(desk, run_id) == []
    train(desk, run_id)
    assert isinstance(desk.events[-1], Finished)


@pytest.mark.usefixtures("anchors")
def test_rollback_twice_then_the_run_ends_and_names_what_is_safe(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    explode(monkeypatch, 12, above=0.0)
    run_id = diverging(desk, checkpoint_every_steps=1)
    for _time in range(2):
        with pytest.raises(TrainingDiverged, match="ck-000010 is from before") as caught:
            train(desk, run_id)
        assert "2 times" in caught.value.message
        assert names(desk, run_id)[-1] == "ck-000010"
    context = read_checkpoint(desk.layout.job(run_id).checkpoints / "ck-000010").state
    assert (context.guards.rollbacks, context.guards.rate_factor) == (2, 0.25)


@pytest.mark.usefixtures("anchors")
def test_rollback_switched_off_never_goes_back_and_keeps_no_anchor(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    explode(monkeypatch, 12, above=0.9 * RATE)
    run_id = diverging(desk, divergence_guard=False, eval_every_steps=0)
    train(desk, run_id)
    assert desk.of(RolledBack) == []
    assert [one.step for one in desk.of(StepDone)] == list(range(1, 19))
    assert [one.step for one in desk.of(CheckpointCommitted)] == [18]


def test_rollback_guard_on_or_off_healthy_run_has_the_same_bits(desk: Desk) -> None:
    digests: set[str] = set()
    for is_on in (True, False):
        run_id = diverging(desk, divergence_guard=is_on)
        train(desk, run_id)
        assert desk.of(RolledBack) == []
        digests.add(adapter_sha256(desk, run_id))
    assert len(digests) == 1


@pytest.mark.usefixtures("anchors")
def test_rollback_damaged_anchor_is_told_and_the_one_before_is_taken(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    explode(monkeypatch, 12, above=0.9 * RATE)
    run_id = diverging(desk)
    train(desk, run_id, stop_when=at_step(11))
    broken = desk.layout.job(run_id).checkpoints / "ck-000010" / ADAPTER
    broken.write_bytes(b"x")
    train(desk, run_id)
    assert [one.to_step for one in desk.of(RolledBack)] == [5]
    assert "checkpoint_damaged" in codes(desk)
    assert isinstance(desk.events[-1], Finished)


@pytest.mark.usefixtures("anchors")
def test_rollback_best_of_before_the_anchor_is_still_there(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    explode(monkeypatch, 12, above=0.9 * RATE)
    script_checks(monkeypatch, {0: 9.0, 4: 2.0, 8: 3.0, 12: 1.0, 16: 4.0, 18: 5.0})
    run_id = diverging(desk, keep_checkpoints=1, deliver_best=True)
    train(desk, run_id, stop_when=lambda event: isinstance(event, RolledBack))
    assert folded(desk.events).eval_best_step == 4
    assert names(desk, run_id) == ["ck-000004", "ck-000005", "ck-000010"]


def test_loss_not_finite_is_counted_over_a_stop(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil_loss(monkeypatch, {2, 3, 4})
    run_id = new_run(desk)
    train(desk, run_id, stop_when=at_step(3))
    with pytest.raises(LossNotFiniteError, match="step 4"):
        train(desk, run_id)


# ---------------------------------------------------------------------- held-out checks


def script_checks(monkeypatch: pytest.MonkeyPatch, losses: dict[int, float]) -> None:
    """Let the held-out check after a step find this."""
    original = ladder.held_out_loss
    steps: list[int] = []

    def told(self: Any) -> None:
        steps.append(self._now.step)

    def check(*args: Any, **options: Any) -> HeldOutLoss | None:
        found = original(*args, **options)
        return found and HeldOutLoss(
            loss=losses[steps[-1]],
            supervised_tokens=found.supervised_tokens,
            examples=found.examples,
        )

    plain = loop._Training._check

    def checked(self: Any, *args: Any, **options: Any) -> None:
        told(self)
        plain(self, *args, **options)

    monkeypatch.setattr(ladder, "held_out_loss", check)
    monkeypatch.setattr(loop._Training, "_check", checked)


RISING = {0: 3.0, 2: 2.0, 4: 1.5, 6: 1.6, 8: 1.7, 10: 1.8, 12: 1.4}
CHECKED: dict[str, Any] = {"eval_every_steps": 2, "max_steps": 12, "epochs": 9.0}


@pytest.mark.parametrize("stops", [(), (6, 7), (8,)])
def test_early_stop_ends_the_run_and_delivers_the_best(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, stops: tuple[int, ...]
) -> None:
    script_checks(monkeypatch, RISING)
    run_id = new_run(desk, early_stopping_patience=2, keep_checkpoints=1, **CHECKED)
    told: list[Event] = []
    for stop in (*stops, 0):
        told += train(desk, run_id, stop_when=at_step(stop))
        if isinstance(told[-1], Finished):
            break
    assert told[-1] == Finished(
        result={"adapter": "adapter", "checkpoint": "ck-000004", "step": "4"}
    )
    assert folded(told).step == 8
    assert codes(desk)[-2:] == ["early_stopped", "best_delivered"]
    assert "step 4" in desk.of(Warned)[-1].message
    assert names(desk, run_id) == ["ck-000004", "ck-000008"]
    assert is_adapter_of(desk, run_id, 4)
    committed = desk.of(AdapterCommitted)[-1]
    assert (committed.step, committed.is_best) == (4, True)


def test_early_stop_patience_that_is_not_used_up_changes_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    script_checks(monkeypatch, RISING)
    patient, plain = (
        new_run(desk, early_stopping_patience=patience, **CHECKED) for patience in (4, 0)
    )
    train(desk, patient)
    assert folded(desk.events).step == 12
    assert "early_stopped" not in codes(desk)
    train(desk, plain)
    assert adapter_sha256(desk, patient) == adapter_sha256(desk, plain)


def test_early_stop_small_gains_do_not_count_beyond_the_threshold(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    script_checks(monkeypatch, {0: 3.0, 2: 2.0, 4: 1.99, 6: 1.98, 8: 1.97, 10: 1.96, 12: 1.95})
    run_id = new_run(desk, early_stopping_patience=3, early_stopping_threshold=0.05, **CHECKED)
    train(desk, run_id)
    assert folded(desk.events).step == 8
    assert codes(desk) == ["early_stopped"]
    assert is_adapter_of(desk, run_id, 8)


def test_early_stop_that_never_beat_the_start_delivers_the_last_and_says_so(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    script_checks(monkeypatch, {0: 1.0, 2: 2.0, 4: 2.5})
    run_id = new_run(desk, early_stopping_patience=2, **CHECKED)
    train(desk, run_id)
    assert codes(desk) == ["early_stopped", "best_was_earlier"]
    assert desk.of(AdapterCommitted)[-1].step == 4
    assert not desk.of(AdapterCommitted)[-1].is_best


@pytest.mark.parametrize(("is_asked", "step"), [(True, 4), (False, 10)])
def test_deliver_best_only_where_it_is_asked_for(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, is_asked: bool, step: int
) -> None:
    script_checks(monkeypatch, RISING)
    run_id = new_run(
        desk, deliver_best=is_asked, keep_checkpoints=1, **(CHECKED | {"max_steps": 10})
    )
    train(desk, run_id)
    assert is_adapter_of(desk, run_id, step)
    assert codes(desk)[-1] == ("best_delivered" if is_asked else "best_was_earlier")
    assert names(desk, run_id) == ["ck-000004", "ck-000010"]
    assert folded(desk.events).adapter_step == step


def test_deliver_best_stopped_run_delivers_it_and_goes_on_with_the_same_bits(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    script_checks(monkeypatch, RISING | {10: 1.1, 12: 1.0})
    one, other = (new_run(desk, deliver_best=True, **CHECKED) for _time in range(2))
    train(desk, one)
    train(desk, other, stop_when=at_step(7))
    assert desk.events[-1] == Stopped(step=7, checkpoint="ck-000007")
    assert is_adapter_of(desk, other, 4)
    train(desk, other)
    assert desk.of(StepDone)[0].step == 8
    assert adapter_sha256(desk, one) == adapter_sha256(desk, other)


def test_deliver_best_damaged_checkpoint_is_told_and_the_last_is_delivered(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    script_checks(monkeypatch, RISING)
    run_id = new_run(desk, deliver_best=True, **(CHECKED | {"max_steps": 10}))
    train(desk, run_id, stop_when=at_step(9))
    (desk.layout.job(run_id).checkpoints / "ck-000004" / ADAPTER).write_bytes(b"x")
    train(desk, run_id)
    assert codes(desk)[-2:] == ["checkpoint_damaged", "best_was_earlier"]
    assert is_adapter_of(desk, run_id, 10)


@pytest.mark.parametrize("stops", [(), (8,)])
def test_overfitting_is_told_once_over_stops_too(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, stops: tuple[int, ...]
) -> None:
    script_checks(monkeypatch, RISING | {12: 1.9})
    run_id = new_run(desk, **CHECKED)
    found: list[Warned] = []
    for stop in (*stops, 0):
        train(desk, run_id, stop_when=at_step(stop))
        found += [one for one in desk.of(Warned) if one.code == "overfitting"]
    assert len(found) == 1
    assert "step 8" in found[0].message
    assert "step 4 is the best" in found[0].message


def test_overfitting_is_kept_on_disk_at_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    script_checks(monkeypatch, RISING)
    run_id = new_run(desk, **CHECKED)
    train(desk, run_id, stop_when=at_step(9))
    state = read_checkpoint(desk.layout.job(run_id).checkpoints / "ck-000008").state
    assert state.guards.is_overfitting_told


def test_overfitting_run_that_learns_is_not_told(desk: Desk) -> None:
    train(desk, new_run(desk, **(CHECKED | {"max_steps": 8, "learning_rate": 1e-3})))
    assert codes(desk) == []


# ---------------------------------------------------------------------- nothing to learn


def without_tokens(
    monkeypatch: pytest.MonkeyPatch, steps: set[int], seen: list[Run] | None = None
) -> None:
    """Let the rows of some steps hold no supervised token."""

    def prepared(*args: Any, **options: Any) -> Run:
        run = prepare_run(*args, **options)
        supervised = run.stepper.supervised.copy()
        for step in steps:
            supervised[run.order.members(step)] = 0
        if seen is not None:
            seen.append(run)
        return replace(run, stepper=replace(run.stepper, supervised=supervised))

    monkeypatch.setattr(loop, "prepare_run", prepared)


def test_step_without_supervised_tokens_changes_nothing_and_is_told(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The three in a row are no numbers that went wrong, so the run goes on."""
    without_tokens(monkeypatch, {1, 2, 3})
    monkeypatch.delattr(stepping.Stepper, "accumulate")  # Nothing is there to accumulate.
    run_id = new_run(desk, max_steps=3, eval_every_steps=1, epochs=1.0)
    train(desk, run_id, stop_when=at_step(2))
    assert codes(desk)[:2] == ["step_without_tokens"] * 2
    assert [(one.loss, one.supervised_tokens) for one in desk.of(StepDone)] == [(None, 0)] * 2
    assert desk.of(LossNotFinite) == []
    checks = {one.loss for one in desk.of(EvalDone)}
    assert len(checks) == 1


@pytest.mark.parametrize("length", [16, 33])
def test_rows_every_example_that_is_kept_has_something_to_learn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, length: int
) -> None:
    seen: list[Run] = []
    desk = make_desk(tmp_path, rows=chat_rows(8), vocabulary=300)
    write_dataset(desk.layout, text_rows(5), dataset_id="more")
    without_tokens(monkeypatch, set(), seen)
    recipe = {"mix": [{"dataset_id": "more", "weight": 0.5}], "effective_batch_size": 1}
    train(desk, new_run(desk, max_length=length, epochs=1.0, **recipe))
    run = seen[0]
    supervised = run.stepper.examples.supervised
    assert int(supervised.min()) >= 1
    assert int(np.min(run.held_out.supervised)) >= 1
    assert all(one.supervised_tokens >= 1 and one.loss for one in desk.of(StepDone))
