# SPDX-License-Identifier: Apache-2.0
"""Privacy: what leaves this computer, and the proof on demand. Opened from the shield."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from engine.errors import mark
from gui.bridge.page import Page
from gui.bridge.services import Services


def _build(services: Services) -> QWidget:
    from gui.pages.privacy.view import PrivacyPage

    return PrivacyPage(services)


PAGE = Page(
    id="privacy",
    title=mark("Privacy"),
    icon="offline-verified",
    shortcut="Ctrl+7",
    build=_build,
    is_listed=False,
)
