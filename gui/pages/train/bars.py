# SPDX-License-Identifier: Apache-2.0
"""The banner that says what forbids to train on this computer; hidden where nothing does."""

from __future__ import annotations

from gettext import gettext as _
from typing import TYPE_CHECKING

from gui.bridge.services import Services
from gui.bridge.tasks import Lane, Outcome
from gui.viewmodels.doctor import BarView, bar_view
from gui.widgets.banner import Banner
from gui.widgets.buttons import Action

if TYPE_CHECKING:
    from engine.api.machine import Finding


class BarBanner(Banner):
    """Shows the gravest finding that forbids to train."""

    def __init__(self, services: Services) -> None:
        super().__init__(kind="danger")
        self._services = services
        self._shown: BarView | None = None
        self.action_triggered.connect(self._on_action)
        self.hide()

    def look(self) -> None:
        """Look at this computer in the background."""
        self._services.tasks.run(self._read, self._take, owner=self, lane=Lane.READING)

    def _read(self) -> list[Finding]:
        return self._services.api.machine.forbids()

    def _take(self, outcome: Outcome[list[Finding]]) -> None:
        if outcome.error is not None:
            self._services.notices.show_error(outcome.error)
            return
        view = bar_view(outcome.value)
        if view == self._shown:
            return
        self._shown = view
        self.setHidden(view is None)
        if view is not None:
            more = Action(key="more", text=_("Look at this computer"))
            self.set_content(view.cause, view.consequence, (more,), dismissable=False)

    def _on_action(self, _key: str) -> None:
        self._services.navigator.go("settings", "computer")
