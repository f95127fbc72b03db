# SPDX-License-Identifier: Apache-2.0
"""How layers are dealt out: as few cards as suffice, and as much room left as can be."""

from __future__ import annotations

from itertools import combinations

import pytest
from msgspec.structs import replace

from engine.domain.model import LayerShape, ModelShape
from engine.domain.plan import CardShare
from engine.domain.recipe import Recipe
from engine.domain.recipe_choices import Device
from engine.hardware.calibration import Calibration, Surroundings
from engine.hardware.cards import cards_in_turn
from engine.hardware.dealing import Burden, Side, deal, tightest
from engine.hardware.gpu import Gpu
from engine.hardware.memory import MainMemory, estimate
from tests.unit.hardware.test_memory import CARD

GIB = 2**30
RECIPE = Recipe(dataset_id="d", model_id="m")
QWEN_14B = ModelShape(
    layers=48,
    hidden=5120,
    intermediate=13_824,
    heads=40,
    kv_heads=8,
    head_dim=128,
    vocabulary=152_064,
    tied=False,
    linear_parameters=48 * (2 * 5120 * 5120 + 2 * 5120 * 1024 + 3 * 5120 * 13_824),
)

_LIKE_GEMMA = [
    LayerShape(
        intermediate=6144 * (1 if number < 15 else 2),
        kv_heads=1,
        head_dim=512 if number % 5 == 4 else 256,
        key_value_matrices=2 if number < 15 else 0,
    )
    for number in range(35)
]
GEMMA = ModelShape(
    layers=35,
    hidden=1536,
    intermediate=6144,
    heads=8,
    kv_heads=1,
    head_dim=256,
    vocabulary=262_144,
    tied=True,
    linear_parameters=sum(
        2 * 1536 * 8 * one.head_dim
        + one.key_value_matrices * 1536 * one.head_dim
        + 3 * 1536 * one.intermediate
        + 2 * 1536 * 256
        for one in _LIKE_GEMMA
    ),
    fed=256,
    fed_rows=262_144,
    unlike=tuple(_LIKE_GEMMA),
)
"""The sizes of Gemma 4's smallest model; its weights in 4 bits are some 1 GiB."""


def card(gib: float, *, used: float = 0.5, name: str = "") -> Gpu:
    total, held = int(gib * GIB), int(used * GIB)
    return replace(
        CARD,
        name=name or f"Card of {gib:g}",
        total_bytes=total,
        used_bytes=held,
        free_bytes=total - held,
    )


def burden(recipe: Recipe = RECIPE, shape: ModelShape = QWEN_14B) -> Burden:
    return Burden(shape=shape, model_type="qwen2", recipe=recipe, quantised=True)


def alone(gpu: Gpu, recipe: Recipe = RECIPE, shape: ModelShape = QWEN_14B) -> CardShare:
    need = estimate(
        shape,
        recipe,
        quantised=True,
        gpu=gpu,
        host=MainMemory(total_bytes=1, free_bytes=1),
        model_type="qwen2",
    )
    return CardShare(name=gpu.name, place=0, layers=shape.layers, need=need)


def counts(shares: tuple[CardShare, ...]) -> list[int]:
    return [one.layers for one in shares]


def test_model_that_fits_one_card_stays_on_the_largest() -> None:
    (only,) = deal(burden(), [card(12), card(24)])
    assert (only.name, only.place, only.layers) == ("Card of 24", 1, 48)
    assert only.need == alone(card(24)).need


def test_two_cards_of_12_hold_what_neither_does() -> None:
    cards = [card(12), card(12)]
    assert alone(cards[0]).need.spare_bytes < 0
    shares = deal(burden(), cards)
    assert sum(counts(shares)) == 48
    # The first has embeddings and head too.
    assert counts(shares)[0] < counts(shares)[1]
    assert tightest(shares).spare_bytes >= 0
    spare = [one.need.spare_bytes for one in shares]
    assert abs(spare[0] - spare[1]) < 0.4 * GIB


def test_no_other_cut_leaves_more_room_on_the_tightest_of_three_unequal_cards() -> None:
    shape = replace(QWEN_14B, layers=20, linear_parameters=QWEN_14B.linear_parameters // 48 * 20)
    recipe = replace(RECIPE, cards=3, uncheckpointed_layers=3)
    cards = [card(16, used=2), card(8), card(10)]
    shares = deal(burden(recipe, shape), cards)
    assert [one.place for one in shares] == [0, 2, 1]
    best = tightest(shares).spare_bytes
    for first, second in combinations(range(1, 20), 2):
        other = sides_of(burden(recipe, shape), [cards[0], cards[2], cards[1]])
        blocks = ((0, first), (first, second - first), (second, 20 - second))
        found = min(
            side.need(start, count).spare_bytes
            for side, (start, count) in zip(other, blocks, strict=True)
        )
        assert found <= best + 1024


def sides_of(what: Burden, cards: list[Gpu]) -> list[Side]:
    return [Side.of(what, gpu, is_first=not number) for number, gpu in enumerate(cards)]


def test_fewest_cards_are_taken_that_suffice_the_largest_first() -> None:
    shares = deal(burden(), [card(4), card(10), card(9), card(10)])
    assert [one.place for one in shares] == [1, 3]
    more = deal(burden(), [card(8), card(8), card(8), card(8)])
    assert len(more) in (3, 4)
    assert tightest(more).spare_bytes >= 0
    assert (
        tightest(deal(burden(replace(RECIPE, cards=len(more) - 1)), [card(8)] * 4)).spare_bytes < 0
    )


def test_shares_add_up_to_the_whole_model() -> None:
    recipe = replace(RECIPE, uncheckpointed_layers=5)
    whole = alone(card(80), recipe).need
    shares = deal(burden(replace(recipe, cards=3)), [card(24), card(12), card(12)])
    for part in ("weights", "adapter", "optimizer"):
        total = sum(getattr(one.need, part) for one in shares)
        assert total == pytest.approx(getattr(whole, part), abs=8)
    for symbol in ("C", "U"):
        parts = [one.high for share in shares for one in share.need.terms if one.symbol == symbol]
        (expected,) = [one.high for one in whole.terms if one.symbol == symbol]
        assert sum(parts) == pytest.approx(expected, abs=64)
    heads = [one.high for share in shares for one in share.need.terms if one.symbol == "G"]
    assert heads[0] > 0
    assert heads[1:] == [0, 0]


def test_shares_of_layers_that_are_not_alike_add_up_and_no_cut_leaves_more_room() -> None:
    what = Burden(
        shape=GEMMA,
        model_type="gemma4_text",
        recipe=replace(RECIPE, cards=2),
        quantised=True,
    )
    cards = [card(8), card(8)]
    shares = deal(what, cards)
    one = estimate(
        GEMMA,
        RECIPE,
        quantised=True,
        gpu=card(80),
        host=MainMemory(total_bytes=1, free_bytes=1),
        model_type="gemma4_text",
    )
    for part in ("weights", "adapter", "optimizer"):
        total = sum(getattr(each.need, part) for each in shares)
        assert total == pytest.approx(getattr(one, part), abs=64)
    # The wide layers come last, so that fewer of them are a fair half.
    first, second = (Side.of(what, each, is_first=not number) for number, each in enumerate(cards))
    rooms = [
        min(
            first.need(0, count).spare_bytes,
            second.need(count, GEMMA.layers - count).spare_bytes,
        )
        for count in range(1, GEMMA.layers)
    ]
    assert min(each.need.spare_bytes for each in shares) == max(rooms)


def test_offloaded_inputs_are_two_on_each_card() -> None:
    recipe = replace(RECIPE, cards=2, activation_offload=True)
    shares = deal(burden(recipe), [card(24), card(24)])
    inputs = [one.high for share in shares for one in share.need.terms if one.symbol == "C"]
    assert inputs == [2 * 2048 * 5120 * 2] * 2


def test_what_was_measured_on_a_card_counts_for_it_alone() -> None:
    found = Calibration(
        surroundings=Surroundings(device="Card of 24", driver="", libraries=""),
        model_type="qwen2",
        item=2,
        quantised=True,
        layer_scale=1.1,
        context_bytes=600 << 20,
        measured_at="",
    )

    def calibration(gpu: Gpu) -> Calibration | None:
        return found if gpu.name == "Card of 24" else None

    what = Burden(
        shape=QWEN_14B,
        model_type="qwen2",
        recipe=replace(RECIPE, cards=2),
        quantised=True,
        calibration=calibration,
    )
    shares = deal(what, [card(24), card(12)])
    assert [one.need.is_calibrated for one in shares] == [True, False]


@pytest.mark.parametrize(
    "changes", [{"processes": 2}, {"device": Device.CPU}, {"processes": 2, "cards": 2}]
)
def test_nothing_is_dealt_on_a_processor_or_among_processes(changes: dict[str, object]) -> None:
    assert deal(burden(replace(RECIPE, **changes)), [card(12), card(12)]) == ()


def test_asked_number_of_cards_is_taken_as_far_as_there_are_cards_and_layers() -> None:
    small = replace(QWEN_14B, layers=3, linear_parameters=QWEN_14B.linear_parameters // 48 * 3)
    assert counts(deal(burden(replace(RECIPE, cards=2), small), [card(24)] * 3)) == [1, 2]
    assert counts(deal(burden(replace(RECIPE, cards=9), small), [card(24)] * 5)) == [1, 1, 1]
    assert len(deal(burden(replace(RECIPE, cards=1)), [card(12), card(12)])) == 1
    assert deal(burden(), []) == ()


def test_cards_take_turns_from_the_largest_and_without_older_generations() -> None:
    old = replace(card(48), compute_capability=(7, 5))
    assert cards_in_turn([card(8), card(24), card(24)]) == (1, 2, 0)
    assert cards_in_turn([card(8), replace(card(11), compute_capability=(7, 5))]) == (1,)
    assert cards_in_turn([card(24), replace(card(11), compute_capability=(7, 5))]) == (0,)
    assert cards_in_turn([old, old]) == (0, 1)
    assert cards_in_turn([]) == ()
