# SPDX-License-Identifier: Apache-2.0
"""The queue of runs as a list shows it."""

from __future__ import annotations

import msgspec

from engine.domain.queue import EntryState, Hours, WaitsFor, WhenDone


class QueueLine(msgspec.Struct, frozen=True, kw_only=True):
    """A run of the queue as a list shows it.

    Attributes:
        run_id: The run.
        state: Where its entry stands.
        problem: Why it could not be started; empty otherwise.
        remedy: What to do about it.
    """

    run_id: str
    state: EntryState
    problem: str = ""
    remedy: str = ""


class QueueView(msgspec.Struct, frozen=True, kw_only=True):
    """The queue as a list shows it.

    Attributes:
        lines: Its runs, in the order in which they start.
        hours: When runs may go; None means always.
        when_done: What follows when nothing is left to do.
        is_held: Nothing is started until a person lets the queue go on.
        is_kept: A keeper looks after it.
        needs_keeper: There is something to look after.
        was_cut_off: The computer was restarted while it was busy.
        waits_for: Why the first one that waits is not started.
        closing_at: UTC time at which `when_done` happens, ISO 8601; empty while it does not.
        is_damaged: What it held cannot be read; the next change begins a new one.
        problem: Why no keeper stays alive, where that is so; empty otherwise.
        remedy: What to do about it.
    """

    lines: tuple[QueueLine, ...] = ()
    hours: Hours | None = None
    when_done: WhenDone = WhenDone.NOTHING
    is_held: bool = False
    is_kept: bool = False
    needs_keeper: bool = False
    was_cut_off: bool = False
    waits_for: WaitsFor = WaitsFor.NOBODY
    closing_at: str = ""
    is_damaged: bool = False
    problem: str = ""
    remedy: str = ""
