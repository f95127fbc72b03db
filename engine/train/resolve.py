# SPDX-License-Identifier: Apache-2.0
"""The automatic choices of a run that need the tokenised rows, each with its reason."""

from __future__ import annotations

from gettext import gettext as _
from gettext import ngettext

import torch

from engine.chat.packing import Fill
from engine.domain.decision import Decision
from engine.domain.mix import Part
from engine.domain.model import ModelShape
from engine.domain.recipe import Recipe
from engine.hardware.layer import layer_bytes
from engine.protocol.events import PlanResolved
from engine.train.device import Placement, free_memory_bytes
from engine.train.examples import EncodedSplit

_SPARE_SHARE = 0.25
_GIB = 1 << 30


def choose_recompute(
    recipe: Recipe, shape: ModelShape, placement: Placement, *, longest_tokens: int
) -> Decision:
    """Decide whether activations are computed again instead of stored.

    It changes no number of the result, only memory and time. On a CPU with plenty of free memory it
    would only cost time, so it is left out there.
    """
    if not recipe.gradient_checkpointing:
        return Decision(value=False, reason=_("Switched off in the recipe."), source="recipe")
    if placement.device.type != "cpu":
        return Decision(value=True, reason=_("Switched on in the recipe."), source="recipe")
    item = torch.finfo(placement.dtype).bits // 8
    need = shape.layers * layer_bytes(shape, tokens=longest_tokens, item=item, is_high=True)
    free = free_memory_bytes(placement.device)
    is_needed = need > _SPARE_SHARE * free
    text = (
        _("Storing everything would take about {need:.2f} GiB of {free:.1f} GiB free memory.")
        if is_needed
        else _(
            "Storing everything takes only about {need:.2f} GiB of {free:.1f} GiB free memory, "
            "and saves a quarter of the time."
        )
    )
    return Decision(
        value=is_needed, reason=text.format(need=need / _GIB, free=free / _GIB), source="hardware"
    )


def choose_kept_layers(recipe: Recipe, layers: int) -> Decision:
    """Decide how many of the layers keep what they computed, where the others do not."""
    asked = recipe.uncheckpointed_layers
    reason = (
        _("Asked for.")
        if asked <= layers
        else _("{asked} were asked for, but the model has only {layers}.").format(
            asked=asked, layers=layers
        )
    )
    return Decision(value=min(asked, layers), reason=reason, source="recipe")


def choose_offload(placement: Placement, *, recomputes: bool) -> Decision:
    """Decide whether layer inputs wait in main memory, where the recipe asks for it."""
    if placement.device.type != "cuda":
        reason = _("A processor computes in main memory anyway.")
        return Decision(value=False, reason=reason, source="hardware")
    if not recomputes:
        reason = _("Every layer is stored as a whole, so that there are no inputs to move.")
        return Decision(value=False, reason=reason, source="recipe")
    return Decision(value=True, reason=_("Asked for."), source="recipe")


def choose_processes(recipe: Recipe, *, count: int) -> Decision:
    """Tell how many processes share each step, and how they speak."""
    how = _(
        "They share the rows of each step, and speak through pipes and memory of this computer; "
        "none of them opens a connection."
    )
    if count == 1:
        how = _("Only one card was found, which does all of it.")
    if count == recipe.processes:
        return Decision(value=count, reason=how, source="recipe")
    text = _("{asked} were asked for, and {count} were started. {how}")
    told = text.format(asked=recipe.processes, count=count, how=how)
    return Decision(value=count, reason=told, source="hardware")


def resolve_plan(
    recipe: Recipe,
    placement: Placement,
    *,
    quantised: bool,
    chosen: dict[str, Decision],
    train: EncodedSplit,
    held_out: EncodedSplit,
    fill: Fill,
    total_steps: int,
) -> PlanResolved:
    """Put all automatic choices, those chosen before too, and final counts together."""
    decisions = (
        placement.decisions
        | chosen
        | {
            "weights": _weights(quantised),
            "micro_steps": _micro_steps(recipe, fill),
            "repeatability": _repeatability(placement.device.type == "cpu"),
        }
    )
    trained = int(train.examples.supervised.sum())
    return PlanResolved(
        decisions=decisions,
        total_steps=total_steps,
        train_examples=len(train.examples),
        eval_examples=len(held_out.examples),
        trained_tokens=trained,
        read_tokens=fill.tokens - trained,
        truncated_rows=train.truncated,
        skipped_rows=sum(train.skipped.values()),
    )


def _weights(quantised: bool) -> Decision:
    if quantised:
        reason = _("The method holds the base model in 4 bits (NF4, double quantisation).")
        return Decision(value="nf4", reason=reason, source="recipe")
    reason = _("The method holds the base model in the number format of the computation.")
    return Decision(value="dense", reason=reason, source="recipe")


def choose_mix(parts: tuple[Part, ...]) -> Decision:
    """Tell how many rows of each dataset a pass sees."""
    shares = " + ".join(f"{one.per_pass:,}" for one in parts)
    reason = _("A pass sees so many rows of each dataset, in the order of the recipe.")
    return Decision(value=shares, reason=reason, source="recipe")


def _micro_steps(recipe: Recipe, fill: Fill) -> Decision:
    mean = fill.micro_steps / fill.steps
    reason = ngettext(
        "{rows} row per step packs into sequences of at most {capacity} tokens, "
        "filled to {fill:.0%}; attention never crosses rows.",
        "{rows} rows per step pack into sequences of at most {capacity} tokens, "
        "filled to {fill:.0%}; attention never crosses rows.",
        recipe.effective_batch_size,
    ).format(rows=recipe.effective_batch_size, capacity=fill.capacity, fill=fill.ratio)
    return Decision(value=round(mean, 2), reason=reason, source="dataset")


def _repeatability(is_cpu: bool) -> Decision:
    if is_cpu:
        reason = _("On a processor the same recipe gives the same bits, also after a resume.")
        return Decision(value="exact", reason=reason, source="hardware")
    reason = _(
        "The fastest kernels of a graphics card add in varying order, so the last digits differ."
    )
    return Decision(value="close", reason=reason, source="hardware")
