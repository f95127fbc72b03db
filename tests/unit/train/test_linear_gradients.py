# SPDX-License-Identifier: Apache-2.0
"""The written-out backward pass: the gradients of plain torch and peft, and less memory."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch import nn
from torch.nn import functional

from engine.domain.adapter import AdapterShape
from engine.train.linear import LowRankLinear

CPU = torch.device("cpu")
ROWS, COLUMNS, RANK, ALPHA = 32, 48, 4, 6.0
Gradients = dict[str, torch.Tensor]


def random(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def make_linear(
    dtype: torch.dtype, *, dropout: float = 0.0, packed: bool = False, bias: bool = True
) -> LowRankLinear:
    linear = LowRankLinear(COLUMNS, ROWS, bias=bias)
    weight = random(ROWS, COLUMNS, seed=0) / COLUMNS**0.5
    linear.weight = nn.Parameter(weight.to(dtype), requires_grad=False)
    if packed:
        linear.hold_packed(weight, dtype=dtype)
    if bias:
        linear.bias = nn.Parameter(random(ROWS, seed=1).to(dtype), requires_grad=False)
    shape = AdapterShape(rank=RANK, alpha=ALPHA, dropout_ratio=dropout, targets=("x",))
    linear.add_adapter(shape, seed=2, device=CPU)
    assert linear.lora_B is not None
    nn.init.normal_(linear.lora_B, std=0.3, generator=torch.Generator().manual_seed(3))
    return linear.double() if dtype is torch.float64 else linear


def inputs(dtype: torch.dtype) -> torch.Tensor:
    return random(2, 9, COLUMNS, seed=4).to(dtype).requires_grad_()


def gradients(
    forward: Callable[[torch.Tensor], torch.Tensor],
    x: torch.Tensor,
    a: nn.Parameter,
    b: nn.Parameter,
) -> Gradients:
    """Return y and the gradients of a sum that weighs every value of it differently."""
    torch.manual_seed(11)
    y = forward(x)
    (y.double() * random(*y.shape, seed=5).double()).sum().backward()
    found = {"y": y.detach(), "x": x.grad, "A": a.grad, "B": b.grad}
    return {name: one for name, one in found.items() if one is not None}


def ours(linear: LowRankLinear) -> Gradients:
    assert linear.lora_A is not None
    assert linear.lora_B is not None
    dtype = linear.restored_weight().dtype
    return gradients(linear, inputs(dtype), linear.lora_A, linear.lora_B)


def plain(linear: LowRankLinear, dtype: torch.dtype) -> Gradients:
    """Return what torch itself differentiates, in another number format."""
    assert linear.lora_A is not None
    assert linear.lora_B is not None
    own = linear.restored_weight().dtype
    a, b = (nn.Parameter(one.detach().to(own).to(dtype)) for one in (linear.lora_A, linear.lora_B))
    weight = linear.restored_weight().to(dtype)
    bias = None if linear.bias is None else linear.bias.to(dtype)
    x = inputs(own).detach().to(dtype).requires_grad_()

    def forward(x: torch.Tensor) -> torch.Tensor:
        kept = functional.dropout(x, linear.dropout_ratio)
        return functional.linear(x, weight, bias) + linear.scale * (kept @ a.t() @ b.t())

    return gradients(forward, x, a, b)


def distance(found: Gradients, expected: Gradients) -> dict[str, float]:
    """Return the length of each difference in parts of the length of what was expected."""
    assert found.keys() == expected.keys() == {"y", "x", "A", "B"}
    return {
        name: float((found[name].double() - expected[name].double()).norm() / expected[name].norm())
        for name in found
    }


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_backward_numeric_differences_agree(dropout: float) -> None:
    linear = make_linear(torch.float64, dropout=dropout)
    assert linear.lora_A is not None
    assert linear.lora_B is not None

    def forward(x: torch.Tensor, _a: torch.Tensor, _b: torch.Tensor) -> torch.Tensor:
        torch.manual_seed(6)
        return linear(x)

    x = random(2, 3, COLUMNS, seed=7).double().requires_grad_()
    assert torch.autograd.gradcheck(forward, (x, linear.lora_A, linear.lora_B))


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_backward_in_64_bits_equals_plain_torch(dropout: float, bias: bool) -> None:
    linear = make_linear(torch.float64, dropout=dropout, bias=bias)
    found, expected = ours(linear), plain(linear, torch.float64)
    for name in expected:
        torch.testing.assert_close(found[name], expected[name], rtol=0, atol=1e-10)


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_backward_in_64_bits_equals_peft(dropout: float) -> None:
    linear = make_linear(torch.float64, dropout=dropout)
    assert linear.bias is not None
    base = nn.Linear(COLUMNS, ROWS).double()
    base.weight.data, base.bias.data = linear.weight.data, linear.bias.data
    config = LoraConfig(r=RANK, lora_alpha=int(ALPHA), lora_dropout=dropout, target_modules=["x"])
    twin = get_peft_model(nn.ModuleDict({"x": base}), config).train()
    parts = dict(twin.named_parameters())
    a, b = (parts[f"base_model.model.x.lora_{one}.default.weight"] for one in "AB")
    assert linear.lora_A is not None
    assert linear.lora_B is not None
    a.data, b.data = linear.lora_A.data.clone(), linear.lora_B.data.clone()
    layer = twin.get_submodule("base_model.model.x")
    expected = gradients(layer, inputs(torch.float64), nn.Parameter(a), nn.Parameter(b))
    expected |= {name: one.grad for name, one in (("A", a), ("B", b)) if one.grad is not None}
    found = ours(linear)
    assert found.keys() == expected.keys()
    for name in expected:
        torch.testing.assert_close(found[name], expected[name], rtol=0, atol=1e-10)


@pytest.mark.parametrize("packed", [False, True])
def test_backward_in_32_bits_is_within_its_rounding(packed: bool) -> None:
    linear = make_linear(torch.float32, packed=packed)
    assert max(distance(ours(linear), plain(linear, torch.float64)).values()) < 1e-6


@pytest.mark.parametrize("packed", [False, True])
def test_backward_in_16_bits_is_as_exact_as_plain_torch(packed: bool) -> None:
    """The reference computes in 64 bits with the operands as bf16 holds them."""
    linear = make_linear(torch.bfloat16, packed=packed)
    exact = plain(linear, torch.float64)
    found, stock = distance(ours(linear), exact), distance(plain(linear, torch.bfloat16), exact)
    assert all(error < 2**-8 for error in found.values())
    assert all(found[name] < 1.2 * stock[name] for name in found)


def saved_by(linear: LowRankLinear, x: torch.Tensor) -> list[torch.Tensor]:
    kept: list[torch.Tensor] = []

    def keep(one: torch.Tensor) -> torch.Tensor:
        kept.append(one)
        return one

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda one: one):
        linear(x)
    return kept


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("packed", [False, True])
def test_forward_keeps_x_and_a_x_and_nothing_else(packed: bool, dtype: torch.dtype) -> None:
    x = inputs(dtype)
    kept = saved_by(make_linear(dtype, packed=packed), x)
    assert [(one.shape, one.dtype) for one in kept] == [
        (x.shape, dtype),
        (torch.Size((2, 9, RANK)), dtype),
    ]
    assert kept[0].data_ptr() == x.data_ptr()


def test_forward_dropout_keeps_one_byte_per_value_more() -> None:
    kept = saved_by(make_linear(torch.bfloat16, dropout=0.5).train(), inputs(torch.bfloat16))
    assert [one.dtype for one in kept] == [torch.bfloat16, torch.bfloat16, torch.bool]


def test_forward_packed_without_an_adapter_keeps_nothing() -> None:
    linear = LowRankLinear(COLUMNS, ROWS, bias=False)
    linear.hold_packed(random(ROWS, COLUMNS, seed=0), dtype=torch.float32)
    assert saved_by(linear, inputs(torch.float32)) == []


def test_backward_first_layer_computes_no_gradient_of_its_input() -> None:
    linear = make_linear(torch.float32, packed=True)
    x = inputs(torch.float32).detach()
    linear(x).sum().backward()
    assert x.grad is None
    assert linear.lora_A is not None
    assert linear.lora_A.grad is not None


def test_gradients_arrive_in_the_format_of_the_masters() -> None:
    found = ours(make_linear(torch.bfloat16))
    assert (found["x"].dtype, found["A"].dtype, found["B"].dtype) == (
        torch.bfloat16,
        torch.float32,
        torch.float32,
    )
