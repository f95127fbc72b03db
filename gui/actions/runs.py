# SPDX-License-Identifier: Apache-2.0
"""Starting, pausing, stopping, resuming and removing runs."""

from __future__ import annotations

from collections.abc import Callable
from gettext import gettext as _
from typing import TYPE_CHECKING

from engine.errors import EngineError
from gui.actions.trash import say_removed
from gui.bridge.services import Services
from gui.bridge.tasks import Outcome

if TYPE_CHECKING:
    from engine.api.beginning import Beginning
    from engine.domain.recipe import Recipe


def start_run(
    services: Services,
    *,
    recipe: Recipe,
    name: str = "",
    beginning: Beginning | None = None,
    done: Callable[[EngineError | None], None] | None = None,
) -> None:
    """Start a run and show it live; `done` is told the error, or None."""

    def started(outcome: Outcome[str]) -> None:
        if done is not None:
            done(outcome.error)
        if outcome.error is not None:
            services.notices.show_error(outcome.error, title=_("The run did not start"))
            return
        services.library.refresh(lambda: services.navigator.go("runs", outcome.value))

    services.notices.clear()
    services.tasks.run(
        lambda: services.api.runs.start(recipe, name=name, beginning=beginning),
        started,
        owner=services.library,
    )


def stop_run(services: Services, *, run_id: str) -> None:
    """Ask a run to end at its next step; its checkpoint makes it resumable."""
    _change(services, lambda: services.api.runs.stop(run_id), title=_("The run was not stopped"))


def end_run(services: Services, *, run_id: str) -> None:
    """End a run that does not respond; it can be resumed from its newest checkpoint."""
    _change(services, lambda: services.api.runs.end(run_id), title=_("The run was not ended"))


def pause_run(services: Services, *, run_id: str) -> None:
    """Ask a run to free the device at its next step, and to go on later."""
    _change(services, lambda: services.api.runs.pause(run_id), title=_("The run was not paused"))


def resume_run(services: Services, *, run_id: str) -> None:
    """Go on from the newest checkpoint of a run."""
    _change(services, lambda: services.api.runs.resume(run_id), title=_("The run was not resumed"))


def remove_run(services: Services, *, run_id: str) -> None:
    """Remove a run with its checkpoints and its adapter, and go back to the list."""

    def done(outcome: Outcome[str]) -> None:
        if outcome.error is not None:
            services.notices.show_error(outcome.error, title=_("The run was not removed"))
        else:
            say_removed(services, _("The run was removed."), entry_id=outcome.value)
            services.navigator.go("runs")
        services.library.refresh()

    services.notices.clear()
    services.tasks.run(lambda: services.api.runs.remove(run_id), done, owner=services.library)


def stop_job(services: Services, *, job_id: str) -> None:
    """Ask any job to end at its next safe point."""
    _change(services, lambda: services.api.jobs.stop(job_id), title=_("It was not stopped"))


def _change(services: Services, work: Callable[[], object], *, title: str) -> None:
    def done(outcome: Outcome[object]) -> None:
        if outcome.error is not None:
            services.notices.show_error(outcome.error, title=title)
        services.library.refresh()

    services.notices.clear()
    services.tasks.run(work, done, owner=services.library)
