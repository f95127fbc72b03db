# SPDX-License-Identifier: Apache-2.0
"""Every family: the logits of stock transformers, packed or not, dense or in 4 bits."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from msgspec.structs import replace

from engine.train.batches import Examples, Ids, Marks, join_examples
from engine.train.decoding import answer_greedily
from engine.train.loss import batch_loss
from engine.train.model import LanguageModel
from engine.train.varlen import PackedEdges, VarlenKernel
from tests.builders.decoders import CASES, DecoderFolders, decoder_folder
from tests.unit.train.models import (
    alone_logits,
    load_adapted,
    load_ours,
    load_stock,
    pack,
    packed_logits,
    random_examples,
)

LENGTHS = [21, 3, 30]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> DecoderFolders:
    return DecoderFolders(tmp_path_factory.mktemp("families"))


LONG_ROPE = {
    "rope_type": "longrope",
    "rope_theta": 100.0,
    "short_factor": [1.0, 1.5, 2.0, 2.5],
    "long_factor": [3.0, 4.0, 6.0, 8.0],
    "partial_rotary_factor": 1.0,
    "original_max_position_embeddings": 16,
}
DYNAMIC_ROPE = {"rope_type": "dynamic", "factor": 4.0, "rope_theta": 100.0}


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("phi3", {"rope_parameters": LONG_ROPE, "original_max_position_embeddings": 16}),
        ("llama", {"rope_parameters": DYNAMIC_ROPE, "max_position_embeddings": 16}),
    ],
)
def test_family_angles_that_depend_on_length_do_not_look_at_the_neighbours(
    name: str, values: dict[str, Any], tmp_path: Path
) -> None:
    folder = decoder_folder(tmp_path / "m", name, **values)
    model = load_ours(folder)
    for lengths in (LENGTHS, [4, 30], [5]):
        examples = random_examples(lengths)
        expected = torch.cat(
            [alone_logits(load_stock(folder), join_examples([one])) for one in rows_of(examples)]
        )
        found = packed_logits(model, pack(examples))
        torch.testing.assert_close(found, expected, rtol=0, atol=2e-5)


def rows_of(examples: Examples) -> list[tuple[Ids, Marks]]:
    """Return the tokens and marks of each example."""
    spans = list(pairwise(examples.edges))
    return [(examples.ids[a:b], examples.trained[a:b]) for a, b in spans]


def taken_gradients(model: LanguageModel) -> torch.Tensor:
    """Return the gradients of A and B, and clear them."""
    found: list[torch.Tensor] = []
    for one in model.trainable().values():
        assert one.grad is not None
        found.append(one.grad.flatten())
        one.grad = None
    return torch.cat(found)


@pytest.mark.parametrize("name", CASES)
def test_family_packed_logits_equal_eager_ones_of_each_example_alone(
    name: str, folders: DecoderFolders
) -> None:
    examples = random_examples(LENGTHS)
    found = packed_logits(load_ours(folders[name]), pack(examples))
    expected = alone_logits(load_stock(folders[name]), examples)
    assert float(expected.std()) > 0.1
    torch.testing.assert_close(found, expected, rtol=0, atol=2e-5)


@pytest.mark.parametrize("name", CASES)
def test_family_every_linear_of_its_layers_gets_an_adapter(
    name: str, folders: DecoderFolders
) -> None:
    assert len(load_ours(folders[name], quantised=True).linears) == CASES[name].matrices


@pytest.mark.parametrize("name", CASES)
def test_family_loss_and_gradients_packed_equal_the_sum_of_each_example_alone(
    name: str, folders: DecoderFolders
) -> None:
    examples = random_examples([17, 26])
    model = load_adapted(folders[name])
    model.net.train()

    def learn(*members: int) -> float:
        loss = batch_loss(model, pack(examples, *members))
        loss.backward()
        return loss.item()

    apart = learn(0) + learn(1)
    alone = taken_gradients(model)
    # Recomputed layers must find their segments again.
    model.recompute_activations()
    assert learn(0, 1) == pytest.approx(apart, rel=1e-5)
    together = taken_gradients(model)
    assert float(alone.norm()) > 0.1
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5 * float(alone.abs().max()))


@pytest.mark.parametrize("name", CASES)
def test_family_answers_token_by_token_as_stock_generates(
    name: str, folders: DecoderFolders
) -> None:
    prompt = random_examples([9]).ids.tolist()
    answer = answer_greedily(load_ours(folders[name]), prompt, end_ids=frozenset(), limit=8)
    stock = load_stock(folders[name])
    with torch.no_grad():
        for token in answer.ids:
            logits = stock(input_ids=torch.tensor([prompt])).logits[0, -1]
            assert logits[token] >= logits.max() - 1e-4
            prompt.append(token)
    assert answer.is_finite


class RefusingKernel:
    """Stands for the kernel of packed rows on a card; counts who asks for it, and serves nobody."""

    def __init__(self) -> None:
        self.asked = 0

    def can(self, _query: torch.Tensor, **_options: object) -> bool:
        self.asked += 1
        return False


# Scores with a cap or a sink have no such kernel, so that it is not asked for.
WITH_SCORES = ("gemma2", "vaultgemma", "granite_swa")


@pytest.mark.parametrize("name", [name for name in CASES if name not in WITH_SCORES])
def test_family_every_layer_is_offered_the_kernel_of_packed_rows(
    name: str, folders: DecoderFolders
) -> None:
    kernel = RefusingKernel()
    model = replace(load_ours(folders[name]), varlen=cast("VarlenKernel", kernel))
    batch = pack(random_examples([5, 6]))
    segments = replace(batch.segments, packed=cast("PackedEdges", object()))
    with torch.no_grad():
        model.hidden(batch.ids, batch.positions, segments=segments)
    # DiffLlama attends twice in each layer.
    assert kernel.asked == CASES[name].layers * (2 if name == "diffllama" else 1)
