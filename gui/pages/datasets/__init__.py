# SPDX-License-Identifier: Apache-2.0
"""Datasets: the list with its imports, and one dataset with what will be trained of it."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from engine.errors import mark
from gui.bridge.page import Page
from gui.bridge.services import Services


def _build(services: Services) -> QWidget:
    from gui.pages.datasets.view import DatasetsPage

    return DatasetsPage(services)


PAGE = Page(id="datasets", title=mark("Datasets"), icon="datasets", shortcut="Ctrl+2", build=_build)
