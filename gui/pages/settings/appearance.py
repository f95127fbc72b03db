# SPDX-License-Identifier: Apache-2.0
"""Colours and text size, with a preview of the size before it is taken."""

from __future__ import annotations

from gettext import gettext as _

from PySide6.QtWidgets import QLabel, QSizePolicy

from gui.bridge.services import Services
from gui.viewmodels.settings import (
    TEXT_SCALES,
    scale_stop,
    scale_words,
    scheme_choices,
    use_size_words,
)
from gui.widgets.box import Column, Panel, Row, Stretch
from gui.widgets.buttons import Button
from gui.widgets.card import SoftBlock
from gui.widgets.choices import SegmentedControl
from gui.widgets.slider import Slider
from gui.widgets.text import TextLabel
from gui.widgets.theme.theme import follow_theme, theme


class Appearance(Panel):
    """Colours and text size of the window."""

    def __init__(self, services: Services) -> None:
        self._scheme = SegmentedControl(name=_("Colours"))
        self._scheme.set_parts(scheme_choices())
        self._size = Slider(name=_("Text size"), stops=len(TEXT_SCALES))
        self._words = TextLabel("", role="label", figures=True)
        self._use = Button("")
        self._preview = _Preview()
        super().__init__(self._arrange())
        self._services = services
        self._scheme.chosen.connect(self._choose_scheme)
        self._size.value_changed.connect(self._show_stop)
        self._use.clicked.connect(self._take_size)
        services.settings.changed.connect(self._show_scheme)
        self._show_scheme()
        follow_theme(self, self._show_scale)

    def _arrange(self) -> Column:
        title = Row(TextLabel(_("Text size"), role="label"), Stretch(), self._words)
        text = _("The whole window follows. Ctrl and + or – do the same.")
        shown = SoftBlock(padding=16, gap=10).add(self._preview, Row(self._use, Stretch(), gap=0))
        return Column(
            Column(TextLabel(_("Colours"), role="label"), Row(self._scheme, Stretch()), gap=6),
            Column(title, self._size, TextLabel(text, role="small", colour="text2", wrap=True),
                   gap=4),
            shown,
            gap=16,
        )  # fmt: skip

    def _show_scheme(self) -> None:
        self._scheme.set_value(self._services.settings.values.scheme)

    def _choose_scheme(self, key: str) -> None:
        self._services.settings.set(scheme=key)

    def _show_scale(self) -> None:
        """Follow a text size that was changed by keys."""
        stop = scale_stop(theme().text_scale)
        self._size.set_value(stop)
        self._show_stop(stop)

    def _show_stop(self, stop: int) -> None:
        scale = TEXT_SCALES[stop]
        self._words.set_text(scale_words(scale))
        self._size.set_value_text(scale_words(scale))
        self._preview.set_scale(scale)
        self._use.set_text(use_size_words(scale))
        is_same = stop == scale_stop(theme().text_scale)
        self._use.set_reason(_("This is the present size.") if is_same else "")

    def _take_size(self) -> None:
        scale = TEXT_SCALES[self._size.value()]
        theme().set_text_scale(scale)
        self._services.settings.set(text_scale=scale)


class _Preview(QLabel):
    """A sentence in the size that is looked at, whatever the size of the window is."""

    def __init__(self) -> None:
        super().__init__(_("The quick brown fox answers 1,024 tickets."))
        self._scale = 1.0
        self.setWordWrap(True)
        self.setAccessibleName(_("Preview of the text size"))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        follow_theme(self, self._follow)

    def set_scale(self, scale: float) -> None:
        """Show the sentence in another size."""
        self._scale = scale
        self._follow()

    def _follow(self) -> None:
        font = theme().font("body")
        size = font.pixelSize() * self._scale / theme().text_scale
        font.setPixelSize(max(1, round(size)))
        self.setFont(font)
