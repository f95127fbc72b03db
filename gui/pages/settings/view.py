# SPDX-License-Identifier: Apache-2.0
"""The page Settings: one section below the other."""

from __future__ import annotations

from gettext import gettext as _

from PySide6.QtCore import QPoint, QTimer
from PySide6.QtWidgets import QScrollArea, QWidget

from gui.bridge.services import Services
from gui.pages.settings.appearance import Appearance
from gui.pages.settings.background import BackgroundPart
from gui.pages.settings.computer import ComputerPart
from gui.pages.settings.parts import Facts
from gui.pages.settings.runtime import RuntimePart
from gui.pages.settings.space import SpacePart
from gui.pages.settings.workspace import WorkspacePart
from gui.viewmodels.settings import about_facts, about_words
from gui.widgets.box import Column, Gap, Panel, Reflow, Stretch
from gui.widgets.page import Page
from gui.widgets.rows import SectionTitle
from gui.widgets.text import TextLabel


class SettingsPage(Page):
    """Settings. Opened with the id of a section it scrolls to it."""

    def __init__(self, services: Services) -> None:
        super().__init__(_("Settings"))
        self._workspace = WorkspacePart(services)
        self.space = SpacePart(services)
        self._computer = ComputerPart(services)
        self._sections: dict[str, QWidget] = {
            "appearance": _section(_("Appearance"), Appearance(services)),
            "background": _section(_("In the background"), BackgroundPart(services)),
            "workspace": _section(_("Workspace"), self._workspace),
            "space": _section(_("Disk space"), self.space),
            "computer": _section(_("This computer"), self._computer),
            **self._of_the_package(services),
            "about": _section(_("About"), _about()),
        }
        left, right = Column(gap=28), Column(gap=28)
        for key, section in self._sections.items():
            (right if key in ("computer", "runtime", "about") else left).add(section)
        columns = Reflow(
            left.add(Stretch()),
            right.add(Stretch()),
            gap=40,
            line_gap=28,
            stack_below=760,
            stretches=(1, 1),
        )
        self.add(Panel(columns), Gap(16))
        self._wanted = ""
        self._computer.looked.connect(self._on_looked)
        self.space.looked.connect(self._on_looked)

    def _of_the_package(self, services: Services) -> dict[str, QWidget]:
        """Return the section that only the packaged program has; a clone has its libraries."""
        if not services.api.runtimes.is_packaged:
            return {}
        return {"runtime": _section(_("Training libraries"), RuntimePart(services))}

    def show_argument(self, argument: object) -> None:
        """Scroll to a section by its id; None changes nothing."""
        self._wanted = argument if isinstance(argument, str) else ""
        self._scroll_soon()

    def page_entered(self) -> None:
        """Look again at this computer and what takes room on it."""
        self._computer.look()
        self.space.look()

    def page_left(self) -> None:
        """Scroll to nothing any more."""
        self._wanted = ""

    def _scroll_soon(self) -> None:
        """Scroll once the sections have taken their heights."""
        QTimer.singleShot(0, self, self._scroll)

    def _on_looked(self) -> None:
        # What was found moves the sections below it, once; later a person may have scrolled.
        self._scroll_soon()
        QTimer.singleShot(0, self, self._forget_wanted)

    def _forget_wanted(self) -> None:
        self._wanted = ""

    def _scroll(self) -> None:
        section = self._sections.get(self._wanted)
        step: QWidget | None = section
        while step is not None and section is not None:
            step = step.parentWidget()
            content = step.widget() if isinstance(step, QScrollArea) else None
            if isinstance(step, QScrollArea) and content is not None:
                top = section.mapTo(content, QPoint(0, 0)).y()
                step.verticalScrollBar().setValue(top)


def _section(title: str, content: QWidget) -> Panel:
    return Panel(Column(SectionTitle(title), content, gap=12))


def _about() -> Panel:
    facts = Facts()
    facts.show_facts(about_facts())
    return Panel(Column(facts, TextLabel(about_words(), colour="text2", wrap=True), gap=8))
