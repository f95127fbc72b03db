# SPDX-License-Identifier: Apache-2.0
"""A whole run with every kind of adapter at once: trained, resumed, answering, read by peft."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import torch
from peft import PeftModel

from engine.domain.recipe import Recipe
from engine.domain.recipe_choices import Device, Dtype
from engine.export.lora import read_adapter
from engine.protocol.events import Finished, StepDone, Stopped
from engine.store.adapterfolder import inspect_adapter
from engine.store.documents import read_document
from engine.store.known_model import find_model
from engine.train import sft_lora
from engine.train.adapter import CONFIG, WEIGHTS
from engine.train.device import choose_placement
from engine.train.tuned import load_tuned
from tests.unit.train.models import alone_logits, load_stock, pack, packed_logits, random_examples
from tests.unit.train.runs import MODEL, Desk, make_desk

pytestmark = pytest.mark.filterwarnings(
    # peft asks transformers by a name that the latter is about to drop.
    "ignore:.is_gradient_checkpointing. is deprecated:FutureWarning"
)

OPTIONS = {
    "use_dora": True,
    "use_rslora": True,
    "loraplus_lr_ratio": 4.0,
    "lora_targets": "attention",
    "lora_dropout": 0.2,
    "rank_pattern": "q_proj=8, layers.0.self_attn.o_proj=2",
    "alpha_pattern": "k_proj=4.5",
    "dtype": "fp32",
    "max_steps": 4,
}


def add_run(desk: Desk, run_id: str) -> None:
    desk.add_run(run_id, desk.recipe(**OPTIONS))


def digest(desk: Desk, run_id: str) -> str:
    return hashlib.sha256((desk.layout.job(run_id).adapter / WEIGHTS).read_bytes()).hexdigest()


def test_run_of_every_kind_resumes_to_the_same_bits_and_is_what_peft_reads(tmp_path: Path) -> None:
    desk = make_desk(tmp_path)
    add_run(desk, "whole")
    sft_lora.train(desk.context("whole"))
    assert isinstance(desk.events[-1], Finished)

    add_run(desk, "parts")
    stop = desk.context(
        "parts", stop_when=lambda event: isinstance(event, StepDone) and event.step == 2
    )
    sft_lora.train(stop)
    assert isinstance(desk.events[-1], Stopped)
    sft_lora.train(desk.context("parts"))
    assert isinstance(desk.events[-1], Finished)
    assert digest(desk, "parts") == digest(desk, "whole")

    folder = desk.layout.job("whole")
    shape = inspect_adapter(folder.adapter).shape
    assert (shape.use_dora, shape.use_rslora) == (True, True)
    config = json.loads((folder.adapter / CONFIG).read_bytes())
    assert config["target_modules"] == ["k_proj", "o_proj", "q_proj", "v_proj"]
    assert read_adapter(folder.adapter).shape.scale == pytest.approx(shape.scale)

    placement = choose_placement(Device.CPU, Dtype.FP32)
    recipe, info = read_document(folder.recipe, Recipe), find_model(desk.layout, MODEL)
    model = load_tuned(desk.context("whole"), folder, recipe, info, placement)
    examples = random_examples([12, 30, 7])
    stock = PeftModel.from_pretrained(load_stock(desk.base), str(folder.adapter)).eval()
    torch.testing.assert_close(
        packed_logits(model, pack(examples)), alone_logits(stock, examples), rtol=0, atol=1e-4
    )
    plain = alone_logits(load_stock(desk.base), examples)
    assert float((packed_logits(model, pack(examples)) - plain).abs().max()) > 1e-3
