# SPDX-License-Identifier: Apache-2.0
"""The adapter folder: peft's names, no path of this computer, strict to read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from msgspec import structs

from engine.domain.adapter import AdapterShape
from engine.errors import CheckpointDamaged, DocumentDamaged
from engine.store import atomicfs
from engine.store.adapterfolder import inspect_adapter
from engine.train.adapter import (
    CONFIG,
    WEIGHTS,
    commit_adapter,
    put_tensors,
    read_tensors,
    saved_tensors,
)
from engine.train.model import LanguageModel
from tests.builders.model_folder import tiny_model_folder
from tests.unit.train.models import load_adapted, load_ours


def assert_some(tensors: dict[str, torch.Tensor]) -> None:
    """Stand for the check of a delivery: there is something to deliver."""
    assert tensors


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> LanguageModel:
    return load_adapted(tiny_model_folder(tmp_path_factory.mktemp("model")))


def test_commit_adapter_files_are_those_of_peft(tmp_path: Path, model: LanguageModel) -> None:
    sha256 = commit_adapter(tmp_path / "adapter", model, assert_some)
    manifest = atomicfs.verify_folder(tmp_path / "adapter")
    assert set(manifest.files) == {WEIGHTS, CONFIG}
    assert manifest.files[WEIGHTS].sha256 == sha256
    names = set(read_tensors(tmp_path / "adapter" / WEIGHTS))
    assert "base_model.model.model.layers.1.mlp.up_proj.lora_B.weight" in names
    assert len(names) == 28
    config = json.loads((tmp_path / "adapter" / CONFIG).read_text(encoding="utf-8"))
    assert config["base_model_name_or_path"] == ""
    assert config["target_modules"] == sorted(config["target_modules"])
    assert (config["peft_type"], config["task_type"]) == ("LORA", "CAUSAL_LM")


def test_commit_adapter_again_replaces_it(tmp_path: Path, model: LanguageModel) -> None:
    first = commit_adapter(tmp_path / "adapter", model, assert_some)
    assert commit_adapter(tmp_path / "adapter", model, assert_some) == first
    assert [one.name for one in tmp_path.iterdir()] == ["adapter"]


def test_commit_adapter_same_weights_make_the_same_bytes(
    tmp_path: Path, model: LanguageModel
) -> None:
    commit_adapter(tmp_path / "one", model, assert_some)
    commit_adapter(tmp_path / "two", model, assert_some)
    for name in (WEIGHTS, CONFIG):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_commit_adapter_model_without_one_is_refused(tmp_path: Path) -> None:
    model = load_ours(tiny_model_folder(tmp_path / "base"))
    with pytest.raises(ValueError, match="no adapter"):
        commit_adapter(tmp_path / "adapter", model, assert_some)


def test_commit_adapter_shape_comes_back(tmp_path: Path, model: LanguageModel) -> None:
    commit_adapter(tmp_path / "adapter", model, assert_some)
    assert model.adapter is not None
    # Its targets are not known without the model.
    assert inspect_adapter(tmp_path / "adapter").shape == structs.replace(model.adapter, targets=())


def test_commit_adapter_fractional_alpha_comes_back(tmp_path: Path, model: LanguageModel) -> None:
    from msgspec.structs import replace

    shape = AdapterShape(rank=4, alpha=2.5, dropout_ratio=0.1, targets=("q_proj",))
    commit_adapter(tmp_path / "adapter", replace(model, adapter=shape), assert_some)
    assert inspect_adapter(tmp_path / "adapter").shape.alpha == 2.5


def test_read_tensors_rubbish_is_refused(tmp_path: Path) -> None:
    (tmp_path / WEIGHTS).write_bytes(b"rubbish" * 9)
    with pytest.raises(DocumentDamaged):
        read_tensors(tmp_path / WEIGHTS)


@pytest.mark.parametrize("change", ["missing", "unknown", "shape"])
def test_put_tensors_that_do_not_fit_are_refused(model: LanguageModel, change: str) -> None:
    tensors = saved_tensors(model)
    name = next(iter(tensors))
    match change:
        case "missing":
            del tensors[name]
        case "unknown":
            tensors["other"] = torch.zeros(1)
        case _:
            tensors[name] = tensors[name][:, :-1]
    with pytest.raises(CheckpointDamaged):
        put_tensors(model, tensors)
