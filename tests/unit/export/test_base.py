# SPDX-License-Identifier: Apache-2.0
"""Tensors come out of their files in blocks, whole and in order."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from engine.errors import AdapterUnusable, ModelInvalid
from engine.export import base as base_module
from engine.export.base import (
    check_fit,
    content_of,
    read_blocks,
    read_exactly,
    read_model_tensors,
    read_row_blocks,
)
from engine.export.lora import LoraAdapter
from tests.builders.model_folder import tiny_model_folder
from tests.unit.export.exporting import shape_of

Q_PROJ = "model.layers.0.self_attn.q_proj"


def adapter_on(module: str, shape: tuple[int, int]) -> LoraAdapter:
    return LoraAdapter(folder=Path(), config={}, shape=shape_of(1, 1.0), shapes={module: shape})


def save_model(folder: Path, **tensors: torch.Tensor) -> Path:
    named = {f"{name}.weight": one for name, one in tensors.items()}
    save_file(named, folder / "model.safetensors")
    return folder


@pytest.mark.parametrize("block_bytes", [1, 128, 1000, 1 << 20])
def test_row_blocks_together_are_the_tensor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block_bytes: int
) -> None:
    monkeypatch.setattr(base_module, "BLOCK_BYTES", block_bytes)
    tensors = read_model_tensors(tiny_model_folder(tmp_path / "base"))
    header = tensors.headers[f"{Q_PROJ}.weight"]
    with (tensors.folder / header.file).open("rb") as stream:
        blocks = list(read_row_blocks(stream, header))
    expected = load_file(tensors.folder / header.file)[f"{Q_PROJ}.weight"]
    assert torch.equal(torch.cat([rows for _first, rows in blocks]), expected)
    starts = [first for first, _rows in blocks]
    assert starts == [sum(len(rows) for _f, rows in blocks[:n]) for n in range(len(blocks))]


def test_row_blocks_are_of_even_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base_module, "BLOCK_BYTES", 4 * 16)
    tensors = read_model_tensors(save_model(tmp_path, x=torch.randn(17, 4)))
    header = tensors.headers["x.weight"]
    with (tmp_path / header.file).open("rb") as stream:
        sizes = [len(rows) for _first, rows in read_row_blocks(stream, header)]
    assert sum(sizes) == 17
    assert max(sizes) - min(sizes) <= 1


def test_plain_blocks_together_are_the_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base_module, "BLOCK_BYTES", 7)
    tensors = read_model_tensors(save_model(tmp_path, x=torch.randn(5, 3)))
    header = tensors.headers["x.weight"]
    with (tmp_path / header.file).open("rb") as stream:
        content = b"".join(bytes(one) for one in read_blocks(stream, header))
    assert content == bytes(content_of(load_file(tmp_path / header.file)["x.weight"]))


def test_file_that_became_shorter_is_named(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"123")
    with (tmp_path / "x").open("rb") as stream, pytest.raises(ModelInvalid, match="shorter"):
        read_exactly(stream, 4)


def test_shards_are_listed_in_order_with_their_own_tensors(tmp_path: Path) -> None:
    tensors = read_model_tensors(tiny_model_folder(tmp_path / "base", shards=3))
    assert tensors.has_index
    assert tensors.files == tuple(f"model-0000{n}-of-00003.safetensors" for n in (1, 2, 3))
    names = [name for file in tensors.files for name in tensors.in_file(file)]
    assert sorted(names) == sorted(tensors.headers)
    for file in tensors.files:
        starts = [one.offsets[0] for one in tensors.in_file(file).values()]
        assert starts == sorted(starts)


def test_model_of_several_types_is_held_in_fp32(tmp_path: Path) -> None:
    half, full = torch.ones(2, 2).bfloat16(), torch.ones(2, 2)
    assert read_model_tensors(save_model(tmp_path, x=half)).dtype is torch.bfloat16
    assert read_model_tensors(save_model(tmp_path, x=half, y=full)).dtype is torch.float32


@pytest.mark.parametrize(
    "adapter", [adapter_on(Q_PROJ, (128, 65)), adapter_on("model.layers.9.mlp.up_proj", (128, 64))]
)
def test_adapter_of_another_model_is_refused(tmp_path: Path, adapter: LoraAdapter) -> None:
    base = read_model_tensors(tiny_model_folder(tmp_path / "base"))
    with pytest.raises(AdapterUnusable, match="does not fit"):
        check_fit(adapter, base)


def test_base_of_whole_numbers_is_refused(tmp_path: Path) -> None:
    base = read_model_tensors(save_model(tmp_path, x=torch.ones(2, 2, dtype=torch.int8)))
    with pytest.raises(ModelInvalid, match="16 bits"):
        check_fit(adapter_on("x", (2, 2)), base)
