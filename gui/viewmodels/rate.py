# SPDX-License-Identifier: Apache-2.0
"""Finding a learning rate: how far the trial is, and what it tells."""

from __future__ import annotations

from dataclasses import dataclass
from gettext import gettext as _
from typing import TYPE_CHECKING

from engine.domain.phase import phase_title
from engine.domain.rate_sweep import HIGHEST_RATE, LOWEST_RATE, SWEEP_STEPS, RateSweep, Sureness
from engine.domain.run import JobSnapshot
from gui.viewmodels import numbers
from gui.viewmodels.job import done_words, share_of

if TYPE_CHECKING:
    from engine.api.jobs import JobView


@dataclass(frozen=True, kw_only=True)
class TrialView:
    """How far a trial is.

    Attributes:
        share: From 0 to 1, None where it is not known.
    """

    words: str
    share: float | None


@dataclass(frozen=True, kw_only=True)
class FoundView:
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


def trial_view(snapshot: JobSnapshot) -> TrialView:
    """Return how far a trial is, in words."""
    if not snapshot.phase:
        return TrialView(words=_("It begins."), share=None)
    if snapshot.step:
        words = _("Step {step} of {total}, learning rate {rate}").format(
            step=numbers.count(snapshot.step),
            total=numbers.count(SWEEP_STEPS),
            rate=numbers.learning_rate(snapshot.learning_rate),
        )
        return TrialView(words=words, share=snapshot.step / SWEEP_STEPS)
    words = ", ".join(one for one in (phase_title(snapshot.phase), done_words(snapshot)) if one)
    return TrialView(words=words, share=share_of(snapshot))


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


def failed_words(job: JobView) -> str:
    """Return why a trial ended without a result."""
    failure = job.snapshot.failure or job.cause
    if failure is None:
        return _("The trial was stopped; nothing of it is kept.")
    return f"{failure.message} {failure.remedy}".strip()
