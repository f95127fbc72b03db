# SPDX-License-Identifier: Apache-2.0
"""Whole runs whose layers are dealt out over pretended cards, and when that is done at all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from msgspec.structs import replace

from engine.domain.decision import Decision
from engine.hardware.calibration import Measurements
from engine.hardware.gpu import Gpu
from engine.protocol.events import (
    CheckpointCommitted,
    EvalDone,
    Event,
    Finished,
    PlanResolved,
    StepDone,
    Warned,
)
from engine.train import loop, setup
from engine.train.adapter import WEIGHTS, read_tensors
from engine.train.cards import deal_out
from engine.train.checkpoint import read_checkpoint
from engine.train.device import Placement
from engine.train.setup import Run
from tests.fakes.api import a_model
from tests.fakes.cards import card, pretended_cards
from tests.unit.hardware.test_memory import CARD
from tests.unit.train.runs import Desk, chat_rows, make_desk

GIB = 2**30
SMALL = replace(CARD, total_bytes=2 * GIB, free_bytes=2 * GIB, used_bytes=0)
LARGE = replace(CARD, total_bytes=90 * GIB, free_bytes=90 * GIB, used_bytes=0)
PLACE = Placement(
    device=card(0),
    dtype=torch.float32,
    decisions={
        "device": Decision(value="cuda", reason="Pretended.", source="hardware"),
        "dtype": Decision(value="fp32", reason="Asked for.", source="recipe"),
    },
)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """Return a workspace whose runs find two pretended cards."""
    monkeypatch.setattr(loop, "choose_placement", lambda _device, _dtype: PLACE)
    monkeypatch.setattr(setup, "deal_out", partial(deal_out, cards=lambda: [LARGE, LARGE]))
    return make_desk(tmp_path, rows=chat_rows(8))


def train(
    desk: Desk,
    run_id: str,
    *,
    stop_when: Callable[[Event], bool] = lambda _event: False,
    **values: Any,
) -> list[Event]:
    """Train a run, or go on with it, and return its events."""
    if not desk.layout.job(run_id).recipe.exists():
        desk.add_run(run_id, desk.recipe(**values | {"device": "auto"}))
    quantised = values.get("method") == "sft_qlora"
    context = desk.context(run_id, stop_when=stop_when)
    with pretended_cards():
        loop.train_adapter(context, quantised=quantised, clock=lambda: 0.0)
    return list(desk.events)


def told(events: Sequence[Event]) -> list[tuple[float | None, float | None]]:
    return [(one.loss, one.grad_norm) for one in events if isinstance(one, StepDone)]


def adapter(desk: Desk, run_id: str) -> dict[str, torch.Tensor]:
    return read_tensors(desk.layout.job(run_id).adapter / WEIGHTS)


def equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


@pytest.mark.parametrize("method", ["sft_lora", "sft_qlora"])
def test_run_on_two_cards_is_that_of_one_to_the_bit(desk: Desk, method: str) -> None:
    alone = train(desk, "alone", method=method, cards=1, max_steps=2)
    both = train(desk, "both", method=method, cards=2, max_steps=2)
    assert isinstance(both[-1], Finished)
    assert told(both) == told(alone)
    assert equal(adapter(desk, "both"), adapter(desk, "alone"))
    checks = [one.loss for one in alone if isinstance(one, EvalDone)]
    assert [one.loss for one in both if isinstance(one, EvalDone)] == checks
    (plan,) = [one for one in both if isinstance(one, PlanResolved)]
    assert plan.decisions["cards"].value == 2
    assert "1 layers, up to" in plan.decisions["cards"].reason
    assert plan.decisions["card_copies"].value == "direct"
    assert "cards" not in next(one for one in alone if isinstance(one, PlanResolved)).decisions


def test_run_goes_on_with_another_number_of_cards_to_the_bit(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    values: dict[str, Any] = {"cards": 2, "max_steps": 2, "checkpoint_every_steps": 1}
    train(desk, "whole", **values)
    train(desk, "parts", stop_when=lambda one: isinstance(one, CheckpointCommitted), **values)
    monkeypatch.setattr(setup, "deal_out", partial(deal_out, cards=lambda: [LARGE]))
    again = train(desk, "parts")
    assert "cards" not in next(one for one in again if isinstance(one, PlanResolved)).decisions
    assert equal(adapter(desk, "parts"), adapter(desk, "whole"))
    whole, parts = (
        read_checkpoint(desk.layout.job(one).checkpoints / "ck-000002")
        for one in ("whole", "parts")
    )
    assert equal(whole.optimizer, parts.optimizer)


def test_memory_that_runs_out_on_the_second_card_takes_a_rung_and_no_step(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = told(train(desk, "enough", cards=2, max_steps=2, max_length=400))
    fails = iter([True])
    prepare = loop.prepare_run

    def prepared(*arguments: Any, **options: Any) -> Run:
        run = prepare(*arguments, **options)
        *_others, last = run.model.linears.values()
        assert last.weight.device == card(1)

        def fail(*_arguments: Any) -> None:
            if run.model.net.training and next(fails, False):
                raise torch.OutOfMemoryError("pretended")

        last.register_forward_pre_hook(fail)
        return run

    monkeypatch.setattr(loop, "prepare_run", prepared)
    events = train(desk, "short", cards=2, max_steps=2, max_length=400)
    assert [one.code for one in events if isinstance(one, Warned)] == ["memory_split"]
    losses = [one[0] for one in told(events)]
    assert losses == pytest.approx([one[0] for one in expected], rel=1e-5)


# --- when layers are dealt out -------------------------------------------------------------------


def dealt(*cards: Gpu, place: Placement = PLACE, **values: Any) -> Placement:
    """Return where a 4-billion model goes."""
    from engine.domain.recipe import Recipe

    recipe = Recipe(dataset_id="d", model_id="m", **values)
    with pretended_cards():
        return deal_out(
            place,
            recipe,
            a_model(),
            quantised=True,
            measured=Measurements(),
            cards=lambda: cards,
        )


def test_model_that_fits_one_card_is_left_whole() -> None:
    assert dealt(LARGE, LARGE) == PLACE
    assert dealt(SMALL, SMALL, cards=1) == PLACE
    assert dealt(LARGE, cards=2) == PLACE
    assert dealt() == PLACE


def test_processor_is_never_asked_for_cards() -> None:
    place = Placement(device=torch.device("cpu"), dtype=torch.float32, decisions={})
    assert dealt(SMALL, SMALL, place=place, cards=2) is place


def test_model_that_is_too_large_is_dealt_out_with_the_reason() -> None:
    half = replace(CARD, total_bytes=4 * GIB, free_bytes=4 * GIB, used_bytes=0)
    found = dealt(half, half)
    assert found.spread is not None
    assert len(found.spread.layers) == 36
    assert found.devices == (card(0), card(1))
    chosen = found.decisions["cards"]
    assert (chosen.value, chosen.source) == (2, "hardware")
    assert chosen.reason.startswith("One card has too little room for the model.")


def test_largest_card_is_the_first_wherever_it_is_numbered() -> None:
    found = dealt(SMALL, LARGE, cards=2)
    assert found.device == card(1)
    assert found.devices == (card(1), card(0))
