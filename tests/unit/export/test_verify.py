# SPDX-License-Identifier: Apache-2.0
"""A wrong merge is noticed by its tensors, and by its answers even if no tensor is looked at."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from engine.errors import Cancelled, EngineError, ExportNotEqual, ModelInvalid
from engine.export import verify
from engine.export.base import ModelTensors, read_model_tensors
from engine.export.companions import copy_companions
from engine.export.comparison import Comparison
from engine.export.lora import LoraAdapter, read_adapter
from engine.export.merged import merge
from engine.export.progress import Progress
from tests.builders.model_folder import tiny_model_folder
from tests.unit.export.exporting import PEFT_WARNING, MakeJob, Trained, make_adapter

pytestmark = pytest.mark.filterwarnings(PEFT_WARNING)

Q_PROJ = "model.layers.0.self_attn.q_proj.weight"
NORM = "model.norm.weight"
PROMPTS = ["Hello, where is my order?", "The printer does not work."]

Tensors = dict[str, torch.Tensor]


class Merged:
    """A merged folder that a test may damage before it is verified."""

    def __init__(
        self, folder: Path, base: ModelTensors, adapter: LoraAdapter, make_job: MakeJob
    ) -> None:
        self.folder, self.base, self.adapter = folder, base, adapter
        self.context = make_job(base.folder, adapter.folder).context()
        folder.mkdir()
        merge(base, adapter, folder, self.progress())
        copy_companions(base.folder, folder)

    def progress(self) -> Progress:
        return Progress(self.context, "x", total=1, unit="x")

    def change(self, change: Callable[[Tensors], None]) -> None:
        path = self.folder / "model.safetensors"
        tensors = load_file(path)
        change(tensors)
        path.unlink()
        save_file(tensors, path)

    def verify(self) -> Comparison:
        return verify.verify_merged(
            self.folder, self.adapter, self.base, prompts=PROMPTS, progress=self.progress()
        )


@pytest.fixture
def merged(make_job: MakeJob, trained: Trained, tmp_path: Path) -> Merged:
    base, adapter = read_model_tensors(trained.base), read_adapter(trained.adapter)
    return Merged(tmp_path / "merged", base, adapter, make_job)


def one_value(tensors: Tensors) -> None:
    tensors[Q_PROJ][3, 5] += 0.01


def zeros(tensors: Tensors) -> None:
    tensors[Q_PROJ].zero_()


def not_a_number(tensors: Tensors) -> None:
    tensors[Q_PROJ][0, 0] = math.nan


def untouched_norm(tensors: Tensors) -> None:
    tensors[NORM][0] += 0.01


def missing_norm(tensors: Tensors) -> None:
    del tensors[NORM]


def other_dtype(tensors: Tensors) -> None:
    tensors[NORM] = tensors[NORM].half()


def test_sound_merge_is_verified(merged: Merged) -> None:
    found = merged.verify()
    assert found.mean_kl < 1e-5
    assert found.top1_agreement_ratio == 1.0


@pytest.mark.parametrize(
    "change", [one_value, zeros, not_a_number, untouched_norm, missing_norm, other_dtype]
)
def test_changed_tensor_is_noticed(merged: Merged, change: Callable[[Tensors], None]) -> None:
    merged.change(change)
    with pytest.raises(ExportNotEqual) as caught:
        merged.verify()
    assert caught.value.detail


def test_base_weight_in_place_of_the_merged_one_is_noticed(
    merged: Merged, trained: Trained
) -> None:
    original = load_file(trained.base / "model.safetensors")[Q_PROJ]
    merged.change(lambda tensors: tensors.update({Q_PROJ: original.clone()}))
    with pytest.raises(ExportNotEqual) as caught:
        merged.verify()
    assert Q_PROJ in caught.value.detail


def test_base_with_a_value_that_is_no_number_is_noticed(
    make_job: MakeJob, trained: Trained, tmp_path: Path
) -> None:
    folder = shutil.copytree(trained.base, tmp_path / "base")
    tensors = load_file(folder / "model.safetensors")
    tensors[NORM][1] = math.inf
    save_file(tensors, folder / "model.safetensors")
    merged = Merged(
        tmp_path / "merged", read_model_tensors(folder), read_adapter(trained.adapter), make_job
    )
    with pytest.raises(ExportNotEqual) as caught:
        merged.verify()
    assert "not numbers" in caught.value.detail


def double_scale(tensors: Tensors, merged: Merged) -> None:
    for module in merged.adapter.shapes:
        b, a = merged.adapter.matrices(module)
        tensors[f"{module}.weight"] += (merged.adapter.scale(module) * (b @ a)).bfloat16()


def swapped_layers(tensors: Tensors, merged: Merged) -> None:
    other = Q_PROJ.replace("layers.0", "layers.1")
    tensors[Q_PROJ], tensors[other] = tensors[other], tensors[Q_PROJ]


def no_norm(tensors: Tensors, merged: Merged) -> None:
    tensors[NORM].fill_(math.nan)


@pytest.mark.parametrize("change", [double_scale, swapped_layers, no_norm])
def test_wrong_answers_are_noticed_though_no_tensor_was_looked_at(
    merged: Merged, change: Callable[[Tensors, Merged], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify, "check_merged_files", lambda *_given, **_named: None)
    merged.change(lambda tensors: change(tensors, merged))
    with pytest.raises(ExportNotEqual) as caught:
        merged.verify()
    assert "mean_kl" in caught.value.detail
    assert "2 prompts" in caught.value.detail


def test_missing_weight_is_named_though_no_tensor_was_looked_at(
    merged: Merged, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify, "check_merged_files", lambda *_given, **_named: None)
    merged.change(missing_norm)
    with pytest.raises(ExportNotEqual, match="lacks weights") as caught:
        merged.verify()
    assert NORM in caught.value.detail


def test_merge_of_32_bits_must_be_exact(
    make_job: MakeJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = tiny_model_folder(tmp_path / "base", dtype="float32")
    adapter = read_adapter(make_adapter(base, tmp_path / "adapter"))
    merged = Merged(tmp_path / "merged", read_model_tensors(base), adapter, make_job)
    assert merged.verify().max_logit_difference < 1e-5
    monkeypatch.setattr(verify, "check_merged_files", lambda *_given, **_named: None)
    merged.change(lambda tensors: tensors.update({Q_PROJ: tensors[Q_PROJ].bfloat16().float()}))
    with pytest.raises(ExportNotEqual):
        merged.verify()


def change_tokenizer(folder: Path) -> None:
    path = folder / "tokenizer_config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(config | {"chat_template": "{{ 'x' }}"}), encoding="utf-8")


def test_other_chat_template_is_noticed(merged: Merged) -> None:
    change_tokenizer(merged.folder)
    with pytest.raises(ExportNotEqual) as caught:
        merged.verify()
    assert caught.value.detail == "the tokenizer"


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors"])
def test_missing_file_is_a_named_error(merged: Merged, name: str) -> None:
    (merged.folder / name).unlink()
    with pytest.raises(EngineError):
        merged.verify()


def test_base_that_lacks_weights_is_named(
    make_job: MakeJob, trained: Trained, tmp_path: Path
) -> None:
    folder = shutil.copytree(trained.base, tmp_path / "base")
    tensors = load_file(folder / "model.safetensors")
    del tensors[NORM]
    save_file(tensors, folder / "model.safetensors")
    merged = Merged(
        tmp_path / "merged", read_model_tensors(folder), read_adapter(trained.adapter), make_job
    )
    with pytest.raises(ModelInvalid, match="lacks weights"):
        merged.verify()


def test_stop_is_obeyed_between_two_modules(merged: Merged) -> None:
    tokens = [[1, 2, 3]]
    model = verify.stock.load_model(merged.folder, torch.bfloat16, error=ModelInvalid)
    weights = {name: one.clone() for name, one in model.named_parameters()}
    calls = iter(range(100))

    def poll() -> None:
        if next(calls) == 7:
            raise Cancelled("stop")

    with pytest.raises(Cancelled):
        verify.stock.logits(model, tokens, poll=poll)
    assert all(torch.equal(one, weights[name]) for name, one in model.named_parameters())


def test_logits_are_those_of_a_model_held_in_fp32(merged: Merged) -> None:
    tokens = [[1, 2, 3, 4], [7, 8]]
    narrow = verify.stock.load_model(merged.folder, torch.bfloat16, error=ModelInvalid)
    wide = verify.stock.load_model(merged.folder, torch.float32, error=ModelInvalid)
    found = verify.stock.logits(narrow, tokens, poll=lambda: None)
    assert [one.shape[0] for one in found] == [4, 2]
    for ids, logits in zip(tokens, found, strict=True):
        with torch.no_grad():
            expected = wide(input_ids=torch.tensor([ids])).logits[0]
        torch.testing.assert_close(logits, expected, rtol=0, atol=1e-5)
    assert {one.dtype for one in narrow.parameters()} == {torch.bfloat16}


def test_shaking_moves_weights_by_up_to_half_a_step() -> None:
    weight = torch.full((1500, 1000), 1.0)
    shaken = verify.Shaking(bits=8).change("a.base_layer", weight)
    error = (shaken - 1).abs()
    assert 0.49 * 2**-7 < error.max() <= 0.5 * 2**-7
    assert error.mean().item() == pytest.approx(0.25 * 2**-7, rel=0.01)
    assert not torch.equal(shaken[0], shaken[1])


def test_shaking_leaves_other_modules_alone() -> None:
    weight = torch.ones(3, 3)
    assert torch.equal(verify.Shaking(bits=8).change("model.norm", weight), weight)
