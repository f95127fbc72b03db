# SPDX-License-Identifier: Apache-2.0
"""Checking a run for memorised text: start, follow again, and look up what was found."""

from __future__ import annotations

from collections.abc import Callable
from gettext import gettext as _
from typing import TYPE_CHECKING

from gui.bridge.services import Services
from gui.bridge.tasks import Outcome

if TYPE_CHECKING:
    from engine.api.memorisation import Checked


def start_check(services: Services, *, run_id: str, started: Callable[[str], None]) -> None:
    """Check a run for memorised text; `started` is told the job's id, or "" if it did not."""

    def done(outcome: Outcome[str]) -> None:
        if outcome.error is not None:
            services.notices.show_error(outcome.error, title=_("The check did not start"))
        started("" if outcome.error is not None else outcome.value)

    services.notices.clear()
    services.tasks.run(
        lambda: services.api.memorisation.start(run_id), done, owner=services.library
    )


def look_up_check(
    services: Services, *, run_id: str, known: Callable[[Checked | None, str], None]
) -> None:
    """Hand over what is known of a run, and the id of the job that is busy with it, or ""."""

    def look() -> tuple[Checked | None, str]:
        checks = services.api.memorisation
        busy = checks.busy(run_id)
        return checks.checked(run_id), busy.info.id if busy is not None else ""

    def done(outcome: Outcome[tuple[Checked | None, str]]) -> None:
        if outcome.error is not None:
            services.notices.show_error(outcome.error)
            known(None, "")
        else:
            known(*outcome.value)

    services.tasks.run(look, done, owner=services.library)
