# SPDX-License-Identifier: Apache-2.0
"""Finding out what forgetting a dataset does, and doing it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from gettext import gettext as _

from PySide6.QtCore import QObject

from engine.domain.forgetting import ForgetPlan
from gui.bridge.services import Services
from gui.bridge.tasks import Lane, Outcome


def plan_forgetting(
    services: Services,
    *,
    dataset_id: str,
    keep: Sequence[str],
    also: Sequence[str],
    owner: QObject,
    done: Callable[[Outcome[ForgetPlan]], None],
) -> None:
    """Find out in the background what would be deleted, and what would remain."""
    services.tasks.run(
        lambda: services.api.forgetting.plan(dataset_id, keep=keep, also=also),
        done,
        owner=owner,
        lane=Lane.LONG,
    )


def forget_dataset(
    services: Services,
    *,
    dataset_id: str,
    keep: Sequence[str],
    also: Sequence[str],
    owner: QObject,
    done: Callable[[Outcome[ForgetPlan]], None],
) -> None:
    """Forget a dataset for good; where that fails, say why."""

    def after(outcome: Outcome[ForgetPlan]) -> None:
        if outcome.error is not None:
            services.notices.show_error(outcome.error, title=_("The dataset was not forgotten"))
        services.library.refresh()
        done(outcome)

    services.notices.clear()
    services.tasks.run(
        lambda: services.api.forgetting.forget(dataset_id, keep=keep, also=also),
        after,
        owner=owner,
    )
