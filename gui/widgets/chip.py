# SPDX-License-Identifier: Apache-2.0
"""Chips state something; badges count. Neither can be pressed."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QFont, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from gui.widgets.theme.paint import CENTRE, painting, put_icon, rounded, text_width, write
from gui.widgets.theme.theme import follow_theme, theme

_GROUNDS = {"neutral": "pill_bg", "accent": "accent_soft", "info": "accent_soft"}
_INKS = {"neutral": "text2", "accent": "accent_text", "info": "accent_text"}


def soft_ground(kind: str) -> str:
    """Return the colour role of the soft ground of a kind."""
    return _GROUNDS.get(kind, f"{kind}_soft")


def kind_ink(kind: str) -> str:
    """Return the colour role of word and icon of a kind."""
    return _INKS.get(kind, kind)


class Chip(QWidget):
    """A state in one or two words on a soft ground, with an icon or a dot."""

    def __init__(
        self,
        text: str = "",
        *,
        kind: str = "neutral",
        icon: str = "",
        dot: bool = False,
        small: bool = False,
    ) -> None:
        super().__init__()
        self._small = small
        self._text, self._kind, self._icon, self._dot = "", kind, "", False
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.set(text, kind=kind, icon=icon, dot=dot)
        follow_theme(self, self.updateGeometry)

    def set(self, text: str, *, kind: str = "neutral", icon: str = "", dot: bool = False) -> None:
        """Show a state; an empty text hides the chip."""
        self._text, self._kind, self._icon, self._dot = text, kind, icon, dot
        self.setAccessibleName(text)
        self.setHidden(not text)
        self.updateGeometry()
        self.update()

    def text(self) -> str:
        """Return the words of the state."""
        return self._text

    def sizeHint(self) -> QSize:
        """Return the room of the pill."""
        current = theme()
        wide = text_width(self._text, self._font()) + 2 * self._padding() + self._sign_width()
        return QSize(wide, current.size("chip_small" if self._small else "chip"))

    def minimumSizeHint(self) -> QSize:
        """Return the size hint: a chip is never cut."""
        return self.sizeHint()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw ground, sign and word."""
        current = theme()
        rect = QRectF(self.rect())
        ink = kind_ink(self._kind)
        with painting(self) as painter:
            rounded(painter, rect, rect.height() / 2, fill=current.colour(soft_ground(self._kind)))
            left = float(self._padding())
            middle = rect.center().y()
            if self._icon:
                put_icon(painter, QPointF(left + current.px(7), middle), self._icon, ink, 15)
            elif self._dot:
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(current.colour(ink))
                dot = current.px(6) / 2
                painter.drawEllipse(QPointF(left + dot, middle), dot, dot)
            rect.setLeft(left + self._sign_width())
            write(painter, rect, self._text, font=self._font(), colour=current.colour(ink))

    def _sign_width(self) -> int:
        return theme().px(19 if self._icon else 12 if self._dot else 0)

    def _padding(self) -> int:
        return theme().px(8 if self._small or self._icon else 9)

    def _font(self) -> QFont:
        return theme().font("caption" if self._small else "small", weight=500)


class Badge(QWidget):
    """A number in a pill: what waits for the person. Hidden at zero."""

    def __init__(self, number: int = 0, *, kind: str = "accent") -> None:
        super().__init__()
        self._kind = kind
        self._number = 0
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.set_number(number)
        follow_theme(self, self.updateGeometry)

    def set_number(self, number: int) -> None:
        """Show a number."""
        self._number = number
        self.setAccessibleName(str(number))
        self.setHidden(number == 0)
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        """Return the room of the pill."""
        current = theme()
        wide = text_width(str(self._number), current.font("caption", weight=600))
        return QSize(max(wide + current.px(10), current.px(20)), current.px(18))

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw pill and number."""
        with painting(self) as painter:
            paint_badge(painter, QRectF(self.rect()), self._number, kind=self._kind)


def paint_badge(painter: QPainter, rect: QRectF, number: int, *, kind: str) -> None:
    """Draw a badge, also inside other painted widgets."""
    current = theme()
    accent = kind == "accent"
    ground = "accent" if accent else soft_ground(kind)
    ink = "on_accent" if accent else kind_ink(kind)
    rounded(painter, rect, rect.height() / 2, fill=current.colour(ground))
    font = current.font("caption", weight=600)
    write(painter, rect, str(number), font=font, colour=current.colour(ink), align=CENTRE)
