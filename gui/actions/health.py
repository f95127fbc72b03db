# SPDX-License-Identifier: Apache-2.0
"""Checking a dataset, repairing what was found, and taking a change back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from gettext import gettext as _

from gui.bridge.services import Services
from gui.bridge.tasks import Outcome

Started = Callable[[str], None]


def start_check(services: Services, *, dataset_id: str, started: Started) -> None:
    """Check every row of a dataset; `started` is told the job's id, or "" if it did not start."""
    start_preparation(
        services,
        lambda: services.api.preparation.start_check(dataset_id),
        started,
        title=_("The check did not start"),
    )


def start_fix(
    services: Services, *, dataset_id: str, checks: Sequence[str], started: Started
) -> None:
    """Repair what some checks found, or all that is safe where none is named."""
    start_preparation(
        services,
        lambda: services.api.preparation.start_fix(dataset_id, checks),
        started,
        title=_("The repair did not start"),
    )


def start_preparation(
    services: Services, start: Callable[[], str], started: Started, *, title: str
) -> None:
    """Start a job on a dataset; `started` is told its id, or "" if it did not start."""

    def done(outcome: Outcome[str]) -> None:
        if outcome.error is not None:
            services.notices.show_error(outcome.error, title=title)
        else:
            services.library.refresh()
        started("" if outcome.error is not None else outcome.value)

    services.notices.clear()
    services.tasks.run(start, done, owner=services.library)
