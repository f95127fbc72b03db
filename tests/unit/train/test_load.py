# SPDX-License-Identifier: Apache-2.0
"""Loading: the same logits as stock transformers, in every supported architecture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from engine.errors import ArchitectureUnsupported, ModelInvalid
from engine.train import architecture, load
from engine.train.load import load_model
from tests.builders.model_folder import (
    MODEL_TYPES,
    safetensors_bytes,
    tiny_model_folder,
    tiny_weights,
)
from tests.unit.train.models import (
    CPU,
    alone_logits,
    edit_config,
    load_adapted,
    load_ours,
    load_stock,
    pack,
    packed_logits,
    random_examples,
)

LLAMA3_ROPE = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 16,
}
YARN_ROPE = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16}


def assert_same_logits(folder: Path) -> None:
    examples = random_examples([21, 3, 40])
    found = packed_logits(load_ours(folder), pack(examples))
    torch.testing.assert_close(found, alone_logits(load_stock(folder), examples), rtol=0, atol=1e-5)


@pytest.mark.parametrize("architecture", MODEL_TYPES)
@pytest.mark.parametrize("tied", [True, False])
def test_load_model_any_architecture_packed_logits_equal_stock(
    tmp_path: Path, architecture: str, tied: bool
) -> None:
    folder = tiny_model_folder(
        tmp_path / "base", architecture=architecture, tied=tied, spread=0.12, shards=2
    )
    assert_same_logits(edit_config(folder, rope_theta=500.0))


@pytest.mark.parametrize(
    ("architecture", "values"),
    [
        ("LlamaForCausalLM", {"rope_scaling": LLAMA3_ROPE}),
        ("Qwen3ForCausalLM", {"rope_scaling": YARN_ROPE}),
        ("MistralForCausalLM", {"sliding_window": 7}),
        (
            "Qwen2ForCausalLM",
            {"use_sliding_window": True, "sliding_window": 7, "max_window_layers": 1},
        ),
    ],
)
def test_load_model_rotary_scaling_and_windows_equal_stock(
    tmp_path: Path, architecture: str, values: dict[str, Any]
) -> None:
    folder = tiny_model_folder(tmp_path / "base", architecture=architecture, spread=0.12)
    assert_same_logits(edit_config(folder, **values))


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_load_model_weights_of_another_format_are_read_to_the_computing_one(
    tmp_path: Path, dtype: str
) -> None:
    model = load_ours(tiny_model_folder(tmp_path, dtype=dtype), dtype=torch.bfloat16)
    assert {one.dtype for one in model.net.parameters()} == {torch.bfloat16}


def test_load_model_tied_head_shares_the_embedding(tmp_path: Path) -> None:
    model = load_ours(tiny_model_folder(tmp_path, tied=True))
    assert model.head.weight is model.net.get_input_embeddings().weight


def test_load_model_quantised_linears_are_packed_and_the_rest_is_dense(tmp_path: Path) -> None:
    model = load_ours(tiny_model_folder(tmp_path), quantised=True)
    assert len(model.linears) == 14
    assert all(one.packed is not None for one in model.linears.values())
    dense = {name for name, values in model.net.named_parameters() if values.numel()}
    assert {name.rpartition(".")[0].rpartition(".")[2] for name in dense} == {
        "embed_tokens",
        "input_layernorm",
        "post_attention_layernorm",
        "norm",
    }


def test_load_model_quantised_logits_are_near_the_dense_ones(tmp_path: Path) -> None:
    folder = tiny_model_folder(tmp_path, spread=0.12)
    batch = pack(random_examples([30]))
    dense = packed_logits(load_ours(folder), batch)
    packed = packed_logits(load_ours(folder, quantised=True), batch)
    assert 0 < float((dense - packed).norm() / dense.norm()) < 0.4


def test_load_model_nothing_is_trainable_and_no_memory_is_missing(tmp_path: Path) -> None:
    net = load_ours(tiny_model_folder(tmp_path)).net
    assert not any(one.requires_grad for one in net.parameters())
    assert not any(one.is_meta for one in (*net.parameters(), *net.buffers()))


def test_load_model_missing_weight_is_named(tmp_path: Path) -> None:
    folder = tiny_model_folder(tmp_path)
    edit_config(folder, num_hidden_layers=3)
    with pytest.raises(ModelInvalid, match=r"model\.layers\.2\."):
        load_ours(folder)


def test_load_model_weight_of_another_shape_is_named(tmp_path: Path) -> None:
    folder = tiny_model_folder(tmp_path)
    edit_config(folder, intermediate_size=64)
    with pytest.raises(ModelInvalid, match=r"_proj\.weight has the shape"):
        load_ours(folder)


def test_load_model_tensor_without_a_place_is_left_out(tmp_path: Path) -> None:
    folder = tiny_model_folder(tmp_path)
    config = load.modelfolder.safe_config(folder)
    weights = tiny_weights(config, seed=0) | {
        "model.rotary_emb.inv_freq": tiny_weights(config, seed=0)["model.norm.weight"]
    }
    (folder / "model.safetensors").write_bytes(safetensors_bytes(weights))
    assert_same_logits(folder)


def test_load_model_fused_experts_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tiny_model_folder(tmp_path)

    def with_experts(config: dict[str, Any], dtype: torch.dtype) -> Any:
        net = original(config, dtype)
        net.model.layers[0].experts = nn.Parameter(torch.empty(2, 4, 4, device="meta"))
        return net

    original = architecture._empty_net
    monkeypatch.setattr(architecture, "_empty_net", with_experts)
    with pytest.raises(ArchitectureUnsupported, match=r"0\.experts"):
        load_ours(folder)


def test_load_model_progress_counts_every_byte(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    folder = tiny_model_folder(tmp_path, shards=3)
    load_model(
        folder,
        dtype=torch.float32,
        device=CPU,
        quantised=False,
        on_progress=lambda done, total: told.append((done, total)),
    )
    assert (
        told[-1][0]
        == told[-1][1]
        == sum(2 * one.numel() for one in load_ours(folder).net.parameters())
    )
    assert told == sorted(told)


def test_with_adapter_fresh_leaves_the_logits_alone_and_names_its_targets(tmp_path: Path) -> None:
    folder = tiny_model_folder(tmp_path)
    batch = pack(random_examples([20]))
    plain, fresh = load_ours(folder), load_adapted(folder, fill=False)
    assert torch.equal(packed_logits(plain, batch), packed_logits(fresh, batch))
    assert fresh.adapter is not None
    assert fresh.adapter.targets == (
        "down_proj",
        "gate_proj",
        "k_proj",
        "o_proj",
        "q_proj",
        "up_proj",
        "v_proj",
    )
    trainable = {name for name, one in fresh.net.named_parameters() if one.requires_grad}
    assert trainable == set(fresh.trainable())
    assert {one.dtype for one in fresh.trainable().values()} == {torch.float32}
