# SPDX-License-Identifier: Apache-2.0
"""Each process of a run sees one card: the one that its number means."""

from __future__ import annotations

import os

import pytest
from msgspec.structs import replace

from engine.hardware.gpu import Gpu, GpuReport
from engine.launcher.peers import Seat
from engine.worker import ranks

VISIBLE, ORDER = "CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER"


def card(name: str) -> Gpu:
    return Gpu(
        name=name,
        driver="580.65",
        total_bytes=24 << 30,
        free_bytes=23 << 30,
        used_bytes=1 << 30,
        temperature_c=None,
        compute_capability=(8, 9),
    )


def settled(
    monkeypatch: pytest.MonkeyPatch, rank: int, environment: dict[str, str]
) -> dict[str, str]:
    """Return the environment of one of two processes."""
    monkeypatch.setattr(os, "environ", dict(environment))
    cards = GpuReport(gpus=(card("small"), card("large"), card("large")))
    monkeypatch.setattr(ranks, "read_gpus", lambda: cards)
    ranks.settle_under_torchrun(Seat(rank=rank, count=2, meeting="here"))
    return dict(os.environ)


def test_cards_of_the_driver_are_counted_as_the_driver_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = [settled(monkeypatch, rank, {}) for rank in range(2)]
    assert [one[VISIBLE] for one in found] == ["1", "2"]
    assert [one[ORDER] for one in found] == ["PCI_BUS_ID", "PCI_BUS_ID"]


@pytest.mark.parametrize("order", [{}, {ORDER: "FASTEST_FIRST"}])
def test_cards_that_the_user_names_are_counted_as_the_user_does(
    monkeypatch: pytest.MonkeyPatch, order: dict[str, str]
) -> None:
    """CUDA begins with the fastest card unless it is told otherwise, so "0" is another card."""
    found = [settled(monkeypatch, rank, {VISIBLE: " 2, 0", **order}) for rank in range(2)]
    assert [one[VISIBLE] for one in found] == ["2", "0"]
    assert [one.get(ORDER) for one in found] == [order.get(ORDER)] * 2


@pytest.mark.parametrize("hidden", ["", "-1", "-1,0"])
def test_hidden_cards_stay_hidden(monkeypatch: pytest.MonkeyPatch, hidden: str) -> None:
    found = [settled(monkeypatch, rank, {VISIBLE: hidden}) for rank in range(2)]
    assert [one[VISIBLE] for one in found] == [hidden] * 2


@pytest.mark.parametrize(
    ("sizes", "order"), [((8, 24, 12), "1,2,0"), ((24, 24), "0,1"), ((24,), None), ((), None)]
)
def test_cards_are_numbered_from_the_largest_as_plans_count_them(
    monkeypatch: pytest.MonkeyPatch, sizes: tuple[int, ...], order: str | None
) -> None:
    gpus = tuple(replace(card("RTX"), total_bytes=size << 30) for size in sizes)
    monkeypatch.setattr(ranks, "read_gpus", lambda: GpuReport(gpus=gpus))
    monkeypatch.setattr(os, "environ", dict[str, str]())
    ranks.order_cards()
    assert os.environ.get(VISIBLE) == order
    assert os.environ.get(ORDER) == ("PCI_BUS_ID" if order else None)


def test_cards_that_a_person_chose_stay_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranks, "read_gpus", lambda: GpuReport(gpus=(card("A"), card("B"))))
    monkeypatch.setattr(os, "environ", {VISIBLE: "1"})
    ranks.order_cards()
    assert os.environ == {VISIBLE: "1"}
