# SPDX-License-Identifier: Apache-2.0
"""Finding a learning rate: how far the trial is, and what it tells."""

from __future__ import annotations

from gettext import gettext as _

import msgspec

from engine.domain.rate_sweep import HIGHEST_RATE, LOWEST_RATE, SWEEP_STEPS, RateSweep, Sureness
from engine.domain.run import JobSnapshot
from gui.viewmodels import numbers
from gui.viewmodels.job import BusyView, busy_view


class FoundView(msgspec.Struct, frozen=True, kw_only=True):
    """What a trial tells.

    Attributes:
        title: The suggestion, or that there is none.
        text: Why.
        rate: The suggestion, None where there is none.
        tries: Numbers of the tries, from 1.
        changes: Change of the loss at each, nats.
        smoothed: The same without the scatter.
        rates: Learning rate of each.
        best: Number of the try nearest to the suggestion; 0 where there is none.
        sub: How much the suggestion is worth.
    """

    title: str
    text: str
    rate: float | None
    tries: tuple[int, ...]
    changes: tuple[float, ...]
    smoothed: tuple[float, ...]
    rates: tuple[float, ...]
    best: int
    sub: str


def explanation() -> str:
    """Return what a trial does, before it is asked for."""
    return _(
        "Tries {steps} steps on your model and rows, at rates from {low} to {high}, and suggests "
        "one. No run is made."
    ).format(
        steps=SWEEP_STEPS,
        low=numbers.learning_rate(LOWEST_RATE),
        high=numbers.learning_rate(HIGHEST_RATE),
    )


def trial_view(snapshot: JobSnapshot) -> BusyView:
    """Return how far a trial is; a step names the rate that it tries."""
    if not snapshot.phase or not snapshot.step:
        return busy_view(snapshot)
    words = _("Step {step} of {total}, learning rate {rate}").format(
        step=numbers.count(snapshot.step),
        total=numbers.count(SWEEP_STEPS),
        rate=numbers.learning_rate(snapshot.learning_rate),
    )
    return BusyView(words=words, share=snapshot.step / SWEEP_STEPS)


def found_view(found: RateSweep) -> FoundView:
    """Return what a trial tells, for the chart and in words."""
    rates = tuple(one.rate for one in found.points)
    rate = found.rate
    lines = [found.reason]
    if found.exploded_at is not None:
        lines.append(
            _("The loss exploded at {rate}.").format(rate=numbers.learning_rate(found.exploded_at))
        )
    best = 0
    if rate is not None and rates:
        best = 1 + min(range(len(rates)), key=lambda at: abs(rates[at] - rate))
    return FoundView(
        title=_("No rate stands out")
        if rate is None
        else _("Suggested learning rate: {rate}").format(rate=numbers.learning_rate(rate)),
        text=" ".join(lines),
        rate=rate,
        tries=tuple(range(1, len(rates) + 1)),
        changes=tuple(one.change for one in found.points),
        smoothed=found.smoothed,
        rates=rates,
        best=best,
        sub=_("sure") if found.sureness is Sureness.SURE else _("rough"),
    )


def trial_csv(view: FoundView) -> bytes:
    """Return the numbers of a trial as comma-separated values."""
    lines = ["try,learning_rate,loss_change,smoothed_change"]
    rows = zip(view.tries, view.rates, view.changes, view.smoothed, strict=True)
    lines += [f"{number},{rate!r},{change!r},{mean!r}" for number, rate, change, mean in rows]
    return ("\n".join(lines) + "\n").encode()


def try_words(view: FoundView, number: int) -> str:
    """Return the rate of one try."""
    if not 1 <= number <= len(view.rates):
        return ""
    return _("Try {number}: learning rate {rate}").format(
        number=number, rate=numbers.learning_rate(view.rates[number - 1])
    )
