# SPDX-License-Identifier: Apache-2.0
"""Adapters are read as peft reads them, and unsound ones are refused by name."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from engine.errors import AdapterUnusable
from engine.export.lora import CONFIG, WEIGHTS, merged_rows, read_adapter
from tests.unit.export.exporting import Trained

Q_PROJ = "model.layers.0.self_attn.q_proj"
A = f"base_model.model.{Q_PROJ}.lora_A.weight"
B = f"base_model.model.{Q_PROJ}.lora_B.weight"

Tensors = dict[str, torch.Tensor]


@pytest.fixture
def folder(trained: Trained, tmp_path: Path) -> Path:
    """Return a copy of the adapter that a test may damage."""
    return shutil.copytree(trained.adapter, tmp_path / "copy")


def change_config(folder: Path, **values: object) -> None:
    config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    (folder / CONFIG).write_text(json.dumps(config | values), encoding="utf-8")


def change_tensors(folder: Path, change: Callable[[Tensors], None]) -> None:
    tensors = load_file(folder / WEIGHTS)
    change(tensors)
    save_file({name: one.contiguous() for name, one in tensors.items()}, folder / WEIGHTS)


def test_adapter_of_peft_is_read_whole(folder: Path) -> None:
    adapter = read_adapter(folder)
    assert (adapter.shape.rank, adapter.shape.scale) == (8, 2.0)
    assert len(adapter.shapes) == 14
    assert adapter.shapes[Q_PROJ] == (128, 64)
    b, a = adapter.matrices(Q_PROJ)
    tensors = load_file(folder / WEIGHTS)
    assert torch.equal(b, tensors[B])
    assert torch.equal(a, tensors[A])


def test_scale_with_rslora_divides_by_the_root_of_the_rank(folder: Path) -> None:
    change_config(folder, use_rslora=True)
    assert read_adapter(folder).shape.scale == pytest.approx(16 / math.sqrt(8))


def test_applied_weight_is_the_written_out_sum(folder: Path) -> None:
    adapter = read_adapter(folder)
    weight = torch.randn(128, 64, generator=torch.Generator().manual_seed(3)).bfloat16()
    b, a = (one.double() for one in adapter.matrices(Q_PROJ))
    exact = weight.double() + 2.0 * torch.einsum("or,ri->oi", b, a)
    torch.testing.assert_close(adapter.applied(Q_PROJ, weight).double(), exact, rtol=0, atol=1e-6)


def test_merged_rows_are_summed_in_fp32_and_rounded_once() -> None:
    """The product lies just above half a step of bf16 at 1; rounded first, it would lie on it."""
    rows = torch.ones(1, 1, dtype=torch.bfloat16)
    b, a = torch.full((1, 8), 2**-11 * (1 + 2**-9)), torch.ones(8, 1)
    found = merged_rows(rows, b, a, scale=1.0)
    assert found.dtype is torch.bfloat16
    assert found.item() == 1 + 2**-7
    assert merged_rows(rows, b, a, scale=0.5).item() == 1.0


def other_rank(tensors: Tensors) -> None:
    tensors[A] = tensors[A][:4]


def not_a_number(tensors: Tensors) -> None:
    tensors[B][3, 1] = math.nan


def infinite(tensors: Tensors) -> None:
    tensors[A][0, 0] = math.inf


def all_zero(tensors: Tensors) -> None:
    for name, one in tensors.items():
        if "lora_B" in name:
            one.zero_()


def without_b(tensors: Tensors) -> None:
    del tensors[B]


def with_an_embedding(tensors: Tensors) -> None:
    tensors["base_model.model.model.embed_tokens.lora_embedding_A"] = torch.ones(1)


def without_tensors(tensors: Tensors) -> None:
    tensors.clear()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (other_rank, "do not have the rank"),
        (not_a_number, "not numbers"),
        (infinite, "not numbers"),
        (all_zero, "changes nothing"),
        (without_b, "not pairs"),
        (with_an_embedding, "not pairs"),
        (without_tensors, "not pairs"),
    ],
)
def test_adapter_with_unsound_tensors_is_refused(
    folder: Path, change: Callable[[Tensors], None], said: str
) -> None:
    change_tensors(folder, change)
    with pytest.raises(AdapterUnusable, match=said):
        read_adapter(folder)


def test_dora_without_row_lengths_is_refused(folder: Path) -> None:
    change_config(folder, use_dora=True)
    with pytest.raises(AdapterUnusable, match="not pairs"):
        read_adapter(folder)


@pytest.mark.parametrize("lengths", [torch.ones(64), torch.full((128,), math.nan)])
def test_dora_with_unsound_row_lengths_is_refused(folder: Path, lengths: torch.Tensor) -> None:
    change_config(folder, use_dora=True)

    def add(tensors: Tensors) -> None:
        for name in [one for one in tensors if ".lora_B" in one]:
            magnitude = name.replace(".lora_B.weight", ".lora_magnitude_vector")
            tensors[magnitude] = torch.ones(tensors[name].shape[0])
        tensors[A.replace(".lora_A.weight", ".lora_magnitude_vector")] = lengths

    change_tensors(folder, add)
    with pytest.raises(AdapterUnusable, match="row lengths"):
        read_adapter(folder)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("peft_type", "LOHA"),
        ("bias", "all"),
        ("modules_to_save", ["lm_head"]),
        ("rank_pattern", {"q_proj": 4}),
        ("rank_pattern", {"(": 4}),
        ("rank_pattern", {"q_proj": "x"}),
        ("alpha_pattern", {"q_proj": 0}),
        ("alpha_pattern", ["q_proj"]),
        ("r", 0),
        ("lora_alpha", None),
    ],
)
def test_adapter_with_other_arithmetic_is_refused(folder: Path, name: str, value: object) -> None:
    change_config(folder, **{name: value})
    with pytest.raises(AdapterUnusable):
        read_adapter(folder)


@pytest.mark.parametrize("name", [CONFIG, WEIGHTS])
def test_adapter_with_a_missing_or_broken_file_is_refused(folder: Path, name: str) -> None:
    (folder / name).write_bytes(b"{")
    with pytest.raises(AdapterUnusable, match=name):
        read_adapter(folder)
    (folder / name).unlink()
    with pytest.raises(AdapterUnusable, match=name):
        read_adapter(folder)
