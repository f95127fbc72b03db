# SPDX-License-Identifier: Apache-2.0
"""Settings: appearance, workspace, disk space, this computer, and what this program is."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from engine.errors import mark
from gui.bridge.page import Page
from gui.bridge.services import Services


def _build(services: Services) -> QWidget:
    from gui.pages.settings.view import SettingsPage

    return SettingsPage(services)


PAGE = Page(
    id="settings",
    title=mark("Settings"),
    icon="settings",
    shortcut="Ctrl+,",
    build=_build,
    at_the_end=True,
)
