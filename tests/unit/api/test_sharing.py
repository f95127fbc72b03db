# SPDX-License-Identifier: Apache-2.0
"""What a plan says of several processes: cards of one kind, memory, time, what does not suit."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from engine.api.planning_desk import Desk
from engine.api.sharing import (
    planned_processes,
    shared_time,
    sharing_decisions,
    sharing_problems,
    sharing_sentences,
)
from engine.domain.plan import TimeNeed
from engine.domain.recipe import Recipe
from engine.domain.recipe_choices import Device
from engine.hardware.calibration import Measurements
from engine.hardware.cards import cards_together, smallest_together
from engine.hardware.gpu import Gpu
from engine.hardware.machine import MachineFacts
from tests.fakes.api import a_model
from tests.unit.hardware.test_calibration import SPEED
from tests.unit.hardware.test_memory import CARD

RECIPE = Recipe(dataset_id="d", model_id="m", processes=2)
ALONE = TimeNeed(low_s=100.0, high_s=200.0, tokens=1000, is_measured=True, reason="Known.")
OTHER = replace(CARD, name="Display card", total_bytes=2 << 30, free_bytes=1 << 30)
LESS = replace(CARD, free_bytes=CARD.free_bytes // 2)


def facts(*gpus: Gpu) -> MachineFacts:
    return MachineFacts(
        processor="A processor",
        cores=8,
        memory_total_bytes=64 << 30,
        memory_free_bytes=60 << 30,
        disk_free_bytes=1 << 40,
        gpus=gpus,
    )


def test_cards_of_one_kind_train_together_and_the_smallest_counts() -> None:
    assert cards_together([OTHER, CARD, LESS]) == (1, 2)
    assert smallest_together([OTHER, CARD, LESS]) == LESS
    assert cards_together([]) == ()


@pytest.mark.parametrize(
    ("gpus", "device", "count"),
    [
        ((CARD, CARD), Device.AUTO, 2),
        ((CARD,), Device.AUTO, 1),
        ((CARD, OTHER), Device.CUDA, 1),
        ((), Device.AUTO, 2),
        ((CARD,), Device.CPU, 2),
    ],
)
def test_processes_are_as_many_as_cards_and_on_a_processor_as_asked(
    gpus: tuple[Gpu, ...], device: Device, count: int
) -> None:
    assert planned_processes(replace(RECIPE, device=device), facts(*gpus)) == count


def test_plan_names_processes_only_where_there_is_a_choice() -> None:
    one = replace(RECIPE, processes=1)
    assert sharing_decisions(one, facts(CARD)) == {}
    offered = sharing_decisions(one, facts(CARD, CARD))["processes"]
    assert offered.value == 1
    assert "processes=2" in offered.reason
    taken = sharing_decisions(RECIPE, facts(CARD, CARD))["processes"]
    assert taken.value == 2
    assert "none of them opens a connection" in taken.reason


def test_plan_says_how_several_processes_speak() -> None:
    assert sharing_sentences(RECIPE, facts(CARD)) == ()
    (told,) = sharing_sentences(RECIPE, facts(CARD, CARD))
    assert told.startswith("2 processes train together, each on a card of its own.")
    assert "on the processor" in sharing_sentences(RECIPE, facts())[0]


def test_what_does_not_suit_several_processes_is_told() -> None:
    codes = [one.code for one in sharing_problems(RECIPE, facts(CARD))]
    assert codes == ["fewer_cards"]
    assert not sharing_problems(replace(RECIPE, effective_batch_size=2), facts(CARD, CARD))
    few = replace(RECIPE, effective_batch_size=1)
    assert [one.code for one in sharing_problems(few, facts(CARD, CARD))] == ["idle_processes"]
    assert not sharing_problems(RECIPE, facts(CARD, CARD))


def test_time_is_divided_with_a_margin_until_it_was_measured() -> None:
    def time_of(*, measured: Measurements) -> TimeNeed | None:
        return ALONE if measured.speeds else None

    two = shared_time(time_of, Measurements(speeds=(SPEED,)), RECIPE, facts(CARD, CARD))
    assert two is not None
    assert (two.low_s, two.high_s) == (50.0, 125.0)
    assert not two.is_measured
    assert "2 cards" in two.reason


def test_time_on_a_processor_is_not_divided() -> None:
    def time_of(*, measured: Measurements) -> TimeNeed | None:
        return ALONE if measured.speeds else None

    known = Measurements(speeds=(SPEED,))
    assert shared_time(time_of, known, RECIPE, facts()) == ALONE


def test_speed_of_as_many_processes_is_taken_as_it_was_measured() -> None:
    known = Measurements(speeds=(SPEED, replace(SPEED, processes=2, tokens_per_s=4000.0)))
    seen: list[float] = []

    def time_of(*, measured: Measurements) -> TimeNeed | None:
        seen.extend(one.tokens_per_s for one in measured.speeds)
        return ALONE

    assert shared_time(time_of, known, RECIPE, facts(CARD, CARD)) == ALONE
    assert seen == [4000.0]


def test_processes_of_a_processor_each_hold_the_model() -> None:
    here, model = facts(), a_model()
    one = Desk.of(replace(RECIPE, processes=1), here, model, Measurements())
    need = one.need(replace(RECIPE, processes=1))
    both = one.need(RECIPE)
    assert (both.weights, both.optimizer) == (2 * need.weights, need.optimizer)
    assert both.high_bytes > 1.5 * need.high_bytes
    for told in (need, both):
        at_peak = [term for term in told.terms if term.at_peak]
        assert sum(term.low for term in at_peak) == told.low_bytes
        assert sum(term.high for term in at_peak) == told.high_bytes - told.reserve


def test_plan_of_several_cards_is_that_of_the_smallest() -> None:
    desk = Desk.of(RECIPE, facts(OTHER, CARD, LESS), a_model(), Measurements())
    assert desk.gpu == LESS
