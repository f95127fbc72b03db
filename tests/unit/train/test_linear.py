# SPDX-License-Identifier: Apache-2.0
"""The frozen linear with its low-rank update."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional

from engine.domain.adapter import AdapterShape
from engine.train.linear import LowRankLinear, adapter_seed

CPU = torch.device("cpu")


def linear_with(*, dropout: float = 0.0, seed: int = 1) -> LowRankLinear:
    generator = torch.Generator().manual_seed(0)
    linear = LowRankLinear(48, 32, bias=True)
    linear.weight = nn.Parameter(torch.randn(32, 48, generator=generator), requires_grad=False)
    linear.bias = nn.Parameter(torch.randn(32, generator=generator), requires_grad=False)
    shape = AdapterShape(rank=4, alpha=6.0, dropout_ratio=dropout, targets=("x",))
    linear.add_adapter(shape, seed=seed, device=CPU)
    return linear


def fill_b(linear: LowRankLinear) -> LowRankLinear:
    assert linear.lora_B is not None
    nn.init.normal_(linear.lora_B, generator=torch.Generator().manual_seed(2))
    return linear


def inputs() -> torch.Tensor:
    return torch.randn(1, 9, 48, generator=torch.Generator().manual_seed(3))


def test_forward_fresh_adapter_changes_nothing() -> None:
    linear, x = linear_with(), inputs()
    assert torch.equal(linear(x), functional.linear(x, linear.weight, linear.bias))


def test_forward_filled_adapter_adds_the_scaled_product() -> None:
    linear, x = fill_b(linear_with()), inputs()
    assert linear.lora_A is not None
    assert linear.lora_B is not None
    update = (6.0 / 4) * linear.lora_B @ linear.lora_A
    torch.testing.assert_close(linear(x), functional.linear(x, linear.weight + update, linear.bias))


def test_add_adapter_draws_within_the_kaiming_bound_and_by_seed() -> None:
    one, same, other = linear_with(), linear_with(), linear_with(seed=2)
    assert one.lora_A is not None
    assert same.lora_A is not None
    assert other.lora_A is not None
    assert float(one.lora_A.detach().abs().max()) <= 1 / math.sqrt(48)
    assert float(one.lora_A.detach().abs().max()) > 0.9 / math.sqrt(48)
    assert torch.equal(one.lora_A, same.lora_A)
    assert not torch.equal(one.lora_A, other.lora_A)


def test_adapter_seed_another_layer_is_another_seed() -> None:
    assert adapter_seed(0, "layers.0.q_proj") != adapter_seed(0, "layers.1.q_proj")


def test_forward_dropout_same_seed_gives_the_same_bits() -> None:
    linear, x = fill_b(linear_with(dropout=0.5)).train(), inputs()
    torch.manual_seed(7)
    first = linear(x)
    torch.manual_seed(7)
    assert torch.equal(linear(x), first)
    torch.manual_seed(8)
    assert not torch.equal(linear(x), first)


def test_forward_dropout_in_evaluation_is_off() -> None:
    linear, x = fill_b(linear_with(dropout=0.5)).eval(), inputs()
    assert torch.equal(linear(x), fill_b(linear_with()).eval()(x))


def test_backward_only_the_adapter_gets_gradients() -> None:
    linear = fill_b(linear_with())
    linear(inputs()).square().sum().backward()
    with_gradient = {name for name, one in linear.named_parameters() if one.grad is not None}
    assert with_gradient == {"lora_A", "lora_B"}
