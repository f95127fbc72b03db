# SPDX-License-Identifier: Apache-2.0
"""What should be known of a run now: that it ended early, overfits, went back, or is past best."""

from __future__ import annotations

from gettext import gettext as _
from gettext import ngettext

import msgspec

from engine.domain.run import JobState
from gui.viewmodels import numbers
from gui.viewmodels.trace import RunTrace

_CHECKS_PAST_BEST = 2


class NoteView(msgspec.Struct, frozen=True, kw_only=True):
    """A note above the samples.

    Attributes:
        can_stop: A stop is offered.
        can_end: An end by force is offered.
    """

    kind: str
    strong: str
    text: str
    can_stop: bool = False
    can_end: bool = False


def note_view(trace: RunTrace, state: JobState, *, is_silent: bool = False) -> NoteView | None:
    """Return what should be known about a run now, or None.

    Args:
        trace: What happened.
        state: Where it stands.
        is_silent: Its worker lives, but has given no sign of life for a while.
    """
    if is_silent and not state.is_over:
        return NoteView(
            kind="warning",
            strong=_("The worker does not respond."),
            text=_(
                "It is slow or suspended, not gone; it goes on by itself when it can. If it is "
                "ended now, what came after the newest checkpoint is lost."
            ),
            can_end=True,
        )
    best = trace.best
    guarded = _guard_note(trace, state)
    if guarded is not None:
        return guarded
    since = [one for one in trace.held_out if best is not None and one[0] > best[0]]
    if best is None or len(since) < _CHECKS_PAST_BEST:
        return None
    if not best[0]:
        return NoteView(
            kind="warning",
            strong=_("The held-out loss has not fallen below its start."),
            text=_("A lower learning rate or more rows may help."),
            can_stop=not state.is_over,
        )
    strong = _("The held-out loss was best at step {step}.").format(step=numbers.count(best[0]))
    if state.is_over:
        return NoteView(
            kind="accent",
            strong=strong,
            text=_("It rose after that. Fewer passes may do as well."),
        )
    return NoteView(
        kind="accent",
        strong=strong,
        text=_("It has not fallen since. Stopping early loses little."),
        can_stop=True,
    )


def _guard_note(trace: RunTrace, state: JobState) -> NoteView | None:
    """Return what a guard of the run found, the gravest first."""
    is_live, best = not state.is_over, trace.best
    if "early_stopped" in trace.warned:
        return NoteView(
            kind="accent",
            strong=_("It ended early: the held-out loss found no new best."),
            text=_("The adapter is that of the best step, {step}.").format(
                step=numbers.count(best[0])
            )
            if best is not None and best[0]
            else _("No step was better than the start; try a lower learning rate."),
        )
    if "overfitting" in trace.warned:
        kept = _("The checkpoint of step {step} is the best, and is kept.")
        return NoteView(
            kind="warning",
            strong=_("It begins to learn the rows by heart."),
            text=_("Training loss falls while held-out loss rises.")
            + (" " + kept.format(step=numbers.count(best[0])) if best and best[0] else ""),
            can_stop=is_live,
        )
    if trace.rollbacks:
        text = ngettext(
            "The learning rate was halved from there on.",
            "It went back {count} times, and halved the learning rate each time.",
            len(trace.rollbacks),
        )
        return NoteView(
            kind="warning",
            strong=_back_words(trace.rollbacks[-1]),
            text=text.format(count=numbers.count(len(trace.rollbacks))),
        )
    return None


def _back_words(step: int) -> str:
    if not step:
        return _("The loss leapt up, so the run went back to its start.")
    return _("The loss leapt up, so the run went back to step {step}.").format(
        step=numbers.count(step)
    )
