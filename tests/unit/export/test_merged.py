# SPDX-License-Identifier: Apache-2.0
"""The export target merged: stock transformers loads it; it is base + adapter to the last bit."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from peft import PeftModel
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from engine.errors import DiskFull, ExportNotEqual, NotEnoughMemory, TargetExists
from engine.export import base as base_module
from engine.export import merged as target
from engine.export import stock
from engine.export.lora import WEIGHTS
from engine.protocol.events import PhaseChanged, ProgressMade, Stopped
from tests.builders.model_folder import MODEL_TYPES, tiny_model_folder
from tests.unit.export.exporting import PEFT_WARNING, MakeJob, Trained, make_adapter

pytestmark = pytest.mark.filterwarnings(PEFT_WARNING)


def tensors_of(folder: Path) -> dict[str, torch.Tensor]:
    return {
        name: one
        for path in sorted(folder.glob("*.safetensors"))
        for name, one in load_file(path).items()
    }


def reference(base: Path, adapter: Path, scale: float) -> dict[str, torch.Tensor]:
    """Return base + adapter, written out: summed in fp32, rounded once."""
    found, lora = tensors_of(base), load_file(adapter / WEIGHTS)
    for name, weight in found.items():
        key = f"base_model.model.{name.removesuffix('.weight')}"
        if f"{key}.lora_A.weight" in lora:
            product = lora[f"{key}.lora_B.weight"] @ lora[f"{key}.lora_A.weight"]
            total = weight.to(torch.float32) + product * scale
            if f"{key}.lora_magnitude_vector" in lora:
                lengths = lora[f"{key}.lora_magnitude_vector"] / total.norm(dim=1)
                total = total * lengths.unsqueeze(1)
            found[name] = total.to(weight.dtype)
    return found


def hashes(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


class Case(NamedTuple):
    architecture: str = "LlamaForCausalLM"
    dtype: str = "bfloat16"
    tied: bool = True
    shards: int = 1
    rslora: bool = False
    dora: bool = False


CASES = [
    *(Case(architecture=name) for name in MODEL_TYPES),
    Case(dtype="float16", tied=False),
    Case(dtype="float32", shards=2),
    Case(tied=False, shards=3, rslora=True),
    Case(dora=True),
    Case(dtype="float32", rslora=True, dora=True),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(map(str, case)))
def test_merge_is_base_and_adapter_to_the_last_bit(
    make_job: MakeJob, tmp_path: Path, case: Case
) -> None:
    base = tiny_model_folder(
        tmp_path / "base",
        architecture=case.architecture,
        dtype=case.dtype,
        tied=case.tied,
        shards=case.shards,
    )
    adapter = make_adapter(base, tmp_path / "adapter", rslora=case.rslora, dora=case.dora)
    before = hashes(base)
    job = make_job(base, adapter)
    target.export(job.context())
    found = tensors_of(job.out)
    expected = reference(base, adapter, scale=16 / 8**0.5 if case.rslora else 2.0)
    assert found.keys() == expected.keys()
    assert [name for name, one in found.items() if not torch.equal(one, expected[name])] == []
    assert {one.dtype for one in found.values()} == {getattr(torch, case.dtype)}
    assert hashes(base) == before
    assert job.verified().mean_kl < 1e-5


@pytest.mark.parametrize(
    ("shards", "rslora", "dora"), [(1, False, False), (3, False, False), (1, True, True)]
)
def test_merge_is_what_peft_merges_within_one_rounding(
    make_job: MakeJob, tmp_path: Path, shards: int, rslora: bool, dora: bool
) -> None:
    base = tiny_model_folder(tmp_path / "base", shards=shards)
    adapter = make_adapter(base, tmp_path / "adapter", rslora=rslora, dora=dora)
    job = make_job(base, adapter)
    target.export(job.context())
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    theirs = PeftModel.from_pretrained(model, adapter).merge_and_unload().state_dict()
    for name, found in tensors_of(job.out).items():
        torch.testing.assert_close(found.float(), theirs[name], rtol=2**-8, atol=1e-7)


def test_merge_is_loaded_by_stock_transformers_alone(make_job: MakeJob, trained: Trained) -> None:
    job = make_job(trained.base, trained.adapter)
    target.export(job.context())
    loaded: Any = AutoModelForCausalLM.from_pretrained(
        job.out, dtype="auto", local_files_only=True, output_loading_info=True
    )
    model, report = loaded
    assert not any(report.values())
    assert model.dtype is torch.bfloat16
    tokenizer = AutoTokenizer.from_pretrained(job.out)
    text = tokenizer.apply_chat_template([{"role": "user", "content": "Hi"}], tokenize=False)
    ids = tokenizer(text, return_tensors="pt")["input_ids"]
    tuned = PeftModel.from_pretrained(
        AutoModelForCausalLM.from_pretrained(trained.base, dtype=torch.float32), trained.adapter
    )
    with torch.no_grad():
        difference = model.float()(input_ids=ids).logits - tuned(input_ids=ids).logits
    assert difference.abs().max() < 0.02


def test_shards_keep_their_names_their_order_and_an_index(
    make_job: MakeJob, tmp_path: Path
) -> None:
    base = tiny_model_folder(tmp_path / "base", shards=3)
    job = make_job(base, make_adapter(base, tmp_path / "adapter"))
    target.export(job.context())
    for path in base.glob("*.safetensors"):
        with safe_open(path, "pt") as old, safe_open(job.out / path.name, "pt") as new:
            assert new.offset_keys() == old.offset_keys()
            assert new.metadata() == {"format": "pt"}
    assert (job.out / "model.safetensors.index.json").is_file()
    assert len(job.verified().files) == 3 + 7


def test_merge_in_small_blocks_is_the_same(
    make_job: MakeJob, trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base_module, "BLOCK_BYTES", 1000)
    job = make_job(trained.base, trained.adapter)
    target.export(job.context())
    expected = reference(trained.base, trained.adapter, scale=2.0)
    for name, found in tensors_of(job.out).items():
        assert torch.equal(found, expected[name])


def test_tensors_that_no_model_uses_come_along_unchanged(
    make_job: MakeJob, trained: Trained, tmp_path: Path
) -> None:
    base = shutil.copytree(trained.base, tmp_path / "base")
    tensors = load_file(base / "model.safetensors")
    tensors["rotary.inv_freq"] = torch.arange(3, dtype=torch.int64)
    save_file(tensors, base / "model.safetensors", metadata={"format": "pt", "made": "/home/anna"})
    job = make_job(base, trained.adapter)
    target.export(job.context())
    assert torch.equal(tensors_of(job.out)["rotary.inv_freq"], tensors["rotary.inv_freq"])
    assert b"anna" not in (job.out / "model.safetensors").read_bytes()


def test_progress_is_told_in_bytes_then_in_checks(make_job: MakeJob, trained: Trained) -> None:
    job = make_job(trained.base, trained.adapter)
    target.export(job.context())
    phases = [one.phase for one in job.events if isinstance(one, PhaseChanged)]
    assert phases == ["merging", "verifying"]
    told = [one for one in job.events if isinstance(one, ProgressMade)]
    merged = [one for one in told if one.unit == "bytes"]
    assert merged[-1].done == merged[-1].total == 248_448
    assert [one.done for one in told if one.unit == "checks"] == [1, 2, 3, 4]


def test_export_into_the_base_changes_nothing(make_job: MakeJob, trained: Trained) -> None:
    before = hashes(trained.base)
    job = make_job(trained.base, trained.adapter, out=str(trained.adapter.parent))
    with pytest.raises(TargetExists):
        target.export(job.context())
    assert hashes(trained.base) == before


@pytest.mark.parametrize("events", [1, 5, 18, 20])
def test_stopped_export_leaves_nothing(make_job: MakeJob, trained: Trained, events: int) -> None:
    job = make_job(trained.base, trained.adapter)
    job.stop_after = events
    target.export(job.context())
    assert job.events[-1] == Stopped(step=0, checkpoint="")
    assert list(job.out.parent.iterdir()) == []


def test_full_disk_is_told_before_anything_is_written(
    make_job: MakeJob, trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full:
        free = 249_000

    monkeypatch.setattr(target.shutil, "disk_usage", lambda _path: Full)
    job = make_job(trained.base, trained.adapter)
    with pytest.raises(DiskFull, match="Nothing was written"):
        target.export(job.context())
    assert not job.out.parent.exists()


def test_small_memory_is_told_before_anything_is_written(
    make_job: MakeJob, trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Small:
        available = 300_000

    monkeypatch.setattr(stock.psutil, "virtual_memory", Small)
    job = make_job(trained.base, trained.adapter)
    with pytest.raises(NotEnoughMemory):
        target.export(job.context())
    assert not job.out.parent.exists()


def test_merge_with_twice_the_scale_is_not_kept(
    make_job: MakeJob, trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    once = target.merged_rows
    monkeypatch.setattr(
        target, "merged_rows", lambda rows, b, a, scale, **rest: once(rows, b, a, scale=2 * scale)
    )
    job = make_job(trained.base, trained.adapter)
    with pytest.raises(ExportNotEqual, match="Nothing of them was kept"):
        target.export(job.context())
    assert list(job.out.parent.iterdir()) == []


def test_what_rounding_erases_is_not_called_exported(
    make_job: MakeJob, trained: Trained, tmp_path: Path
) -> None:
    faint = make_adapter(trained.base, tmp_path / "faint", spread=1e-9)
    job = make_job(trained.base, faint)
    with pytest.raises(ExportNotEqual, match="too faint for a 16-bit merge"):
        target.export(job.context())
    assert list(job.out.parent.iterdir()) == []


@pytest.mark.parametrize("rslora", [False, True])
def test_merge_with_ranks_of_single_layers_is_that_of_peft(
    make_job: MakeJob, tmp_path: Path, rslora: bool
) -> None:
    base = tiny_model_folder(tmp_path / "base", dtype="float32")
    adapter = make_adapter(
        base,
        tmp_path / "adapter",
        rslora=rslora,
        ranks={"q_proj": 2, "layers.1.mlp.down_proj": 12},
        alphas={"v_proj|q_proj": 5},
    )
    job = make_job(base, adapter)
    target.export(job.context())
    stock = AutoModelForCausalLM.from_pretrained(str(base), local_files_only=True)
    merged = PeftModel.from_pretrained(stock, str(adapter)).merge_and_unload()
    found, expected = tensors_of(job.out), merged.state_dict()
    for name, values in found.items():
        torch.testing.assert_close(values, expected[name], rtol=0, atol=1e-6)
