# SPDX-License-Identifier: Apache-2.0
"""Changing the queue of runs."""

from __future__ import annotations

from collections.abc import Callable
from gettext import gettext as _
from typing import TYPE_CHECKING

from engine.domain.queue import Hours, WhenDone
from engine.errors import EngineError
from gui.bridge.services import Services
from gui.bridge.tasks import Outcome
from gui.viewmodels.queue import QUEUE

if TYPE_CHECKING:
    from engine.api.beginning import Beginning
    from engine.domain.recipe import Recipe


def queue_new_run(
    services: Services,
    *,
    recipe: Recipe,
    done: Callable[[EngineError | None], None],
    beginning: Beginning | None = None,
) -> None:
    """Put a new run into the queue and show the queue; `done` is told the error, or None."""

    def added(outcome: Outcome[str]) -> None:
        done(outcome.error)
        if outcome.error is not None:
            services.notices.show_error(outcome.error, title=_("The run was not put in the queue"))
            return
        services.library.refresh(lambda: services.navigator.go("runs", QUEUE))

    services.notices.clear()
    services.tasks.run(
        lambda: services.api.queue.add_new(recipe, beginning=beginning),
        added,
        owner=services.library,
    )


def queue_run(services: Services, *, run_id: str) -> None:
    """Put a run that can go on at the end of the queue, and say so."""

    def say() -> None:
        services.notices.say(
            _("The run waits in the queue."),
            undo_text=_("Take it out"),
            undo=lambda: unqueue_run(services, run_id=run_id),
        )

    _change(services, lambda: services.api.queue.add([run_id]), then=say)


def unqueue_run(services: Services, *, run_id: str) -> None:
    """Take a run out of the queue."""
    _change(services, lambda: services.api.queue.remove(run_id))


def move_in_queue(services: Services, *, run_id: str, place: int) -> None:
    """Put a run of the queue at a place, from 0."""
    _change(services, lambda: services.api.queue.move(run_id, place))


def hold_queue(services: Services, *, is_held: bool) -> None:
    """Start nothing more, or go on."""

    def change() -> None:
        queue = services.api.queue
        (queue.hold if is_held else queue.go_on)()

    _change(services, change)


def choose_hours(services: Services, *, hours: Hours | None) -> None:
    """Let runs go between two times of day only, or always."""
    _change(services, lambda: services.api.queue.set_hours(hours))


def choose_when_done(services: Services, *, when_done: WhenDone) -> None:
    """Choose what follows the last run; this also calls off what is about to happen."""
    _change(services, lambda: services.api.queue.set_when_done(when_done))


def _change(
    services: Services, work: Callable[[], object], *, then: Callable[[], None] | None = None
) -> None:
    def done(outcome: Outcome[object]) -> None:
        if outcome.error is not None:
            services.notices.show_error(outcome.error, title=_("The queue was not changed"))
        elif then is not None:
            then()
        services.library.refresh()

    services.notices.clear()
    services.tasks.run(work, done, owner=services.library)
