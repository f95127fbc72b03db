# SPDX-License-Identifier: Apache-2.0
"""Export: taking trained weights out, checked, and what was taken out before."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from engine.errors import mark
from gui.bridge.page import Page
from gui.bridge.services import Services


def _build(services: Services) -> QWidget:
    from gui.pages.export.view import ExportPage

    return ExportPage(services)


PAGE = Page(id="export", title=mark("Export"), icon="export", shortcut="Ctrl+6", build=_build)
