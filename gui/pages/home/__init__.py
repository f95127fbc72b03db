# SPDX-License-Identifier: Apache-2.0
"""Home: the first run, recent work, and what this computer can do."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from engine.errors import mark
from gui.bridge.page import Page
from gui.bridge.services import Services


def _build(services: Services) -> QWidget:
    from gui.pages.home.view import HomePage

    return HomePage(services)


PAGE = Page(id="home", title=mark("Home"), icon="home", shortcut="Ctrl+1", build=_build)
