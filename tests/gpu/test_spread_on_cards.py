# SPDX-License-Identifier: Apache-2.0
"""Layers on two real graphics cards learn what they learn on one, and the memory is shared."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from engine.train.batches import make_batch
from engine.train.cards import visible_cards
from engine.train.kernels import choose_kernels
from engine.train.load import load_model, with_adapter
from engine.train.loss import batch_loss
from engine.train.model import LanguageModel
from engine.train.offload import CardPassage, Offload
from engine.train.optimizer import AdapterOptimizer
from engine.train.spread import Spread, choose_send
from tests.builders.model_folder import tiny_model_folder
from tests.unit.train.models import random_examples

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two graphics cards"),
]
ONE, OTHER = torch.device("cuda", 0), torch.device("cuda", 1)
EXAMPLES = random_examples([400, 300, 90])


def load(folder: Path, *layers: torch.device) -> LanguageModel:
    """Load four layers in 4 bits, each on its card."""
    send, _why = choose_send(list(dict.fromkeys(layers)))
    spread = Spread(layers=layers, send=send) if len(set(layers)) > 1 else None
    model = load_model(folder, dtype=torch.bfloat16, device=ONE, quantised=True, spread=spread)
    model = with_adapter(model, rank=8, alpha=16.0, dropout_ratio=0.0, seed=1)
    choose_kernels(model, is_wanted=True)
    return model


def losses(model: LanguageModel, *, offload: bool = False) -> list[float]:
    """Return the loss of a few steps over the same rows."""
    model.net.train()
    model.recompute_activations(offload=Offload(CardPassage()) if offload else None)
    optimizer = AdapterOptimizer(model.trainable(), weight_decay=0.0)
    batch = make_batch(EXAMPLES, np.arange(len(EXAMPLES)), model.device)
    found: list[float] = []
    for _step in range(6):
        with model.steady_adapter():
            loss = batch_loss(model, batch)
            loss.backward()
        optimizer.clip(1.0)
        optimizer.step(1e-3)
        optimizer.clear()
        found.append(loss.item() / len(batch.targets))
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tiny_model_folder(tmp_path / "m", layers=4, hidden=256)


def test_two_cards_learn_as_one(folder: Path) -> None:
    expected = losses(load(folder, ONE, ONE, ONE, ONE))
    assert losses(load(folder, ONE, ONE, OTHER, OTHER)) == pytest.approx(expected, rel=0.01)
    assert losses(load(folder, ONE, OTHER, OTHER, OTHER), offload=True) == pytest.approx(
        expected, rel=0.01
    )


def test_each_card_holds_its_layers_alone(folder: Path) -> None:
    model = load(folder, ONE, ONE, OTHER, OTHER)
    losses(model)
    for name, values in model.net.named_parameters():
        on_other = ".layers.2." in name or ".layers.3." in name
        assert values.device == (OTHER if on_other else ONE), name
    assert torch.cuda.max_memory_allocated(OTHER) > 0
    assert torch.cuda.current_device() == ONE.index


def test_driver_and_torch_mean_the_same_cards() -> None:
    found = visible_cards()
    assert [one.name for one in found] == [
        torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())
    ]
    assert all(one.uuid for one in found)
