# SPDX-License-Identifier: Apache-2.0
"""Buttons: one filled one per page, outlined and ghost ones beside it, icon buttons in rows."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QPushButton, QSizePolicy, QToolButton

from gui.widgets.menu import Menu, MenuItem
from gui.widgets.radio_part import clicks_on_enter
from gui.widgets.theme import draw
from gui.widgets.theme.paint import painting, put_icon, rounded, text_width, write
from gui.widgets.theme.theme import follow_theme, theme

__all__ = ["Action", "Button", "IconButton", "MenuItem"]

_HEIGHTS = {"normal": "button", "small": "button_small", "large": "button_large"}


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """A button as data, for rows and panels that make their own. `reason`: why not now."""

    key: str
    text: str
    kind: str = "secondary"
    icon: str = ""
    enabled: bool = True
    reason: str = ""


class _Face(msgspec.Struct, frozen=True):
    """The colours of a button in one state; None draws nothing."""

    ground: str | None
    edge: str | None
    ink: str


class Button(QPushButton):
    """A button with icon, key hint and menu.

    Args:
        text: What it does, a verb first.
        kind: `primary`, `secondary`, `ghost` or `danger`.
        icon: Name of an icon at its left.
        size: `normal`, `small` in rows, `large` for the main action.
        key_hint: The key that does the same, as people write it.
        accessible: Another name for screen readers, where the word alone says too little.
    """

    picked = Signal(str)

    def __init__(
        self,
        text: str,
        *,
        kind: str = "secondary",
        icon: str = "",
        size: str = "normal",
        key_hint: str = "",
        accessible: str = "",
    ) -> None:
        super().__init__(text)
        self._kind, self._icon, self._size, self._hint = kind, icon, size, key_hint
        self._busy = ""
        self._menu: Menu | None = None
        self._blocked = False
        self.setProperty("kind", kind)
        self.setAccessibleName(accessible or text)
        self.setAutoDefault(False)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        follow_theme(self, self.updateGeometry)

    def set_text(self, text: str) -> None:
        """Show another word."""
        self.setText(text)
        self.setAccessibleName(text)
        self.updateGeometry()

    def set_icon_name(self, icon: str) -> None:
        """Show another icon, or none."""
        self._icon = icon
        self.updateGeometry()
        self.update()

    def set_busy(self, word: str) -> None:
        """Show what goes on in place of the word and take no clicks; "" ends it."""
        self._busy = word
        self.setEnabled(not word and not self._blocked)
        self.setAccessibleDescription(word)
        self.updateGeometry()
        self.update()

    def set_reason(self, reason: str) -> None:
        """Disable the button with the reason as tooltip; "" enables it again."""
        self._blocked = bool(reason)
        self.setToolTip(reason)
        self.setAccessibleDescription(reason)
        self.setEnabled(not reason and not self._busy)

    def set_menu(self, items: Sequence[MenuItem | None]) -> None:
        """Open a menu on a click; `picked` carries the key of what was chosen."""
        if self._menu is None:
            self._menu = Menu(self)
            self.setMenu(self._menu)
        self._menu.set_items(items, self.picked.emit)
        self.updateGeometry()

    def shown_text(self) -> str:
        """Return the word that is shown now."""
        return self._busy or self.text()

    def sizeHint(self) -> QSize:
        """Return the room of icon, word, hint and chevron."""
        current = theme()
        wide = text_width(self.shown_text().replace("&", ""), self._font())
        wide += current.px(16 + 7) if self._icon else 0
        wide += current.px(10) + text_width(self._hint, self._hint_font()) if self._hint else 0
        wide += current.px(17) if self._menu is not None else 0
        return QSize(wide + 2 * self._padding(), current.size(_HEIGHTS[self._size]))

    def minimumSizeHint(self) -> QSize:
        """Return the size hint: a button is never cut."""
        return self.sizeHint()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Take Enter as well as Space."""
        if not clicks_on_enter(self, event):
            super().keyPressEvent(event)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw ground, icon, word, hint and chevron from the left."""
        face, current = self._face(), theme()
        rect = QRectF(self.rect())
        with painting(self) as painter:
            rounded(
                painter,
                rect,
                current.radius("control"),
                fill=_colour(face.ground),
                edge=_colour(face.edge),
            )
            self._paint_content(painter, rect, face)

    def _paint_content(self, painter: QPainter, rect: QRectF, face: _Face) -> None:
        current = theme()
        left = (rect.width() - self.sizeHint().width()) / 2 + self._padding()
        if self._icon:
            middle = QPointF(left + current.px(8), rect.center().y())
            put_icon(painter, middle, self._icon, face.ink, 16)
            left += current.px(16 + 7)
        ink = current.colour(face.ink)
        word = QRectF(left, 0, rect.right() - left, rect.height())
        left += write(
            painter, word, self.shown_text().replace("&", ""), font=self._font(), colour=ink
        )
        if self._hint:
            room = QRectF(left + current.px(10), 0, rect.width(), rect.height())
            write(painter, room, self._hint, font=self._hint_font(), colour=ink)
        if self._menu is not None:
            middle = QPointF(rect.right() - self._padding() - current.px(4), rect.center().y())
            draw.chevron(current, painter, middle, down=True, enabled=self.isEnabled())

    def _face(self) -> _Face:
        return _pick_face(
            self._kind,
            enabled=self.isEnabled(),
            pressed=self.isDown(),
            hovered=self.underMouse(),
        )

    def _font(self) -> QFont:
        return theme().font("body", weight=600 if self._kind == "primary" else 500)

    def _hint_font(self) -> QFont:
        return theme().font("caption", weight=600)

    def _padding(self) -> int:
        return theme().px(10 if self._kind == "ghost" else 13)


def _colour(role: str | None) -> QColor | None:
    return theme().colour(role) if role else None


def _pick_face(kind: str, *, enabled: bool, pressed: bool, hovered: bool) -> _Face:
    if kind == "primary":
        return _primary_face(enabled=enabled, pressed=pressed, hovered=hovered)
    ground = "selected" if pressed else "hover" if hovered else None
    if kind == "ghost":
        return _Face(ground if enabled else None, None, "accent_text" if enabled else "disabled")
    if not enabled:
        return _Face("panel", "hairline", "disabled")
    return _Face(ground or "raised", "outline", "danger" if kind == "danger" else "text")


def _primary_face(*, enabled: bool, pressed: bool, hovered: bool) -> _Face:
    if not enabled:
        return _Face("free", None, "disabled")
    ground = "accent_pressed" if pressed else "accent_hover" if hovered else "accent"
    return _Face(ground, ground, "on_accent")


class IconButton(QToolButton):
    """A square button with an icon alone; its name is the tooltip and what is read aloud."""

    def __init__(self, icon: str, name: str, *, size: float = 28) -> None:
        super().__init__()
        self._icon_name, self._side = icon, size
        self._menu: Menu | None = None
        self.setAccessibleName(name)
        self.setToolTip(name)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        follow_theme(self, self.updateGeometry)

    picked = Signal(str)

    def set_icon(self, icon: str, name: str) -> None:
        """Show another icon with another name."""
        self._icon_name = icon
        self.setAccessibleName(name)
        self.setToolTip(name)
        self.update()

    def set_reason(self, reason: str) -> None:
        """Say why it cannot be pressed now; "" makes it pressable."""
        self.setEnabled(not reason)
        self.setToolTip(reason or self.accessibleName())

    def set_menu(self, items: Sequence[MenuItem | None]) -> None:
        """Open a menu on a click; `picked` carries the key of what was chosen."""
        if self._menu is None:
            self._menu = Menu(self)
            self.setMenu(self._menu)
            self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._menu.set_items(items, self.picked.emit)

    def sizeHint(self) -> QSize:
        """Return the square."""
        side = theme().px(self._side)
        return QSize(side, side)

    def minimumSizeHint(self) -> QSize:
        """Return the square."""
        return self.sizeHint()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Take Enter as well as Space."""
        if not clicks_on_enter(self, event):
            super().keyPressEvent(event)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the icon, and a ground under the pointer."""
        current = theme()
        rect = QRectF(self.rect())
        with painting(self) as painter:
            if self.isEnabled() and (self.underMouse() or self.isDown()):
                ground = current.colour("selected" if self.isDown() else "hover")
                rounded(painter, rect, current.radius("control"), fill=ground)
            role = "text2" if self.isEnabled() else "disabled"
            put_icon(painter, rect.center(), self._icon_name, role, 16)


def make_button(action: Action, *, size: str = "normal") -> Button:
    """Make the button of an action."""
    button = Button(action.text, kind=action.kind, icon=action.icon, size=size)
    if not action.enabled:
        button.set_reason(action.reason)
        button.setEnabled(False)
    return button
