# SPDX-License-Identifier: Apache-2.0
"""Folders that bitsandbytes packed: the weights are those that bitsandbytes itself restores."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from engine.train.load import load_model
from engine.train.nf4 import quantise, restore
from engine.train.nf4_parts import join_parts, split_parts
from tests.builders.model_folder import tiny_model_folder
from tests.builders.packed_model_folder import pack_folder
from tests.unit.train.models import (
    CPU,
    load_adapted,
    load_ours,
    load_stock,
    pack,
    packed_logits,
    random_examples,
)


@pytest.mark.parametrize("double", [True, False])
@pytest.mark.parametrize("blocksize", [64, 128])
def test_load_model_packed_folder_restores_as_bitsandbytes_does(
    tmp_path: Path, double: bool, blocksize: int
) -> None:
    folder = tiny_model_folder(tmp_path, spread=0.12)
    expected = pack_folder(folder, double=double, blocksize=blocksize)
    model = load_model(folder, dtype=torch.bfloat16, device=CPU, quantised=True)
    for path, linear in model.linears.items():
        assert linear.packed is not None
        assert torch.equal(linear.restored_weight(), expected[f"{path}.weight"])
    embedding = model.net.get_parameter("model.embed_tokens.weight")
    assert torch.equal(embedding, expected["model.embed_tokens.weight"])


def test_load_model_packed_folder_for_dense_training_is_restored_once(tmp_path: Path) -> None:
    folder = tiny_model_folder(tmp_path, spread=0.12)
    expected = pack_folder(folder)
    model = load_model(folder, dtype=torch.bfloat16, device=CPU, quantised=False)
    for path, linear in model.linears.items():
        assert linear.packed is None
        assert torch.equal(linear.weight, expected[f"{path}.weight"])


def test_load_model_packed_folder_logits_equal_the_same_weights_in_stock(tmp_path: Path) -> None:
    folder = tiny_model_folder(tmp_path / "packed", spread=0.12)
    stock = load_stock(folder)
    restored = pack_folder(folder, double=False)
    batch = pack(random_examples([20]))
    found = packed_logits(load_ours(folder, quantised=True), batch)
    stock.load_state_dict({name: one.float() for name, one in restored.items()}, strict=False)
    with torch.no_grad():
        expected = stock(input_ids=batch.ids, position_ids=batch.positions).logits[0]
    # bitsandbytes rounds what it restores to bf16, in which the folder was packed; fp32 does not.
    assert float((found - expected).norm() / expected.norm()) < 0.01


def test_load_model_packed_folder_trains(tmp_path: Path) -> None:
    folder = tiny_model_folder(tmp_path)
    pack_folder(folder)
    model = load_adapted(folder, quantised=True)
    packed_logits_before = packed_logits(model, pack(random_examples([20])))
    assert torch.isfinite(packed_logits_before).all()


@pytest.mark.parametrize("quantised", [False, True])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_load_model_nothing_is_wider_than_the_computing_format(
    tmp_path: Path, dtype: torch.dtype, packed: bool, quantised: bool
) -> None:
    folder = tiny_model_folder(tmp_path, tied=False)
    if packed:
        pack_folder(folder)
    net = load_adapted(folder, dtype=dtype, quantised=quantised).net
    frozen = {name: one for name, one in net.named_parameters() if not one.requires_grad}
    assert {"lm_head.weight", "model.embed_tokens.weight", "model.norm.weight"} < frozen.keys()
    assert {one.dtype for one in frozen.values()} == {dtype}
    linears = sum(name.endswith("proj.weight") and one.numel() > 0 for name, one in frozen.items())
    assert linears == (0 if quantised else 14)
    assert {one.dtype for one in net.parameters() if one.requires_grad} == {torch.float32}


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_split_and_join_parts_return_the_same_bits(dtype: torch.dtype) -> None:
    values = torch.randn(96, 128, generator=torch.Generator().manual_seed(0)).to(dtype)
    weight = quantise(values, dtype=dtype)
    again = join_parts(split_parts(weight, dtype=dtype), dtype=dtype)
    parts, others = (split_parts(one, dtype=dtype) for one in (weight, again))
    assert parts.keys() == others.keys()
    assert len(parts) == 6
    assert all(torch.equal(parts[name], others[name]) for name in parts)
    assert torch.equal(restore(again), restore(weight))
    assert restore(again).dtype == dtype
    assert again.size_bytes == weight.size_bytes
