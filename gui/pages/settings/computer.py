# SPDX-License-Identifier: Apache-2.0
"""This computer: its facts, and what hinders training on it."""

from __future__ import annotations

from gettext import gettext as _

from PySide6.QtCore import Signal

from engine.api.machine import Finding, looked_at
from gui.bridge.services import Services
from gui.bridge.tasks import Lane, Outcome
from gui.pages.settings.parts import Facts, Findings
from gui.viewmodels.doctor import doctor_views
from gui.viewmodels.settings import machine_facts
from gui.widgets.box import Column, Panel, Row, Stretch
from gui.widgets.buttons import Button
from gui.widgets.empty import Skeleton


class ComputerPart(Panel):
    """This computer.

    Signals:
        looked: What was found is shown.
    """

    looked = Signal()

    def __init__(self, services: Services) -> None:
        self._facts = Facts()
        self._findings = Findings()
        self._skeleton = Skeleton(rows=2)
        self._again = Button(_("Look again"), icon="undo", accessible=_("Look at this computer"))
        look = Row(self._again, Stretch(), gap=0)
        super().__init__(Column(self._facts, self._skeleton, self._findings, look, gap=12))
        self._services = services
        self._skeleton.start()
        self._again.clicked.connect(self.look)
        services.device.changed.connect(self._show_facts)
        self._show_facts()

    def look(self) -> None:
        """Look in the background for what hinders training."""
        self._again.set_busy(_("Looking…"))
        api, models = self._services.api, self._services.library.models
        self._services.tasks.run(
            lambda: api.machine.doctor(models), self._take, owner=self, lane=Lane.READING
        )

    def _show_facts(self) -> None:
        facts = self._services.device.facts
        if facts is not None:
            self._facts.show_facts(machine_facts(facts))

    def _take(self, outcome: Outcome[list[Finding]]) -> None:
        self._again.set_busy("")
        self._skeleton.stop()
        self._skeleton.hide()
        if outcome.error is not None:
            self._services.notices.show_error(outcome.error)
            return
        self._findings.show_findings(doctor_views(outcome.value, looked_at()))
        self.looked.emit()
