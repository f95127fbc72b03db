# SPDX-License-Identifier: Apache-2.0
"""What a short sweep over learning rates tells: a rate, how sure it is, or why there is none.

The sweep is that of Smith, Cyclical Learning Rates for Training Neural Networks (2017), section
3.3: a few steps with a rate that grows all the time. Here each loss is compared with that of the
untouched model on the very same rows, so that easy and hard rows do not look like progress.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import StrEnum
from gettext import gettext as _
from statistics import median

import msgspec

from engine.domain.learning_advice import rounded_rate

SWEEP_STEPS = 50
LOWEST_RATE, HIGHEST_RATE = 1e-6, 1e-1
"""Ten rates a decade, over the five decades in which an adapter's rate can lie."""

SOURCE = (
    "Smith, Cyclical Learning Rates for Training Neural Networks (2017), section 3.3; "
    "steepest descent, and at most a third of the rate of the lowest loss"
)

_MARGIN = 3.0
"""Smith stops short of where the loss begins to rise; half a decade below it is the same margin."""

_EXPLODED_SHARE = 0.25
"""A loss this much above that of the untouched model has left everything that it had learned."""

_FLAT_SHARE, _SURE_SHARE = 0.01, 0.05
"""Part of the untouched loss that must be learned for advice, and for sure advice."""

_FLAT_NOISES, _SURE_NOISES = 4.0, 10.0
"""The same as a multiple of how much single steps scatter around the smoothed curve."""

_WINDOW = (1, 2, 3, 2, 1)
"""Weights of the smoothing; it looks both ways, so that it does not move the curve."""

_FEWEST_POINTS = 8


class Sureness(StrEnum):
    """How much a suggested rate is worth; stable in the document."""

    NONE = "none"
    ROUGH = "rough"
    SURE = "sure"


class SweepPoint(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a sweep.

    Attributes:
        rate: Learning rate of the update before this loss was found.
        loss: Mean nats per supervised token.
        untouched: The same of the untouched model, on the same rows.
    """

    rate: float
    loss: float
    untouched: float

    @property
    def change(self) -> float:
        """Return what was lost, nats; below zero where something was learned."""
        return self.loss - self.untouched

    @property
    def is_exploded(self) -> bool:
        """Return whether the loss is no number, or far above that of the untouched model."""
        return not math.isfinite(self.loss) or self.change > _EXPLODED_SHARE * self.untouched


class RateSweep(msgspec.Struct, frozen=True, kw_only=True):
    """rate-sweep.json: what a sweep found.

    Attributes:
        schema_version: Version of this document.
        points: Steps with a finite loss, in the order of their rates.
        smoothed: Their change of the loss without the scatter, nats.
        rate: The suggestion, or None where there is none.
        sureness: How much it is worth.
        reason: Why it is this one, or why there is none; for people.
        source: Of the rule.
        exploded_at: The rate at which the loss exploded, or None.
    """

    schema_version: int = 1
    points: tuple[SweepPoint, ...]
    smoothed: tuple[float, ...]
    rate: float | None
    sureness: Sureness
    reason: str
    source: str = SOURCE
    exploded_at: float | None = None


def sweep_rate(step: int, *, steps: int = SWEEP_STEPS) -> float:
    """Return the rate of a step (from 1): from `LOWEST_RATE` to `HIGHEST_RATE`, evenly by ratio."""
    return LOWEST_RATE * (HIGHEST_RATE / LOWEST_RATE) ** ((step - 1) / (steps - 1))


def judge(points: Sequence[SweepPoint]) -> RateSweep:
    """Return what the points of a sweep tell, the last of which may be exploded.

    The suggestion is the rate at which the smoothed loss falls most steeply, but at most a third of
    the rate at which it is lowest, with one round figure.

    Args:
        points: In the order of their rates.
    """
    sound = tuple(one for one in points if not one.is_exploded)
    exploded_at = next((one.rate for one in points if one.is_exploded), None)
    smoothed = _smoothed([one.change for one in sound])
    refusal = _refusal(sound, smoothed, is_exploded=exploded_at is not None)
    if refusal:
        return RateSweep(
            points=sound,
            smoothed=smoothed,
            rate=None,
            sureness=Sureness.NONE,
            reason=refusal,
            exploded_at=exploded_at,
        )
    lowest = smoothed.index(min(smoothed))
    steepest = min(range(1, lowest + 1), key=lambda at: smoothed[at] - smoothed[at - 1])
    rate = min(sound[steepest].rate, sound[lowest].rate / _MARGIN)
    reason = (
        _("The loss falls most steeply there, well below the rate at which it is lowest.")
        if rate == sound[steepest].rate
        else _("It is a third of the rate at which the loss is lowest, up to which it falls.")
    )
    sureness, doubt = _worth(sound, smoothed, lowest)
    reason = f"{reason} {doubt}" if doubt else reason
    return RateSweep(
        points=sound,
        smoothed=smoothed,
        rate=rounded_rate(rate),
        sureness=sureness,
        reason=reason,
        exploded_at=exploded_at,
    )


def _smoothed(changes: Sequence[float]) -> tuple[float, ...]:
    """Return the weighted mean of each value and its two neighbours on either side."""
    found: list[float] = []
    middle = len(_WINDOW) // 2
    for at in range(len(changes)):
        near = [
            (weight, changes[at + offset - middle])
            for offset, weight in enumerate(_WINDOW)
            if 0 <= at + offset - middle < len(changes)
        ]
        found.append(sum(w * one for w, one in near) / sum(w for w, _one in near))
    return tuple(found)


def _scatter(points: Sequence[SweepPoint], smoothed: Sequence[float]) -> float:
    """Return the median distance of single steps from the smoothed curve, nats."""
    return median(abs(one.change - mean) for one, mean in zip(points, smoothed, strict=True))


def _refusal(points: Sequence[SweepPoint], smoothed: Sequence[float], *, is_exploded: bool) -> str:
    """Return why there is no advice; empty where there is."""
    if len(points) < _FEWEST_POINTS:
        return _("The loss exploded before enough rates were tried.")
    # From the first point on, which noise of the device or dropout may keep from being zero.
    fall = smoothed[0] - min(smoothed)
    needed = max(_FLAT_SHARE * points[0].untouched, _FLAT_NOISES * _scatter(points, smoothed))
    if fall > 0 and fall >= needed:
        return ""
    if is_exploded:
        return _("The loss exploded before anything was learned, so no rate stands out.")
    return _("The loss hardly changed at any rate, so none stands out.")


def _worth(
    points: Sequence[SweepPoint], smoothed: Sequence[float], lowest: int
) -> tuple[Sureness, str]:
    """Return how much the advice is worth, and what speaks against it; empty for nothing."""
    fall, scatter = smoothed[0] - smoothed[lowest], _scatter(points, smoothed)
    if lowest == len(points) - 1:
        return Sureness.ROUGH, _("The loss still fell at the highest rate that was tried.")
    if fall < max(_SURE_SHARE * points[0].untouched, _SURE_NOISES * scatter):
        return Sureness.ROUGH, _("But it falls only little, measured by how much it scatters.")
    return Sureness.SURE, ""
