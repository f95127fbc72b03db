# SPDX-License-Identifier: Apache-2.0
"""Train: four choices, the plan that follows from them, and every setting below."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from engine.errors import mark
from gui.bridge.page import Page
from gui.bridge.services import Services


def _build(services: Services) -> QWidget:
    from gui.pages.train.view import TrainPage

    return TrainPage(services)


PAGE = Page(
    id="train", title=mark("Train"), icon="train", shortcut="Ctrl+4", build=_build, gap_before=True
)
