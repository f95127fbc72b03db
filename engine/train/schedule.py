# SPDX-License-Identifier: Apache-2.0
"""The learning rate as a pure function of the step, so that nothing of it has to be stored."""

from __future__ import annotations

import math

from engine.domain.recipe import Schedule


def learning_rate(
    step: int, *, total_steps: int, peak: float, schedule: Schedule, warmup_ratio: float
) -> float:
    """Return the learning rate of a step.

    It rises linearly over the warm-up, is `peak` in the first step after it, and then falls along
    half a cosine or a line that would reach zero one step after the last; no step has a rate of
    zero, so none is wasted.

    Args:
        step: From 1.
        total_steps: Steps of the whole run.
        peak: Highest rate.
        schedule: Form of the fall.
        warmup_ratio: Part of the run in which the rate rises, 0 to 0.5.
    """
    warmup = round(warmup_ratio * total_steps)
    done = step - 1
    if done < warmup:
        return peak * (done + 1) / (warmup + 1)
    progress = (done - warmup) / max(1, total_steps - warmup)
    match schedule:
        case Schedule.CONSTANT:
            return peak
        case Schedule.LINEAR:
            return peak * (1.0 - progress)
        case Schedule.COSINE:
            return peak * 0.5 * (1.0 + math.cos(math.pi * progress))
