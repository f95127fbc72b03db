# SPDX-License-Identifier: Apache-2.0
"""The tokens of a row as the trainer sees them: what is trained, what is only read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from gettext import gettext as _
from html import escape

from PySide6.QtCore import QLocale, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QGuiApplication, QPainter, QPaintEvent
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget

from gui.widgets.box import Column, Hairline, Row, Stretch
from gui.widgets.buttons import Button
from gui.widgets.text import IconLabel, TextLabel
from gui.widgets.theme.paint import CENTRE, painting, rounded, write
from gui.widgets.theme.theme import follow_theme, theme
from gui.widgets.token_area import TokenArea, paint_ground
from gui.widgets.token_layout import RETURN_SIGN, Token, TokenSection, as_text

__all__ = ["Token", "TokenLegend", "TokenSection", "TokenView"]


class TokenView(QWidget):
    """Tokens by turn, with a strip below that says what the focused one is."""

    copy_requested = Signal(str)
    token_focused = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self._sections: tuple[TokenSection, ...] = ()
        self._area = TokenArea()
        self._sign = IconLabel("status-info", size=16)
        self._strip = QLabel()
        self._strip.setTextFormat(Qt.TextFormat.RichText)
        self._strip.setWordWrap(True)
        self._strip.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self._copy = Button(_("Copy as text"), kind="ghost", icon="copy")
        self._copy.clicked.connect(self.copy_as_text)
        self._area.token_focused.connect(self._on_focused)
        line = Row(self._sign, gap=10, margins=(0, 6, 0, 6))
        line.addWidget(self._strip, 1)
        line.add(self._copy)
        body = Column(gap=0)
        body.addWidget(self._area, 1)
        body.add(Hairline())
        body.addLayout(line)
        self.setLayout(body)
        self._focused: Token | None = None
        follow_theme(self, self._follow)

    def set_sections(self, sections: Sequence[TokenSection]) -> None:
        """Show the tokens of a row."""
        self._sections = tuple(sections)
        self._area.set_sections(self._sections)
        self._focused = None
        self._follow()

    def as_text(self) -> str:
        """Return the row as text, trained parts in [[ ]]."""
        return as_text(self._sections)

    def copy_as_text(self) -> None:
        """Put the row as text on the clipboard."""
        text = self.as_text()
        QGuiApplication.clipboard().setText(text)
        self.copy_requested.emit(text)

    def focus_token(self, index: int) -> None:
        """Focus a token by its position over all sections."""
        self._area.set_current(index)

    def strip_text(self) -> str:
        """Return what the strip says, without markup."""
        return _describe(self._focused, str)

    def _on_focused(self, index: int) -> None:
        self._focused = self._area.token(index)
        self._follow()
        self._area.setAccessibleDescription(self.strip_text())
        self.token_focused.emit(index)

    def _follow(self) -> None:
        current = theme()
        self._strip.setFont(current.font("small"))
        ink, grey = current.colour("text").name(), current.colour("text2").name()

        def strong(text: str) -> str:
            return f'<span style="font-weight:600; color:{ink}">{escape(text)}</span>'

        self._strip.setText(f'<span style="color:{grey}">{_describe(self._focused, strong)}</span>')
        self._copy.set_reason("" if self._sections else _("There are no tokens to copy."))


class TokenLegend(QWidget):
    """The key: trained, read only, special."""

    def __init__(self) -> None:
        super().__init__()
        row = Row(gap=18)
        for kind, text in (
            ("trained", _("trained")),
            ("read", _("read only")),
            ("special", _("special")),
        ):
            row.add(Row(_Sample(kind), TextLabel(text, role="small"), gap=7))
        row.add(Stretch())
        self.setLayout(row)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)


class _Sample(QWidget):
    """What one kind of token looks like."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self._kind = kind
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        follow_theme(self, self.updateGeometry)

    def sizeHint(self) -> QSize:
        """Return the room of the sample."""
        current = theme()
        return QSize(current.px(26), current.px(16))

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the sample."""
        rect = QRectF(self.rect())
        with painting(self) as painter:
            self._paint(painter, rect)

    def _paint(self, painter: QPainter, rect: QRectF) -> None:
        current = theme()
        if self._kind == "trained":
            paint_ground(painter, rect)
        elif self._kind == "special":
            inner = rect.adjusted(0, 1, 0, -1)
            ground, edge = current.colour("pill_bg"), current.colour("pill_line")
            rounded(painter, inner, inner.height() / 2, fill=ground, edge=edge)
        else:
            ink = current.colour("text2")
            font = current.font("body")
            write(painter, rect, _("abc"), font=font, colour=ink, align=CENTRE)


def _describe(token: Token | None, strong: Callable[[str], str]) -> str:
    if token is None:
        return _("Choose a token with the mouse or the arrow keys to see its number.")
    name = strong(token.text.replace("\n", RETURN_SIGN).strip() or _("space"))
    number = QLocale().toString(token.id)
    if token.special:
        fate = _("{token} is a special token, number {number}.")
    else:
        fate = _("{token} is one token, number {number}.")
    said = _("It is trained.") if token.trained else _("It is read, not trained.")
    return f"{fate.format(token=name, number=number)} {said}"
