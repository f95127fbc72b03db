# SPDX-License-Identifier: Apache-2.0
"""Kernels are used where they compute what torch does, and nowhere else, with the reason."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from msgspec.structs import replace

from engine.domain.decision import Decision
from engine.protocol.events import PlanResolved
from engine.train import kernels_liger, loop
from engine.train.kernels import EAGER, choose_kernels
from engine.train.kernels_liger import Formulas, find_liger
from engine.train.loss import batch_loss
from engine.train.model import LanguageModel
from tests.builders.decoders import DecoderFolders
from tests.unit.train.formulas import plain_formulas, plain_gate, plain_norm, plain_rotary
from tests.unit.train.models import CPU, load_adapted, pack, random_examples
from tests.unit.train.runs import make_desk

NORMS, TURNS, GATES = "norms", "rotary angles", "gated MLPs"
PARTS = (NORMS, TURNS, GATES)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> DecoderFolders:
    return DecoderFolders(tmp_path_factory.mktemp("families"))


def choose(model: LanguageModel, formulas: Formulas) -> Decision:
    return choose_kernels(model, is_wanted=True, find=lambda _device: (formulas, ""))


def used(choice: Decision) -> tuple[str, ...]:
    """Return the parts that are fused, by the reason that the plan shows."""
    told, _rest, _left = choice.reason.partition("Left to torch")
    return tuple(one for one in PARTS if one in told)


def changed(model: LanguageModel) -> int:
    return sum("forward" in vars(one) for one in model.net.modules())


def gradients(model: LanguageModel) -> torch.Tensor:
    """Return the gradients of the adapter in training, and clear them."""
    model.net.train()
    batch_loss(model, pack(random_examples([21, 3, 30]))).backward()
    found: list[torch.Tensor] = []
    for one in model.trainable().values():
        assert one.grad is not None
        found.append(one.grad.flatten())
        one.grad = None
    model.net.eval()
    return torch.cat(found)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("llama", PARTS),
        ("qwen3", PARTS),
        ("gemma3", PARTS),
        ("gemma4", (NORMS, GATES)),  # turns queries and keys apart
        ("olmo2", PARTS),
        ("granite", PARTS),
        ("phi3", (NORMS, GATES)),  # turns a part of each head
        ("cohere", (GATES,)),  # turns neighbours, and takes the mean off before the norm
        ("gpt2", ()),
    ],
)
def test_kernels_of_a_family_are_those_of_its_own_formulas_and_change_nothing(
    folders: DecoderFolders, name: str, expected: tuple[str, ...]
) -> None:
    model = load_adapted(folders[name])
    before = gradients(model)
    choice = choose(model, plain_formulas())
    assert used(choice) == expected
    assert choice.value == ("plain" if expected else EAGER)
    assert bool(changed(model)) == bool(expected)
    most = 1e-6 * float(before.abs().max())
    torch.testing.assert_close(gradients(model), before, rtol=1e-5, atol=max(1e-7, most))


def test_kernels_round_as_the_module_itself_where_several_forms_are_right(
    folders: DecoderFolders,
) -> None:
    model = load_adapted(folders["olmo2"], dtype=torch.bfloat16)
    before = gradients(model)
    seen: list[str] = []
    norms = {name: seeing(seen, name, one) for name, one in plain_formulas().norms.items()}
    assert NORMS in used(choose(model, replace(plain_formulas(), norms=norms)))
    seen.clear()
    torch.testing.assert_close(gradients(model), before, rtol=0.1, atol=1e-4)
    assert set(seen) == {"wide"}


def seeing(seen: list[str], name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def noted(*arguments: Any) -> Any:
        seen.append(name)
        return function(*arguments)

    return noted


class _WrongBackward(torch.autograd.Function):
    """Returns its input, and 1.01 times its gradient."""

    @staticmethod
    def forward(_ctx: Any, x: torch.Tensor) -> torch.Tensor:
        """Return x."""
        return x.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> torch.Tensor:
        """Return a gradient that is a little too long."""
        return gradients[0] * 1.01


def wrong_backward(x: torch.Tensor) -> torch.Tensor:
    return _WrongBackward.apply(x)


def raising(*_arguments: Any) -> Any:
    raise KeyError("no C compiler")


def spoiling(x: torch.Tensor, weight: torch.Tensor, eps: float) -> torch.Tensor:
    """Return the right norm, and write over x, which others still need."""
    found = plain_norm()(x.clone(), weight, eps)
    x.data.zero_()
    return found


def off(x: torch.Tensor, weight: torch.Tensor, eps: float) -> torch.Tensor:
    return plain_norm()(x, weight, eps) * 1.001


def other_constant(x: torch.Tensor, weight: torch.Tensor, eps: float) -> torch.Tensor:
    return plain_norm()(x, weight, eps * 1.1)


def late(x: torch.Tensor, weight: torch.Tensor, eps: float) -> torch.Tensor:
    return plain_norm()(wrong_backward(x), weight, eps)


@pytest.mark.parametrize(
    ("spoiled", "part", "words"),
    [
        ({"norms": {"llama": off}}, NORMS, "the result differs by 0.001"),
        ({"norms": {"llama": other_constant}}, NORMS, "the result differs by"),
        ({"norms": {"llama": late}}, NORMS, "the result differs by 0.01"),
        ({"norms": {"llama": raising}}, NORMS, "it does not run here (KeyError)"),
        ({"norms": {"llama": spoiling}}, NORMS, "the result differs by"),
        ({"norms": {"gemma": plain_norm(offset=1.0)}}, NORMS, "the result differs by"),
        (
            {"rotary": lambda query, key, cos, sin: plain_rotary(query, key, cos, -sin)},
            TURNS,
            "the result differs by",
        ),
        (
            {"rotary": lambda *given: (plain_rotary(*given)[0], given[1])},
            TURNS,
            "the result differs by",
        ),
        ({"rotary": raising}, TURNS, "it does not run here (KeyError)"),
        (
            {"gates": {"silu": lambda gate, up: plain_gate(wrong_backward(gate), up)}},
            GATES,
            "the result differs by 0.01",
        ),
        (
            {"gates": {"silu": lambda gate, up: plain_gate(gate, up).float() * float("nan")}},
            GATES,
            "the result differs by inf",
        ),
        ({"gates": {"silu": raising}}, GATES, "it does not run here (KeyError)"),
    ],
)
def test_kernel_that_is_wrong_is_left_out_alone_with_the_reason(
    folders: DecoderFolders, spoiled: dict[str, Any], part: str, words: str
) -> None:
    model = load_adapted(folders["llama"])
    before = gradients(model)
    choice = choose(model, replace(plain_formulas(), **spoiled))
    assert used(choice) == tuple(one for one in PARTS if one != part)
    assert f"{part}: {words}" in choice.reason
    torch.testing.assert_close(gradients(model), before, rtol=1e-5, atol=1e-7)


def test_kernels_may_write_over_what_only_they_use(folders: DecoderFolders) -> None:
    def over(*given: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return _TurnedInPlace.apply(*given)

    model = load_adapted(folders["qwen3"])
    before = gradients(model)
    assert TURNS in used(choose(model, replace(plain_formulas(), rotary=over)))
    torch.testing.assert_close(gradients(model), before, rtol=1e-5, atol=1e-7)


class _TurnedInPlace(torch.autograd.Function):
    """Turns in the memory of query and key, unseen by torch, as liger-kernel does."""

    @staticmethod
    def forward(ctx: Any, *given: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Turn query and key."""
        ctx.save_for_backward(*given[2:])
        return _over(given[:2], plain_rotary(given[0], given[1], given[2], given[3]))

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        """Turn their gradients back."""
        cos, sin = ctx.saved_tensors
        turned = plain_rotary(gradients[0], gradients[1], cos, -sin)
        return (*_over(gradients, turned), None, None)


def _over(
    pair: tuple[torch.Tensor, ...], values: tuple[torch.Tensor, ...]
) -> tuple[torch.Tensor, ...]:
    kept: list[torch.Tensor] = []
    for one, value in zip(pair, values, strict=True):
        inside = one.transpose(1, 2).contiguous()
        inside.copy_(value.transpose(1, 2))
        kept.append(inside.transpose(1, 2))
    return tuple(kept)


def test_trial_draws_no_number_and_leaves_no_gradient(folders: DecoderFolders) -> None:
    model = load_adapted(folders["llama"])
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    choose(model, plain_formulas())
    assert torch.equal(torch.rand(3), expected)
    assert all(one.grad is None for one in model.trainable().values())
    assert not model.net.training


def test_memory_that_runs_out_in_a_trial_is_told_as_such(folders: DecoderFolders) -> None:
    def full(*_arguments: torch.Tensor) -> torch.Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(torch.OutOfMemoryError):
        choose(load_adapted(folders["llama"]), replace(plain_formulas(), norms={"llama": full}))


def test_kernels_that_the_recipe_does_not_want_are_not_looked_for(
    folders: DecoderFolders,
) -> None:
    model = load_adapted(folders["llama"])
    choice = choose_kernels(model, is_wanted=False, find=raising)
    assert (choice.value, choice.reason) == (EAGER, "Switched off in the recipe.")
    assert not changed(model)


def test_liger_without_a_card_is_not_used() -> None:
    assert find_liger(CPU) == (None, "No graphics card computes here.")


@pytest.mark.parametrize(
    ("missing", "expected"),
    [("triton", "Triton is not installed."), ("liger_kernel", "liger-kernel is not installed.")],
)
def test_liger_without_what_it_needs_is_not_used(
    monkeypatch: pytest.MonkeyPatch, missing: str, expected: str
) -> None:
    there = {"triton", "liger_kernel"} - {missing}
    monkeypatch.setattr(kernels_liger, "find_spec", lambda name: name if name in there else None)
    assert find_liger(torch.device("cuda")) == (None, expected)


@pytest.mark.parametrize("fault", [ImportError, AttributeError, RuntimeError])
def test_liger_that_does_not_load_is_not_used(
    monkeypatch: pytest.MonkeyPatch, fault: type[Exception]
) -> None:
    def broken(_name: str) -> Any:
        raise fault

    monkeypatch.setattr(kernels_liger, "find_spec", lambda name: name)
    monkeypatch.setattr(kernels_liger, "import_module", broken)
    found, reason = find_liger(torch.device("cuda"))
    assert found is None
    assert reason == f"liger-kernel does not load here ({fault.__name__})."


def test_plan_of_a_run_says_why_no_kernel_is_used(tmp_path: Path) -> None:
    desk = make_desk(tmp_path)
    desk.add_run("run", desk.recipe(max_steps=1))
    loop.train_adapter(desk.context("run"), quantised=False)
    choice = desk.of(PlanResolved)[0].decisions["kernels"]
    assert (choice.value, choice.reason) == (EAGER, "No graphics card computes here.")
