# SPDX-License-Identifier: Apache-2.0
"""Recomputing activations is chosen by what memory there is, and always with its reason."""

from __future__ import annotations

import pytest
import torch

from engine.domain.model import ModelShape
from engine.domain.recipe import Recipe
from engine.train import resolve
from engine.train.device import Placement
from engine.train.resolve import choose_kept_layers, choose_offload, choose_recompute

SHAPE = ModelShape(
    layers=4,
    hidden=256,
    intermediate=768,
    heads=8,
    kv_heads=4,
    head_dim=32,
    vocabulary=4096,
    tied=True,
    linear_parameters=3_000_000,
)
RECIPE = Recipe(dataset_id="d", model_id="m")


def placement(kind: str) -> Placement:
    return Placement(device=torch.device(kind), dtype=torch.float32, decisions={})


@pytest.mark.parametrize(("free", "expected"), [(1 << 33, False), (1 << 20, True)])
def test_choose_recompute_on_a_processor_follows_free_memory(
    monkeypatch: pytest.MonkeyPatch, free: int, expected: bool
) -> None:
    monkeypatch.setattr(resolve, "free_memory_bytes", lambda _device: free)
    found = choose_recompute(RECIPE, SHAPE, placement("cpu"), longest_tokens=2048)
    assert found.value is expected
    assert "GiB" in found.reason
    assert found.source == "hardware"


def test_choose_recompute_on_a_card_follows_the_recipe() -> None:
    assert choose_recompute(RECIPE, SHAPE, placement("cuda"), longest_tokens=2048).value is True


def test_choose_recompute_switched_off_stays_off() -> None:
    recipe = Recipe(dataset_id="d", model_id="m", gradient_checkpointing=False)
    found = choose_recompute(recipe, SHAPE, placement("cuda"), longest_tokens=2048)
    assert (found.value, found.source) == (False, "recipe")


def test_choose_kept_layers_more_than_there_are_is_capped_and_told() -> None:
    recipe = Recipe(dataset_id="d", model_id="m", uncheckpointed_layers=40)
    found = choose_kept_layers(recipe, 32)
    assert found.value == 32
    assert "only 32" in found.reason
    assert choose_kept_layers(recipe, 40).value == 40


@pytest.mark.parametrize(
    ("device", "recomputes", "value"),
    [("cuda", True, True), ("cuda", False, False), ("cpu", True, False)],
)
def test_choose_offload_only_where_inputs_lie_on_a_card(
    device: str, recomputes: bool, value: bool
) -> None:
    placement = Placement(device=torch.device(device), dtype=torch.float32, decisions={})
    found = choose_offload(placement, recomputes=recomputes)
    assert found.value is value
    assert found.reason
