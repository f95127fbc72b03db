# SPDX-License-Identifier: Apache-2.0
"""liger-kernel on a graphics card: its formulas are those of the models, in both number formats."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from engine.train.batches import make_batch
from engine.train.kernels import EAGER, choose_kernels
from engine.train.kernels_liger import find_liger
from engine.train.load import load_model, with_adapter
from engine.train.loss import batch_loss
from engine.train.model import LanguageModel
from tests.builders.decoders import decoder_folder
from tests.unit.train.models import random_examples

pytestmark = pytest.mark.gpu
CARD = torch.device("cuda")
LENGTHS = [40, 3, 21, 300, 17]

EXPECTED = {
    "llama": {"norms", "rotary angles", "gated MLPs"},
    "qwen3": {"norms", "rotary angles", "gated MLPs"},
    "gemma3": {"norms", "rotary angles", "gated MLPs"},
    "olmo2": {"norms", "rotary angles", "gated MLPs"},
    "phi3": {"norms", "gated MLPs"},
}
"""Parts of a layer that must be fused, not only may."""


def load(folder: Path, dtype: torch.dtype) -> LanguageModel:
    model = load_model(folder, dtype=dtype, device=CARD, quantised=True)
    return with_adapter(model, rank=4, alpha=8.0, dropout_ratio=0.0, seed=1)


def gradients(model: LanguageModel) -> torch.Tensor:
    model.net.train()
    batch = make_batch(random_examples(LENGTHS), np.arange(len(LENGTHS)), CARD)
    batch_loss(model, batch).backward()
    found: list[torch.Tensor] = []
    for one in model.trainable().values():
        assert one.grad is not None
        found.append(one.grad.flatten())
        one.grad = None
    model.net.eval()
    return torch.cat(found)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", list(EXPECTED))
def test_liger_on_a_card_is_used_and_gives_the_same_gradients(
    tmp_path: Path, name: str, dtype: torch.dtype
) -> None:
    formulas, reason = find_liger(CARD)
    if formulas is None:
        pytest.skip(reason)
    model = load(decoder_folder(tmp_path / "base", name), dtype)
    before = gradients(model)
    choice = choose_kernels(model, is_wanted=True)
    told, _rest, _left = choice.reason.partition("Left to torch")
    assert {one for one in EXPECTED[name] if one in told} == EXPECTED[name], choice.reason
    assert choice.value != EAGER
    model.recompute_activations()
    likeness = float(torch.cosine_similarity(gradients(model), before, dim=0))
    assert likeness > (0.99 if dtype is torch.bfloat16 else 0.999999)
