# SPDX-License-Identifier: Apache-2.0
"""What tests of the window share: the theme, and services over a facade in memory."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
from PySide6.QtCore import QLocale
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from engine.api.privacy import PrivacyState
from engine.api.settings import Settings as SettingValues
from gui.bridge.notices import Notices
from gui.bridge.services import Services, make_services
from gui.bridge.settings import Settings
from gui.widgets.theme.install import install_theme
from gui.widgets.theme.theme import Theme, theme
from gui.widgets.theme.tokens import Scheme
from tests.fakes.api import FakeApi

NUMBERS_LOCALE = "en_US"
"""What the application takes for texts without a translation."""

if TYPE_CHECKING:
    from engine.api.facade import Api
    from engine.api.privacy import Privacy


class FakePrivacy:
    """A guard that was never touched; the true one would stay on the test process for good."""

    def state(self) -> PrivacyState:
        return PrivacyState(
            is_verified=True,
            kernel_filter_active=True,
            attempts=0,
            title="Offline, verified",
            sentence="no network use since start",
        )


@pytest.fixture
def themed(qapp: QApplication) -> Theme:
    """Return the theme on the one application of the test process, as at its start."""
    QLocale.setDefault(QLocale(NUMBERS_LOCALE))
    try:
        found = theme()
    except RuntimeError:
        found = install_theme(qapp, scheme=Scheme.LIGHT)
    found.preset(scheme=Scheme.LIGHT, text_scale=1.0)
    return found


@pytest.fixture
def api() -> FakeApi:
    """Return an empty facade in memory."""
    return FakeApi()


@pytest.fixture
def window_services(
    qtbot: QtBot, themed: Theme, api: FakeApi, tmp_path: Path
) -> Generator[Services]:
    """Return services over the facade in memory; their threads end with the test."""
    del themed
    notices = Notices()
    services = make_services(
        cast("Api", api),
        settings=Settings(tmp_path / "settings.json", SettingValues(), notices),
        notices=notices,
        privacy=cast("Privacy", FakePrivacy()),
    )
    yield services
    services.close()
    qtbot.wait(1)
