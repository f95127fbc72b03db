# SPDX-License-Identifier: Apache-2.0
"""A queue in memory, changed by the true rules."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from engine.api.queue_view import QueueLine, QueueView
from engine.domain import queue as rules
from engine.domain.queue import Hours, Queue, WhenDone
from engine.domain.recipe import Recipe
from engine.errors import EngineError

if TYPE_CHECKING:
    from tests.fakes.api import FakeRuns


class FakeQueue:
    """The queue; nobody looks after it but the test."""

    def __init__(self, runs: FakeRuns) -> None:
        self._runs = runs
        self.queue = Queue()
        self.was_cut_off = False
        self.is_kept = True
        self.is_damaged = False
        self.problem = self.remedy = ""
        self.woken = 0
        self.error: EngineError | None = None

    def view(self) -> QueueView:
        queue = self.queue
        return QueueView(
            lines=tuple(
                QueueLine(
                    run_id=one.run_id, state=one.state, problem=one.problem, remedy=one.remedy
                )
                for one in queue.entries
            ),
            hours=queue.hours,
            when_done=queue.when_done,
            is_held=queue.is_held,
            is_kept=self.is_kept,
            needs_keeper=queue.has_work,
            was_cut_off=self.was_cut_off,
            waits_for=queue.waits_for,
            closing_at=queue.closing_at,
            is_damaged=self.is_damaged,
            problem=self.problem,
            remedy=self.remedy,
        )

    def wake(self) -> None:
        self.woken += 1

    def change(self, step: Callable[[Queue], Queue]) -> None:
        self.queue = step(self.queue)

    def add(self, keys: Sequence[str]) -> list[str]:
        if self.error is not None:
            raise self.error
        for one in keys:
            self.queue = rules.added(self.queue, one)
        return list(keys)

    def add_new(self, recipe: Recipe, *, name: str = "", beginning: object = None) -> str:
        del beginning
        if self._runs.error is not None:
            raise self._runs.error
        run_id = self._runs.make(name or "Queued 1", recipe=recipe).info.id
        self.add([run_id])
        return run_id

    def remove(self, key: str) -> None:
        self.change(lambda queue: rules.without(queue, key))

    def move(self, key: str, place: int) -> None:
        self.change(lambda queue: rules.moved(queue, key, place))

    def set_hours(self, hours: Hours | None) -> None:
        self.change(lambda queue: replace(queue, hours=hours))

    def set_when_done(self, when_done: WhenDone) -> None:
        self.change(lambda queue: rules.with_when_done(queue, when_done))

    def hold(self) -> None:
        self.change(lambda queue: replace(queue, is_held=True))

    def go_on(self) -> None:
        self.change(lambda queue: replace(queue, is_held=False))
