# SPDX-License-Identifier: Apache-2.0
"""Which change makes a run fit its device: tried in order of harm, each by the plan's own estimate.

First what changes no number of the result, then what changes it in the last digits, then what the
adapter may notice, and last another method.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from gettext import gettext as _
from itertools import combinations
from typing import Any

import msgspec

from engine.domain.model import ModelShape
from engine.domain.plan import Change, MemoryNeed
from engine.domain.recipe import Recipe
from engine.domain.recipe_choices import Optimizer

Estimate = Callable[[Recipe], MemoryNeed]
"""Returns what a recipe needs on this device; the method decides whether the model is 4-bit."""

_LENGTHS = (
    *(128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096, 6144, 8192, 12_288, 16_384),
    *(24_576, 32_768, 49_152, 65_536, 98_304, 131_072, 196_608, 262_144, 524_288),
)
_SHORTEST_TOKENS = 256
_RANKS = (4, 8, 16, 32, 64, 128, 256)
_USUAL_RANK, _LOWEST_RANK = 16, 4
_MOST_FIXES = 3
_TOGETHER = (2, 3)
"""So many fields are changed at once where one alone is not enough."""

_KEEPS_QUALITY = frozenset(
    {
        "activation_offload",
        "gradient_checkpointing",
        "uncheckpointed_layers",
        "micro_batch_size",
        "optimizer",
    }
)
"""Fields that cost time, or the last digits of the loss curve."""

_FIRST_HARM = 10
"""Any change that the adapter may notice harms more than three that it does not."""

_SPARE_SHARE = 0.1
"""This share of the device is left free where layers are kept for speed."""

_SMALLEST_SHAPES: tuple[tuple[str, ModelShape], ...] = tuple(
    (
        name,
        ModelShape(
            layers=layers,
            hidden=hidden,
            intermediate=inner,
            heads=heads,
            kv_heads=kv_heads,
            head_dim=head,
            vocabulary=151_936,
            tied=tied,
            linear_parameters=layers
            * (2 * hidden * heads * head + 2 * hidden * kv_heads * head + 3 * hidden * inner),
        ),
    )
    for name, layers, hidden, inner, heads, kv_heads, head, tied in (
        ("70", 80, 8192, 29_568, 64, 8, 128, False),
        ("32", 64, 5120, 27_648, 40, 8, 128, False),
        ("14", 48, 5120, 13_824, 40, 8, 128, False),
        ("7", 28, 3584, 18_944, 28, 4, 128, False),
        ("3", 36, 2048, 11_008, 16, 2, 128, True),
        ("1.5", 28, 1536, 8960, 12, 2, 128, True),
        ("0.5", 24, 896, 4864, 14, 2, 64, True),
    )
)
"""Usual sizes in billions of weights, the largest first, with the sizes of Qwen2.5's models."""


def changes_of(recipe: Recipe, *, layers: int, quantised: bool) -> Iterator[dict[str, Any]]:
    """Yield single changes that need less memory, the least harmful first.

    Args:
        recipe: The recipe.
        layers: Of the model.
        quantised: Its method holds the base model in 4 bits.
    """
    if not recipe.activation_offload:
        yield {"activation_offload": True}
    if not recipe.gradient_checkpointing:
        yield {"gradient_checkpointing": True}
    kept = min(recipe.uncheckpointed_layers, layers)
    yield from (
        {"uncheckpointed_layers": one} for one in sorted({kept // 2, 0}, reverse=True) if one < kept
    )
    if recipe.micro_batch_size > 1:
        yield {"micro_batch_size": 1}
    if recipe.optimizer is Optimizer.ADAMW:
        yield {"optimizer": Optimizer.ADAMW_8BIT.value}
    lengths = [one for one in reversed(_LENGTHS) if _SHORTEST_TOKENS <= one < recipe.max_length]
    lower = [one for one in reversed(_RANKS) if _LOWEST_RANK <= one < recipe.lora_rank]
    # An adapter that goes on keeps its rank.
    ranks = lower if recipe.start is None else []
    half = [one for one in lengths if 2 * one >= recipe.max_length]
    yield from ({"max_length": one} for one in half)
    yield from ({"lora_rank": one} for one in ranks if one >= _USUAL_RANK)
    if not quantised:
        yield {"method": "sft_qlora"}
    yield from ({"max_length": one} for one in lengths if one not in half)
    yield from ({"lora_rank": one} for one in ranks if one < _USUAL_RANK)


def fixes(
    recipe: Recipe, estimate: Estimate, *, layers: int, quantised: bool
) -> tuple[Change, ...]:
    """Return changes that each make a recipe fit, the least harmful first; at most one a field.

    Where a single one would have to shorten rows, lower the rank or take another method, two or
    three together that keep all of these come before it. Where no single one fits, the gentlest two
    or three are all that is returned, and where these do not fit either, nothing.
    """
    singles = list(changes_of(recipe, layers=layers, quantised=quantised))
    found: list[Change] = []
    for values in singles:
        if any(values.keys() == one.values.keys() for one in found):
            continue
        change = _tried(recipe, values, estimate)
        if change is not None:
            found.append(change)
        if len(found) == _MOST_FIXES:
            break
    if found and _KEEPS_QUALITY.issuperset(found[0].values):
        return tuple(found)
    gentle = [one for one in singles if _KEEPS_QUALITY.issuperset(one)]
    together = _gentlest(recipe, gentle if found else singles, estimate)
    return tuple(([together] if together else []) + found)[:_MOST_FIXES]


def _gentlest(recipe: Recipe, singles: list[dict[str, Any]], estimate: Estimate) -> Change | None:
    """Return the least harmful two or three changes that fit together, or None.

    The harm of several is the sum of theirs. Fields are asked first whether their strongest values
    fit together, so that few are tried in vain.
    """
    strongest = {next(iter(one)): one for one in singles}  # the last of a field is its strongest
    fitting = {
        frozenset(fields)
        for count in _TOGETHER
        for fields in combinations(strongest, count)
        if _tried(recipe, _joined(strongest[one] for one in fields), estimate) is not None
    }
    if not fitting:
        return None
    harms = [_harm(place, one) for place, one in enumerate(singles)]
    by_harm = sorted(
        (one for count in _TOGETHER for one in combinations(range(len(singles)), count)),
        key=lambda places: (sum(harms[one] for one in places), len(places), places),
    )
    for places in by_harm:
        values = _joined(singles[one] for one in places)
        if frozenset(values) in fitting:
            change = _tried(recipe, values, estimate)
            if change is not None:
                return change
    return None


def _harm(place: int, values: dict[str, Any]) -> int:
    """Return how much a change harms: hardly, or by its place among all."""
    return 1 if _KEEPS_QUALITY.issuperset(values) else _FIRST_HARM + place


def _joined(changes: Iterable[dict[str, Any]]) -> dict[str, Any]:
    return {name: value for one in changes for name, value in one.items()}


def _tried(recipe: Recipe, values: dict[str, Any], estimate: Estimate) -> Change | None:
    need = estimate(changed(recipe, values))
    if need.spare_bytes < 0:
        return None
    return Change(values=values, words=_words(recipe, values), high_bytes=need.high_bytes)


def changed(recipe: Recipe, values: dict[str, Any]) -> Recipe:
    """Return a recipe with other values, as a change names them."""
    typed = {
        name: Optimizer(value) if name == "optimizer" else value for name, value in values.items()
    }
    return msgspec.structs.replace(recipe, **typed)


def spare_use(recipe: Recipe, estimate: Estimate, *, layers: int) -> Change | None:
    """Return how many layers could be kept whole for speed with what is free, if any."""
    if not recipe.gradient_checkpointing:
        return None
    now = min(recipe.uncheckpointed_layers, layers)
    fitting, beyond = now, layers + 1
    while beyond - fitting > 1:
        middle = (fitting + beyond) // 2
        need = estimate(changed(recipe, {"uncheckpointed_layers": middle}))
        fits = need.spare_bytes >= _SPARE_SHARE * need.capacity
        fitting, beyond = (middle, beyond) if fits else (fitting, middle)
    if fitting <= now:
        return None
    values = {"uncheckpointed_layers": fitting}
    need = estimate(changed(recipe, values))
    return Change(values=values, words=_words(recipe, values), high_bytes=need.high_bytes)


def smaller_model(estimate: Callable[[ModelShape], MemoryNeed]) -> str:
    """Return the largest usual model size that fits, as billions of weights; empty where none does.

    Args:
        estimate: What a model of these sizes needs in 4 bits, with a short recipe.
    """
    fitting = (name for name, shape in _SMALLEST_SHAPES if estimate(shape).spare_bytes >= 0)
    return next(fitting, "")


def _words(recipe: Recipe, values: dict[str, Any]) -> str:
    return ", ".join(_one(recipe, name, value) for name, value in values.items())


def _one(recipe: Recipe, name: str, value: Any) -> str:
    old = getattr(recipe, name)
    texts = {
        "activation_offload": _("offload on"),
        "gradient_checkpointing": _("recompute instead of store"),
        "optimizer": _("8-bit optimizer"),
        "method": _("method 4-bit (QLoRA)"),
        "uncheckpointed_layers": _("layers kept whole {old} → {new}"),
        "micro_batch_size": _("sequences at once {old} → {new}"),
        "max_length": _("length {old} → {new}"),
        "lora_rank": _("rank {old} → {new}"),
    }
    if isinstance(value, (bool, str)):
        return texts[name]
    return texts[name].format(old=f"{old:,}", new=f"{value:,}")
