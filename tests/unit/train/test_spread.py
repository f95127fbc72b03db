# SPDX-License-Identifier: Apache-2.0
"""Layers dealt out over several cards compute what they do on one, and only the input hops."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from msgspec.structs import replace

from engine.train.batches import Examples, make_batch
from engine.train.decoding import answer_greedily
from engine.train.kernels_compile import compile_layers
from engine.train.load import load_model, with_adapter
from engine.train.loss import batch_loss
from engine.train.model import LanguageModel
from engine.train.offload import Offload
from engine.train.optimizer import AdapterOptimizer
from engine.train.spread import Send, Spread, choose_send, send_straight, send_through_memory
from engine.train.varlen import PackedEdges, VarlenKernel
from tests.builders.decoders import CASES, DecoderFolders
from tests.builders.model_folder import tiny_model_folder
from tests.fakes.cards import Traffic, card, pretended_cards
from tests.unit.train.models import random_examples

EXAMPLES = random_examples([17, 26])
WIDE = (1, 43, 32)
# One of each way in which model code hands positions, angles, edges and weights around.
FORMS = (
    "llama", "qwen2", "gemma2", "gemma3", "gemma4", "phi3", "smollm3", "stablelm", "nemotron",
    "falcon_new", "gpt2", "gpt_neox", "opt_350m", "granite_swa", "diffllama",
)  # fmt: skip

# Their code indexes by lists of numbers, of which torch makes tensors on no pretended card where
# layers are computed again.
INDEXED_BY_LISTS = ("falcon", "falcon_new")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> DecoderFolders:
    return DecoderFolders(tmp_path_factory.mktemp("spread"))


def load(
    folder: Path,
    layers: Sequence[int],
    *,
    quantised: bool = False,
    dropout: float = 0.0,
    send: Send = send_straight,
) -> LanguageModel:
    """Load with each layer on a card by number, and an adapter that changes the answers."""
    spread = Spread(layers=tuple(card(one) for one in layers), send=send)
    model = load_model(
        folder,
        dtype=torch.float32,
        device=card(0),
        quantised=quantised,
        spread=spread if len(set(layers)) > 1 else None,
    )
    model = with_adapter(model, rank=4, alpha=8.0, dropout_ratio=dropout, seed=1)
    generator = torch.Generator().manual_seed(5)
    for name, values in model.trainable().items():
        if name.endswith("lora_B"):
            with torch.no_grad():
                values.copy_(0.05 * torch.randn(values.shape, generator=generator))
    model.net.train()
    return model


def learn(model: LanguageModel, examples: Examples = EXAMPLES) -> tuple[float, torch.Tensor]:
    """Return the loss of all examples packed, and the gradients of the adapter."""
    batch = make_batch(examples, np.arange(len(examples)), model.device)
    loss = batch_loss(model, batch)
    loss.backward()
    found: list[torch.Tensor] = []
    for values in model.trainable().values():
        assert values.grad is not None
        assert values.grad.device == values.device
        found.append(values.grad.cpu().flatten())
        values.grad = None
    return loss.item(), torch.cat(found)


def same(one: tuple[float, torch.Tensor], other: tuple[float, torch.Tensor]) -> bool:
    return one[0] == other[0] and torch.equal(one[1], other[1])


def between_cards(traffic: Traffic) -> list[tuple[str, str, tuple[int, ...]]]:
    return [one for one in traffic.hops if one[0] != "cpu" != one[1]]


# --- the pretended cards themselves --------------------------------------------------------------


def test_pretended_cards_refuse_what_real_ones_refuse() -> None:
    with pretended_cards():
        one, other = torch.ones(2, 2).to(card(0)), torch.ones(2, 2).to(card(1))
        with pytest.raises(RuntimeError, match="on the same device"):
            torch.mm(one, other)
        with pytest.raises(RuntimeError, match="on the same device"):
            torch.add(one, torch.ones(2, 2))
        assert (one + one.sum().to("cpu")).tolist() == [[5.0, 5.0], [5.0, 5.0]]


# --- every form of a model -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", [pytest.param(one, marks=[] if one in FORMS else pytest.mark.slow) for one in CASES]
)
def test_family_on_two_cards_learns_the_same_bits_as_on_one(
    name: str, folders: DecoderFolders
) -> None:
    with pretended_cards() as traffic:
        half, other = CASES[name].layers // 2, -(-CASES[name].layers // 2)
        alone = load(folders[name], [0] * (half + other))
        expected = learn(alone)
        model = load(folders[name], [0] * half + [1] * other)
        assert same(learn(model), expected)
        if name not in INDEXED_BY_LISTS:
            model.recompute_activations()
        traffic.hops.clear()
        assert same(learn(model), expected)
    there, home = ("card 0", "card 1", WIDE), ("card 1", "card 0", WIDE)
    # The gradient of what came home goes back first. Recomputing sends nothing.
    assert [one for one in between_cards(traffic) if one[2] == WIDE] == [there, home] * 2


# --- the way of the hidden states ----------------------------------------------------------------


@pytest.fixture(scope="module")
def deep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a Llama of five layers with tied embeddings."""
    root = tmp_path_factory.mktemp("deep")
    return tiny_model_folder(root / "m", layers=5, tied=True, dtype="float32")


@pytest.mark.parametrize("quantised", [False, True])
def test_unequal_blocks_on_three_cards_learn_the_same_bits(deep: Path, quantised: bool) -> None:
    with pretended_cards() as traffic:
        expected = learn(load(deep, [0] * 5, quantised=quantised))
        model = load(deep, [0, 1, 1, 1, 2], quantised=quantised)
        assert model.devices == (card(0), card(1), card(2))
        traffic.hops.clear()
        assert same(learn(model), expected)
    ways = [one[:2] for one in between_cards(traffic) if one[2] == wide_of(model)]
    down = [("card 0", "card 1"), ("card 1", "card 2"), ("card 2", "card 0")]
    assert ways == [*down, *(pair[::-1] for pair in reversed(down))]


def wide_of(model: LanguageModel) -> tuple[int, int, int]:
    return (1, 43, model.net.config.hidden_size)


def test_first_layers_may_be_elsewhere_than_the_embeddings(deep: Path) -> None:
    with pretended_cards():
        expected = learn(load(deep, [0] * 5))
        spread = Spread(layers=tuple(map(card, (1, 1, 2, 2, 0))), send=send_straight)
        model = load(deep, [0, 1, 1, 1, 1])
        assert spread.devices(card(0)) == (card(0), card(1), card(2))
        assert same(learn(model), expected)


def test_what_all_layers_are_given_is_sent_once_to_each_card(deep: Path) -> None:
    with pretended_cards() as traffic:
        model = load(deep, [0, 1, 1, 1, 2])
        model.recompute_activations()
        traffic.hops.clear()
        learn(model)
    others = [one for one in between_cards(traffic) if one[2] != wide_of(model)]
    # Cosines, sines and positions; once more for the whole backward pass of a card.
    for after, most in (("card 1", 6), ("card 2", 6)):
        assert 3 <= sum(one[1] == after for one in others) <= most
    assert {one[0] for one in others} == {"card 0"}


def test_what_was_sent_for_a_pass_is_let_go_by_the_next(deep: Path) -> None:
    with pretended_cards():
        model = load(deep, [0, 1, 1, 1, 2])
        first = make_batch(EXAMPLES, np.arange(2), model.device)
        batch_loss(model, first).backward()
        seen = weakref.ref(first.positions)
        del first
        learn(model)
        gc.collect()
        assert seen() is None


class EdgeKernel:
    """Stands for the kernel of packed rows, and notes where its edges and its queries are."""

    def __init__(self) -> None:
        self.seen: list[tuple[torch.device, torch.device]] = []

    def can(self, _query: torch.Tensor, **_options: object) -> bool:
        return True

    def attend(
        self, query: torch.Tensor, _key: object, _value: object, edges: PackedEdges, **_options: Any
    ) -> torch.Tensor:
        self.seen.append((edges.cumulative.device, query.device))
        return query.transpose(1, 2)


@pytest.mark.parametrize("name", ["llama", "gemma3", "phi3", "stablelm", "nemotron", "falcon"])
def test_edges_of_packed_rows_are_on_the_card_of_each_layer(
    name: str, folders: DecoderFolders
) -> None:
    kernel = EdgeKernel()
    with pretended_cards():
        model = replace(load(folders[name], [0, 1]), varlen=cast("VarlenKernel", kernel))
        batch = make_batch(EXAMPLES, np.arange(2), model.device)
        cumulative = torch.tensor(batch.segments.edges, dtype=torch.int32).to(card(0))
        edges = PackedEdges(cumulative=cumulative, longest=26)
        with torch.no_grad():
            segments = replace(batch.segments, packed=edges)
            model.hidden(batch.ids, batch.positions, segments=segments)
    assert kernel.seen == [(card(0), card(0)), (card(1), card(1))]


def test_every_part_lies_with_its_layer_and_all_else_on_the_first_card(deep: Path) -> None:
    with pretended_cards():
        model = load(deep, [0, 1, 1, 1, 2], quantised=True)
        wanted = {f".layers.{number}.": one for number, one in enumerate((0, 1, 1, 1, 2))}
        for name, values in [*model.net.named_parameters(), *model.net.named_buffers()]:
            place = next((one for key, one in wanted.items() if key in name), 0)
            assert values.device == card(place), name
        for name, linear in model.linears.items():
            place = next(one for key, one in wanted.items() if key in f".{name}")
            assert linear.restored_weight().device == card(place)
        optimizer = AdapterOptimizer(model.trainable(), weight_decay=0.0)
        for name, values in model.trainable().items():
            assert optimizer.held()[f"exp_avg/{name}"].device == values.device


def test_answers_token_by_token_are_those_of_one_card(deep: Path) -> None:
    prompt = random_examples([9]).ids.tolist()
    with pretended_cards():
        found = [
            answer_greedily(load(deep, layers), prompt, end_ids=frozenset(), limit=6)
            for layers in ([0] * 5, [0, 1, 1, 2, 2])
        ]
    assert found[0] == found[1]


class PlainPassage:
    """Copies at once."""

    def host_memory(self, size_bytes: int) -> torch.Tensor:
        return torch.empty(size_bytes, dtype=torch.uint8)

    def start(self, source: torch.Tensor, target: torch.Tensor) -> None:
        target.copy_(source)

    def wait(self, ticket: object) -> None:
        pass

    def settle(self) -> None:
        pass


def test_kept_layers_and_offloaded_inputs_give_the_same_bits(deep: Path) -> None:
    with pretended_cards() as traffic:
        expected = learn(load(deep, [0] * 5))
        model = load(deep, [0, 1, 1, 2, 2])
        model.recompute_activations(kept_layers=2)
        assert same(learn(model), expected)
        model.recompute_activations(offload=Offload(PlainPassage()))
        traffic.hops.clear()
        assert same(learn(model), expected)
    home = [one for one in traffic.hops if one[1] == "cpu" and one[2] == wide_of(model)]
    # Of all layers but the last, each from its own card.
    assert [one[0] for one in home] == ["card 0", "card 1", "card 1", "card 2"]


def test_recomputed_layers_draw_the_same_dropout_again(deep: Path) -> None:
    found: list[tuple[float, torch.Tensor]] = []
    with pretended_cards():
        for again in (False, True):
            model = load(deep, [0, 1, 1, 2, 2], dropout=0.3)
            if again:
                model.recompute_activations()
            torch.manual_seed(3)
            found.append(learn(model))
    assert same(*found)


def test_layers_on_several_cards_are_not_compiled(deep: Path) -> None:
    with pretended_cards():
        found = compile_layers(load(deep, [0, 1, 1, 2, 2]), find_fault=lambda _device: "")
    assert (found.value, found.reason) == (False, "The layers are on several cards.")


# --- how cards send ------------------------------------------------------------------------------


def test_cards_send_straight_where_what_is_sent_arrives() -> None:
    with pretended_cards() as traffic:
        send, why = choose_send([card(0), card(1), card(2)])
    assert send is send_straight
    assert why.value == "direct"
    assert {one[:2] for one in between_cards(traffic)} == {
        (f"card {one}", f"card {other}") for one in range(3) for other in range(3) if one != other
    }


def test_cards_that_get_other_numbers_send_through_main_memory(deep: Path) -> None:
    def spoil(values: torch.Tensor, device: torch.device) -> torch.Tensor:
        sent = values.to(device)
        return sent + 1 if device == card(1) else sent

    def refuse(values: torch.Tensor, device: torch.device) -> torch.Tensor:
        raise RuntimeError("peer access is not supported between these two devices")

    with pretended_cards() as traffic:
        for broken in (spoil, refuse):
            send, why = choose_send([card(0), card(1)], straight=broken)
            assert send is send_through_memory
            assert why.value == "main memory"
        expected = learn(load(deep, [0] * 5))
        model = load(deep, [0, 0, 1, 1, 1], send=send_through_memory)
        traffic.hops.clear()
        assert same(learn(model), expected)
    assert not between_cards(traffic)
