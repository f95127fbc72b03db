# SPDX-License-Identifier: Apache-2.0
"""Fused kernels for norms, rotary angles and gated MLPs, where they compute what torch does.

Nothing is known here of families. Each module that could be such a formula is tried: the kernel in
its place must return the same on small random inputs, forward and backward, in 32 bits and in the
number format of the run, and so must a whole layer that uses it. What does not match, and what does
not run, is left to torch, with the reason in the plan.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from gettext import gettext as _
from types import FunctionType, MethodType
from typing import Any

import msgspec
import torch
from torch import nn

from engine.domain.decision import Decision
from engine.train.kernels_liger import Formulas, Pair, find_liger
from engine.train.kernels_trial import (
    LayerTrial,
    drawn,
    formula_gap,
    layer_tolerance,
    tolerance,
    tried,
)
from engine.train.model import LanguageModel

EAGER = "torch"
"""Value of the choice where no kernel is used."""

_TURNS = "apply_rotary_pos_emb"
"""What the model code of transformers calls its function of rotary angles."""

_ROWS = 37
_NARROW, _MANY_ROWS = 256, 40_000
"""Liger computes rows up to this width by another kernel where there are 32,768 of them or more,
as the norms of single heads have; so these are tried with as many."""


class _GatedForm(msgspec.Struct, frozen=True, kw_only=True):
    """How the model code of some families calls the parts of a gated MLP.

    Attributes:
        linears: Names of its linears.
        activation: Name of its activation.
        is_joined: One linear computes both what is activated and what it is multiplied with.
    """

    linears: frozenset[str]
    activation: str
    is_joined: bool


_GATED_FORMS = (
    _GatedForm(
        linears=frozenset({"gate_proj", "up_proj", "down_proj"}),
        activation="act_fn",
        is_joined=False,
    ),
    _GatedForm(
        linears=frozenset({"gate_up_proj", "down_proj"}),
        activation="activation_fn",
        is_joined=True,
    ),
)

Find = Callable[[torch.device], tuple[Formulas | None, str]]


class _Part(msgspec.Struct, frozen=True, kw_only=True):
    """Modules of a model that compute the same formula on the same sizes.

    Attributes:
        modules: All of them.
        replacements: What could run in place of the forward pass of a module.
        gaps: Returns the gap of a replacement in a number format.
    """

    modules: Sequence[nn.Module]
    replacements: Sequence[Callable[[nn.Module], Callable[..., Any]]]
    gap: Callable[[Callable[[nn.Module], Callable[..., Any]], torch.dtype], float]


def choose_kernels(model: LanguageModel, *, is_wanted: bool, find: Find = find_liger) -> Decision:
    """Put kernels into a model where they are right, and say which, or why there are none.

    Args:
        model: With its adapter, not in training; its modules are changed.
        is_wanted: The recipe allows them.
        find: Returns the kernels, or why there are none.
    """
    if not is_wanted:
        return Decision(value=EAGER, reason=_("Switched off in the recipe."), source="recipe")
    formulas, reason = find(model.device)
    if formulas is None:
        return Decision(value=EAGER, reason=reason, source="hardware")
    trial = LayerTrial(model)
    kinds = {
        _("norms"): partial(_norms, model, formulas),
        _("rotary angles"): partial(_turns, model, formulas, trial),
        _("gated MLPs"): partial(_gates, model, formulas),
    }
    used: list[str] = []
    left: list[str] = []
    for name, parts in kinds.items():
        fault = _put_in(list(parts()), trial, model.dtype)
        if fault:
            left.append(_("{part}: {why}").format(part=name, why=fault))
        else:
            used.append(name)
    return _told(formulas.name, used, left)


def _told(name: str, used: list[str], left: list[str]) -> Decision:
    told: list[str] = []
    if used:
        text = _("Fused, and tried against torch at start: {parts}.")
        told.append(text.format(parts=", ".join(used)))
    if left:
        told.append(_("Left to torch: {parts}.").format(parts="; ".join(left)))
    return Decision(value=name if used else EAGER, reason=" ".join(told), source="hardware")


def _put_in(parts: list[_Part], trial: LayerTrial, dtype: torch.dtype) -> str:
    """Put kernels in the place of parts; return what is wrong with them, empty where they stay."""
    if not parts:
        return _("this model computes them in another way")
    changed: list[nn.Module] = []
    fault = ""
    for part in parts:
        best, fault = _best_of(part, dtype)
        if best is None:
            break
        for module in part.modules:
            vars(module)["forward"] = best(module)
            changed.append(module)
    if not fault:
        _gap, fault = tried(trial.gap, most=layer_tolerance(dtype))
    if fault:
        for module in changed:
            del vars(module)["forward"]
    return fault


def _best_of(
    part: _Part, dtype: torch.dtype
) -> tuple[Callable[[nn.Module], Callable[..., Any]] | None, str]:
    """Return the replacement with the smallest gap and what is wrong with it, empty where none is.

    Several may be right to a rounding, and yet one of them rounds as the module itself does.
    """
    found: list[tuple[float, int, str]] = []
    for number, one in enumerate(part.replacements):
        share, fault = 0.0, ""
        for form in dict.fromkeys((torch.float32, dtype)):
            gap, fault = tried(partial(part.gap, one, form), most=tolerance(form))
            share = gap / tolerance(form)
            if fault:
                break
        found.append((share, number, fault))
    # Those that were found wrong in 32 bits are no candidates beside one that is right.
    _share, number, fault = min(found, key=lambda each: (bool(each[2]), *each))
    return (None, fault) if fault else (part.replacements[number], "")


# --- norms ---------------------------------------------------------------------------------------


def _norms(model: LanguageModel, formulas: Formulas) -> Iterator[_Part]:
    groups: dict[tuple[Any, ...], list[Any]] = {}
    for module in model.net.modules():
        if _is_norm(module):
            key = (type(module), module.weight.shape, module.weight.dtype, _constant_of(module))
            groups.setdefault(key, []).append(module)
    for same in groups.values():
        yield _Part(
            modules=same,
            replacements=[partial(_normed, one) for one in formulas.norms.values()],
            gap=partial(_norm_gap, same[0]),
        )


def _is_norm(module: Any) -> bool:
    names = [name for name, _values in module.named_parameters()]
    is_plain = names == ["weight"] and module.weight.dim() == 1 and not _is_changed(module)
    return is_plain and "RMSNorm" in type(module).__name__ and _constant_of(module) is not None


def _constant_of(module: Any) -> float | None:
    """Return what a norm adds below its root."""
    found = getattr(module, "variance_epsilon", getattr(module, "eps", None))
    return found if isinstance(found, float) else None


def _normed(
    norm: Callable[[torch.Tensor, torch.Tensor, float], torch.Tensor], module: Any
) -> Callable[[torch.Tensor], torch.Tensor]:
    constant = _constant_of(module) or 0.0

    def forward(hidden_states: torch.Tensor) -> torch.Tensor:
        """Return the norm of [..., width]."""
        return norm(hidden_states, module.weight, constant)

    return forward


def _norm_gap(
    module: Any, replacement: Callable[[Any], Callable[..., Any]], dtype: torch.dtype
) -> float:
    width, device = module.weight.shape[0], module.weight.device
    other = copy.deepcopy(module)
    # Real weights may all be alike, which would hide where they are rounded, or that 1 is added.
    values = 1 + 0.5 * drawn(width, device=device, dtype=torch.float32, number=1)
    other.weight = nn.Parameter(values.to(dtype), requires_grad=False)
    is_many = width <= _NARROW and device.type == "cuda"
    shape = (1, _MANY_ROWS if is_many else _ROWS, width)
    x = drawn(*shape, device=device, dtype=dtype, uneven=True)
    return formula_gap(other.forward, replacement(other), [x])


# --- rotary angles -------------------------------------------------------------------------------


def _turns(model: LanguageModel, formulas: Formulas, trial: LayerTrial) -> Iterator[_Part]:
    groups: dict[FunctionType, list[nn.Module]] = {}
    for module in model.net.modules():
        code = type(module).forward
        is_plain = isinstance(code, FunctionType) and _TURNS in code.__code__.co_names
        if is_plain and _TURNS in code.__globals__ and not _is_changed(module):
            groups.setdefault(code, []).append(module)
    for code, same in groups.items():
        plain = code.__globals__[_TURNS]
        calls = _calls_of(plain, code, same, trial)
        if calls and all(_is_whole(*one) for one in calls):
            turned = partial(_turned, formulas.rotary, plain)
            yield _Part(
                modules=same,
                replacements=[partial(_turning, turned, code)],
                gap=partial(_turn_gap, formulas.rotary, plain, calls[0]),
            )


def _calls_of(
    plain: Callable[..., Pair], code: FunctionType, modules: Sequence[nn.Module], trial: LayerTrial
) -> list[tuple[torch.Tensor, ...]]:
    """Return what the model code gives its function of rotary angles; [] where it is not plain."""
    seen: list[tuple[torch.Tensor, ...]] = []
    others: list[Any] = []

    def keep(*arguments: torch.Tensor, **options: Any) -> Pair:
        """Keep the arguments of a call."""
        seen.append(arguments)
        others.extend(options)
        return plain(*arguments, **options)

    for module in modules:
        vars(module)["forward"] = _turning(keep, code, module)
    try:
        trial.gap()
    finally:
        for module in modules:
            del vars(module)["forward"]
    return [] if others else seen


def _is_whole(*arguments: torch.Tensor) -> bool:
    """Return whether whole heads are turned, as Llama's are: [1, heads, T, width]."""
    if [one.dim() for one in arguments] != [4, 4, 3, 3]:
        return False
    return len({one.shape[-1] for one in arguments}) == 1


def _turning(turned: Callable[..., Pair], code: FunctionType, module: nn.Module) -> MethodType:
    """Return the forward pass of an attention with another function of rotary angles.

    The function is looked up among the globals of the model code. Those are not touched: they are
    everybody's. The code runs with a copy of them.
    """
    own = FunctionType(
        code.__code__,
        code.__globals__ | {_TURNS: turned},
        code.__name__,
        code.__defaults__,
        code.__closure__,
    )
    own.__kwdefaults__ = code.__kwdefaults__
    return MethodType(own, module)


def _turned(
    fast: Callable[..., Pair], plain: Callable[..., Pair], *arguments: torch.Tensor, **options: Any
) -> Pair:
    """Turn by the kernel where it is given what it was tried with."""
    if options or not _is_whole(*arguments):
        return plain(*arguments, **options)
    return fast(*arguments)


def _turn_gap(
    fast: Callable[..., Pair],
    plain: Callable[..., Pair],
    call: tuple[torch.Tensor, ...],
    _replacement: object,
    dtype: torch.dtype,
) -> float:
    # Some families keep the angles in 32 bits.
    cos, sin = (one.to(torch.promote_types(one.dtype, dtype)) for one in call[2:])
    inputs = [
        # As a projection leaves them: heads inside tokens.
        drawn(*one.transpose(1, 2).shape, device=one.device, dtype=dtype, number=number)
        for number, one in enumerate(call[:2])
    ]

    def run(turn: Callable[..., Pair], *pair: torch.Tensor) -> Pair:
        """Turn query and key."""
        query, key = (one.transpose(1, 2) for one in pair)
        return turn(query, key, cos, sin)

    return formula_gap(partial(run, plain), partial(run, fast), inputs)


# --- gated MLPs ----------------------------------------------------------------------------------


def _gates(model: LanguageModel, formulas: Formulas) -> Iterator[_Part]:
    groups: dict[tuple[Any, ...], list[Any]] = {}
    for module in model.net.modules():
        for form in _GATED_FORMS:
            if _is_gated(module, form):
                act, down = getattr(module, form.activation), module.get_submodule("down_proj")
                key = (form, type(module), type(act), getattr(down, "in_features", None))
                groups.setdefault(key, []).append(module)
    for (form, *_others), same in groups.items():
        kernels = formulas.joined_gates if form.is_joined else formulas.gates
        make = _jointly_gated if form.is_joined else _gated
        yield _Part(
            modules=same,
            replacements=[partial(make, one) for one in kernels.values()],
            gap=partial(_gate_gap, same[0]),
        )


def _is_gated(module: Any, form: _GatedForm) -> bool:
    names = {name for name, _module in module.named_children()}
    is_like = names - {form.activation} == form.linears and hasattr(module, form.activation)
    return is_like and not _is_changed(module)


def _gated(act_and_multiply: Callable[..., torch.Tensor], module: Any) -> Callable[..., Any]:
    def forward(x: torch.Tensor) -> torch.Tensor:
        """Return down(act(gate(x)) * up(x))."""
        return module.down_proj(act_and_multiply(module.gate_proj(x), module.up_proj(x)))

    return forward


def _jointly_gated(
    act_and_multiply: Callable[..., torch.Tensor], module: Any
) -> Callable[..., Any]:
    def forward(hidden_states: torch.Tensor) -> torch.Tensor:
        """Return down(act(gate) * up) where one linear computes both."""
        return module.down_proj(act_and_multiply(module.gate_up_proj(hidden_states)))

    return forward


def _gate_gap(
    module: Any, replacement: Callable[[Any], Callable[..., Any]], dtype: torch.dtype
) -> float:
    """Compare an MLP whose linears are left out, so that only their product is compared."""
    linear = module.down_proj
    width, device = linear.in_features, next(iter(linear.parameters())).device
    bare = copy.copy(module)
    bare._modules = dict(module._modules)
    x = drawn(1, _ROWS, 2 * width, device=device, dtype=dtype)
    halves = {"gate_proj": _Half(0), "up_proj": _Half(1)}
    for name in module._modules.keys() & {"gate_proj", "up_proj", "gate_up_proj", "down_proj"}:
        bare._modules[name] = halves.get(name, nn.Identity())
    return formula_gap(type(bare).forward.__get__(bare), replacement(bare), [x])


class _Half(nn.Module):
    """Stands for a linear: returns one half of its input."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self._number = number

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the half [..., width] of [..., 2 width]."""
        return x.chunk(2, dim=-1)[self._number]


def _is_changed(module: nn.Module) -> bool:
    """Return whether the forward pass of a module is not that of its class."""
    return "forward" in vars(module)
