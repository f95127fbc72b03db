# SPDX-License-Identifier: Apache-2.0
"""The queue as values: its rows, what is to be known of it, and what can be chosen."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from gettext import gettext as _
from gettext import ngettext
from typing import TYPE_CHECKING

import msgspec

from engine.api.queue_view import QueueLine, QueueView
from engine.domain.queue import EntryState, Hours, WaitsFor, WhenDone, clock_text
from gui.viewmodels import numbers
from gui.viewmodels.job import ChipView, progress_words

if TYPE_CHECKING:
    from engine.api.runs import RunView

QUEUE = "queue"
"""What the page Runs is opened with to show the queue; no run has this id."""

ALWAYS, BETWEEN = "always", "between"
_HALF_HOURS = tuple(range(0, 24 * 60, 30))
USUAL_HOURS = Hours(begin=22 * 60, end=6 * 60)


class QueueRow(msgspec.Struct, frozen=True, kw_only=True):
    """A run of the queue."""

    key: str
    place: str
    name: str
    sub: str
    state: ChipView
    progress: str


def queue_rows(view: QueueView, runs: Sequence[RunView]) -> tuple[QueueRow, ...]:
    """Return the rows of the queue, in its order; runs that are gone are left out."""
    known = {one.id: one for one in runs}
    return tuple(
        _row(number, line, known[line.run_id])
        for number, line in enumerate(view.lines, start=1)
        if line.run_id in known
    )


def _row(number: int, line: QueueLine, run: RunView) -> QueueRow:
    sub = _("{model} on {dataset}").format(model=run.model_name, dataset=run.dataset_name)
    return QueueRow(
        key=line.run_id,
        place=numbers.count(number),
        name=run.job.info.name,
        sub=f"{line.problem} {line.remedy}".strip() or sub,
        state=_chip(line.state),
        progress=_progress(line, run),
    )


def _chip(state: EntryState) -> ChipView:
    return {
        EntryState.WAITING: ChipView(text=_("Waits"), icon="clock"),
        EntryState.STARTING: ChipView(text=_("Starts"), kind="accent", dot=True),
        EntryState.RUNNING: ChipView(text=_("Trains"), kind="accent", dot=True),
        EntryState.YIELDING: ChipView(text=_("Pauses until its hours"), icon="pause"),
        EntryState.REFUSED: ChipView(text=_("Cannot start"), kind="danger", icon="status-danger"),
    }[state]


def _progress(line: QueueLine, run: RunView) -> str:
    if not run.state.is_over:
        return progress_words(run.job.snapshot)
    step = run.job.snapshot.checkpoint_step
    if line.state is EntryState.WAITING and step:
        return _("goes on from step {step}").format(step=numbers.count(step))
    return "–"


def queue_meta(view: QueueView) -> str:
    """Return one line about the queue."""
    if view.is_damaged:
        return _("What it held cannot be read any more. Your runs are all there.")
    if not view.lines:
        return _("Runs wait here for each other, for the night or for the graphics card.")
    waiting = sum(one.state is EntryState.WAITING for one in view.lines)
    if view.is_held:
        return _("It is held: nothing more is started until you let it go on.")
    if waiting and view.waits_for is WaitsFor.HOURS and view.hours is not None:
        return _("The next run waits until {time}.").format(time=clock_text(view.hours.begin))
    if waiting and view.waits_for is WaitsFor.DEVICE:
        return _("The next run waits: other programs hold the memory of the graphics card.")
    if waiting and view.waits_for is WaitsFor.OTHER_JOB:
        return _("The next run waits for other work of Burnish.")
    return "" if view.problem else _("It goes on when you close the window.")


def button_words(view: QueueView) -> str:
    """Return the word of the button that opens the queue."""
    waiting = len(view.lines)
    return _("Queue ({count})").format(count=numbers.count(waiting)) if waiting else _("Queue")


def hours_parts() -> tuple[tuple[str, str], ...]:
    """Return the choices of when runs may go."""
    return ((ALWAYS, _("At any time")), (BETWEEN, _("Only between")))


def clock_choices(chosen: int) -> tuple[tuple[str, str], ...]:
    """Return the times of day that are offered, and the one that was chosen elsewhere."""
    return tuple((str(one), clock_text(one)) for one in sorted({*_HALF_HOURS, chosen}))


def when_done_parts() -> tuple[tuple[str, str], ...]:
    """Return the choices of what follows the last run."""
    return (
        (WhenDone.NOTHING.value, _("Nothing")),
        (WhenDone.SLEEP.value, _("Sleep")),
        (WhenDone.SHUT_DOWN.value, _("Shut down")),
    )


def when_done_hint(when_done: WhenDone) -> str:
    """Return what a choice means."""
    if when_done is WhenDone.NOTHING:
        return _("The computer stays on.")
    return _("Once, a minute after a notice that can be called off.")


def hours_hint(view: QueueView) -> str:
    """Return what hours mean."""
    if view.hours is None:
        return _("A run starts as soon as the one before has ended and its device is free.")
    return _("A run that still trains at the end is paused, and goes on the next time.")


class QueueNotice(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be said of the queue at once, wherever a person is.

    Attributes:
        cause: What happens.
        consequence: What to know of it.
        can_call_off: It can be called off.
    """

    cause: str
    consequence: str
    can_call_off: bool = False


def queue_notice(view: QueueView, *, now: datetime) -> QueueNotice | None:
    """Return what is to be said at once; None for nothing.

    Args:
        view: The queue.
        now: With the zone of the clock on the wall.
    """
    if not view.closing_at:
        return None
    at = datetime.fromisoformat(view.closing_at).astimezone(now.tzinfo)
    words = (
        _("The queue is done: the computer is shut down at {time}.")
        if view.when_done is WhenDone.SHUT_DOWN
        else _("The queue is done: the computer goes to sleep at {time}.")
    )
    return QueueNotice(
        cause=words.format(time=f"{at:%H:%M:%S}"),
        consequence=_("Every run has ended, and what they made is saved."),
        can_call_off=True,
    )


def goes_on_words(view: QueueView) -> str:
    """Return what to say at the start of the window of a queue that a restart cut off; or ""."""
    if not view.was_cut_off:
        return ""
    words = ngettext(
        "The computer was restarted. The queue goes on with {count} run.",
        "The computer was restarted. The queue goes on with {count} runs.",
        len(view.lines),
    )
    return words.format(count=numbers.count(len(view.lines)))
