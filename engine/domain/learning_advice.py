# SPDX-License-Identifier: Apache-2.0
"""What passes and rate usually suit so many rows and such a model: advice, never a rule."""

from __future__ import annotations

import math
from gettext import gettext as _
from gettext import ngettext

from engine.domain.number_text import decimal_text
from engine.domain.plan import LearningAdvice, steps_of
from engine.domain.problem import Problem, Severity
from engine.domain.recipe import Recipe

_PASSES, _FEWEST_SEEN, _MOST_SEEN, _MOST_PASSES = 3, 100, 25_000, 25
"""OpenAI Cookbook, "Data preparation and analysis for chat model fine-tuning" (2023): 3 passes,
but so many that at least 100 examples are seen (up to 25 passes), and so few that at most 25,000
are."""

_RATE, _WIDTH = 2e-4, 4096
"""Dettmers et al., QLoRA (2023), appendix B: 2e-4 for LLaMA 7B, which is 4,096 wide, and 1e-4 for
33B and 65B. Schulman et al. (below) give 2.9e-4 at this width: the same within what is known."""

_WIDTH_POWER = 0.781
"""How the best rate falls with the width: Schulman et al., LoRA Without Regret, Thinking Machines
Lab (2025), fitted to Llama models. From 4,096 to 8,192 it gives 1.2e-4, near QLoRA's 1e-4. Below a
width of 2,048 it is an extrapolation, which the 3e-3 of the starter model (256) does not
contradict."""

_ALPHA = 32.0
"""Schulman et al.: with alpha 32 the best rate is the same at every rank; what the first steps do
goes with alpha times rate, so that twice the alpha takes half the rate."""

_SHORT_STEPS, _SHORT_FACTOR = 100, 1.5
"""Schulman et al.: the best rate of LoRA is about 10 times that of full training, but about 15
times in runs of up to some hundred steps."""

_LOWEST, _HIGHEST = 1e-5, 5e-3
_ROUND = (1.0, 2.0, 3.0, 5.0, 10.0)
"""A rate is known to a factor of about two, so that more figures would claim too much."""

FAR_RATE, FAR_PASSES = 4.0, 3.0
"""From which factor on a value is far off; half or twice the best rate costs little (the loss over
the rate is flat around its lowest point in every figure of Schulman et al.)."""


def advise(recipe: Recipe, *, rows: int, hidden: int) -> LearningAdvice | None:
    """Return what is usual for a recipe's rows, model, rank, alpha and rows per step.

    It is the same for 4-bit and 16-bit weights: QLoRA found the quality of 16-bit LoRA with the
    rates of 16-bit LoRA. Other methods than these have no advice.

    Args:
        recipe: What is asked for; its own passes and rate play no part.
        rows: Rows that a pass sees.
        hidden: Width of the model.

    Returns:
        The advice, or None where there is nothing to advise on: no rows, or another method.
    """
    if not rows or not recipe.method.startswith("sft_"):
        return None
    epochs = usual_epochs(rows)
    steps = steps_of(
        rows=rows,
        effective_batch_size=recipe.effective_batch_size,
        epochs=epochs,
        max_steps=recipe.max_steps,
    )
    return LearningAdvice(
        rows=rows,
        epochs=epochs,
        learning_rate=usual_rate(hidden=hidden, alpha=_plain_alpha(recipe), steps=steps),
        epochs_reason=_epochs_reason(rows, epochs),
        rate_reason=_rate_reason(recipe, hidden, steps),
    )


def _plain_alpha(recipe: Recipe) -> float:
    """Return the alpha that, divided by the rank, gives the factor of the adapter.

    rsLoRA divides by the root of the rank (Kalajdzievski, 2023), so that its alpha counts more.
    """
    return recipe.lora_alpha * (math.sqrt(recipe.lora_rank) if recipe.use_rslora else 1.0)


def usual_epochs(rows: int) -> float:
    """Return the usual passes over so many rows, 1 to 25; see `_PASSES` for the source."""
    if rows * _PASSES < _FEWEST_SEEN:
        return float(min(_MOST_PASSES, -(-_FEWEST_SEEN // rows)))
    if rows * _PASSES > _MOST_SEEN:
        return float(max(1, _MOST_SEEN // rows))
    return float(_PASSES)


def usual_rate(*, hidden: int, alpha: float, steps: int) -> float:
    """Return the usual learning rate, one of 1, 2, 3 or 5 times a power of ten.

    It is 2e-4 * (4096 / hidden) ** 0.781 * 32 / alpha, times 1.5 for runs under 100 steps; the
    constants above name their sources.

    Args:
        hidden: Width of the model.
        alpha: What the adapter's product is multiplied with, times its rank.
        steps: Optimizer steps of the run.
    """
    rate = _RATE * (_WIDTH / hidden) ** _WIDTH_POWER * _ALPHA / alpha
    if steps < _SHORT_STEPS:
        rate *= _SHORT_FACTOR
    return rounded_rate(min(_HIGHEST, max(_LOWEST, rate)))


def rounded_rate(rate: float) -> float:
    """Return the nearest rate below 1 with one round figure, nearest by their ratio."""
    power = 0
    while rate * 10**power < 1:
        power += 1
    figure = rate * 10**power
    nearest = min(_ROUND, key=lambda one: max(one / figure, figure / one))
    return float(f"{nearest:g}e-{power}")


def _epochs_reason(rows: int, epochs: float) -> str:
    if epochs > _PASSES:
        return _("So few rows must be seen more often than 3 times to be learned.")
    if epochs < _PASSES:
        return _("With {rows} rows, fewer passes learn as much, and copy less.").format(
            rows=f"{rows:,}"
        )
    return _("3 passes are usual: more begin to copy, fewer learn less.")


def _rate_reason(recipe: Recipe, hidden: int, steps: int) -> str:
    reasons = [
        _("It follows the width of the model ({hidden}) and alpha ({alpha}).").format(
            hidden=f"{hidden:,}", alpha=f"{recipe.lora_alpha:g}"
        )
    ]
    if steps < _SHORT_STEPS:
        reasons.append(
            ngettext(
                "A run of {steps} step takes a somewhat higher one.",
                "A run of {steps} steps takes a somewhat higher one.",
                steps,
            ).format(steps=steps)
        )
    return " ".join(reasons)


def far_off(recipe: Recipe, advice: LearningAdvice | None) -> list[Problem]:
    """Return a note for each of passes and rate that is far from what is usual."""
    if advice is None:
        return []
    notes: list[Problem] = []
    if _apart(recipe.learning_rate, advice.learning_rate) > FAR_RATE:
        notes.append(_rate_note(recipe, advice))
    if not recipe.max_steps and _apart(recipe.epochs, advice.epochs) > FAR_PASSES:
        notes.append(_passes_note(recipe, advice))
    return notes


def _apart(one: float, other: float) -> float:
    """Return by which factor two numbers differ, from 1."""
    return max(one / other, other / one)


def _rate_note(recipe: Recipe, advice: LearningAdvice) -> Problem:
    is_high = recipe.learning_rate > advice.learning_rate
    message = (
        _("A learning rate of {rate} is high for this model, and may make the run unstable.")
        if is_high
        else _("A learning rate of {rate} is low for this model, and may learn little.")
    )
    return Problem(
        field="learning_rate",
        severity=Severity.NOTE,
        code="learning_rate_far",
        message=message.format(rate=decimal_text(recipe.learning_rate)),
        remedy=_("About {rate} is usual.").format(rate=decimal_text(advice.learning_rate)),
    )


def _passes_note(recipe: Recipe, advice: LearningAdvice) -> Problem:
    is_high = recipe.epochs > advice.epochs
    message = (
        _("{passes} passes over {rows} rows are many: it may learn them by heart.")
        if is_high
        else _("{passes} passes over {rows} rows are few: it may learn little.")
    )
    return Problem(
        field="epochs",
        severity=Severity.NOTE,
        code="passes_far",
        message=message.format(passes=f"{recipe.epochs:g}", rows=f"{advice.rows:,}"),
        remedy=_("About {passes} are usual.").format(passes=f"{advice.epochs:g}"),
    )
