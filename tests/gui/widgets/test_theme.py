# SPDX-License-Identifier: Apache-2.0
"""The theme on a running application."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest
from PySide6.QtCore import QObject
from PySide6.QtGui import QFont, QPalette
from PySide6.QtWidgets import QApplication, QLabel
from pytestqt.qtbot import QtBot

from gui.widgets.text import TextLabel
from gui.widgets.theme import Scheme, Theme, follow_theme
from gui.widgets.theme.paint import themed_icon
from gui.widgets.theme.resources import resource_path

pytestmark = pytest.mark.gui


@pytest.mark.parametrize("scheme", Scheme)
def test_scheme_reaches_the_palette(qapp: QApplication, themed: Theme, scheme: Scheme) -> None:
    themed.set_scheme(scheme)

    shown = qapp.palette().color(QPalette.ColorRole.Window).name()

    assert shown == themed.tokens.colours[scheme]["panel"].lower()
    assert themed.scheme is scheme


def test_scheme_of_the_system_is_followed_again(themed: Theme) -> None:
    themed.set_scheme(Scheme.HIGH_CONTRAST)

    themed.set_scheme(None)

    assert themed.chosen_scheme is None
    assert themed.scheme is not Scheme.HIGH_CONTRAST


def test_text_scale_reaches_fonts_and_lengths(themed: Theme) -> None:
    font, button = themed.font("body").pixelSize(), themed.size("button")

    themed.set_text_scale(2.0)

    assert themed.font("body").pixelSize() == pytest.approx(2 * font, abs=1)
    assert themed.size("button") == pytest.approx(2 * button, abs=1)


@pytest.mark.parametrize(("wanted", "given"), [(9.0, 2.0), (0.1, 0.8), (1.3, 1.3)])
def test_text_scale_has_limits(themed: Theme, wanted: float, given: float) -> None:
    themed.set_text_scale(wanted)

    assert themed.text_scale == given


def test_zoom_steps_end_at_the_limits(themed: Theme) -> None:
    for _step in range(20):
        themed.zoom_in()
    assert themed.text_scale == 2.0
    for _step in range(20):
        themed.zoom_out()
    assert themed.text_scale == 0.8
    themed.zoom_reset()
    assert themed.text_scale == 1.0


def test_widgets_follow_the_theme(qtbot: QtBot, themed: Theme) -> None:
    label = TextLabel("Hello")
    qtbot.addWidget(label)
    before = label.font().pixelSize()

    themed.preset(scheme=Scheme.DARK, text_scale=2.0)

    assert label.font().pixelSize() > before
    ink = label.palette().color(QPalette.ColorRole.WindowText)
    assert ink == themed.colour("text")


def test_a_widget_that_is_gone_is_not_called(qtbot: QtBot, themed: Theme) -> None:
    label = TextLabel("Hello")
    label.deleteLater()
    qtbot.wait(20)

    themed.set_text_scale(1.5)


def test_follow_theme_refuses_a_function_that_would_leak(themed: Theme) -> None:
    with pytest.raises(ValueError, match="bound method"):
        follow_theme(QObject(), lambda: None)


def test_dark_text_is_never_heavier_than_600(themed: Theme) -> None:
    themed.set_scheme(Scheme.DARK)
    assert themed.font("welcome").weight() == QFont.Weight.DemiBold
    themed.set_scheme(Scheme.LIGHT)
    assert themed.font("welcome").weight() == QFont.Weight.Bold


def test_unknown_colour_is_an_error(themed: Theme) -> None:
    with pytest.raises(KeyError):
        themed.colour("purple")


@pytest.mark.parametrize("path", sorted(resource_path("icons").glob("*.svg")), ids=lambda p: p.stem)
def test_every_icon_can_be_drawn(themed: Theme, path: Path) -> None:
    del themed
    image = themed_icon(path.stem).pixmap(32, 32).toImage()

    pixels = product(range(image.width()), range(image.height()))
    assert any(image.pixelColor(x, y).alpha() for x, y in pixels)


def test_plain_qt_controls_keep_their_own_fonts_role(qtbot: QtBot, themed: Theme) -> None:
    label = QLabel("plain")
    qtbot.addWidget(label)
    label.show()

    assert label.font().pixelSize() == themed.font("body").pixelSize()
