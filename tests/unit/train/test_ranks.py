# SPDX-License-Identifier: Apache-2.0
"""Several processes train one run to the same result as one process."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch
from msgspec.structs import replace

from engine.errors import ProcessFailed, ProcessLost
from engine.protocol.events import EvalDone, Finished, PlanResolved, StepDone, Stopped, Warned
from engine.train import microsteps, ranks, ranks_peer, setup, sft_lora, sft_qlora
from engine.train.adapter import WEIGHTS, read_tensors
from engine.train.device import choose_placement
from engine.train.ladder import Ladder
from engine.train.model import LanguageModel
from engine.train.setup import Run, prepare_run
from tests.unit.train.models import random_examples
from tests.unit.train.peers import line_pair, peer_threads
from tests.unit.train.runs import Desk, make_desk


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return make_desk(tmp_path_factory.mktemp("desk"))


_numbers = itertools.count(1)


def new_run(desk: Desk, **values: Any) -> str:
    run_id = f"run-{next(_numbers)}"
    desk.add_run(run_id, desk.recipe(**values))
    return run_id


def train(desk: Desk, run_id: str, *, processes: int, method: Any = sft_lora, **rest: Any) -> None:
    context = desk.context(run_id, **rest)
    with peer_threads(context, method.assist, processes - 1) as peers:
        method.train(replace(context, peers=peers))


def adapter(desk: Desk, run_id: str) -> dict[str, torch.Tensor]:
    return read_tensors(desk.layout.job(run_id).adapter / WEIGHTS)


def curve(desk: Desk) -> list[tuple[float | None, float | None]]:
    return [(one.loss, one.grad_norm) for one in desk.of(StepDone)]


def assert_same_adapter(desk: Desk, run_id: str, other: str) -> None:
    """Compare by length: AdamW makes much of the last digit of a gradient that is nearly zero."""
    found = adapter(desk, other)
    for name, values in adapter(desk, run_id).items():
        assert (found[name] - values).norm() <= 1e-4 * values.norm(), name


def assert_same_curve(found: list[Any], expected: list[Any]) -> None:
    for one, other in zip(found, expected, strict=True):
        assert one == pytest.approx(other, rel=2e-6)


# ---------------------------------------------------------------------- the same result


@pytest.mark.parametrize("method", [sft_lora, sft_qlora])
def test_two_processes_train_as_one(desk: Desk, method: Any) -> None:
    values = {"method": method.__name__.rpartition(".")[2], "epochs": 1.0, "eval_every_steps": 2}
    one, two = new_run(desk, **values), new_run(desk, **values)
    train(desk, one, processes=1, method=method)
    alone, checks = curve(desk), [each.loss for each in desk.of(EvalDone)]
    assert "processes" not in desk.of(PlanResolved)[0].decisions
    train(desk, two, processes=2, method=method)
    assert desk.of(Finished)
    assert_same_curve(curve(desk), alone)
    assert [each.loss for each in desk.of(EvalDone)] == pytest.approx(checks, rel=1e-6)
    assert desk.of(PlanResolved)[0].decisions["processes"].value == 2
    assert_same_adapter(desk, one, two)


def in_64_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every process of a run compute in 64 bits."""
    for module in (setup, ranks_peer):
        original = module.with_adapter_of

        def exact(model: LanguageModel, recipe: Any, make: Any = original) -> LanguageModel:
            made = make(model, recipe)
            made.net.double()
            return replace(made, dtype=torch.float64)

        monkeypatch.setattr(module, "with_adapter_of", exact)


@contextmanager
def prepared(desk: Desk, *, processes: int, **values: Any) -> Iterator[Run]:
    """Yield a run before its first step."""
    run_id = new_run(desk, **values)
    context = desk.context(run_id)
    recipe = desk.recipe(**values)
    with peer_threads(context, sft_lora.assist, processes - 1) as peers:
        run = prepare_run(
            replace(context, peers=peers),
            recipe,
            choose_placement(recipe.device, recipe.dtype),
            quantised=False,
        )
        run.model.net.train()
        yield run
        if run.stepper.ranks:
            run.stepper.ranks.leave()


def weights(run: Run) -> torch.Tensor:
    return torch.cat([one.detach().flatten() for one in run.model.trainable().values()])


def do_steps(run: Run, count: int = 3) -> torch.Tensor:
    climbing = Ladder(run)
    for step in range(1, count + 1):
        climbing.step(step, run.order.members(step), learning_rate=5e-3)
    return weights(run)


@pytest.mark.parametrize(("processes", "rows"), [(2, 5), (3, 2)])
def test_processes_in_64_bits_give_the_same_weights(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, processes: int, rows: int
) -> None:
    """With fewer rows than processes, one of them has nothing to do."""
    in_64_bits(monkeypatch)
    values = {"effective_batch_size": rows, "max_grad_norm": 1000.0}
    with prepared(desk, processes=1, **values) as run:
        alone = do_steps(run)
    with prepared(desk, processes=processes, **values) as run:
        together = do_steps(run)
    torch.testing.assert_close(together, alone, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("idle", [0, 1])
def test_rows_without_supervised_tokens_in_one_process_change_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, idle: int
) -> None:
    in_64_bits(monkeypatch)
    examples = random_examples([9, 30, 17, 12])
    examples.trained[: examples.edges[2]] = False
    groups = [np.arange(2), np.arange(2, 4)]
    of_step = {"supervised": int(examples.supervised.sum()), "step": 1, "seed": 0}
    with prepared(desk, processes=2) as run:
        model, together = run.model, run.stepper.ranks
        assert together is not None
        expected = microsteps.add_gradients(model, examples, list(enumerate(groups)), **of_step)
        alone = {name: one.grad for name, one in model.trainable().items()}
        run.stepper.optimizer.clear()
        shares = [[(0, groups[idle])], [(0, groups[1 - idle])]]
        total = together.add_gradients(examples, shares, **of_step)
        torch.testing.assert_close(total, expected, rtol=1e-10, atol=0)
        for name, one in model.trainable().items():
            torch.testing.assert_close(one.grad, alone[name], rtol=1e-9, atol=1e-13)


def test_process_without_work_adds_nothing_of_the_step_before(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_64_bits(monkeypatch)
    examples = random_examples([9, 30, 17, 12])
    groups = list(enumerate([np.arange(2), np.arange(2, 4)]))
    of_step = {"supervised": int(examples.supervised.sum()), "step": 1, "seed": 0}
    with prepared(desk, processes=2) as run:
        model, together = run.model, run.stepper.ranks
        assert together is not None
        together.add_gradients(examples, [groups[:1], groups[1:]], **of_step)
        shared = {name: one.grad for name, one in model.trainable().items()}
        run.stepper.optimizer.clear()
        together.add_gradients(examples, [groups, []], **of_step)
        for name, one in model.trainable().items():
            torch.testing.assert_close(one.grad, shared[name], rtol=1e-9, atol=1e-13)


# ---------------------------------------------------------------------- stop and resume


@pytest.mark.parametrize(("first", "second"), [(2, 1), (1, 3)])
def test_stopped_run_resumes_with_another_number_of_processes(
    desk: Desk, first: int, second: int
) -> None:
    whole, parted = new_run(desk, epochs=1.0), new_run(desk, epochs=1.0)
    train(desk, whole, processes=1)
    alone = curve(desk)
    train(
        desk,
        parted,
        processes=first,
        stop_when=lambda event: isinstance(event, StepDone) and event.step == 2,
    )
    assert desk.of(Stopped)[0].step == 2
    begun = curve(desk)
    train(desk, parted, processes=second)
    assert_same_curve(begun + curve(desk), alone)
    assert_same_adapter(desk, whole, parted)


# ---------------------------------------------------------------------- what can go wrong


def fail_once(monkeypatch: pytest.MonkeyPatch, module: Any, name: str, error: Exception) -> None:
    original, failures = getattr(module, name), iter([error])

    def failing(*args: Any, **options: Any) -> Any:
        for one in failures:
            raise one
        return original(*args, **options)

    monkeypatch.setattr(module, name, failing)


@pytest.mark.parametrize("place", [ranks, ranks_peer])
def test_memory_that_runs_out_in_one_process_is_relieved_in_all(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, place: Any
) -> None:
    one, two = new_run(desk, epochs=1.0), new_run(desk, epochs=1.0)
    train(desk, one, processes=1)
    alone = curve(desk)
    fail_once(monkeypatch, place, "add_gradients", torch.OutOfMemoryError("out of memory"))
    asked: list[int] = []
    original = ranks_peer.numbered
    monkeypatch.setattr(
        ranks_peer, "numbered", lambda counts: asked.append(len(counts)) or original(counts)
    )
    train(desk, two, processes=2)
    assert next(each.code for each in desk.of(Warned)).startswith("memory_")
    assert asked
    assert_same_curve(curve(desk), alone)
    assert_same_adapter(desk, one, two)


def test_held_out_memory_that_runs_out_in_a_peer_makes_checks_smaller(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = new_run(desk, max_steps=1, max_length=300)
    fail_once(monkeypatch, ranks_peer, "sum_held_out", MemoryError("no memory"))
    train(desk, run_id, processes=2)
    assert [one.code for one in desk.of(Warned)][:1] == ["memory_check_split"]
    assert len(desk.of(EvalDone)) == 2


@pytest.mark.parametrize("call", [2, 4])
def test_memory_that_runs_out_over_a_question_leaves_no_peer_an_answer_behind(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, call: int
) -> None:
    """The second question of the check before the first step, and that of the first step."""
    values = {"epochs": 1.0, "max_length": 300}
    one, three = new_run(desk, **values), new_run(desk, **values)
    train(desk, one, processes=1)
    alone, checks = curve(desk), [each.loss for each in desk.of(EvalDone)]
    original, calls = ranks.taken_out, itertools.count(1)

    def failing(*args: Any) -> Any:
        if next(calls) == call:
            raise MemoryError("no memory")
        return original(*args)

    monkeypatch.setattr(ranks, "taken_out", failing)
    train(desk, three, processes=3)
    assert next(each.code for each in desk.of(Warned)).startswith("memory_")
    assert_same_curve(curve(desk), alone)
    assert [each.loss for each in desk.of(EvalDone)] == pytest.approx(checks, rel=1e-6)


def test_error_in_a_peer_ends_the_run_by_name(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = new_run(desk)
    fail_once(monkeypatch, ranks_peer, "add_gradients", ValueError("secret row"))
    with pytest.raises(ProcessFailed, match="Process 2 of 2 failed") as caught:
        train(desk, run_id, processes=2)
    assert "secret" not in caught.value.message + caught.value.detail
    assert not desk.of(StepDone)


def test_peer_that_cannot_load_ends_the_run_by_name(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = new_run(desk)
    fail_once(monkeypatch, ranks_peer, "load_base", MemoryError("no memory"))
    with pytest.raises(ProcessFailed, match="memory"):
        train(desk, run_id, processes=2)


def test_peer_that_is_gone_ends_the_run_by_name(desk: Desk) -> None:
    near, far = line_pair()
    far.close()
    context = replace(desk.context(new_run(desk)), peers=(near,))
    with pytest.raises(ProcessLost):
        sft_lora.train(context)
    near.close()


def test_loss_that_is_no_number_in_a_peer_skips_the_step(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = new_run(desk, max_steps=2)
    original, left = ranks_peer.add_gradients, iter([torch.tensor(float("nan"))])
    monkeypatch.setattr(
        ranks_peer,
        "add_gradients",
        lambda *args, **options: original(*args, **options) + next(left, 0.0),
    )
    train(desk, run_id, processes=2)
    assert [one.loss is None for one in desk.of(StepDone)] == [True, False]
