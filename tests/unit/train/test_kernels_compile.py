# SPDX-License-Identifier: Apache-2.0
"""Compiled layers give what plain ones give, or are left as they are, with the reason.

What is compiled here runs on torch's own operations (`aot_eager`, `eager`), so that no test needs a
C++ compiler: graphs, breaks, gradients and recomputing are those of any backend.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch._dynamo.utils import counters

from engine.domain.decision import Decision
from engine.protocol.events import EvalDone, PlanResolved, StepDone, Warned
from engine.train import loop, setup
from engine.train.kernels import EAGER
from engine.train.kernels_compile import compile_layers, missing_compiler
from engine.train.linear import LowRankLinear
from engine.train.loss import batch_loss
from engine.train.model import LanguageModel
from tests.builders.decoders import DecoderFolders
from tests.unit.train.models import CPU, load_adapted, pack, random_examples
from tests.unit.train.runs import Desk, make_desk

# torch's compiler looks at the gradient of what it is given, which is no leaf here; it needs none.
pytestmark = pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor:UserWarning")
BATCHES = ([21, 3, 30], [5, 6], [40, 9, 7, 30])


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> DecoderFolders:
    return DecoderFolders(tmp_path_factory.mktemp("families"))


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """Let no test find what another one compiled."""
    torch._dynamo.reset()
    counters.clear()
    yield
    torch._dynamo.reset()


def nothing_missing(_device: torch.device) -> str:
    return ""


def compiled(model: LanguageModel, backend: str | Callable[..., Any] = "aot_eager") -> Decision:
    return compile_layers(model, backend=backend, find_fault=nothing_missing)


def gradients(model: LanguageModel, lengths: list[int]) -> torch.Tensor:
    """Return the gradients of the adapter, and clear them."""
    with model.steady_adapter():
        batch_loss(model, pack(random_examples(lengths))).backward()
    found: list[torch.Tensor] = []
    for one in model.trainable().values():
        assert one.grad is not None
        found.append(one.grad.flatten())
        one.grad = None
    return torch.cat(found)


@pytest.mark.slow
def test_compiled_layers_in_4_bits_give_the_same_gradients_recomputed_or_not(
    folders: DecoderFolders,
) -> None:
    model = load_adapted(folders["llama"], quantised=True)
    model.recompute_activations(kept_layers=1)
    model.net.train()
    before = [gradients(model, one) for one in BATCHES]
    choice = compiled(model)
    assert choice.value is True, choice.reason
    for lengths, expected in zip(BATCHES, before, strict=True):
        torch.testing.assert_close(gradients(model, lengths), expected, rtol=1e-4, atol=1e-7)
    graphs = counters["stats"]["unique_graphs"]
    assert graphs > 0
    gradients(model, [8, 31, 2, 17])
    assert counters["stats"]["unique_graphs"] == graphs, "other lengths were compiled anew"


def layer_classes(model: LanguageModel) -> set[type]:
    return {type(one) for one in model.net.model.layers}


def wrong(graph: torch.fx.GraphModule, _inputs: Any) -> Callable[..., Any]:
    """Return what computes a graph, and a little more."""
    return lambda *given: [
        one * 1.01 if isinstance(one, torch.Tensor) and one.is_floating_point() else one
        for one in graph(*given)
    ]


def failing(_graph: torch.fx.GraphModule, _inputs: Any) -> Callable[..., Any]:
    raise OSError("no such program: cc")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("backend", "words"),
    [(wrong, "the result differs by"), (failing, "it does not run here (BackendCompilerFailed)")],
)
def test_layers_whose_compiled_form_is_wrong_are_left_as_they_are(
    folders: DecoderFolders, backend: Callable[..., Any], words: str
) -> None:
    model = load_adapted(folders["llama"])
    classes = layer_classes(model)
    attention = model.net.config._attn_implementation
    choice = compiled(model, backend)
    assert choice.value is False
    assert choice.reason.startswith("A compiled layer was tried at start: " + words)
    assert layer_classes(model) == classes
    assert model.net.config._attn_implementation == attention
    linears = [one for one in model.net.modules() if isinstance(one, LowRankLinear)]
    assert not any("forward" in vars(one) for one in linears)


def test_family_whose_attention_cannot_be_kept_out_is_not_compiled(
    folders: DecoderFolders,
) -> None:
    choice = compiled(load_adapted(folders["stablelm"]))
    assert choice.value is False
    assert "cannot be kept out of the compiler" in choice.reason


def test_layers_that_leave_something_to_later_ones_are_not_compiled(
    folders: DecoderFolders,
) -> None:
    choice = compiled(load_adapted(folders["gemma4"]))
    assert choice.value is False
    assert "leave keys and values to later ones" in choice.reason


def test_compiling_without_a_compiler_is_refused_with_the_reason(
    folders: DecoderFolders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    choice = compile_layers(load_adapted(folders["llama"]))
    assert (choice.value, choice.reason) == (False, "No C++ compiler was found.")


def test_compiler_named_by_the_environment_is_looked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: name if name == "my-c++" else None)
    monkeypatch.setenv("CXX", "my-c++")
    assert missing_compiler(CPU) == ""
    monkeypatch.setenv("CXX", "other")
    assert missing_compiler(CPU) == "No C++ compiler was found."


def run(desk: Desk, run_id: str, **values: Any) -> PlanResolved:
    desk.add_run(run_id, desk.recipe(max_steps=4, **values))
    loop.train_adapter(desk.context(run_id), quantised=False)
    return desk.of(PlanResolved)[0]


def losses(desk: Desk) -> list[float]:
    steps = [one.loss for one in desk.of(StepDone) if one.loss is not None]
    return [*steps, *(one.loss for one in desk.of(EvalDone))]


@pytest.mark.slow
def test_compiled_run_has_the_loss_curve_of_a_plain_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use = partial(compile_layers, backend="eager", find_fault=nothing_missing)
    monkeypatch.setattr(setup, "compile_layers", use)
    desk = make_desk(tmp_path)
    assert "compile_layers" not in run(desk, "plain").decisions
    expected = losses(desk)
    decisions = run(desk, "compiled", compile_layers=True).decisions
    assert decisions["compile_layers"].value is True
    assert decisions["kernels"].value == EAGER
    assert "compiled" in decisions["kernels"].reason
    assert len(expected) > 4
    assert losses(desk) == pytest.approx(expected, rel=1e-5)


def test_run_whose_layers_cannot_be_compiled_says_so_and_trains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use = partial(compile_layers, find_fault=lambda _device: "No C++ compiler was found.")
    monkeypatch.setattr(setup, "compile_layers", use)
    desk = make_desk(tmp_path)
    plan = run(desk, "run", compile_layers=True)
    assert plan.decisions["compile_layers"].value is False
    assert plan.decisions["kernels"].reason == "No graphics card computes here."
    (told,) = [one for one in desk.of(Warned) if one.code == "compile_unavailable"]
    assert told.message == "The layers are not compiled. No C++ compiler was found."
    assert len(desk.of(StepDone)) == 4
