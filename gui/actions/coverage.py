# SPDX-License-Identifier: Apache-2.0
"""Counting what would be trained of a whole dataset."""

from __future__ import annotations

from collections.abc import Callable
from gettext import gettext as _

from gui.bridge.services import Services
from gui.bridge.tasks import Outcome


def start_count(
    services: Services,
    *,
    dataset_id: str,
    model_id: str,
    max_length: int,
    started: Callable[[str], None],
) -> None:
    """Count all rows; `started` is told the job's id, or "" if it did not start."""

    def done(outcome: Outcome[str]) -> None:
        if outcome.error is not None:
            services.notices.show_error(outcome.error, title=_("The rows were not counted"))
        started("" if outcome.error is not None else outcome.value)

    services.notices.clear()
    services.tasks.run(
        lambda: services.api.coverages.start(dataset_id, model_id, max_length=max_length),
        done,
        owner=services.library,
    )
