# SPDX-License-Identifier: Apache-2.0
"""CUDA_VISIBLE_DEVICES hides cards from plans as CUDA hides them from what computes."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from engine.hardware.gpu import Gpu
from engine.hardware.visible_cards import (
    BY_BUS,
    ORDER_VARIABLE,
    VARIABLE,
    is_order_unclear,
    visible_cards,
)
from tests.builders.computers import CARD, GB

FIRST, SECOND = replace(CARD, uuid="GPU-aa11"), replace(CARD, uuid="GPU-ab22")
SMALL = replace(CARD, name="RTX 3060", total_bytes=12 * GB, compute_capability=(8, 6),
                uuid="GPU-cc33")  # fmt: skip
BUS = {ORDER_VARIABLE: BY_BUS}


def seen(named: str | None, *gpus: Gpu, **more: str) -> list[str]:
    environment = ({} if named is None else {VARIABLE: named}) | more
    return [one.uuid for one in visible_cards(gpus, environment)]


@pytest.mark.parametrize(
    ("named", "left"),
    [
        (None, ["GPU-aa11", "GPU-ab22"]),
        ("0", ["GPU-aa11"]),
        (" 1, 0", ["GPU-ab22", "GPU-aa11"]),
        ("", []),
        ("-1", []),
        ("1,-1,0", ["GPU-ab22"]),
        ("0,7", ["GPU-aa11"]),
        ("GPU-ab", ["GPU-ab22"]),
        ("GPU-a", []),
        ("GPU-zz", []),
        ("NoDevFiles", []),
        ("MIG-1234", ["GPU-aa11", "GPU-ab22"]),
    ],
)
def test_cards_are_hidden_as_cuda_hides_them(named: str | None, left: list[str]) -> None:
    assert seen(named, FIRST, SECOND) == left


def test_cards_of_several_kinds_are_counted_from_the_fastest_unless_told_otherwise() -> None:
    assert seen("0", SMALL, FIRST) == ["GPU-aa11"]
    assert seen("0", SMALL, FIRST, **BUS) == ["GPU-cc33"]


@pytest.mark.parametrize(
    ("named", "order", "unclear"),
    [("0", {}, True), ("0", BUS, False), ("GPU-cc33", {}, False), ("", {}, False)],
)
def test_order_is_unclear_only_for_numbers_in_an_order_that_cuda_does_not_tell(
    named: str, order: dict[str, str], unclear: bool
) -> None:
    assert is_order_unclear((SMALL, FIRST), {VARIABLE: named} | order) is unclear
    assert not is_order_unclear((FIRST, SECOND), {VARIABLE: named} | order)
    assert not is_order_unclear((SMALL, FIRST), {})
