# SPDX-License-Identifier: Apache-2.0
"""Models: the list of base models, and one of them with its facts."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from engine.errors import mark
from gui.bridge.page import Page
from gui.bridge.services import Services


def _build(services: Services) -> QWidget:
    from gui.pages.models.view import ModelsPage

    return ModelsPage(services)


PAGE = Page(id="models", title=mark("Models"), icon="models", shortcut="Ctrl+3", build=_build)
