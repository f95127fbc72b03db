# SPDX-License-Identifier: Apache-2.0
"""The job that tries learning rates on a recipe's own model, adapter and rows.

It is a job of its own and saves neither checkpoint nor adapter, so that no run knows of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from gettext import gettext as _

import msgspec
from msgspec.structs import replace

from engine.domain.phase import Phase
from engine.domain.rate_sweep import SWEEP_STEPS, RateSweep, SweepPoint, judge, sweep_rate
from engine.domain.recipe import Recipe
from engine.errors import Cancelled, NothingToTrain
from engine.methods.registry import method
from engine.protocol.events import (
    Event,
    Finished,
    PhaseChanged,
    PlanResolved,
    ProgressMade,
    StepDone,
    Stopped,
)
from engine.protocol.job import JobContext
from engine.store.documents import read_document, write_document
from engine.store.layout import JobFolder
from engine.train.device import (
    choose_placement,
    naming_memory_errors,
    peak_memory_bytes,
    repeatable,
)
from engine.train.heldout import sum_held_out
from engine.train.ladder import Ladder
from engine.train.setup import Run, prepare_run
from engine.train.stepping import StepOutcome
from engine.train.stop import heed_stop

Clock = Callable[[], float]
"""Seconds that only grow."""


def run(context: JobContext) -> None:
    """Try rates, and write down what came of it; a stop leaves nothing behind.

    Raises:
        NothingToTrain: No row holds a token that would be trained.
        NotEnoughMemory: A step does not fit on any rung of the ladder.
        EngineError: Anything else that would end a run before its first step.
    """
    folder = JobFolder(context.folder)
    recipe = read_document(folder.recipe, Recipe)
    placement = choose_placement(recipe.device, recipe.dtype)
    with naming_memory_errors(placement.device), repeatable(placement.device):
        try:
            ready = prepare_run(
                replace(context, emit=_of_sweep(context)),
                _alone(recipe),
                placement,
                quantised=method(recipe.method).quantised,
            )
            found = sweep(ready)
        except Cancelled:
            context.emit(Stopped(step=0, checkpoint=""))
            return
    write_document(folder.rate_sweep, found)
    rate = "" if found.rate is None else f"{found.rate:g}"
    context.emit(Finished(result={"rate": rate, "sureness": found.sureness.value}))


def _alone(recipe: Recipe) -> Recipe:
    """Return the recipe without what changes no step, and would only take time here."""
    return msgspec.structs.replace(
        recipe, processes=1, compile_layers=False, eval_rows=0, sample_rows=0
    )


def _of_sweep(context: JobContext) -> Callable[[Event], None]:
    """Return an emitter that tells the steps of the sweep instead of those of the run."""

    def emit(event: Event) -> None:
        """Write one event."""
        if isinstance(event, PlanResolved):
            event = msgspec.structs.replace(event, total_steps=SWEEP_STEPS)
        context.emit(event)

    return emit


def sweep(ready: Run, *, clock: Clock = time.monotonic) -> RateSweep:
    """Step with growing rates until the loss explodes or all are tried; return what they tell.

    The rows of each step are those that the run would see, again from the first step on where the
    run has fewer. Weights of the adapter are changed, in memory alone.

    Args:
        ready: A run that has not begun.
        clock: For durations; the result does not depend on it.

    Raises:
        Cancelled: A stop was asked for.
        NothingToTrain: None of its steps has a token that would be trained.
        NotEnoughMemory: A step does not fit.
    """
    steps = [step for step in _run_steps(ready) if _supervised(ready, step)]
    if not steps:
        raise NothingToTrain(_("None of the first steps has a token to learn."))
    ready.context.emit(PhaseChanged(phase=Phase.TRYING_RATES))
    untouched = _untouched_losses(ready, steps)
    ready.model.net.train()
    points: list[SweepPoint] = []
    for point in _points(ready, steps, untouched, clock):
        points.append(point)
        if point.is_exploded:
            break
    return judge(points)


def _run_steps(ready: Run) -> list[int]:
    return [number % ready.total_steps + 1 for number in range(SWEEP_STEPS)]


def _supervised(ready: Run, step: int) -> int:
    return int(ready.stepper.supervised[ready.order.members(step)].sum())


def _untouched_losses(ready: Run, steps: list[int]) -> dict[int, float]:
    """Return the loss of each step before anything is changed, nats per supervised token."""
    found: dict[int, float] = {}
    stepper, distinct = ready.stepper, sorted(set(steps))
    for step in distinct:
        heed_stop(ready.context)
        groups = stepper.groups(ready.order.members(step))
        summed = sum_held_out(ready.model, stepper.examples, groups)
        if summed is not None:
            found[step] = summed.loss / summed.supervised_tokens
        done = ProgressMade(done=len(found), total=len(distinct), unit="steps")
        ready.context.emit(done)
    return found


def _points(
    ready: Run, steps: list[int], untouched: dict[int, float], clock: Clock
) -> Iterator[SweepPoint]:
    """Do the steps; yield each loss with the rate of the update before it."""
    ladder, began = Ladder(ready), clock()
    tokens_seen = 0
    for number, step in enumerate(steps, start=1):
        heed_stop(ready.context)
        rate = sweep_rate(number)
        started = clock()
        outcome = ladder.step(step, ready.order.members(step), learning_rate=rate)
        tokens_seen += outcome.tokens
        told = _step_done(
            ready,
            outcome,
            number=number,
            of=len(steps),
            seconds=clock() - started,
            spent=clock() - began,
        )
        ready.context.emit(msgspec.structs.replace(told, tokens_seen=tokens_seen))
        yield SweepPoint(
            rate=sweep_rate(max(1, number - 1)),
            loss=outcome.loss if outcome.is_finite else float("inf"),
            untouched=untouched[step],
        )


def _step_done(
    ready: Run, outcome: StepOutcome, *, number: int, of: int, seconds: float, spent: float
) -> StepDone:
    return StepDone(
        step=number,
        total_steps=of,
        epoch=0.0,
        loss=outcome.loss if outcome.is_finite else None,
        learning_rate=sweep_rate(number),
        grad_norm=outcome.grad_norm if outcome.is_finite else None,
        supervised_tokens=outcome.supervised_tokens,
        tokens=outcome.tokens,
        tokens_seen=0,
        tokens_per_s=outcome.tokens / max(seconds, 1e-9),
        memory_bytes=max(map(peak_memory_bytes, ready.model.devices)),
        step_s=seconds,
        eta_s=(of - number) * spent / number,
    )
