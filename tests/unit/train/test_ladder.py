# SPDX-License-Identifier: Apache-2.0
"""Memory that runs out at any place of a step changes neither its examples nor its numbers."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from msgspec.structs import replace

from engine.domain.checkpoint import MemoryRelief
from engine.domain.recipe_choices import Optimizer
from engine.errors import NotEnoughMemory
from engine.protocol.events import EvalDone, Event, Finished, PlanChanged, SampleMade, StepDone
from engine.protocol.events import Warned as WarnedEvent
from engine.train import heldout, ladder, loop, loss, microsteps, samples
from engine.train.device import choose_placement
from engine.train.grouping import rows_together
from engine.train.ladder import Ladder
from engine.train.moments8 import Moments8
from engine.train.optimizer import AdapterOptimizer
from engine.train.setup import Run, prepare_run
from engine.train.stepping import StepOutcome
from tests.unit.train.runs import Desk, make_desk
from tests.unit.train.test_offload import LatePassage
from tests.unit.train.test_parity import exact_norms

CPU = torch.device("cpu")
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return make_desk(tmp_path_factory.mktemp("ladder"), spread=0.12)


def prepared(desk: Desk, **values: Any) -> Run:
    """Return a run that is ready to step, two micro-steps of two rows in each."""
    run_id = f"run-{next(_numbers)}"
    recipe = desk.recipe(**({"max_length": 160} | values))
    desk.add_run(run_id, recipe)
    placement = choose_placement(recipe.device, recipe.dtype)
    run = prepare_run(desk.context(run_id), recipe, placement, quantised=False)
    run.model.net.train()
    desk.events.clear()
    return run


def steps(ladder_: Ladder, run: Run, *numbers: int) -> list[StepOutcome]:
    return [ladder_.step(one, run.order.members(one), learning_rate=5e-3) for one in numbers]


def weights(run: Run) -> torch.Tensor:
    return torch.cat([one.detach().flatten() for one in run.model.trainable().values()])


def fail(monkeypatch: pytest.MonkeyPatch, place: str, *calls: int) -> list[int]:
    """Let some calls of a place of the step fail, counted from 1; return the calls made."""
    owner, name = {
        "forward": (microsteps, "batch_loss"),
        "loss": (loss, "summed_loss"),
        "backward": (torch.Tensor, "backward"),
        "clip": (AdapterOptimizer, "clip"),
        "optimizer": (AdapterOptimizer, "step"),
        "fused": (torch.optim.AdamW, "step"),
        "8 bits": (Moments8, "update"),
    }[place]
    original: Callable[..., Any] = getattr(owner, name)
    made: list[int] = []

    def failing(*args: Any, **options: Any) -> Any:
        made.append(len(made) + 1)
        if len(made) in calls:
            if place == "backward":
                original(*args, **options)  # gradients are there, and must count no more
            raise torch.OutOfMemoryError(f"no room in {place}\nmore")
        return original(*args, **options)

    monkeypatch.setattr(owner, name, failing)
    return made


def codes(desk: Desk) -> list[str]:
    return [one.code for one in desk.of(WarnedEvent)]


PLACES = ("forward", "loss", "backward", "clip", "optimizer", "fused")


@pytest.fixture(scope="module")
def undisturbed(desk: Desk) -> tuple[list[StepOutcome], torch.Tensor]:
    """Return steps and weights of a run in which nothing fails."""
    run = prepared(desk, lora_dropout=0.3)
    return steps(Ladder(run), run, 1, 2), weights(run)


@pytest.mark.parametrize("place", PLACES)
def test_step_failing_once_anywhere_gives_the_same_bits(
    desk: Desk,
    undisturbed: tuple[list[StepOutcome], torch.Tensor],
    monkeypatch: pytest.MonkeyPatch,
    place: str,
) -> None:
    run = prepared(desk, lora_dropout=0.3)
    fail(monkeypatch, place, 2)
    assert steps(Ladder(run), run, 1, 2) == undisturbed[0]
    assert torch.equal(weights(run), undisturbed[1])
    is_update = place in ("optimizer", "fused")
    assert codes(desk) == ([] if is_update else ["memory_recompute"])
    assert run.model.stored_layers == (2 if is_update else 0)


def test_step_failing_in_8_bits_within_the_update_gives_the_same_bits(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    values: dict[str, Any] = {"optimizer": "adamw_8bit", "lora_rank": 64, "lora_alpha": 64.0}
    plain, run = prepared(desk, **values), prepared(desk, **values)
    expected = steps(Ladder(plain), plain, 1, 2)
    fail(monkeypatch, "8 bits", 5, 40)
    assert steps(Ladder(run), run, 1, 2) == expected
    assert torch.equal(weights(run), weights(plain))


def test_step_other_failures_pass_through_and_take_no_rung(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = prepared(desk)

    def broken(*_args: Any) -> torch.Tensor:
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(microsteps, "batch_loss", broken)
    with pytest.raises(RuntimeError, match="shapes"):
        steps(Ladder(run), run, 1)
    assert desk.events == []


def exact_run(desk: Desk, **values: Any) -> Run:
    """Return a run that computes in 64 bits."""
    run = prepared(desk, **values)
    model = replace(run.model, dtype=torch.float64)
    model.net.double()
    optimizer = AdapterOptimizer(model.trainable(), weight_decay=0.0)
    return replace(run, stepper=replace(run.stepper, model=model, optimizer=optimizer))


@pytest.mark.parametrize("failures", [2, 3, 4])
def test_step_split_keeps_its_examples_and_its_loss_curve(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, failures: int
) -> None:
    with exact_norms(monkeypatch):
        values: dict[str, Any] = {"effective_batch_size": 9, "max_length": 600}
        plain, run = exact_run(desk, **values), exact_run(desk, **values)
        expected = steps(Ladder(plain), plain, 1, 2, 3)
        seen: list[tuple[int, ...]] = []
        original = microsteps.make_batch

        def noting(examples: Any, members: Any, device: Any, **options: Any) -> Any:
            seen.append(tuple(int(one) for one in members))
            return original(examples, members, device, **options)

        monkeypatch.setattr(microsteps, "make_batch", noting)
        fail(monkeypatch, "forward", *range(1, failures + 1))
        climbing = Ladder(run)
        found = steps(climbing, run, 1)
        members = run.order.members(1)
        done = seen[-_groups_of(seen, members) :]
        assert sorted(itertools.chain(*done)) == sorted(members.tolist())
        assert len(done) > 1
        found += steps(climbing, run, 2, 3)
    assert [one.loss for one in found] == pytest.approx(
        [one.loss for one in expected], rel=0, abs=1e-6
    )
    assert [one.tokens for one in found] == [one.tokens for one in expected]
    torch.testing.assert_close(weights(run), weights(plain), rtol=0, atol=1e-10)
    assert codes(desk) == ["memory_recompute"] + ["memory_split"] * (failures - 1)


def _groups_of(seen: list[tuple[int, ...]], members: np.ndarray[Any, Any]) -> int:
    """Return how many of the newest groups hold as many examples as a step."""
    total = 0
    for count, one in enumerate(reversed(seen), start=1):
        total += len(one)
        if total == len(members):
            return count
    raise AssertionError("no step was done as a whole")


def test_ladder_takes_the_rungs_in_order_and_tells_each(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = prepared(desk, lora_rank=64, lora_alpha=64.0, uncheckpointed_layers=1)
    climbing = Ladder(run, passage=lambda _device: LatePassage())
    fail(monkeypatch, "forward", 1, 2, 3, 4)
    steps(climbing, run, 1)
    assert codes(desk) == [
        "memory_recompute", "memory_offload", "memory_split", "memory_optimizer",
    ]  # fmt: skip
    changed: dict[str, Any] = {}
    for one in desk.of(PlanChanged):
        changed |= {name: decision.value for name, decision in one.decisions.items()}
        assert all("step 1" in decision.reason for decision in one.decisions.values())
    tokens = changed.pop("tokens_at_once")
    assert changed == {
        "gradient_checkpointing": True,
        "uncheckpointed_layers": 0,
        "optimizer": "adamw_8bit",
        "activation_offload": True,
    }
    assert climbing.relief == MemoryRelief(
        recomputes_all=True, rounds_optimizer=True, offloads=True, tokens_at_once=tokens
    )
    assert not run.stepper.optimizer.has_large_32_bit_moments


def test_ladder_rungs_that_would_change_nothing_are_left_out(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = prepared(desk)
    run.model.recompute_activations()
    fail(monkeypatch, "forward", 1)
    steps(Ladder(run), run, 1)
    assert codes(desk) == ["memory_split"]


def test_ladder_ends_with_the_one_change_that_would_fit(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = prepared(desk)
    climbing = Ladder(run)
    steps(climbing, run, 1)
    fail(monkeypatch, "forward", *range(1, 40))
    before = weights(run)
    with pytest.raises(NotEnoughMemory) as caught:
        steps(climbing, run, 2)
    longest = int(run.stepper.lengths[run.order.members(2)].max())
    assert f"{longest // 2} tokens" in caught.value.remedy
    assert caught.value.detail == "no room in forward"
    assert torch.equal(weights(run), before)
    assert all(one.grad is None for one in run.model.trainable().values())


def test_ladder_update_that_never_fits_names_the_rank(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = prepared(desk, lora_rank=64, lora_alpha=64.0)
    fail(monkeypatch, "optimizer", *range(1, 9))
    with pytest.raises(NotEnoughMemory) as caught:
        steps(Ladder(run), run, 1)
    assert "rank 32" in caught.value.remedy
    assert codes(desk) == ["memory_optimizer"]


def test_ladder_lets_go_of_what_the_failed_step_held(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When memory is given back, neither the error nor a gradient holds a tensor any more."""
    run = prepared(desk)
    held: list[bool] = []
    fail(monkeypatch, "backward", 2)

    def checking(_device: torch.device) -> None:
        held.append(any(one.grad is not None for one in run.model.trainable().values()))

    monkeypatch.setattr(ladder, "free_unused", checking)
    steps(Ladder(run), run, 1)
    assert held == [False]


def test_take_up_of_a_resumed_run_stands_where_it_stood(desk: Desk) -> None:
    run = prepared(desk, lora_rank=64, lora_alpha=64.0)
    relief = MemoryRelief(
        recomputes_all=True, rounds_optimizer=True, tokens_at_once=50, check_tokens=40
    )
    resumed = Ladder(run)
    resumed.take_up(relief)
    assert resumed.relief == relief
    assert run.model.stored_layers == 0
    assert not run.stepper.optimizer.has_large_32_bit_moments
    decisions: dict[str, Any] = {}
    for one in desk.of(PlanChanged):
        decisions |= {name: decision.value for name, decision in one.decisions.items()}
    assert decisions["tokens_at_once"] == 50
    resumed.take_up(MemoryRelief())
    assert resumed.relief == MemoryRelief()


# --- whole runs -----------------------------------------------------------------------------------


def train(desk: Desk, run_id: str, **options: Any) -> list[Event]:
    loop.train_adapter(desk.context(run_id, **options), quantised=False)
    return list(desk.events)


def add_run(desk: Desk, **values: Any) -> str:
    run_id = f"run-{next(_numbers)}"
    desk.add_run(run_id, desk.recipe(**({"max_length": 160, "epochs": 1.0} | values)))
    return run_id


def is_third_step(event: Event) -> bool:
    return isinstance(event, StepDone) and event.step == 3


def losses(events: list[Event]) -> list[tuple[int, float | None]]:
    return [(one.step, one.loss) for one in events if isinstance(one, StepDone)]


def test_run_with_failures_resumes_on_its_rung_with_the_same_bits(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    values: dict[str, Any] = {"lora_rank": 64, "lora_alpha": 64.0, "max_steps": 4}
    whole, stopped = add_run(desk, **values), add_run(desk, **values)
    with monkeypatch.context() as patch:
        fail(patch, "clip", 2, 3, 4)
        expected = losses(train(desk, whole))
    with monkeypatch.context() as patch:
        fail(patch, "clip", 2, 3, 4)
        first = train(desk, stopped, stop_when=is_third_step)
    second = train(desk, stopped)
    assert losses(first) + losses(second) == expected
    told = [one.code for one in second if isinstance(one, WarnedEvent)]
    assert told == ["memory_recompute", "memory_optimizer", "memory_split"]
    assert isinstance(second[-1], Finished)


def test_run_whose_check_runs_out_of_memory_checks_fewer_rows_at_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = train(desk, add_run(desk, max_length=400))
    expected = [one.loss for one in plain if isinstance(one, EvalDone)]
    calls = itertools.count(1)
    original = heldout.batch_loss

    def failing(*args: Any) -> torch.Tensor:
        if next(calls) == 1:
            raise RuntimeError("CUDA error: out of memory")
        return original(*args)

    monkeypatch.setattr(heldout, "batch_loss", failing)
    events = train(desk, add_run(desk, max_length=400))
    assert codes(desk) == ["memory_check_split"]
    found = [one.loss for one in events if isinstance(one, EvalDone)]
    assert found == pytest.approx(expected, abs=1e-5)


def test_run_whose_check_never_fits_trains_all_the_same(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_args: Any) -> torch.Tensor:
        raise MemoryError

    monkeypatch.setattr(heldout, "batch_loss", failing)
    events = train(desk, add_run(desk))
    assert "memory_check_left_out" in codes(desk)
    assert desk.of(EvalDone) == []
    assert isinstance(events[-1], Finished)


def test_run_whose_sample_answers_do_not_fit_leaves_them_out(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_args: Any, **_options: Any) -> Any:
        raise torch.OutOfMemoryError("no room")

    monkeypatch.setattr(samples, "answer_greedily", failing)
    events = train(desk, add_run(desk, sample_rows=2))
    assert codes(desk) == ["memory_sample_left_out"] * 2
    assert desk.of(SampleMade) == []
    assert isinstance(events[-1], Finished)


# --- groups ---------------------------------------------------------------------------------------


def test_rows_together_longer_rows_stay_whole_and_go_alone() -> None:
    lengths = np.asarray([5, 90, 7, 60, 8, 9], np.int64)
    found = rows_together(np.arange(6), lengths, capacity=20)
    assert [one.tolist() for one in found[:2]] == [[1], [3]]
    assert sorted(int(one) for group in found for one in group) == list(range(6))
    assert all(int(lengths[one].sum()) <= 20 for one in found[2:])


def test_rows_together_only_long_rows_go_one_by_one() -> None:
    lengths = np.asarray([50, 90], np.int64)
    found = rows_together(np.asarray([1, 0]), lengths, capacity=20)
    assert [one.tolist() for one in found] == [[1], [0]]


# --- the optimizer on the rung --------------------------------------------------------------------


def test_load_a_state_from_before_the_rounding_rounds_it() -> None:
    generator = torch.Generator().manual_seed(0)
    start = torch.randn(64, 70, generator=generator)

    def trained() -> tuple[AdapterOptimizer, torch.nn.Parameter]:
        values = torch.nn.Parameter(start.clone())
        optimizer = AdapterOptimizer({"a": values}, weight_decay=0.0)
        values.grad = start * 0.1
        optimizer.step(0.01)
        optimizer.clear()
        return optimizer, values

    (first, values), (second, _other) = trained(), trained()
    before = {name: one.clone() for name, one in first.tensors().items()}
    first.round_to_8_bits()
    second.round_to_8_bits()
    values.grad = start * 7
    first.step(0.01)
    first.load(before)
    expected, found = second.tensors(), first.tensors()
    assert all(torch.equal(one, found[name]) for name, one in expected.items())
    assert float(found["step/a"]) == 1.0


def test_kind_of_the_recipe_is_what_the_optimizer_starts_with(desk: Desk) -> None:
    run = prepared(desk, optimizer=Optimizer.ADAMW_8BIT.value, lora_rank=64)
    assert not run.stepper.optimizer.has_large_32_bit_moments
