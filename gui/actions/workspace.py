# SPDX-License-Identifier: Apache-2.0
"""Choosing the workspace that is opened at the next start."""

from __future__ import annotations

from gettext import gettext as _
from pathlib import Path

from gui.bridge.services import Services
from gui.bridge.tasks import Outcome


def change_workspace(services: Services, *, path: Path) -> None:
    """Make sure that a folder is, or can become, a workspace, then keep it for the next start."""

    def work() -> None:
        from engine.api.facade import open_api

        open_api(path)

    def done(outcome: Outcome[None]) -> None:
        if outcome.error is not None:
            title = _("The workspace was not changed")
            services.notices.show_error(outcome.error, title=title)
            return
        services.settings.set(workspace=str(path))

    services.notices.clear()
    services.tasks.run(work, done, owner=services.library)
