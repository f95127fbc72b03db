# SPDX-License-Identifier: Apache-2.0
"""The optimizer's state is complete from the start, named, and loads strictly."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from engine.errors import CheckpointDamaged
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
