# SPDX-License-Identifier: Apache-2.0
"""The export target adapter: stock peft loads it and answers the same; nothing private leaves."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from engine.errors import AdapterUnusable, ExportNotEqual, NotEnoughMemory, TargetExists
from engine.export import adapter as target
from engine.export import stock
from engine.export.lora import CONFIG, WEIGHTS
from engine.protocol.events import Stopped
from engine.store import atomicfs
from tests.builders.packed_model_folder import pack_folder
from tests.unit.export.exporting import PEFT_WARNING, MakeJob, Trained

pytestmark = pytest.mark.filterwarnings(PEFT_WARNING)

IDS = torch.tensor([[5, 60, 120, 7, 33]])


def answer(base: Path, adapter: Path) -> torch.Tensor:
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    with torch.no_grad():
        return PeftModel.from_pretrained(model, adapter)(input_ids=IDS).logits


def test_export_is_loaded_by_stock_peft_and_answers_the_same(
    make_job: MakeJob, trained: Trained
) -> None:
    job = make_job(trained.base, trained.adapter, target="adapter")
    target.export(job.context())
    assert torch.equal(answer(trained.base, job.out), answer(trained.base, trained.adapter))


def test_export_announces_what_it_measured(make_job: MakeJob, trained: Trained) -> None:
    job = make_job(trained.base, trained.adapter, target="adapter")
    target.export(job.context())
    found = job.verified()
    assert found.path == str(job.out)
    assert found.files == ("MANIFEST.json", "README.md", CONFIG, WEIGHTS)
    assert found.prompts == 2
    assert found.max_logit_difference <= 1e-4
    assert found.top1_agreement_ratio == 1.0
    assert atomicfs.verify_folder(job.out)


def test_export_holds_no_path_and_no_name_of_data(
    make_job: MakeJob, trained: Trained, tmp_path: Path
) -> None:
    source = shutil.copytree(trained.adapter, tmp_path / "source")
    tensors = load_file(source / WEIGHTS)
    save_file(tensors, source / WEIGHTS, metadata={"format": "pt", "from": "/home/anna/x"})
    assert str(trained.base) in (source / CONFIG).read_text(encoding="utf-8")
    job = make_job(trained.base, source, target="adapter")
    target.export(job.context())
    with safe_open(job.out / WEIGHTS, framework="pt") as file:
        assert file.metadata() == {"format": "pt"}
    config = json.loads((job.out / CONFIG).read_text(encoding="utf-8"))
    assert config["base_model_name_or_path"] == "tiny-base"
    content = b"".join(path.read_bytes() for path in job.out.iterdir())
    for private in (str(tmp_path), str(trained.base.parent), "anna", "private-tickets", "run-1"):
        assert private.encode() not in content


def test_export_for_a_base_in_4_bits_is_checked_on_the_restored_weights(
    make_job: MakeJob, trained: Trained, tmp_path: Path
) -> None:
    base = shutil.copytree(trained.base, tmp_path / "packed")
    pack_folder(base)
    job = make_job(base, trained.adapter, target="adapter")
    target.export(job.context())
    assert job.verified().max_logit_difference <= 1e-4


def test_prompts_of_the_exporter_are_used_where_there_are_none(
    make_job: MakeJob, trained: Trained
) -> None:
    job = make_job(trained.base, trained.adapter, target="adapter", prompts=["", "  "])
    target.export(job.context())
    assert job.verified().prompts == len(stock.PROMPTS)


def test_export_into_a_folder_that_holds_something_changes_nothing(
    make_job: MakeJob, trained: Trained
) -> None:
    job = make_job(trained.base, trained.adapter, target="adapter")
    job.out.mkdir(parents=True)
    (job.out / "precious").write_text("x", encoding="utf-8")
    with pytest.raises(TargetExists):
        target.export(job.context())
    assert [path.name for path in job.out.parent.rglob("*")] == ["one", "precious"]


def test_stopped_export_leaves_nothing(make_job: MakeJob, trained: Trained) -> None:
    job = make_job(trained.base, trained.adapter, target="adapter")
    job.stop_after = 3
    target.export(job.context())
    assert job.events[-1] == Stopped(step=0, checkpoint="")
    assert list(job.out.parent.iterdir()) == []


def test_export_stopped_while_it_is_checked_leaves_nothing(
    make_job: MakeJob, trained: Trained
) -> None:
    job = make_job(trained.base, trained.adapter, target="adapter")
    target.export(job.context())
    shutil.rmtree(job.out)
    count = len(job.events) - 3
    job.events.clear()
    job.stop_after = count
    target.export(job.context())
    assert job.events[-1] == Stopped(step=0, checkpoint="")
    assert list(job.out.parent.iterdir()) == []


def test_export_with_another_alpha_is_not_kept(
    make_job: MakeJob, trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    """peft scales by what the exported config says; so a wrong one must be noticed."""
    monkeypatch.setattr(
        target, "cleaned", lambda config: {**config, "lora_alpha": 2 * config["lora_alpha"]}
    )
    job = make_job(trained.base, trained.adapter, target="adapter")
    with pytest.raises(ExportNotEqual) as caught:
        target.export(job.context())
    assert "max_logit_difference" in caught.value.detail
    assert list(job.out.parent.iterdir()) == []


def test_export_with_a_changed_tensor_is_not_kept(
    make_job: MakeJob, trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write_zeros(path: Path, entries: object, blocks_of: object) -> None:
        save_file({name: torch.zeros_like(one) for name, one in tensors.items()}, path)

    tensors = load_file(trained.adapter / WEIGHTS)
    monkeypatch.setattr(target, "write_tensors", write_zeros)
    job = make_job(trained.base, trained.adapter, target="adapter")
    with pytest.raises(ExportNotEqual, match="do not equal"):
        target.export(job.context())
    assert list(job.out.parent.iterdir()) == []


def test_adapter_that_names_more_modules_than_it_holds_is_not_exported(
    make_job: MakeJob, trained: Trained, tmp_path: Path
) -> None:
    source = shutil.copytree(trained.adapter, tmp_path / "source")
    tensors = load_file(source / WEIGHTS)
    kept = {name: one for name, one in tensors.items() if "q_proj" not in name}
    save_file(kept, source / WEIGHTS)
    job = make_job(trained.base, source, target="adapter")
    with (
        pytest.warns(UserWarning, match="missing adapter keys"),
        pytest.raises(ExportNotEqual, match="other modules"),
    ):
        target.export(job.context())
    assert list(job.out.parent.iterdir()) == []


def test_unsound_adapter_is_refused_before_anything_is_written(
    make_job: MakeJob, trained: Trained, tmp_path: Path
) -> None:
    source = shutil.copytree(trained.adapter, tmp_path / "source")
    (source / WEIGHTS).write_bytes(b"rubbish")
    job = make_job(trained.base, source, target="adapter")
    with pytest.raises(AdapterUnusable):
        target.export(job.context())
    assert not job.out.parent.exists()


def test_base_that_does_not_fit_into_memory_is_refused_before_anything_is_written(
    make_job: MakeJob, trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Small:
        available = 1000

    monkeypatch.setattr(stock.psutil, "virtual_memory", Small)
    job = make_job(trained.base, trained.adapter, target="adapter")
    with pytest.raises(NotEnoughMemory, match="Nothing was written"):
        target.export(job.context())
    assert not job.out.parent.exists()
