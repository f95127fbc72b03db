# SPDX-License-Identifier: Apache-2.0
"""Layers that are stored, computed again, or wait in main memory: same bits, little memory."""

from __future__ import annotations

import weakref
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch
from torch import nn

from engine.train.loss import batch_loss
from engine.train.model import LanguageModel
from engine.train.offload import Offload
from tests.builders.decoders import decoder_folder
from tests.builders.model_folder import tiny_model_folder
from tests.unit.train.models import load_adapted, pack, random_examples

LAYERS = 5


@dataclass
class Copy:
    source: torch.Tensor
    target: torch.Tensor
    number: int


@dataclass
class LatePassage:
    """Copies nothing before it is waited for, so that a missing wait gives wrong numbers.

    Attributes:
        told: What was done, in order: `out 0`, `wait 0`, `back 1`, ...
        pieces: Sizes of the main memory that was made.
        settled: How often it was waited for everything.
        hosts: Addresses of main memory.
    """

    told: list[str] = field(default_factory=list)
    pieces: list[int] = field(default_factory=list)
    settled: int = 0
    _open: list[Copy] = field(default_factory=list)
    hosts: set[int] = field(default_factory=set)

    def host_memory(self, size_bytes: int) -> torch.Tensor:
        made = torch.zeros(size_bytes, dtype=torch.uint8)
        self.pieces.append(size_bytes)
        self.hosts.add(made.untyped_storage().data_ptr())
        return made

    def start(self, source: torch.Tensor, target: torch.Tensor) -> Copy:
        is_back = source.untyped_storage().data_ptr() in self.hosts
        if is_back:
            target.fill_(float("nan"))
        copy = Copy(source, target, len([one for one in self.told if "wait" not in one]))
        self.told.append(f"{'back' if is_back else 'out'} {copy.number}")
        self._open.append(copy)
        return copy

    def wait(self, ticket: Copy) -> None:
        self.told.append(f"wait {ticket.number}")
        while ticket in self._open:  # one stream: earlier copies come first
            self._do(self._open.pop(0))

    def settle(self) -> None:
        self.settled += 1
        while self._open:
            self._do(self._open.pop(0))

    def _do(self, copy: Copy) -> None:
        copy.target.copy_(copy.source)


class Layer(nn.Module):
    """Counts, while it computes, the watched storages that are alive."""

    def __init__(self, watched: list[weakref.ref[torch.UntypedStorage]], most: list[int]) -> None:
        super().__init__()
        self.linear = nn.Linear(8, 8)
        self._watched, self._most = watched, most

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        alive = {one() for one in self._watched} - {None}
        self._most.append(len(alive))
        return x + torch.tanh(self.linear(x))


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("offload")
    return tiny_model_folder(folder, spread=0.12, dtype="float32", layers=LAYERS)


def gradients(model: LanguageModel, *lengths: int) -> torch.Tensor:
    """Return all gradients of two micro-steps."""
    model.net.train()
    for seed in (1, 2):
        torch.manual_seed(seed)
        batch = pack(random_examples(list(lengths) or [9, 20, 4], seed=seed))
        batch_loss(model, batch).backward()
    found = [one.grad for one in model.trainable().values()]
    return torch.cat([one.flatten() for one in found if one is not None])


@pytest.mark.parametrize(("kept", "quantised"), [(1, False), (2, True), (LAYERS + 7, False)])
def test_kept_layers_any_number_gives_the_same_bits(base: Path, kept: int, quantised: bool) -> None:
    stored = load_adapted(base, quantised=quantised, dropout=0.3)
    some = load_adapted(base, quantised=quantised, dropout=0.3)
    some.recompute_activations(kept_layers=kept)
    assert torch.equal(gradients(stored), gradients(some))


def count_calls(model: LanguageModel) -> list[str]:
    """Note each pass through the first linear of a layer."""
    calls: list[str] = []
    for path, linear in model.linears.items():
        if path.endswith("q_proj"):
            linear.register_forward_hook(lambda *_args, path=path: calls.append(path))
    return calls


def test_kept_layers_the_first_ones_are_computed_once(base: Path) -> None:
    model = load_adapted(base)
    model.recompute_activations(kept_layers=2)
    calls = count_calls(model)
    model.net.train()
    batch_loss(model, pack(random_examples([9, 20]))).backward()
    assert [calls.count(path) for path in sorted(set(calls))] == [1, 1, 2, 2, 2]


def test_kept_layers_can_be_given_up_later(base: Path) -> None:
    model = load_adapted(base)
    model.recompute_activations(kept_layers=2)
    model.recompute_activations()
    calls = count_calls(model)
    model.net.train()
    batch_loss(model, pack(random_examples([9, 20]))).backward()
    assert {calls.count(path) for path in calls} == {2}


@pytest.mark.parametrize(
    ("kept", "quantised"), [(0, False), (2, True), (LAYERS - 1, False), (LAYERS, False)]
)
def test_offload_gives_the_same_bits(base: Path, kept: int, quantised: bool) -> None:
    stored = load_adapted(base, quantised=quantised, dropout=0.3)
    moved = load_adapted(base, quantised=quantised, dropout=0.3)
    passage = LatePassage()
    moved.recompute_activations(kept_layers=kept, offload=Offload(passage))
    assert torch.equal(gradients(stored), gradients(moved))
    expected = max(0, LAYERS - kept - 1) * 2  # the last input stays; two micro-steps
    assert len([one for one in passage.told if one.startswith("out")]) == expected
    assert len([one for one in passage.told if one.startswith("back")]) == expected


@pytest.mark.parametrize("kept", [0, 1, 3])
def test_offload_of_layers_that_share_keys_and_values_gives_the_same_bits(
    kept: int, tmp_path: Path
) -> None:
    folder = decoder_folder(tmp_path / "m", "gemma4")
    stored, moved = load_adapted(folder, dropout=0.3), load_adapted(folder, dropout=0.3)
    passage = LatePassage()
    moved.recompute_activations(kept_layers=kept, offload=Offload(passage))
    assert torch.equal(gradients(stored), gradients(moved))
    assert len([one for one in passage.told if one.startswith("out")]) == 2 * (LAYERS - kept - 1)


def test_offload_copies_run_beside_the_layers_in_this_order(base: Path) -> None:
    model = load_adapted(base)
    passage = LatePassage()
    model.recompute_activations(offload=Offload(passage))
    model.net.train()
    loss = batch_loss(model, pack(random_examples([9])))
    assert passage.told == ["out 0", "wait 0", "out 1", "wait 1", "out 2", "wait 2", "out 3",
                            "wait 3"]  # fmt: skip
    passage.told.clear()
    loss.backward()
    assert passage.told == ["back 0", "wait 0", "back 1", "wait 1", "back 2", "wait 2", "back 3",
                            "wait 3"]  # fmt: skip


def test_offload_main_memory_is_used_again_and_grows_only_when_it_must(base: Path) -> None:
    model = load_adapted(base)
    passage = LatePassage()
    model.recompute_activations(offload=Offload(passage))
    gradients(model, 30)
    row = passage.pieces[0]
    gradients(model, 30)
    gradients(model, 12)
    assert passage.pieces == [row] * (LAYERS - 1)
    gradients(model, 45)
    assert passage.pieces == [row] * (LAYERS - 1) + [row * 45 // 30] * (LAYERS - 1)


def test_offload_pass_that_was_broken_off_is_forgotten(base: Path) -> None:
    stored, moved = load_adapted(base), load_adapted(base)
    passage = LatePassage()
    moved.recompute_activations(offload=Offload(passage))
    moved.net.train()
    batch_loss(moved, pack(random_examples([9, 20, 4])))
    assert torch.equal(gradients(stored), gradients(moved))
    assert passage.settled == 1
    assert len(passage.pieces) == LAYERS - 1


def test_offload_input_asked_for_twice_is_refused(base: Path) -> None:
    model = load_adapted(base)
    model.recompute_activations(offload=Offload(LatePassage()))
    model.net.train()
    loss = batch_loss(model, pack(random_examples([9])))
    loss.backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="twice"):
        loss.backward()


def test_offload_never_more_than_two_inputs_are_on_the_device() -> None:
    """The storages of inputs are counted whenever a layer computes, forward and backward."""
    watched: list[weakref.ref[torch.UntypedStorage]] = []
    most: list[int] = []

    class Watching(LatePassage):
        def start(self, source: torch.Tensor, target: torch.Tensor) -> Copy:
            watched.extend(
                weakref.ref(one.untyped_storage())
                for one in (source, target)
                if one.untyped_storage().data_ptr() not in self.hosts
            )
            return super().start(source, target)

    layers = [Layer(watched, most) for _number in range(8)]
    offload = Offload(Watching())
    x = torch.randn(3, 8).requires_grad_() * 1.0
    for number, layer in enumerate(layers):
        x = offload.run(layer, x, is_first=number == 0, is_last=number == 7)
    loss = x.sum()
    del x
    assert max(most) == 1  # beside the one that a layer makes
    loss.backward()
    assert len(most) == 16
    assert max(most) == 2
