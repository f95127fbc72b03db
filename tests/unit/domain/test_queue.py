# SPDX-License-Identifier: Apache-2.0
"""The rules of the queue: order, hours, and what counts as work."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from engine.domain.queue import (
    EntryState,
    Hours,
    Queue,
    QueueEntry,
    WhenDone,
    added,
    changed,
    moved,
    read_hours,
    with_when_done,
    without,
)


def queue_of(*runs: str) -> Queue:
    return Queue(entries=tuple(QueueEntry(run_id=one) for one in runs))


def order(queue: Queue) -> list[str]:
    return [one.run_id for one in queue.entries]


@pytest.mark.parametrize(
    ("text", "minute", "is_in"),
    [
        ("22:00-06:00", 22 * 60, True),
        ("22:00-06:00", 0, True),
        ("22:00-06:00", 6 * 60 - 1, True),
        ("22:00-06:00", 6 * 60, False),
        ("22:00-06:00", 21 * 60 + 59, False),
        ("9:30-17:00", 12 * 60, True),
        ("9:30-17:00", 17 * 60, False),
        ("08:00-08:00", 3, True),
    ],
)
def test_hours_contain_the_begin_and_not_the_end(text: str, minute: int, is_in: bool) -> None:
    assert read_hours(text).contain(minute) is is_in


@pytest.mark.parametrize("text", ["", "22-6", "24:00-06:00", "22:60-06:00", "22:00", "a-b"])
def test_hours_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        read_hours(text)


def test_hours_are_written_as_they_are_read() -> None:
    assert read_hours(Hours(begin=1320, end=365).text) == Hours(begin=1320, end=365)


@pytest.mark.parametrize(("place", "expected"), [(0, "cab"), (1, "acb"), (9, "abc"), (-3, "cab")])
def test_moved_run_stands_at_its_place(place: int, expected: str) -> None:
    assert "".join(order(moved(queue_of("a", "b", "c"), "c", place))) == expected


def test_run_is_in_the_queue_once() -> None:
    queue = added(added(queue_of("a"), "b"), "a")
    assert order(queue) == ["a", "b"]
    refused = changed(queue, QueueEntry(run_id="a", state=EntryState.REFUSED, problem="x"))
    again = added(refused, "a")
    assert order(again) == ["b", "a"]
    assert again.entries[-1] == QueueEntry(run_id="a")


@pytest.mark.parametrize("state", [EntryState.STARTING, EntryState.RUNNING, EntryState.YIELDING])
@pytest.mark.parametrize(("attempt", "expected"), [(2, "ba"), (1, "ab"), (0, "ab")])
def test_run_whose_worker_has_ended_waits_again(
    state: EntryState, attempt: int, expected: str
) -> None:
    """The keeper has not looked since, so that the entry of its last start still stands there."""
    live = QueueEntry(run_id="a", state=state, attempt=1)
    again = added(changed(queue_of("a", "b"), live), "a", attempt=attempt)
    assert "".join(order(again)) == expected
    assert again.entry("a") == (QueueEntry(run_id="a") if expected == "ba" else live)


def test_run_that_waits_keeps_its_place() -> None:
    assert order(added(queue_of("a", "b"), "a", attempt=3)) == ["a", "b"]


def test_entry_that_was_taken_out_stays_out() -> None:
    queue = without(queue_of("a", "b"), "a")
    assert changed(queue, QueueEntry(run_id="a", state=EntryState.RUNNING)) == queue


def test_work_is_what_can_start_is_live_or_is_to_follow() -> None:
    waiting = queue_of("a")
    assert waiting.has_work
    assert not replace(waiting, is_held=True).has_work
    refused = changed(waiting, QueueEntry(run_id="a", state=EntryState.REFUSED))
    assert not refused.has_work
    live = changed(waiting, QueueEntry(run_id="a", state=EntryState.RUNNING))
    assert replace(live, is_held=True).has_work
    done = Queue(when_done=WhenDone.SLEEP, has_worked=True)
    assert done.has_work
    assert not replace(done, has_worked=False).has_work


def test_choice_of_the_end_calls_off_what_is_due_and_needs_new_work() -> None:
    due = Queue(when_done=WhenDone.SLEEP, has_worked=True, closing_at="t")
    chosen = with_when_done(due, WhenDone.SHUT_DOWN)
    assert chosen == Queue(when_done=WhenDone.SHUT_DOWN)
