# SPDX-License-Identifier: Apache-2.0
"""Report for help: what would be given away, to be read first. Opened from the menu Help."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from engine.errors import mark
from gui.bridge.page import Page
from gui.bridge.services import Services


def _build(services: Services) -> QWidget:
    from gui.pages.support.view import SupportPage

    return SupportPage(services)


PAGE = Page(
    id="support",
    title=mark("Report for help"),
    icon="file",
    shortcut="Ctrl+Shift+H",
    build=_build,
    is_listed=False,
)
