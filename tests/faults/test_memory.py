# SPDX-License-Identifier: Apache-2.0
"""R13: memory that runs out at any place of a run, whatever the library calls it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from msgspec.structs import replace

from engine.domain.recipe import Recipe
from engine.errors import NotEnoughMemory
from engine.export import merged
from engine.protocol.events import (
    CheckpointCommitted,
    EvalDone,
    Event,
    ExportVerified,
    Finished,
    StepDone,
    Warned,
)
from engine.store import atomicfs
from engine.store.documents import write_document
from engine.store.layout import Layout
from engine.train import adapter, decoding, heldout, ladder, loop, loss, microsteps, setup
from engine.train.checkpoint import checkpoint_folders, read_checkpoint
from engine.train.optimizer import AdapterOptimizer
from engine.worker.misfortune import named
from tests.builders.model_folder import tiny_model_folder
from tests.faults.extent import IS_FULL
from tests.unit.export.exporting import PEFT_WARNING, RUN_ID, Job, make_adapter
from tests.unit.train.runs import Desk, chat_rows, make_desk
from tests.unit.train.test_parity import exact_norms

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings(PEFT_WARNING)]

EACH = 30 if IS_FULL else 2
"""Faults at each place; there are ten places."""

STEPS, EVERY = 6, 3
SAME = 1e-10

OUTS: tuple[Callable[[], Exception], ...] = (
    lambda: torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
    lambda: RuntimeError("CUDA error: out of memory"),
    lambda: RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate`"),
    lambda: RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate"
                         " memory: you tried to allocate 4096 bytes."),
    MemoryError,
)  # fmt: skip
"""How libraries tell that memory ran out."""

STEP_PLACES: dict[str, tuple[Any, str]] = {
    "forward": (microsteps, "batch_loss"),
    "loss": (loss, "summed_loss"),
    "backward": (torch.Tensor, "backward"),
    "clip": (AdapterOptimizer, "clip"),
    "optimizer": (AdapterOptimizer, "step"),
    "fused update": (torch.optim.AdamW, "step"),
}
UPDATES = ("optimizer", "fused update")
"""Here the second failure in a row is the end, since only the optimizer could give way."""


@dataclass
class Fault:
    """Lets some calls of a place fail, as memory that runs out does.

    Attributes:
        calls: Which, from 1.
        error: What is raised.
        made: Calls so far.
    """

    calls: range
    error: Callable[[], Exception]
    made: int = 0

    def put(self, patch: pytest.MonkeyPatch, owner: Any, name: str) -> None:
        """Let the calls fail; of `backward` when its gradients are there, which must not count."""
        original: Callable[..., Any] = getattr(owner, name)

        def failing(*args: Any, **options: Any) -> Any:
            self.made += 1
            if self.made not in self.calls:
                return original(*args, **options)
            if name == "backward":
                original(*args, **options)
            raise self.error()

        patch.setattr(owner, name, failing)

    def put_into_moves(self, patch: pytest.MonkeyPatch) -> None:
        """Let moves to main memory fail, for which a smaller block is a way out."""
        original = adapter._moved

        def moved(*args: Any, **options: Any) -> Any:
            with pytest.MonkeyPatch.context() as inner:
                self.put(inner, torch.Tensor, "to")
                return original(*args, **options)

        patch.setattr(adapter, "_moved", moved)


def drawn(chance: random.Random, *, most: int, in_a_row: tuple[int, ...]) -> Fault:
    """Return a fault that strikes from a random call on, so many times in a row."""
    first = chance.randrange(1, most + 1)
    calls = range(first, first + chance.choice(in_a_row))
    return Fault(calls=calls, error=chance.choice(OUTS))


@dataclass
class Whole:
    """A run in which nothing fails: its steps, its checks, and its weights at the end."""

    steps: list[StepDone]
    checks: list[EvalDone]
    weights: torch.Tensor


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    rows = chat_rows(24)
    return make_desk(
        tmp_path_factory.mktemp("desk"), rows=rows, vocabulary=300, layers=1, spread=0.12
    )


@pytest.fixture(scope="module", autouse=True)
def exact() -> Iterator[None]:
    """Let runs compute in 64 bits, in which another order of sums is not seen."""
    prepare = setup.prepare_run

    def prepared(*args: Any, **options: Any) -> setup.Run:
        run = prepare(*args, **options)
        model = replace(run.model, dtype=torch.float64)
        model.net.double()
        optimizer = AdapterOptimizer(model.trainable(), weight_decay=0.0)
        return replace(run, stepper=replace(run.stepper, model=model, optimizer=optimizer))

    with pytest.MonkeyPatch.context() as patch, exact_norms(patch):
        patch.setattr(loop, "prepare_run", prepared)
        yield


@pytest.fixture(scope="module")
def whole(desk: Desk, exact: None) -> Whole:
    del exact
    with pytest.MonkeyPatch.context() as patch:
        events, weights = trained(desk, "whole", patch)
    assert isinstance(events[-1], Finished)
    return Whole(steps_of(events), checks_of(events), weights)


def trained(desk: Desk, run_id: str, patch: pytest.MonkeyPatch) -> tuple[list[Event], torch.Tensor]:
    """Train to the end; return what was told, and the weights behind the last step."""
    recipe = desk.recipe(
        max_steps=STEPS,
        epochs=9.0,
        effective_batch_size=6,
        max_length=400,  # all rows of a step go together, so that there is something to split
        eval_every_steps=EVERY,
        sample_rows=1,
        checkpoint_every_steps=2,
    )
    if not desk.layout.job(run_id).recipe.exists():
        desk.add_run(run_id, recipe)
    step, weights = ladder.Ladder.step, list[torch.Tensor]()

    def noting(self: ladder.Ladder, *args: Any, **options: Any) -> Any:
        outcome = step(self, *args, **options)
        values = self._run.stepper.model.trainable().values()
        weights.append(torch.cat([one.detach().flatten() for one in values]))
        return outcome

    patch.setattr(ladder.Ladder, "step", noting)
    loop.train_adapter(desk.context(run_id), quantised=False)
    return list(desk.events), weights[-1]


def steps_of(events: list[Event]) -> list[StepDone]:
    return [one for one in events if isinstance(one, StepDone)]


def checks_of(events: list[Event]) -> list[EvalDone]:
    return [one for one in events if isinstance(one, EvalDone)]


def codes(events: list[Event]) -> set[str]:
    return {one.code for one in events if isinstance(one, Warned)}


def check_same_steps(events: list[Event], weights: torch.Tensor, whole: Whole) -> None:
    """Check that every step took the same rows, and that the weights are the same in the end."""
    found = steps_of(events)
    assert [(one.step, one.tokens, one.supervised_tokens) for one in found] == [
        (one.step, one.tokens, one.supervised_tokens) for one in whole.steps
    ]
    torch.testing.assert_close(weights, whole.weights, rtol=0, atol=SAME)


@pytest.mark.parametrize("place", STEP_PLACES)
def test_memory_that_runs_out_within_a_step_changes_neither_its_rows_nor_the_weights(
    desk: Desk, whole: Whole, place: str, tell: Callable[[str], None]
) -> None:
    chance = random.Random(place)
    in_a_row = (1,) if place in UPDATES else (1, 2)
    for number in range(EACH):
        fault = drawn(chance, most=STEPS, in_a_row=in_a_row)
        with pytest.MonkeyPatch.context() as patch:
            fault.put(patch, *STEP_PLACES[place])
            events, weights = trained(desk, f"{place}-{number}", patch)
        assert fault.made >= fault.calls[0]
        assert isinstance(events[-1], Finished)
        check_same_steps(events, weights, whole)
    tell(f"{place}: {EACH} times out of memory, the same rows and weights within {SAME}")


def test_memory_that_runs_out_within_a_check_leaves_the_training_alone(
    desk: Desk, whole: Whole, tell: Callable[[str], None]
) -> None:
    chance = random.Random(1)
    for number in range(EACH):
        fault = drawn(chance, most=len(whole.checks), in_a_row=(1, 2, 3))
        with pytest.MonkeyPatch.context() as patch:
            fault.put(patch, heldout, "batch_loss")  # the held-out rows go through it together
            events, weights = trained(desk, f"check-{number}", patch)
        assert fault.made >= fault.calls[0]
        assert isinstance(events[-1], Finished)
        assert codes(events) & {"memory_check_split", "memory_check_left_out"}
        assert torch.equal(weights, whole.weights)
        for one in checks_of(events):
            found = next(other for other in whole.checks if other.step == one.step)
            assert one.loss == pytest.approx(found.loss, rel=0, abs=SAME)
    tell(f"check: {EACH} times out of memory, the same weights to the bit")


def test_memory_that_runs_out_within_an_answer_leaves_the_training_alone(
    desk: Desk, whole: Whole, tell: Callable[[str], None]
) -> None:
    chance = random.Random(2)
    for number in range(EACH):
        fault = drawn(chance, most=9, in_a_row=(1, 2))
        with pytest.MonkeyPatch.context() as patch:
            fault.put(patch, decoding, "_next_logits")
            events, weights = trained(desk, f"answer-{number}", patch)
        assert fault.made >= fault.calls[0]
        assert isinstance(events[-1], Finished)
        assert "memory_sample_left_out" in codes(events)
        assert torch.equal(weights, whole.weights)
    tell(f"answer: {EACH} times out of memory, the same weights to the bit")


def test_memory_that_runs_out_within_a_save_keeps_what_was_saved_and_the_run_resumes(
    desk: Desk, whole: Whole, tell: Callable[[str], None]
) -> None:
    """A block that does not fit is halved; where even the smallest does not, the run ends."""
    chance, ended = random.Random(3), 0
    for number in range(EACH):
        run_id = f"save-{number}"
        fault = drawn(chance, most=60, in_a_row=(1, 2, 5, 60))
        with pytest.MonkeyPatch.context() as patch:
            fault.put_into_moves(patch)
            try:
                events, weights = trained(desk, run_id, patch)
                assert torch.equal(weights, whole.weights)
            except NotEnoughMemory as error:
                ended += 1
                check_named(error)
                check_saved(desk, run_id)
                patch.undo()
                events, weights = trained(desk, run_id, patch)
                # A checkpoint keeps 32 of the 64 bits.
                torch.testing.assert_close(weights, whole.weights, rtol=0, atol=1e-5)
        assert fault.made >= fault.calls[0]
        assert isinstance(events[-1], Finished)
        assert steps_of(events)[-1].step == STEPS
    tell(f"save: {EACH} times out of memory, {ended} runs ended by name and went on")


def check_saved(desk: Desk, run_id: str) -> None:
    """Check that the newest checkpoint but that which failed is there, and nothing of this."""
    root = desk.layout.job(run_id).checkpoints
    kept = [read_checkpoint(one).state.step for one in checkpoint_folders(root)]
    promised = [one.step for one in desk.events if isinstance(one, CheckpointCommitted)]
    assert kept[-1:] == promised[-1:]
    assert not list(root.parent.rglob(".tmp-*"))


def check_named(error: NotEnoughMemory) -> None:
    assert error.code == "not_enough_memory"
    assert error.message
    assert error.remedy
    assert error.detail


def test_memory_that_runs_out_within_a_merge_leaves_nothing_and_the_next_one_is_whole(
    tmp_path: Path, tell: Callable[[str], None]
) -> None:
    base = tiny_model_folder(tmp_path / "base", layers=1, vocabulary=300)
    source = make_adapter(base, tmp_path / "adapter")
    chance = random.Random(4)
    for number in range(EACH):
        job = merge_job(tmp_path / str(number), base, source)
        fault = drawn(chance, most=6, in_a_row=(1,))
        with pytest.MonkeyPatch.context() as patch:
            fault.put(patch, merged, "merged_rows")
            with pytest.raises((RuntimeError, MemoryError)) as caught:
                merged.export(job.context())
        found = named(caught.value, slept_s=0.0, has_begun=True)
        assert isinstance(found, NotEnoughMemory)
        check_named(found)
        assert list(job.out.parent.iterdir()) == []
        assert not [one for one in job.events if isinstance(one, (ExportVerified, Finished))]
        merged.export(job.context())
        assert isinstance(job.events[-1], Finished)
    tell(f"merge: {EACH} times out of memory, nothing left of it, and whole the next time")


def merge_job(place: Path, base: Path, source: Path) -> Job:
    layout = Layout(place / "workspace")
    folder = layout.job(RUN_ID)
    atomicfs.make_folder(folder.root)
    write_document(folder.recipe, Recipe(dataset_id="d1", model_id="m"))
    options: dict[str, object] = {
        "run_id": RUN_ID,
        "target": "merged",
        "out": str(place / "exports" / "one"),
        "source": str(source),
        "model_path": str(base),
        "prompts": ["Hello, where is my order?"],
    }
    return Job(workspace=layout.root, options=options)
