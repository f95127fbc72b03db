# SPDX-License-Identifier: Apache-2.0
"""Gemma 4: what is different in each layer, as it was released and as transformers saves it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from engine.errors import ModelInvalid
from engine.store.gemma4 import each_layer
from engine.store.modelfolder import inspect_model, safe_config
from engine.store.modelfolder_config import expected_shapes, ignored_keys, shape_of
from engine.train.load import load_model
from tests.builders.decoders import decoder_folder
from tests.unit.train.models import CPU, edit_config

FULL, WINDOW = "full_attention", "sliding_attention"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return decoder_folder(tmp_path / "m", "gemma4")


def released(folder: Path, **values: Any) -> Path:
    """Write the sizes of wide layers as Google's own files have them."""
    path = folder / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    del config["per_layer_config"]
    path.write_text(json.dumps(config | {"global_head_dim": 16} | values), encoding="utf-8")
    return folder


def test_config_as_released_and_as_saved_tell_the_same(folder: Path) -> None:
    saved = safe_config(folder)
    assert safe_config(released(folder)) == saved
    assert ignored_keys(folder) == ()
    assert safe_config(edit_config(folder, use_bidirectional_attention="vision")) == saved


def test_layers_have_their_own_sizes(folder: Path) -> None:
    layers = each_layer(safe_config(folder))
    assert [one["head_dim"] for one in layers] == [8, 16, 8, 16, 16]
    assert [one["key_value_matrices"] for one in layers] == [2, 2, 0, 0, 0]
    assert [one["intermediate_size"] for one in layers] == [48, 48, 96, 96, 96]
    shape = shape_of(safe_config(folder))
    assert [(one.head_dim, count) for one, count in shape.layer_kinds()] == [
        (8, 1), (16, 1), (8, 1), (16, 2),
    ]  # fmt: skip
    assert [count for _one, count in shape.layer_kinds(3)] == [2]
    assert (shape.fed, shape.fed_rows) == (8, 400)


def test_layers_that_are_not_named_are_those_of_the_library(folder: Path) -> None:
    path = released(folder, num_kv_shared_layers=0, num_hidden_layers=7) / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    del config["layer_types"], config["global_head_dim"]
    path.write_text(json.dumps(config), encoding="utf-8")
    found = safe_config(folder)
    assert found["layer_types"] == [*[WINDOW] * 5, FULL, FULL]
    assert [one["head_dim"] for one in each_layer(found)] == [*[8] * 5, 512, 512]


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("num_kv_shared_layers", {"num_kv_shared_layers": 5}),
        ("num_kv_shared_layers", {"num_kv_shared_layers": 4}),
        ("vocab_size_per_layer_input", {"vocab_size_per_layer_input": 399}),
        ("hidden_size_per_layer_input", {"hidden_size_per_layer_input": 0}),
        ("hidden_size_per_layer_input", {"hidden_size_per_layer_input": None}),
        ("num_key_value_heads", {"per_layer_config": {"1": {"num_key_value_heads": 3}}}),
        ("per_layer_config", {"per_layer_config": {"1": {"head_dim": 16}}}),
        ("per_layer_config", {"per_layer_config": {"9": {"head_dim": 16}}}),
        ("per_layer_config", {"per_layer_config": {"01": {"head_dim": 16}}}),
        ("per_layer_config", {"per_layer_config": {"1": {"hidden_size": 16}}}),
        ("per_layer_config", {"per_layer_config": {"1": 16}}),
        ("per_layer_config", {"per_layer_config": []}),
        ("global_head_dim", {"global_head_dim": "16"}),
        ("rope_parameters", {"rope_parameters": {FULL: {"rope_type": "dynamic"}}}),
    ],
)
def test_values_that_do_not_fit_are_refused_by_name(
    key: str, values: dict[str, Any], folder: Path
) -> None:
    edit_config(folder, **values)
    with pytest.raises(ModelInvalid, match=key):
        safe_config(folder)


def test_keys_of_this_family_are_left_out_of_others(tmp_path: Path) -> None:
    folder = decoder_folder(tmp_path / "m", "llama")
    edit_config(folder, per_layer_config={"0": {"head_dim": 4}})
    assert "per_layer_config" not in safe_config(folder)
    assert ignored_keys(folder) == ("per_layer_config",)


def test_matrices_that_a_sharing_layer_does_not_use_are_left_alone(folder: Path) -> None:
    """Google's files hold keys and values for layers that take those of earlier ones."""
    file = folder / "model.safetensors"
    tensors = load_file(file)
    tensors["model.layers.2.self_attn.k_proj.weight"] = torch.ones(16, 32)
    save_file(tensors, file, metadata={"format": "pt"})
    info = inspect_model(folder, model_id="m", name="x", added_at="")
    assert info.parameters == sum(
        values.numel() for name, values in tensors.items() if "2.self_attn.k_proj" not in name
    )
    model = load_model(folder, dtype=torch.float32, device=CPU, quantised=True)
    assert "model.layers.2.self_attn.k_proj" not in model.linears


def test_factor_of_a_layer_that_lacks_is_missed_when_the_model_is_added(folder: Path) -> None:
    file = folder / "model.safetensors"
    tensors = load_file(file)
    assert expected_shapes(safe_config(folder))["model.layers.3.layer_scalar"] == (1,)
    del tensors["model.layers.3.layer_scalar"]
    save_file(tensors, file, metadata={"format": "pt"})
    with pytest.raises(ModelInvalid, match="layer_scalar"):
        inspect_model(folder, model_id="m", name="x", added_at="")
