# SPDX-License-Identifier: Apache-2.0
"""Splitting a dataset again, and freezing what it holds out."""

from __future__ import annotations

from gettext import gettext as _

from engine.domain.dataset import DatasetInfo
from engine.domain.split import SplitRule
from gui.actions.health import Started, start_preparation
from gui.bridge.services import Services
from gui.bridge.tasks import Outcome


def start_split(services: Services, *, dataset_id: str, rule: SplitRule, started: Started) -> None:
    """Split a dataset again; `started` is told the job's id, or "" if it did not start."""
    start_preparation(
        services,
        lambda: services.api.preparation.start_split(dataset_id, rule),
        started,
        title=_("The split did not start"),
    )


def freeze_eval(services: Services, *, dataset_id: str, on: bool) -> None:
    """Freeze the held-out rows of a dataset, or let them change again."""

    def done(outcome: Outcome[DatasetInfo]) -> None:
        if outcome.error is not None:
            services.notices.show_error(outcome.error, title=_("Nothing was changed"))
        services.library.refresh()

    services.notices.clear()
    services.tasks.run(
        lambda: services.api.datasets.freeze_eval(dataset_id, on=on), done, owner=services.library
    )
