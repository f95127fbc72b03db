# SPDX-License-Identifier: Apache-2.0
"""Weights in 4 bits: the same numbers as bitsandbytes, and a gradient that never goes missing."""

from __future__ import annotations

import pytest
import torch
from bitsandbytes import functional as reference
from torch import nn
from torch.nn import functional

from engine.domain.adapter import AdapterShape
from engine.train import nf4
from engine.train.linear import LowRankLinear

CPU = torch.device("cpu")
SHAPE = AdapterShape(rank=4, alpha=8.0, dropout_ratio=0.0, targets=("q_proj",))


def random_weight(rows: int = 128, columns: int = 192, seed: int = 0) -> torch.Tensor:
    return torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed)) * 0.05


def packed_linear(*, dtype: torch.dtype = torch.float32) -> LowRankLinear:
    linear = LowRankLinear(192, 128, bias=False)
    linear.weight = nn.Parameter(random_weight(), requires_grad=False)
    linear.hold_packed(random_weight(), dtype=dtype)
    linear.add_adapter(SHAPE, seed=1, device=CPU)
    return linear


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_quantise_double_quantised_equals_bitsandbytes(dtype: torch.dtype) -> None:
    weight = random_weight().to(dtype)
    packed, state = reference.quantize_4bit(
        weight, blocksize=64, compress_statistics=True, quant_type="nf4"
    )
    ours = nf4.quantise(weight, dtype=dtype)
    assert torch.equal(ours.packed, packed)
    assert torch.equal(nf4.restore(ours), reference.dequantize_4bit(packed, state))


def test_quantise_in_chunks_equals_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = nf4.quantise(random_weight(), dtype=torch.float32)
    monkeypatch.setattr(nf4, "_CPU_CHUNK_VALUES", 64 * 5)
    chunked = nf4.quantise(random_weight(), dtype=torch.float32)
    assert torch.equal(whole.packed, chunked.packed)
    assert torch.equal(nf4.restore(whole), nf4.restore(chunked))


def test_quantise_random_weight_takes_about_half_a_byte_per_value() -> None:
    packed = nf4.quantise(random_weight(), dtype=torch.float32)
    assert packed.size_bytes / (128 * 192) < 0.57


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_packed_linear_alone_equals_product_with_bitsandbytes_weight(dtype: torch.dtype) -> None:
    packed, state = reference.quantize_4bit(
        random_weight(), blocksize=64, compress_statistics=True, quant_type="nf4"
    )
    state.dtype = dtype
    x = random_weight(7, 192, seed=1).to(dtype)
    linear = LowRankLinear(192, 128, bias=True)
    linear.hold_packed(random_weight(), dtype=dtype)
    linear.bias = nn.Parameter(random_weight(1, 128, seed=2)[0].to(dtype), requires_grad=False)
    expected = functional.linear(x, reference.dequantize_4bit(packed, state), linear.bias)
    assert torch.equal(linear(x), expected)


def test_packed_linear_alone_gradient_equals_that_of_the_restored_weight() -> None:
    linear = LowRankLinear(192, 128, bias=False)
    linear.hold_packed(random_weight(), dtype=torch.float32)
    ours = random_weight(7, 192, seed=1).requires_grad_()
    dense = ours.detach().clone().requires_grad_()
    linear(ours).square().sum().backward()
    functional.linear(dense, linear.restored_weight()).square().sum().backward()
    torch.testing.assert_close(ours.grad, dense.grad)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_packed_linear_after_evaluation_passes_still_has_its_gradient(dtype: torch.dtype) -> None:
    """bitsandbytes' own Linear4bit loses it on processors with AVX512-BF16."""
    linear = packed_linear(dtype=dtype)
    x = random_weight(7, 192, seed=1).to(dtype)

    def gradients() -> list[torch.Tensor]:
        fresh = x.clone().requires_grad_()
        linear.train()
        linear.zero_grad()
        linear(fresh).float().square().sum().backward()
        assert linear.lora_B is not None
        found = [fresh.grad, linear.lora_B.grad]
        assert all(one is not None and bool(one.any()) for one in found)
        return [one.clone() for one in found if one is not None]

    before = gradients()
    linear.eval()
    with torch.no_grad():
        linear(x)
        linear(x[:1])
    with torch.inference_mode():
        linear(x)
    assert all(torch.equal(old, new) for old, new in zip(before, gradients(), strict=True))


def test_packed_linear_training_step_leaves_the_packed_weight_unchanged() -> None:
    linear = packed_linear()
    assert linear.packed is not None
    before = linear.packed.packed.clone()
    linear(random_weight(7, 192, seed=1)).square().sum().backward()
    trained = [one for one in linear.parameters() if one.requires_grad]
    torch.optim.SGD(trained, lr=0.1).step()
    assert torch.equal(linear.packed.packed, before)
    assert {id(one) for one in trained} == {id(linear.lora_A), id(linear.lora_B)}
