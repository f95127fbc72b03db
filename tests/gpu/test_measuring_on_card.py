# SPDX-License-Identifier: Apache-2.0
"""The memory of a layer as a card holds it, against its count, and the plan that follows."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from engine.domain.recipe import Recipe
from engine.hardware.adapter_form import AdapterForm
from engine.hardware.calibration import read_measurements
from engine.hardware.families import family
from engine.hardware.layer import kept_per_token
from engine.store.modelfolder import inspect_model
from engine.train.load import load_model, with_adapter
from engine.train.measuring import calibrate_once, peak_of_pass
from tests.builders.model_folder import tiny_model_folder
from tests.unit.train.runs import make_desk

pytestmark = pytest.mark.gpu
CARD = torch.device("cuda")


def test_two_passes_on_a_card_calibrate_a_layer_once(tmp_path: Path) -> None:
    desk = make_desk(tmp_path / "desk")
    folder = tiny_model_folder(tmp_path / "m", layers=8, hidden=512)
    info = inspect_model(folder, model_id="m", name="m", added_at="")
    model = load_model(folder, dtype=torch.bfloat16, device=CARD, quantised=True)
    model = with_adapter(model, rank=8, alpha=16.0, dropout_ratio=0.0, seed=1)
    model.recompute_activations()
    recipe = Recipe(dataset_id="d", model_id="m", max_length=16_384)
    context = desk.context("run-1")

    def measured() -> object:
        return calibrate_once(context, model, info, recipe, quantised=True, recomputes=True)

    assert measured() is not None
    (found,) = read_measurements(desk.layout.measurements).calibrations
    assert 0.3 < found.layer_scale < 3.0
    assert measured() is None
    assert all(one.grad is None for one in model.trainable().values())


def test_memory_of_a_pass_grows_in_step_with_its_tokens(tmp_path: Path) -> None:
    folder = tiny_model_folder(tmp_path / "m", layers=8, hidden=512)
    info = inspect_model(folder, model_id="m", name="m", added_at="")
    model = load_model(folder, dtype=torch.bfloat16, device=CARD, quantised=True)
    model = with_adapter(model, rank=8, alpha=16.0, dropout_ratio=0.0, seed=1)
    model.recompute_activations()
    few, some, many = (
        peak_of_pass(model, count, longest=info.context_tokens) for count in (8192, 16_384, 32_768)
    )
    assert many - some == pytest.approx(2 * (some - few), rel=0.1)
    kept = kept_per_token(info.shape, family("llama"), item=2, form=AdapterForm(rank=8))
    assert (many - few) / (32_768 - 8192) > kept
