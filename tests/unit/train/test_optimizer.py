# SPDX-License-Identifier: Apache-2.0
"""The optimizer's state is complete from the start, named, and loads strictly."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
from bitsandbytes import functional
from bitsandbytes.optim.adamw import AdamW8bit
from torch import nn

from engine.domain.recipe_choices import Optimizer
from engine.errors import CheckpointDamaged
from engine.train.moments8 import Moments8, choose_optimizer
from engine.train.optimizer import AdapterOptimizer


def parameters() -> dict[str, nn.Parameter]:
    generator = torch.Generator().manual_seed(0)
    return {name: nn.Parameter(torch.randn(3, 4, generator=generator)) for name in ("a", "b")}


def step(optimizer: AdapterOptimizer, values: dict[str, nn.Parameter], number: int) -> None:
    for one in values.values():
        one.grad = torch.full_like(one, 0.1 * number)
    optimizer.step(0.01)
    optimizer.clear()


def test_tensors_before_the_first_step_are_complete() -> None:
    found = AdapterOptimizer(parameters(), weight_decay=0.0).tensors()
    assert set(found) == {
        f"{part}/{name}" for part in ("exp_avg", "exp_avg_sq", "step") for name in ("a", "b")
    }
    assert not any(bool(one.any()) for one in found.values())


def test_step_equals_plain_adamw() -> None:
    ours, plain = parameters(), parameters()
    optimizer = AdapterOptimizer(ours, weight_decay=0.1)
    reference = torch.optim.AdamW(plain.values(), lr=0.01, weight_decay=0.1)
    for number in range(1, 5):
        step(optimizer, ours, number)
        for one in plain.values():
            one.grad = torch.full_like(one, 0.1 * number)
        reference.step()
    for name in ours:
        torch.testing.assert_close(ours[name], plain[name])


def test_load_saved_state_goes_on_with_the_same_bits() -> None:
    whole, resumed = parameters(), parameters()
    first = AdapterOptimizer(whole, weight_decay=0.0)
    step(first, whole, 1)
    second = AdapterOptimizer(resumed, weight_decay=0.0)
    second.load(first.tensors())
    with torch.no_grad():
        for name, one in resumed.items():
            one.copy_(whole[name])
    step(first, whole, 2)
    step(second, resumed, 2)
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


@pytest.mark.parametrize("key", sorted(AdapterOptimizer(parameters(), weight_decay=0.0).tensors()))
def test_load_any_missing_part_is_refused(key: str) -> None:
    optimizer = AdapterOptimizer(parameters(), weight_decay=0.0)
    tensors = optimizer.tensors()
    del tensors[key]
    with pytest.raises(CheckpointDamaged, match=key):
        optimizer.load(tensors)


def test_load_unknown_part_is_refused() -> None:
    optimizer = AdapterOptimizer(parameters(), weight_decay=0.0)
    with pytest.raises(CheckpointDamaged, match="exp_avg/c"):
        optimizer.load(optimizer.tensors() | {"exp_avg/c": torch.zeros(3, 4)})


def test_load_another_shape_is_refused() -> None:
    optimizer = AdapterOptimizer(parameters(), weight_decay=0.0)
    with pytest.raises(CheckpointDamaged, match="exp_avg/a"):
        optimizer.load(optimizer.tensors() | {"exp_avg/a": torch.zeros(3, 5)})


KINDS = (Optimizer.ADAMW, Optimizer.ADAMW_8BIT)


def wide_parameters() -> dict[str, nn.Parameter]:
    """Return two tensors that 8 bits are used for, one ending within a block, and a small one."""
    generator = torch.Generator().manual_seed(0)
    sizes = {"a": (64, 70), "b": (64, 64), "small": (3, 4)}
    return {
        name: nn.Parameter(torch.randn(*size, generator=generator)) for name, size in sizes.items()
    }


def set_gradients(values: dict[str, nn.Parameter], number: int) -> None:
    generator = torch.Generator().manual_seed(number)
    for one in values.values():
        one.grad = torch.randn(one.shape, generator=generator)


def train(optimizer: AdapterOptimizer, values: dict[str, nn.Parameter], *numbers: int) -> None:
    for number in numbers:
        set_gradients(values, number)
        optimizer.step(0.01)
        optimizer.clear()


def same(one: dict[str, nn.Parameter], other: dict[str, nn.Parameter]) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)


def test_step_in_8_bits_equals_bitsandbytes_to_the_bit() -> None:
    ours, plain = wide_parameters(), wide_parameters()
    del ours["small"], plain["small"]
    optimizer = AdapterOptimizer(ours, weight_decay=0.1, kind=Optimizer.ADAMW_8BIT)
    reference = AdamW8bit(plain.values(), lr=0.01, weight_decay=0.1)
    for number in range(1, 6):
        train(optimizer, ours, number)
        set_gradients(plain, number)
        reference.step()
    assert same(ours, plain)


def test_step_in_8_bits_small_tensors_are_exact() -> None:
    eight, exact = wide_parameters(), wide_parameters()
    train(AdapterOptimizer(eight, weight_decay=0.1, kind=Optimizer.ADAMW_8BIT), eight, 1, 2, 3)
    train(AdapterOptimizer(exact, weight_decay=0.1), exact, 1, 2, 3)
    assert torch.equal(eight["small"], exact["small"])
    assert not torch.equal(eight["a"], exact["a"])
    torch.testing.assert_close(eight["a"], exact["a"], rtol=0, atol=5e-3)


def test_rate_factors_multiply_the_learning_rate_of_their_parameters() -> None:
    for kind in KINDS:
        ours, plain = wide_parameters(), wide_parameters()
        factors = {"b": 16.0}
        train(AdapterOptimizer(ours, weight_decay=0.0, kind=kind, rate_factors=factors), ours, 1)
        train(AdapterOptimizer(plain, weight_decay=0.0, kind=kind), plain, 1)
        start = wide_parameters()
        assert torch.equal(ours["a"], plain["a"])
        torch.testing.assert_close(
            ours["b"] - start["b"], 16 * (plain["b"] - start["b"]), rtol=1e-3, atol=1e-6
        )


@pytest.mark.parametrize("kind", KINDS)
def test_load_saved_state_of_any_kind_goes_on_with_the_same_bits(kind: Optimizer) -> None:
    whole, resumed = wide_parameters(), wide_parameters()
    first = AdapterOptimizer(whole, weight_decay=0.1, kind=kind)
    train(first, whole, 1, 2, 3)
    second = AdapterOptimizer(resumed, weight_decay=0.1, kind=kind)
    second.load({name: one.clone() for name, one in first.tensors().items()})
    with torch.no_grad():
        for name, one in resumed.items():
            one.copy_(whole[name])
    train(first, whole, 4, 5)
    train(second, resumed, 4, 5)
    assert same(whole, resumed)


@pytest.mark.parametrize("key", ["state1/a", "absmax2/b", "step/a", "exp_avg/small"])
def test_load_in_8_bits_any_missing_part_is_refused(key: str) -> None:
    optimizer = AdapterOptimizer(wide_parameters(), weight_decay=0.0, kind=Optimizer.ADAMW_8BIT)
    tensors = optimizer.tensors()
    del tensors[key]
    with pytest.raises(CheckpointDamaged, match=key):
        optimizer.load(tensors)


def test_load_the_state_of_another_kind_is_refused() -> None:
    exact = AdapterOptimizer(wide_parameters(), weight_decay=0.0)
    eight = AdapterOptimizer(wide_parameters(), weight_decay=0.0, kind=Optimizer.ADAMW_8BIT)
    with pytest.raises(CheckpointDamaged):
        eight.load(exact.tensors())
    with pytest.raises(CheckpointDamaged):
        exact.load(eight.tensors())


def test_round_to_8_bits_keeps_the_moments_as_near_as_8_bits_can() -> None:
    values = wide_parameters()
    optimizer = AdapterOptimizer(values, weight_decay=0.0)
    train(optimizer, values, 1, 2, 3)
    before = optimizer.tensors()
    assert optimizer.has_large_32_bit_moments
    optimizer.round_to_8_bits()
    after = optimizer.tensors()
    assert not optimizer.has_large_32_bit_moments
    assert float(after["step/a"]) == 3.0
    restored = functional.dequantize_blockwise(
        after["state1/a"],
        absmax=after["absmax1/a"],
        code=functional.create_dynamic_map(signed=True),
        blocksize=256,
    )
    largest = float(before["exp_avg/a"].abs().max())
    assert float((restored - before["exp_avg/a"]).abs().max()) < 0.01 * largest
    assert torch.equal(after["exp_avg/small"], before["exp_avg/small"])


def test_round_to_8_bits_twice_changes_nothing_more() -> None:
    values = wide_parameters()
    optimizer = AdapterOptimizer(values, weight_decay=0.0)
    train(optimizer, values, 1, 2)
    optimizer.round_to_8_bits()
    once = {name: one.clone() for name, one in optimizer.tensors().items()}
    optimizer.round_to_8_bits()
    twice = optimizer.tensors()
    assert all(torch.equal(one, twice[name]) for name, one in once.items())
    other = wide_parameters()
    fresh = AdapterOptimizer(other, weight_decay=0.0, kind=Optimizer.ADAMW_8BIT)
    fresh.load(once)
    with torch.no_grad():
        for name, one in other.items():
            one.copy_(values[name])
    train(optimizer, values, 3)
    train(fresh, other, 3)
    assert same(values, other)


def test_round_to_8_bits_of_a_loaded_state_keeps_its_count_of_updates() -> None:
    values = wide_parameters()
    first = AdapterOptimizer(values, weight_decay=0.0)
    train(first, values, 1, 2, 3)
    second = AdapterOptimizer(wide_parameters(), weight_decay=0.0)
    second.load(first.tensors())
    second.round_to_8_bits()
    assert float(second.tensors()["step/a"]) == 3.0


def fail_at(monkeypatch: pytest.MonkeyPatch, call: int) -> None:
    """Let one update of an 8-bit tensor fail, counted from 1."""
    original, calls = Moments8.update, itertools.count(1)

    def update(self: Moments8, *values: Any, **options: Any) -> None:
        if next(calls) == call:
            raise torch.OutOfMemoryError("no room")
        original(self, *values, **options)

    monkeypatch.setattr(Moments8, "update", update)


@pytest.mark.parametrize("call", [1, 2])
def test_step_that_failed_on_the_way_is_finished_by_a_second_call(
    monkeypatch: pytest.MonkeyPatch, call: int
) -> None:
    plain, failing = wide_parameters(), wide_parameters()
    train(AdapterOptimizer(plain, weight_decay=0.1, kind=Optimizer.ADAMW_8BIT), plain, 1)
    optimizer = AdapterOptimizer(failing, weight_decay=0.1, kind=Optimizer.ADAMW_8BIT)
    fail_at(monkeypatch, call)
    set_gradients(failing, 1)
    with pytest.raises(torch.OutOfMemoryError):
        optimizer.step(0.01)
    optimizer.step(0.01)
    assert same(plain, failing)


def test_step_whose_fused_call_failed_counts_the_update_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plain, failing = wide_parameters(), wide_parameters()
    train(AdapterOptimizer(plain, weight_decay=0.1), plain, 1, 2)
    optimizer = AdapterOptimizer(failing, weight_decay=0.1)
    train(optimizer, failing, 1)
    set_gradients(failing, 2)
    original = torch.optim.AdamW.step

    def fails(self: torch.optim.AdamW) -> None:
        for state in self.state.values():
            state["step"] += 1
        monkeypatch.setattr(torch.optim.AdamW, "step", original)
        raise torch.OutOfMemoryError("no room")

    monkeypatch.setattr(torch.optim.AdamW, "step", fails)
    with pytest.raises(torch.OutOfMemoryError):
        optimizer.step(0.01)
    optimizer.step(0.01)
    assert same(plain, failing)


def test_choose_optimizer_without_a_card_pages_become_plain_8_bits() -> None:
    found = choose_optimizer(Optimizer.PAGED_ADAMW_8BIT, torch.device("cpu"))
    assert (found.value, found.source) == ("adamw_8bit", "hardware")
    assert "graphics card" in found.reason


def test_choose_optimizer_driver_that_refuses_pages_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refused(*_args: Any, **_options: Any) -> torch.Tensor:
        raise RuntimeError("operation not supported\nmore")

    monkeypatch.setattr(functional, "get_paged", refused)
    found = choose_optimizer(Optimizer.PAGED_ADAMW_8BIT, torch.device("cuda", 0))
    assert found.value == "adamw_8bit"
    assert found.reason.endswith("operation not supported.")


def test_choose_optimizer_pages_that_lose_their_content_are_not_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(functional, "get_paged", lambda *_a, **_o: torch.ones(4))
    monkeypatch.setattr(functional, "fill", lambda *_a: None)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda _device: None)
    found = choose_optimizer(Optimizer.PAGED_ADAMW_8BIT, torch.device("cuda", 0))
    assert found.value == "adamw_8bit"


@pytest.mark.parametrize("kind", KINDS)
def test_choose_optimizer_what_needs_no_probe_is_kept(kind: Optimizer) -> None:
    found = choose_optimizer(kind, torch.device("cpu"))
    assert (found.value, found.source) == (kind.value, "recipe")
