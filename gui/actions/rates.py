# SPDX-License-Identifier: Apache-2.0
"""Trying learning rates: start, take what was found, leave nothing behind."""

from __future__ import annotations

from collections.abc import Callable
from gettext import gettext as _
from typing import TYPE_CHECKING

from engine.domain.rate_sweep import RateSweep
from engine.domain.recipe import Recipe
from engine.domain.run import JobKind
from gui.bridge.services import Services
from gui.bridge.tasks import Outcome

if TYPE_CHECKING:
    from engine.api.beginning import Beginning


def start_trial(
    services: Services,
    *,
    recipe: Recipe,
    beginning: Beginning | None,
    started: Callable[[str], None],
) -> None:
    """Try learning rates for a recipe; `started` is told the job's id, or "" if it did not."""
    api = services.api

    def start() -> str:
        for one in api.jobs.list(JobKind.RATE):
            if one.state.is_over:
                # Its window was closed before it could take what was found.
                api.jobs.remove(one.info.id)
        return api.rates.start(recipe, beginning=beginning)

    def done(outcome: Outcome[str]) -> None:
        if outcome.error is not None:
            services.notices.show_error(outcome.error, title=_("No rate was tried"))
        started("" if outcome.error is not None else outcome.value)

    services.notices.clear()
    services.tasks.run(start, done, owner=services.library)


def take_trial(
    services: Services, *, job_id: str, taken: Callable[[RateSweep | None], None]
) -> None:
    """Hand over what a finished trial found, None if it cannot be read; nothing of it is kept."""

    def done(outcome: Outcome[RateSweep]) -> None:
        if outcome.error is not None:
            services.notices.show_error(outcome.error, title=_("No rate was found"))
        taken(None if outcome.error is not None else outcome.value)

    services.tasks.run(lambda: services.api.rates.take(job_id), done, owner=services.library)


def drop_trial(services: Services, *, job_id: str) -> None:
    """Remove a trial that ended without a result."""

    def done(outcome: Outcome[None]) -> None:
        if outcome.error is not None:
            services.notices.show_error(outcome.error)

    services.tasks.run(lambda: services.api.jobs.remove(job_id), done, owner=services.library)
