# SPDX-License-Identifier: Apache-2.0
"""The guards as rules: each fires where it must, and stays silent over every healthy curve."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Sequence

import msgspec
import pytest

from engine.domain.checkpoint import Anchor, GuardState, OddStep
from engine.train import guards

Curve = Callable[[int, random.Random], float]
"""The loss of a step."""


def walk(
    losses: Iterable[float], norms: Iterable[float] | None = None, *, is_watching: bool = True
) -> tuple[GuardState, int]:
    """Return the state after these steps, or that of the first divergence, and its step."""
    state, step = GuardState(), 0
    given = list(losses)
    for loss, norm in zip(given, norms or [0.5] * len(given), strict=True):
        step += 1
        state = guards.after_step(
            state, step=step, loss=loss, grad_norm=norm, max_grad_norm=1.0, is_watching=is_watching
        )
        if guards.has_diverged(state):
            break
    return state, step


# ---------------------------------------------------------------------- divergence


def test_divergence_loss_that_leaps_and_stays_is_found_at_the_fifth_step() -> None:
    state, step = walk([2.0 + 0.01 * (one % 3) for one in range(30)] + [8.0] * 9)
    assert step == 35
    assert [one.step for one in state.odd] == [31, 32, 33, 34, 35]


def test_divergence_not_watched_is_never_found() -> None:
    state, step = walk([2.0] * 30 + [8.0] * 30, is_watching=False)
    assert (step, state.odd) == (60, ())


def test_divergence_four_high_steps_are_noise_and_become_usual() -> None:
    state, step = walk([2.0] * 30 + [8.0] * 4 + [2.0] * 5 + [7.9] * 20)
    assert step == 59
    assert max(state.losses) == 8.0
    assert not state.odd


def test_divergence_is_not_looked_for_before_there_is_a_baseline() -> None:
    state, step = walk([2.0] * (guards.LEAST - 1) + [8.0] * 9)
    assert step == guards.LEAST + 8
    assert not state.odd


def test_divergence_rise_of_less_than_a_nat_is_none() -> None:
    assert walk([2.0] * 30 + [2.9] * 20)[1] == 50
    assert walk([2.0] * 30 + [3.1] * 20)[1] == 35


def test_divergence_leap_of_less_than_six_spreads_is_none() -> None:
    """Its spread is 1.4826 nats, so that six of them lie below what a nat would allow."""
    wide = [2.0 + (one % 5 - 2) for one in range(60)]
    assert not guards.has_diverged(walk([*wide, *[10.0] * 9])[0])
    assert guards.has_diverged(walk([*wide, *[11.5] * 9])[0])


def test_divergence_gradient_alone_that_explodes_is_found() -> None:
    assert walk([2.0] * 40, [0.5] * 30 + [11.0] * 10)[1] == 35
    assert walk([2.0] * 40, [0.5] * 30 + [9.0] * 10)[1] == 40
    assert walk([2.0] * 40, [30.0] * 30 + [290.0] * 10)[1] == 40


def test_divergence_steps_that_are_no_number_neither_end_nor_feed_a_streak() -> None:
    state, _step = walk([2.0] * 30 + [8.0] * 3)
    skipped = guards.after_skip(guards.after_skip(state))
    assert skipped.non_finite == 2
    assert skipped.odd == state.odd
    assert not guards.has_diverged(skipped)


def exponential(step: int, dice: random.Random) -> float:
    return 1.0 + 3.0 * math.exp(-step / 200) + dice.gauss(0, 0.1)


def very_noisy(step: int, dice: random.Random) -> float:
    return max(0.01, 2.0 + 2.0 * math.exp(-step / 100) + dice.gauss(0, 0.8))


def heavy_tailed(_step: int, dice: random.Random) -> float:
    return 0.05 * dice.paretovariate(0.9)


def easy_with_some_hard(_step: int, dice: random.Random) -> float:
    return 3.5 + dice.random() if dice.random() < 0.2 else 0.01 * dice.random()


def stairs_of_passes(step: int, dice: random.Random) -> float:
    return max(0.02, 2.5 - 0.8 * (step // 150)) + abs(dice.gauss(0, 0.05))


def hill_of_a_warm_up(step: int, dice: random.Random) -> float:
    return 2.5 + 0.9 * math.exp(-(((step - 60) / 25) ** 2)) + dice.gauss(0, 0.1)


def learnt_by_heart_then_rare_rows(step: int, dice: random.Random) -> float:
    return 2.0 * math.exp(-step / 40) + (6.0 if dice.random() < 0.03 else 0.001)


@pytest.mark.parametrize(
    "curve",
    [
        exponential,
        very_noisy,
        heavy_tailed,
        easy_with_some_hard,
        stairs_of_passes,
        hill_of_a_warm_up,
        learnt_by_heart_then_rare_rows,
    ],
)
def test_divergence_healthy_curves_never_fire(curve: Curve) -> None:
    for seed in range(6):
        dice = random.Random(seed)
        losses = [curve(step, dice) for step in range(600)]
        norms = [0.2 * dice.lognormvariate(0, 1) for _one in losses]
        assert walk(losses, norms)[1] == 600


# ---------------------------------------------------------------------- the way back


def test_anchors_lie_an_eighth_of_the_run_apart_at_least_a_hundred_steps() -> None:
    assert [guards.anchor_every(one) for one in (10, 800, 801, 8000)] == [100, 100, 101, 1000]


def test_anchors_the_newest_two_and_their_best_are_spared() -> None:
    state = GuardState()
    for step, best in ((100, 40), (200, 160), (300, None)):
        state = guards.with_anchor(state, step=step, best_step=best)
    assert guards.spared_steps(state, 310) == {160, 200, 300, 310}
    assert guards.spared_steps(GuardState(), None) == frozenset()


@pytest.mark.parametrize(("first", "expected"), [(201, [100]), (202, [100, 200]), (101, [])])
def test_anchors_are_good_where_a_later_loss_was_still_usual(
    first: int, expected: list[int]
) -> None:
    state = GuardState(
        odd=(OddStep(step=first, loss=9.0, grad_norm=1.0),),
        anchors=(Anchor(step=100, best_step=None), Anchor(step=200, best_step=None)),
    )
    assert [one.step for one in guards.good_anchors(state)] == expected


def test_rollback_halves_the_rate_each_time_and_forgets_later_anchors() -> None:
    anchors = (Anchor(step=100, best_step=None), Anchor(step=200, best_step=None))
    good = GuardState(losses=(1.0,), rate_factor=1.0)
    diverged = GuardState(
        rate_factor=0.5, rollbacks=1, anchors=anchors, losses=(9.0,), is_overfitting_told=True
    )
    found = guards.after_rollback(good, diverged, to_step=100)
    assert (found.rate_factor, found.rollbacks, found.losses) == (0.25, 2, (1.0,))
    assert found.anchors == anchors[:1]
    assert found.is_overfitting_told


def test_state_survives_the_disk_to_the_bit() -> None:
    state, _step = walk([2.0 + math.pi / (one + 3) for one in range(30)] + [9.7] * 3)
    assert state.odd
    assert msgspec.json.decode(msgspec.json.encode(state), type=GuardState) == state


# ---------------------------------------------------------------------- held-out checks


def checked(
    held_out: Sequence[float], training: Sequence[float | None], *, threshold: float = 0.0
) -> GuardState:
    state, best = GuardState(), None
    for step, (loss, trained) in enumerate(zip(held_out, training, strict=True), start=1):
        if trained is not None:
            state = guards.after_step(
                state, step=step, loss=trained, grad_norm=1.0, max_grad_norm=1.0, is_watching=False
            )
        state = guards.after_check(state, loss=loss, best=best, threshold=threshold)
        best = min(loss, best) if best is not None else loss
    return state


@pytest.mark.parametrize(
    ("held_out", "threshold", "stale"),
    [
        ([2.0, 1.9, 1.8], 0.0, 0),
        ([2.0, 2.0, 1.8], 0.0, 0),
        ([2.0, 2.1, 2.0], 0.0, 2),
        ([2.0, 1.95, 1.91], 0.1, 2),
        ([2.0, 1.95, 1.84], 0.1, 0),
        ([2.0, math.nan, 2.2], 0.0, 2),
    ],
)
def test_patience_counts_checks_in_a_row_without_a_new_best(
    held_out: list[float], threshold: float, stale: int
) -> None:
    state = checked(held_out, [1.0] * len(held_out), threshold=threshold)
    assert state.stale_checks == stale
    assert guards.is_out_of_patience(state, patience=2) == (stale >= 2)
    assert not guards.is_out_of_patience(state, patience=0)


@pytest.mark.parametrize(
    ("held_out", "training", "is_told"),
    [
        ([1.5, 1.6, 1.7], [1.0, 0.8, 0.6], True),
        ([1.4, 1.5, 1.6, 1.7], [1.2, 1.0, 0.8, 0.6], True),
        ([1.6, 1.7], [1.0, 0.8], False),
        ([1.5, 1.6, 1.55], [1.0, 0.8, 0.6], False),
        ([1.5, 1.6, 1.7], [1.0, 0.8, 0.9], False),
        ([1.5, 1.505, 1.51], [1.0, 0.8, 0.6], False),
        ([1.5, 1.6, 1.7], [1.0, None, 0.6], False),
        ([1.7, 1.6, 1.5], [1.0, 0.8, 0.6], False),
    ],
)
def test_overfitting_is_told_where_training_falls_and_held_out_rises(
    held_out: list[float], training: list[float | None], is_told: bool
) -> None:
    state = checked(held_out, training)
    assert guards.is_overfitting(state) is is_told
    assert not guards.is_overfitting(msgspec.structs.replace(state, is_overfitting_told=True))
