# SPDX-License-Identifier: Apache-2.0
"""Packing: every example exactly once per epoch, no bin above its capacity, always the same."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.chat.packing import (
    StepOrder,
    measure_fill,
    micro_steps,
    neighbours,
    pack_bins,
    whole,
)
from engine.domain.mix import Part

GOLDEN = Path(__file__).parents[2] / "golden" / "train" / "epoch_order.json"


def all_members(order: StepOrder, epoch: int) -> list[int]:
    first = epoch * order.steps_per_epoch + 1
    steps = range(first, first + order.steps_per_epoch)
    return [int(one) for step in steps for one in order.members(step)]


@given(st.integers(1, 200), st.integers(1, 50), st.integers(0, 2**31 - 1), st.integers(0, 5))
def test_step_order_any_epoch_sees_every_example_once(
    examples: int, batch: int, seed: int, epoch: int
) -> None:
    order = StepOrder(parts=whole(examples), effective_batch_size=batch, seed=seed)
    assert sorted(all_members(order, epoch)) == list(range(examples))


def test_step_order_next_epoch_is_shuffled_anew() -> None:
    order = StepOrder(parts=whole(64), effective_batch_size=8, seed=1)
    assert all_members(order, 0) != all_members(order, 1)


def test_step_order_another_seed_is_another_order() -> None:
    one, other = (StepOrder(parts=whole(64), effective_batch_size=8, seed=seed) for seed in (1, 2))
    assert all_members(one, 0) != all_members(other, 0)


def test_epoch_order_golden_seeds_never_change() -> None:
    for case in json.loads(GOLDEN.read_text(encoding="utf-8")):
        order = StepOrder(parts=whole(case["count"]), effective_batch_size=1, seed=case["seed"])
        found = order.epoch(case["epoch"])
        assert found.tolist() == case["order"]


@given(st.integers(0, 40))
def test_step_order_total_equals_sum_over_steps(steps: int) -> None:
    order = StepOrder(parts=whole(23), effective_batch_size=4, seed=5)
    amounts = np.arange(100, 123)
    expected = sum(int(amounts[order.members(step)].sum()) for step in range(1, steps + 1))
    assert order.total(amounts, steps=steps) == expected


@given(st.lists(st.integers(1, 64), max_size=80), st.integers(64, 128))
def test_pack_bins_any_lengths_hold_each_piece_once_within_capacity(
    lengths: list[int], capacity: int
) -> None:
    bins = pack_bins(lengths, capacity)
    assert sorted(piece for one in bins for piece in one) == list(range(len(lengths)))
    assert all(0 < sum(lengths[piece] for piece in one) <= capacity for one in bins)
    assert bins == pack_bins(list(lengths), capacity)


@given(st.lists(st.integers(1, 64), min_size=1, max_size=80))
def test_pack_bins_any_lengths_waste_little(lengths: list[int]) -> None:
    least = -(-sum(lengths) // 64)
    assert len(pack_bins(lengths, 64)) <= 11 / 9 * least + least * 2 / 3 + 1


def test_pack_bins_best_fit_fills_the_fullest_bin_first() -> None:
    assert pack_bins([7, 6, 3, 4], 10) == [[0, 2], [1, 3]]


def test_pack_bins_piece_too_long_is_refused() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        pack_bins([11], 10)


@given(st.lists(st.integers(1, 32), min_size=1, max_size=40), st.integers(1, 5))
def test_micro_steps_any_split_keeps_the_set_of_the_step(lengths: list[int], micro: int) -> None:
    sizes = np.asarray(lengths, np.int64)
    members = np.arange(len(lengths), dtype=np.int64)[::-1]
    groups = micro_steps(members, sizes, capacity=32, micro_batch_size=micro)
    assert sorted(int(one) for group in groups for one in group) == list(range(len(lengths)))
    assert all(int(sizes[group].sum()) <= 32 * micro for group in groups)


def test_measure_fill_known_lengths_counts_bins_and_tokens() -> None:
    order = StepOrder(parts=whole(4), effective_batch_size=4, seed=0)
    fill = measure_fill(order, np.asarray([6, 4, 6, 4]), capacity=10, micro_batch_size=1)
    assert (fill.bins, fill.micro_steps, fill.tokens, fill.longest_tokens) == (2, 2, 20, 10)
    assert fill.ratio == 1.0


@given(st.lists(st.integers(1, 32), min_size=1, max_size=40), st.integers(1, 9), st.data())
def test_neighbours_of_an_example_are_those_that_its_step_packs_with_it(
    lengths: list[int], batch: int, data: st.DataObject
) -> None:
    sizes = np.asarray(lengths, np.int64)
    order = StepOrder(parts=whole(len(lengths)), effective_batch_size=batch, seed=3)
    example = data.draw(st.integers(0, len(lengths) - 1))
    step, found = neighbours(order, sizes, example, capacity=32)
    groups = micro_steps(order.members(step), sizes, capacity=32, micro_batch_size=1)
    assert [one.tolist() for one in groups if example in one] == [found.tolist()]


def test_neighbours_of_no_example_are_refused() -> None:
    order = StepOrder(parts=whole(2), effective_batch_size=2, seed=0)
    with pytest.raises(IndexError):
        neighbours(order, np.asarray([1, 1]), 2, capacity=4)


PARTS = st.lists(
    st.builds(lambda rows, per_pass: Part(rows=rows, per_pass=per_pass), *[st.integers(1, 40)] * 2),
    min_size=1,
    max_size=4,
)


@given(PARTS, st.integers(1, 9), st.integers(0, 99), st.integers(1, 6))
def test_step_order_any_mix_deals_each_part_its_share_and_evenly(
    parts: list[Part], batch: int, seed: int, epochs: int
) -> None:
    order = StepOrder(parts=tuple(parts), effective_batch_size=batch, seed=seed)
    seen = np.bincount(
        [one for epoch in range(epochs) for one in all_members(order, epoch)],
        minlength=sum(one.rows for one in parts),
    )
    first = 0
    for part in parts:
        mine = seen[first : first + part.rows]
        assert int(mine.sum()) == epochs * part.per_pass
        assert int(mine.max() - mine.min()) <= 1
        first += part.rows


@given(PARTS, st.integers(1, 9), st.integers(0, 60))
def test_step_order_total_of_a_mix_equals_sum_over_steps(
    parts: list[Part], batch: int, steps: int
) -> None:
    order = StepOrder(parts=tuple(parts), effective_batch_size=batch, seed=5)
    amounts = np.arange(sum(one.rows for one in parts)) * 7 + 1
    expected = sum(int(amounts[order.members(step)].sum()) for step in range(1, steps + 1))
    assert order.total(amounts, steps=steps) == expected


def test_measure_fill_of_a_mix_counts_what_the_epoch_sees() -> None:
    parts = (Part(rows=4, per_pass=4), Part(rows=10, per_pass=2))
    order = StepOrder(parts=parts, effective_batch_size=6, seed=0)
    lengths = np.full(14, 10)
    fill = measure_fill(order, lengths, capacity=30, micro_batch_size=1)
    assert (fill.tokens, fill.bins) == (60, 2)
