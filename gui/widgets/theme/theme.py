# SPDX-License-Identifier: Apache-2.0
"""The one object that turns tokens into colours, pixels and fonts for every widget."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontDatabase, QFontInfo, QPalette
from PySide6.QtWidgets import QApplication

from gui.widgets.theme.icons import IconCache
from gui.widgets.theme.palette import build_palette
from gui.widgets.theme.scheme import system_scheme
from gui.widgets.theme.style import BurnishStyle
from gui.widgets.theme.stylesheet import build_stylesheet
from gui.widgets.theme.tokens import Scheme, Tokens

BASE_FONT_PX = 13.0
"""The size of the system font that the pixel values of the tokens are written for."""
SCALES = (0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 1.75, 2.0)
"""The text sizes that zooming steps through; 1.0 is the size of the system."""
_installed: list[Theme] = []
"""The theme of the running application, once there is one."""


class Theme(QObject):
    """Colours, sizes and fonts for the chosen scheme and text size.

    Widgets read it while they paint; those that set fonts or fixed lengths follow `changed`.
    """

    changed = Signal()

    def __init__(self, app: QApplication, tokens: Tokens, *, font_px: float | None = None) -> None:
        super().__init__(app)
        self.tokens = tokens
        self.icons = IconCache()
        self._app = app
        self._family = app.font().family()
        self._font_px = font_px or float(QFontInfo(app.font()).pixelSize())
        self._system_palette = QPalette(app.palette())
        self._chosen: Scheme | None = None
        self._scheme = Scheme.LIGHT
        self._scale = 1.0
        self._factor = self._font_px / BASE_FONT_PX
        self._applied = False
        self._colours: dict[str, QColor] = {}
        self._fonts: dict[tuple[str, int | None, bool], QFont] = {}
        self._style = BurnishStyle(self)
        app.setStyle(self._style)
        hints = app.styleHints()
        hints.colorSchemeChanged.connect(self._on_system_changed)
        hints.accessibility().contrastPreferenceChanged.connect(self._on_system_changed)

    @property
    def scheme(self) -> Scheme:
        """The scheme that is shown."""
        return self._scheme

    @property
    def chosen_scheme(self) -> Scheme | None:
        """The scheme the person chose, or None where the system decides."""
        return self._chosen

    @property
    def text_scale(self) -> float:
        """The text size: 1.0 is the size of the system."""
        return self._scale

    @property
    def reduced_motion(self) -> bool:
        """Whether the system asks for less movement."""
        return not self._app.isEffectEnabled(Qt.UIEffect.UI_General)

    def preset(self, *, scheme: Scheme | None, text_scale: float) -> None:
        """Set scheme and text size at once; the style sheet is built a single time."""
        scale = min(max(text_scale, SCALES[0]), SCALES[-1])
        if self._applied and (scale, scheme) == (self._scale, self._chosen):
            return
        self._scale, self._chosen = scale, scheme
        self._factor = self._font_px * scale / BASE_FONT_PX
        named = {
            None: Qt.ColorScheme.Unknown,
            Scheme.LIGHT: Qt.ColorScheme.Light,
        }.get(scheme, Qt.ColorScheme.Dark)
        hints = self._app.styleHints()
        hints.blockSignals(True)  # the frame of the window follows; this object applies the rest
        hints.setColorScheme(named)
        hints.blockSignals(False)
        self._apply()

    def set_scheme(self, scheme: Scheme | None) -> None:
        """Show this scheme; None follows the system."""
        self.preset(scheme=scheme, text_scale=self._scale)

    def set_text_scale(self, scale: float) -> None:
        """Set the text size; every length follows it."""
        self.preset(scheme=self._chosen, text_scale=scale)

    def zoom_in(self) -> None:
        """Take the next larger text size."""
        self.set_text_scale(min((s for s in SCALES if s > self._scale), default=SCALES[-1]))

    def zoom_out(self) -> None:
        """Take the next smaller text size."""
        self.set_text_scale(max((s for s in SCALES if s < self._scale), default=SCALES[0]))

    def zoom_reset(self) -> None:
        """Take the text size of the system."""
        self.set_text_scale(1.0)

    def colour(self, role: str) -> QColor:
        """Return the colour of a token role in the current scheme.

        Raises:
            KeyError: No scheme has this role.
        """
        found = self._colours.get(role)
        if found is None:
            found = QColor(self.tokens.colours[self._scheme][role])
            self._colours[role] = found
        return QColor(found)

    @property
    def factor(self) -> float:
        """Screen pixels for one pixel of the tokens."""
        return self._factor

    def px(self, length: float) -> int:
        """Scale a length of the tokens; what was visible stays at least one pixel."""
        scaled = round(length * self._factor)
        return max(scaled, 1) if length > 0 else scaled

    def size(self, name: str) -> int:
        """Return a length of the `[size]` tokens, scaled."""
        return self.px(self.tokens.size[name])

    def space(self, name: str) -> int:
        """Return a length of the `[spacing]` tokens, scaled."""
        return self.px(self.tokens.spacing[name])

    def radius(self, name: str) -> float:
        """Return a corner radius of the `[radius]` tokens, scaled."""
        return self.tokens.radius[name] * self.factor

    def font(self, role: str, *, weight: int | None = None, figures: bool = False) -> QFont:
        """Return the font of a `[type]` role.

        Args:
            role: The kind of text.
            weight: Another weight than the role's own.
            figures: Figures of equal width, for columns and live numbers.
        """
        asked = (role, weight, figures)
        found = self._fonts.get(asked)
        if found is None:
            found = self._fonts[asked] = self._make_font(role, weight, figures=figures)
        return QFont(found)

    def _make_font(self, role: str, weight: int | None, *, figures: bool) -> QFont:
        kind = self.tokens.type[role]
        mono = role == "code"
        font = _monospace() if mono else QFont(self._family)
        font.setPixelSize(max(round(kind.ratio * self._font_px * self._scale), 1))
        font.setWeight(QFont.Weight(self._capped(weight or kind.weight)))
        if figures:
            font.setFeature(QFont.Tag("tnum"), 1)
        for tag in ("liga", "calt", "clig") if mono else ():
            font.setFeature(QFont.Tag(tag), 0)
        return font

    def _capped(self, weight: int) -> int:
        """Light text on a dark ground looks heavier, so nothing goes above 600 there."""
        return weight if self._scheme is Scheme.LIGHT else min(weight, 600)

    def _on_system_changed(self) -> None:
        if self._chosen is None:
            self._apply()

    def _apply(self) -> None:
        hints = self._app.styleHints()
        self._scheme = self._chosen or system_scheme(hints, self._system_palette)
        self._applied = True
        self._colours.clear()
        self._fonts.clear()
        self.icons.clear()
        self._app.setFont(self.font("body"))
        self._app.setPalette(build_palette(self.colour))
        self._app.setStyleSheet(build_stylesheet(self))
        self.changed.emit()


def theme() -> Theme:
    """Return the theme of the running application.

    Raises:
        RuntimeError: `install_theme` was not called yet.
    """
    if _installed:
        return _installed[0]
    raise RuntimeError("the theme is not installed: call install_theme(app) first")


def attach(made: Theme) -> None:
    """Make a theme the one that `theme()` returns."""
    _installed[:] = [made]


def follow_theme(widget: QObject, apply: Callable[[], None]) -> None:
    """Call `apply` now and after each change of the theme, as long as the widget lives.

    Args:
        widget: The owner of `apply`.
        apply: A bound method of the widget, so that Qt drops the connection with it.
    """
    if getattr(apply, "__self__", None) is not widget:
        raise ValueError("apply must be a bound method of the widget")  # else it would leak
    theme().changed.connect(apply)
    apply()


def _monospace() -> QFont:
    return QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
