# SPDX-License-Identifier: Apache-2.0
"""Adapter folders from outside: what is read of them, and what is refused before anything is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.errors import EngineError, FileMissing, ModelInvalid, StartUnusable, UnsafeWeights
from engine.store.adapterfolder import check_fits, inspect_adapter, is_adapter_folder
from tests.builders.model_folder import safetensors_bytes

LAYER = "model.layers.0.self_attn"
CONFIG: dict[str, Any] = {
    "peft_type": "LORA",
    "r": 4,
    "lora_alpha": 8,
    "target_modules": ["q_proj"],
    "base_model_name_or_path": "C:\\Users\\jo\\models\\Tiny-1B",
    "bias": "none",
}


def tensors(*modules: str, rank: int = 4) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = {}
    for one in modules:
        found[f"base_model.model.{one}.lora_A.weight"] = np.ones((rank, 16), np.float32)
        found[f"base_model.model.{one}.lora_B.weight"] = np.ones((32, rank), np.float32)
    return found


def folder(root: Path, weights: dict[str, np.ndarray] | None = None, **changes: Any) -> Path:
    """Write an adapter folder that is sound but for the changes."""
    place = root / "my-adapter"
    place.mkdir()
    (place / "adapter_config.json").write_text(json.dumps(CONFIG | changes), encoding="utf-8")
    content = safetensors_bytes(weights or tensors(f"{LAYER}.q_proj"), dtype="float32")
    (place / "adapter_model.safetensors").write_bytes(content)
    return place


def test_sound_folder_is_told(tmp_path: Path) -> None:
    place = folder(tmp_path, rank_pattern={"v_proj": 2}, use_dora=False)
    found = inspect_adapter(place)
    assert is_adapter_folder(place)
    assert (found.shape.rank, found.shape.alpha) == (4, 8.0)
    assert found.shape.rank_pattern == (("v_proj", 2.0),)
    assert found.modules == (f"{LAYER}.q_proj",)
    assert found.sizes == ((32, 16),)
    # The folder of somebody else's computer is nobody's business here.
    assert found.base == "Tiny-1B"


def test_targets_are_last_names_where_these_hit_no_other_layer(tmp_path: Path) -> None:
    found = inspect_adapter(folder(tmp_path))
    assert found.targets([f"{LAYER}.q_proj", f"{LAYER}.k_proj"]) == ("q_proj",)
    two = [f"{LAYER}.q_proj", "model.layers.1.self_attn.q_proj"]
    assert found.targets(two) == (f"{LAYER}.q_proj",)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"peft_type": "IA3"}, "peft_type"),
        ({"bias": "all"}, "bias"),
        ({"modules_to_save": ["lm_head"]}, "modules_to_save"),
        ({"r": 8}, "rank"),
        ({"r": None}, "rank"),
        ({"lora_alpha": 0}, "alpha"),
        ({"rank_pattern": {"q_proj": 2}}, "rank"),
        ({"use_dora": True}, "pairs"),
    ],
)
def test_odd_settings_are_refused_and_named(
    tmp_path: Path, changes: dict[str, Any], word: str
) -> None:
    with pytest.raises(StartUnusable, match=word):
        inspect_adapter(folder(tmp_path, **changes))


@pytest.mark.parametrize(
    ("weights", "word"),
    [
        (tensors("lm_head"), "lm_head"),
        ({"base_model.model.x.weight": np.ones(2, np.float32)}, "pairs"),
        (dict(list(tensors(f"{LAYER}.q_proj").items())[:1]), "pairs"),
    ],
)
def test_odd_tensors_are_refused(tmp_path: Path, weights: dict[str, np.ndarray], word: str) -> None:
    with pytest.raises(StartUnusable, match=word):
        inspect_adapter(folder(tmp_path, weights))


def test_pickled_weights_are_never_opened(tmp_path: Path) -> None:
    place = folder(tmp_path)
    (place / "adapter_model.safetensors").rename(place / "adapter_model.bin")
    with pytest.raises(UnsafeWeights):
        inspect_adapter(place)


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("adapter_model.safetensors", b"\x80\x02}q\x00." + b"x" * 600, UnsafeWeights),
        ("adapter_model.safetensors", b"\x10\x00", ModelInvalid),
        ("adapter_config.json", b"{", ModelInvalid),
    ],
)
def test_file_that_is_something_else_is_refused(
    tmp_path: Path, name: str, content: bytes, error: type[EngineError]
) -> None:
    place = folder(tmp_path)
    (place / name).write_bytes(content)
    with pytest.raises(error):
        inspect_adapter(place)


def test_folder_without_its_files_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileMissing, match=r"adapter_config\.json"):
        inspect_adapter(tmp_path)
    place = folder(tmp_path)
    (place / "adapter_model.safetensors").unlink()
    with pytest.raises(FileMissing, match="adapter_model"):
        inspect_adapter(place)


@pytest.mark.parametrize("sizes", [{}, {f"{LAYER}.q_proj": (32, 8)}])
def test_model_without_the_layers_is_refused_by_name(
    tmp_path: Path, sizes: dict[str, tuple[int, ...]]
) -> None:
    found = inspect_adapter(folder(tmp_path))
    check_fits(found, "Tiny", {f"{LAYER}.q_proj": (32, 16)})
    check_fits(found, "GPT", {f"{LAYER}.q_proj": (16, 32)})
    with pytest.raises(StartUnusable, match="Tiny-1B"):
        check_fits(found, "Other", sizes)
