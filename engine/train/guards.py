# SPDX-License-Identifier: Apache-2.0
"""The guards of a run: rules over its losses, pure functions of what each checkpoint keeps.

Each takes the state and what happened and returns the new state, so that a run that was stopped
and resumed decides exactly as one that was not. None of them looks at a clock, at the disk, or at
when other checkpoints were written.

**Divergence.** The baseline is the newest `WINDOW` finite training losses, at least `LEAST`, with
their median and their spread (1.4826 times the median absolute deviation; Rousseeuw and Croux 1993,
doi 10.1080/01621459.1993.10476408). A step is odd when its loss is above every loss of the baseline
and above the median by more than `SPREADS` spreads and by more than `LEAST_RISE` nats; or when its
gradient norm is likewise above every norm and above the median by more than `SPREADS` spreads, ten
times the median and ten times the recipe's gradient limit. `STREAK` odd steps in a row are a
divergence. A shorter streak ends by itself and becomes part of the baseline.

Rows are shuffled, so the losses of a healthy run come in no order: that the newest `k` of `n + k`
of them are the highest `k` has the chance 1 / C(n + k, k), whatever their distribution; for n = 64
and k = 5 that is 1e-7 for each step. Falling losses make it smaller, and the demand of a whole nat
and of six spreads smaller still.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import isfinite
from statistics import median

from msgspec.structs import replace

from engine.domain.checkpoint import Anchor, GuardState, Interval, OddStep

NON_FINITE_LIMIT = 3
"""Steps in a row without a number that end a run."""

WINDOW = 64
LEAST = 16
STREAK = 5
SPREADS = 6.0
LEAST_RISE = 1.0
ROLLBACK_LIMIT = 2
RATE_CUT = 0.5

LEAST_ANCHOR_STEPS = 100
_ANCHORS_PER_RUN = 8
_ANCHORS_KEPT = 2

OVERFITTING_CHECKS = 3
OVERFITTING_RISE = 0.01

_NORMAL = 1.4826
_NORM_RATIO = 10.0


# ---------------------------------------------------------------------- steps


def after_step(
    state: GuardState,
    *,
    step: int,
    loss: float,
    grad_norm: float,
    max_grad_norm: float,
    is_watching: bool,
) -> GuardState:
    """Return the state after a step whose update was applied.

    Args:
        state: Before it.
        step: Its number.
        loss: Nats per supervised token.
        grad_norm: Before clipping.
        max_grad_norm: The recipe's limit.
        is_watching: Look for a divergence.
    """
    state = replace(
        state,
        non_finite=0,
        since_check=state.since_check + loss,
        since_check_steps=state.since_check_steps + 1,
    )
    if not is_watching:
        return state
    if _is_odd(state, loss, grad_norm, max_grad_norm):
        return replace(state, odd=(*state.odd, OddStep(step=step, loss=loss, grad_norm=grad_norm)))
    losses = (*state.losses, *(one.loss for one in state.odd), loss)
    norms = (*state.norms, *(one.grad_norm for one in state.odd), grad_norm)
    return replace(state, odd=(), losses=losses[-WINDOW:], norms=norms[-WINDOW:])


def after_skip(state: GuardState) -> GuardState:
    """Return the state after a step whose update was left out."""
    return replace(state, non_finite=state.non_finite + 1)


def _is_odd(state: GuardState, loss: float, norm: float, max_grad_norm: float) -> bool:
    if len(state.losses) < LEAST:
        return False
    if loss > _highest_usual(state.losses, rise=LEAST_RISE):
        return True
    rise = max((_NORM_RATIO - 1.0) * median(state.norms), _NORM_RATIO * max_grad_norm)
    return norm > _highest_usual(state.norms, rise=rise)


def _highest_usual(values: Sequence[float], *, rise: float) -> float:
    """Return what no usual value exceeds."""
    middle = median(values)
    spread = _NORMAL * median([abs(one - middle) for one in values])
    return max(*values, middle + max(SPREADS * spread, rise))


def has_diverged(state: GuardState) -> bool:
    """Return whether the newest steps are a divergence."""
    return len(state.odd) >= STREAK


# ---------------------------------------------------------------------- going back


def anchor_every(total_steps: int) -> int:
    """Return how many steps lie between two anchors: an eighth of the run, 100 at least."""
    return max(LEAST_ANCHOR_STEPS, -(-total_steps // _ANCHORS_PER_RUN))


def with_anchor(state: GuardState, *, step: int, best_step: int | None) -> GuardState:
    """Return the state with a new anchor; the newest two are kept."""
    found = (*state.anchors, Anchor(step=step, best_step=best_step))
    return replace(state, anchors=found[-_ANCHORS_KEPT:])


def spared_steps(state: GuardState, best_step: int | None) -> frozenset[int]:
    """Return the steps whose checkpoints must not be pruned, whatever their age."""
    steps = {best_step, *(one.step for one in state.anchors)}
    return frozenset(
        one for one in (*steps, *(one.best_step for one in state.anchors)) if one is not None
    )


def good_anchors(state: GuardState) -> tuple[Anchor, ...]:
    """Return the anchors of before the divergence, oldest first.

    The loss of a step is that of the weights before it. So the update before the first odd step is
    the first suspect, and only weights whose own loss was usual are good.
    """
    first = state.odd[0].step
    return tuple(one for one in state.anchors if one.step <= first - 2)


def after_rollback(good: GuardState, diverged: GuardState, *, to_step: int) -> GuardState:
    """Return the state with which a run goes on.

    Args:
        good: As it was at that step.
        diverged: As it is.
        to_step: The step that it goes back to.
    """
    return replace(
        good,
        rate_factor=RATE_CUT * diverged.rate_factor,
        rollbacks=diverged.rollbacks + 1,
        is_overfitting_told=diverged.is_overfitting_told,
        anchors=tuple(one for one in diverged.anchors if one.step <= to_step),
    )


# ---------------------------------------------------------------------- held-out checks


def after_check(
    state: GuardState, *, loss: float, best: float | None, threshold: float
) -> GuardState:
    """Return the state after a held-out check behind the first step.

    Args:
        state: Before it.
        loss: What it found, nats; a check that found no number counts as one without a new best.
        best: Lowest held-out loss before it, or None.
        threshold: It must be lower than `best` by more than this to count as a new best.
    """
    is_better = isfinite(loss) and (best is None or best - loss > threshold)
    steps = state.since_check_steps
    mean = state.since_check / steps if steps else None
    intervals = state.intervals
    if isfinite(loss):
        intervals = (*intervals, Interval(held_out=loss, training=mean))[-OVERFITTING_CHECKS:]
    return replace(
        state,
        stale_checks=0 if is_better else state.stale_checks + 1,
        intervals=intervals,
        since_check=0.0,
        since_check_steps=0,
    )


def is_out_of_patience(state: GuardState, *, patience: int) -> bool:
    """Return whether so many checks in a row brought no new best; never for a patience of 0."""
    return 0 < patience <= state.stale_checks


def is_overfitting(state: GuardState) -> bool:
    """Return whether training and held-out loss part, which is told once.

    Over the last three checks the held-out loss rose each time, by one percent at least in all,
    while the mean training loss between the checks fell each time.
    """
    found = state.intervals
    if state.is_overfitting_told or len(found) < OVERFITTING_CHECKS:
        return False
    rises = all(one.held_out < other.held_out for one, other in pairwise(found))
    trained = [one.training for one in found if one.training is not None]
    falls = len(trained) == len(found) and all(a > b for a, b in pairwise(trained))
    is_clear = found[-1].held_out > (1.0 + OVERFITTING_RISE) * found[0].held_out
    return rises and falls and is_clear
