# SPDX-License-Identifier: Apache-2.0
"""The learning rate as a pure function of the step, so that nothing of it has to be stored."""

from __future__ import annotations

import math

from engine.domain.recipe_choices import Schedule

DECAY_RATIO = 0.2
"""The part of a run in which `STABLE_DECAY` falls: Hägele et al., Scaling Laws and Compute-Optimal
Training Beyond Fixed Training Durations (2024), section 4, found a fifth as good as a cosine."""


def learning_rate(
    step: int,
    *,
    total_steps: int,
    peak: float,
    schedule: Schedule,
    warmup_ratio: float,
    min_ratio: float = 0.0,
) -> float:
    """Return the learning rate of a step.

    It rises linearly over the warm-up, is `peak` in the first step after it, and then falls along
    half a cosine, a line, or, after a long level, 1 - sqrt(x) (the best form of Hägele et al.). It
    would reach `min_ratio * peak` one step after the last; no step has a rate of zero, so none is
    wasted.

    Args:
        step: From 1.
        total_steps: Steps of the whole run.
        peak: Highest rate.
        schedule: Form of the fall.
        warmup_ratio: Part of the run in which the rate rises, 0 to 0.5.
        min_ratio: Where the fall ends, as a part of `peak`, 0 to 1.
    """
    warmup = round(warmup_ratio * total_steps)
    done = step - 1
    if done < warmup:
        return peak * (done + 1) / (warmup + 1)
    progress = (done - warmup) / max(1, total_steps - warmup)
    fallen = _rate_left(schedule, progress, done=done, total_steps=total_steps)
    # With a floor of zero this is `peak * fallen` to the last bit.
    return peak * min_ratio + (1.0 - min_ratio) * (peak * fallen)


def _rate_left(schedule: Schedule, progress: float, *, done: int, total_steps: int) -> float:
    """Return how much of the fall is left, from 1 to 0.

    Args:
        schedule: Form of the fall.
        progress: Part of the steps behind the warm-up that is done, 0 to 1.
        done: Steps that are done, of the whole run.
        total_steps: Steps of the whole run.
    """
    match schedule:
        case Schedule.CONSTANT:
            return 1.0
        case Schedule.LINEAR:
            return 1.0 - progress
        case Schedule.COSINE:
            return 0.5 * (1.0 + math.cos(math.pi * progress))
        case Schedule.STABLE_DECAY:
            falling = round(DECAY_RATIO * total_steps)
            begun = done - (total_steps - falling)
            return 1.0 - math.sqrt(max(0, begun) / max(1, falling))
