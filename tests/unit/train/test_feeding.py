# SPDX-License-Identifier: Apache-2.0
"""The embedding that feeds each layer stays in main memory, and gives the same rows from there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from torch import nn

from engine.errors import ModelChanged
from engine.train.adapter import commit_adapter
from engine.train.feeding import feeding_path
from engine.train.load import load_model
from engine.train.loss import batch_loss
from engine.train.model import LanguageModel
from tests.builders.decoders import decoder_folder
from tests.fakes.cards import card, pretended_cards
from tests.unit.export.exporting import PEFT_WARNING
from tests.unit.export.test_families import accept, stock_tuned
from tests.unit.train.models import (
    CPU,
    load_adapted,
    load_ours,
    pack,
    random_examples,
)

PATH = "model.embed_tokens_per_layer"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return decoder_folder(tmp_path_factory.mktemp("feeding") / "m", "gemma4")


def table(model: LanguageModel) -> torch.Tensor:
    """Return the embedding that feeds the layers."""
    return model.net.get_parameter(f"{PATH}.weight")


def test_model_that_feeds_its_layers_is_known_by_its_modules(folder: Path, tmp_path: Path) -> None:
    assert feeding_path(load_ours(folder).net) == PATH
    assert feeding_path(load_ours(decoder_folder(tmp_path / "m", "gemma3")).net) == ""


@pytest.mark.parametrize("quantised", [False, True])
def test_card_gets_rows_and_never_the_whole(folder: Path, quantised: bool) -> None:
    with pretended_cards() as traffic:
        model = load_model(folder, dtype=torch.float32, device=card(0), quantised=quantised)
        assert table(model).device == CPU
        assert model.net.get_input_embeddings().weight.device == card(0)
        traffic.hops.clear()
        ids = torch.arange(7)[None].to(card(0))
        model.hidden(ids, ids)
        shapes = [shape for _before, _behind, shape in traffic.hops]
    assert (1, 7, 40) in shapes
    assert table(model).shape not in shapes


def test_table_in_the_format_of_the_computation_is_used_in_its_file(
    folder: Path, tmp_path: Path
) -> None:
    own = decoder_folder(tmp_path / "m", "gemma4")
    model = load_adapted(own, quantised=True)
    assert model.mapped is not None
    model.check_unchanged()
    os.utime(own / "model.safetensors", ns=(1, 1))
    with pytest.raises(ModelChanged):
        model.check_unchanged()
    # Another format needs a copy.
    load_ours(folder, dtype=torch.bfloat16, quantised=True).check_unchanged()


@pytest.mark.filterwarnings(PEFT_WARNING)
@pytest.mark.parametrize("name", ["gemma4", "gemma4_unfed", "gemma4_unified"])
def test_gradient_equals_that_of_stock_transformers_and_peft(name: str, tmp_path: Path) -> None:
    folder = decoder_folder(tmp_path / "m", name)
    examples = random_examples([17, 26, 9])
    ours = load_adapted(folder)
    commit_adapter(tmp_path / "adapter", ours, accept)
    ours.net.train()
    ours.recompute_activations()
    loss = batch_loss(ours, pack(examples))
    loss.backward()
    stock = stock_tuned(folder, tmp_path / "adapter").train()
    learning = {path: one for path, one in stock.named_parameters() if "lora_" in path}
    for one in learning.values():
        one.requires_grad_()
    total = torch.zeros(())
    for start, stop in zip(examples.edges[:-1], examples.edges[1:], strict=True):
        ids = torch.from_numpy(examples.ids[start:stop].astype("int64"))[None]
        rows = torch.from_numpy(examples.trained[start:stop]).nonzero()[:, 0]
        rows = rows[rows > 0]
        logits = stock(input_ids=ids, use_cache=False).logits[0, rows - 1]
        total = total + nn.functional.cross_entropy(logits, ids[0, rows], reduction="sum")
    assert loss.item() == pytest.approx(total.item(), rel=1e-5)
    total.backward()
    for path, values in ours.trainable().items():
        expected = learning[f"base_model.model.{path}.default.weight"].grad
        assert values.grad is not None
        assert expected is not None
        most = 1e-5 * float(expected.abs().max())
        torch.testing.assert_close(values.grad, expected, rtol=1e-4, atol=most)
