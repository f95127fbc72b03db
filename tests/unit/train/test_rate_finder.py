# SPDX-License-Identifier: Apache-2.0
"""The job that tries learning rates, on a tiny model."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from engine.domain.rate_sweep import SWEEP_STEPS, RateSweep, Sureness, sweep_rate
from engine.domain.run import JobKind
from engine.errors import NotEnoughMemory
from engine.protocol.events import EvalDone, Event, Finished, PlanResolved, StepDone, Stopped
from engine.store.documents import read_document
from engine.train import rate_finder
from engine.train.rate_finder import run
from engine.train.sft_lora import train
from tests.unit.train.runs import Desk, chat_rows, make_desk

GRID = (1e-4, 1e-3, 1e-2, 1e-1)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return make_desk(tmp_path_factory.mktemp("desk"), rows=chat_rows(120))


def swept(
    desk: Desk, job_id: str, *, stop_when: Callable[[Event], bool] = lambda _event: False
) -> RateSweep | None:
    """Do the job in this process; return what it wrote."""
    desk.add_run(job_id, desk.recipe(max_steps=25))
    run(desk.context(job_id, kind=JobKind.RATE, stop_when=stop_when))
    path = desk.layout.job(job_id).rate_sweep
    return read_document(path, RateSweep) if path.exists() else None


def test_suggestion_is_within_a_decade_of_the_best_of_a_grid_and_the_same_to_the_bit(
    desk: Desk,
) -> None:
    found = swept(desk, "first")
    assert isinstance(desk.events[-1], Finished)
    assert [one.total_steps for one in desk.of(PlanResolved)] == [SWEEP_STEPS]
    steps = desk.of(StepDone)
    assert [one.step for one in steps] == list(range(1, len(steps) + 1))
    assert steps[-1].eta_s == 0.0 < steps[0].eta_s
    # No checkpoint, no adapter.
    left = {one.name for one in desk.layout.job("first").root.iterdir()}
    assert left == {"recipe.json", "rate-sweep.json"}
    assert found is not None
    assert found.points[0].change == pytest.approx(0.0, abs=1e-5)
    # A loss is found before its own step's update: it belongs to the rate of the one before.
    rates = [one.rate for one in found.points]
    assert rates[:3] == [sweep_rate(1), sweep_rate(1), sweep_rate(2)]
    assert found == swept(desk, "second")

    losses: dict[float, float] = {}
    for rate in GRID:
        name = f"grid{rate:g}".replace("-", "")
        desk.add_run(name, desk.recipe(max_steps=25, learning_rate=rate, divergence_guard=False))
        train(desk.context(name))
        losses[rate] = desk.of(EvalDone)[-1].loss
    best = min(losses, key=lambda one: losses[one])
    assert found.rate is not None
    assert best / 10 <= found.rate <= best * 10


def test_stop_ends_the_sweep_and_leaves_no_result(desk: Desk) -> None:
    def is_third(event: Event) -> bool:
        return isinstance(event, StepDone) and event.step == 3

    assert swept(desk, "stopped", stop_when=is_third) is None
    assert isinstance(desk.events[-1], Stopped)
    assert len(desk.of(StepDone)) == 3


def test_sweep_ends_where_the_loss_explodes(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_finder, "sweep_rate", lambda _step: 1e4)
    found = swept(desk, "exploded")
    assert found is not None
    assert (found.rate, found.sureness, found.exploded_at) == (None, Sureness.NONE, 1e4)
    assert len(desk.of(StepDone)) < SWEEP_STEPS


def test_lack_of_memory_is_named(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object) -> None:
        raise torch.OutOfMemoryError("no room")

    monkeypatch.setattr(rate_finder, "sum_held_out", fail)
    with pytest.raises(NotEnoughMemory):
        swept(desk, "full")
    assert not desk.layout.job("full").rate_sweep.exists()
