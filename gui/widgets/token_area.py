# SPDX-License-Identifier: Apache-2.0
"""The area that draws tokens and lets the arrow keys walk over them."""

from __future__ import annotations

from bisect import bisect_right
from gettext import gettext as _

import msgspec
from PySide6.QtCore import QLocale, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QFont,
    QFontMetricsF,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
)
from PySide6.QtWidgets import QAbstractScrollArea, QFrame, QSizePolicy

from gui.widgets.theme.focus_ring import OWN_FOCUS
from gui.widgets.theme.paint import CENTRE, LEFT, rounded, rule, wrap_lines, write
from gui.widgets.theme.theme import follow_theme, theme
from gui.widgets.token_layout import Placed, Token, TokenSection, lay_out

_ROLE_COLUMN = 104
_SECTION_PAD = 10
_GROUND = 23
_PILL = 20
_PILL_PAD = 7


class _Block(msgspec.Struct, frozen=True):
    """A section at its place: from `top`, `height` pixels high."""

    section: TokenSection
    top: int
    height: int
    placed: tuple[Placed, ...]


class TokenArea(QAbstractScrollArea):
    """Draws the lines that are seen; one token can hold the focus."""

    token_focused = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self._sections: tuple[TokenSection, ...] = ()
        self._blocks: list[_Block] = []
        self._current = -1
        self._widths: dict[tuple[bool, bool, str], float] = {}
        self.setAccessibleName(_("Tokens of the row"))
        self.setProperty(OWN_FOCUS, True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.viewport().setAutoFillBackground(False)
        follow_theme(self, self._follow)

    def set_sections(self, sections: tuple[TokenSection, ...]) -> None:
        """Show these sections from the top."""
        self._sections = sections
        self._current = -1
        self._arrange()
        self.verticalScrollBar().setValue(0)

    def token(self, index: int) -> Token | None:
        """Return a token by its position over all sections."""
        found = self._placed(index)
        return found[1].token if found is not None else None

    def set_current(self, index: int) -> None:
        """Focus a token and bring it into sight."""
        found = self._placed(index)
        if found is None:
            return
        self._current = index
        rect = self._rect(*found)
        bar = self.verticalScrollBar()
        if rect.top() < bar.value():
            bar.setValue(int(rect.top()))
        elif rect.bottom() > bar.value() + self.viewport().height():
            bar.setValue(int(rect.bottom()) - self.viewport().height())
        self.viewport().update()
        self.token_focused.emit(index)

    def minimumSizeHint(self) -> QSize:
        """Return room for a few words and lines."""
        current = theme()
        return QSize(current.px(_ROLE_COLUMN + 180), current.px(120))

    def sizeHint(self) -> QSize:
        """Return the room of all lines."""
        high = self._blocks[-1].top + self._blocks[-1].height if self._blocks else 0
        return QSize(theme().px(480), max(high, self.minimumSizeHint().height()))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Break the lines anew."""
        super().resizeEvent(event)
        self._arrange()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Focus the token that was clicked."""
        at = event.position() + QPointF(0, self.verticalScrollBar().value())
        for block in self._blocks:
            for one in block.placed:
                if self._rect(block, one).contains(at):
                    self.set_current(one.index)
                    return

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Walk over the tokens; Ctrl+C is left to the view."""
        last = sum(len(section.tokens) for section in self._sections) - 1
        steps = {
            Qt.Key.Key_Left: max(self._current - 1, 0),
            Qt.Key.Key_Right: min(self._current + 1, last),
            Qt.Key.Key_Home: 0,
            Qt.Key.Key_End: last,
            Qt.Key.Key_Up: self._beside(-1),
            Qt.Key.Key_Down: self._beside(1),
        }
        target = steps.get(Qt.Key(event.key()))
        if target is None or last < 0 or event.matches(QKeySequence.StandardKey.Copy):
            super().keyPressEvent(event)
        else:
            self.set_current(target)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the sections that are seen."""
        painter = QPainter(self.viewport())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        offset = self.verticalScrollBar().value()
        painter.translate(0, -offset)
        seen = QRectF(event.rect()).translated(0, offset)
        for block in self._blocks:
            if block.top < seen.bottom() and block.top + block.height > seen.top():
                self._paint_block(painter, block, seen)
        painter.end()

    def _follow(self) -> None:
        self._widths.clear()
        self._arrange()

    def _arrange(self) -> None:
        current = theme()
        self._blocks = []
        top, first = 0, 0
        room = self.viewport().width() - current.px(_ROLE_COLUMN) - 2
        for section in self._sections:
            placed = lay_out(
                section,
                first=first,
                width=max(room, current.px(80)),
                gap=current.px(5),
                measure=self._measure,
            )
            lines = placed[-1].line + 1 if placed else 1
            pad = current.px(_SECTION_PAD)
            words = len(self._count_lines(section)) * current.px(16) + current.px(24)
            height = max(lines * _line_height(), words) + 2 * pad
            self._blocks.append(_Block(section, top, height, tuple(placed)))
            top, first = top + height, first + len(section.tokens)
        bar = self.verticalScrollBar()
        bar.setRange(0, max(top - self.viewport().height(), 0))
        bar.setPageStep(self.viewport().height())
        bar.setSingleStep(_line_height())
        self.viewport().update()

    def _measure(self, token: Token, text: str) -> float:
        key = (token.special, token.trained, text)
        found = self._widths.get(key)
        if found is None:
            found = QFontMetricsF(_font(token)).horizontalAdvance(text)
            found += 2 * theme().px(_PILL_PAD) if token.special else 0
            self._widths[key] = found
        return found

    def _placed(self, index: int) -> tuple[_Block, Placed] | None:
        starts = [block.placed[0].index for block in self._blocks if block.placed]
        filled = [block for block in self._blocks if block.placed]
        at = bisect_right(starts, index) - 1
        if index < 0 or at < 0:
            return None
        block = filled[at]
        offset = index - block.placed[0].index
        return (block, block.placed[offset]) if offset < len(block.placed) else None

    def _rect(self, block: _Block, one: Placed) -> QRectF:
        """Return where a token stands, over the whole height of its line."""
        current = theme()
        left = current.px(_ROLE_COLUMN) + one.x
        top = block.top + current.px(_SECTION_PAD) + one.line * _line_height()
        return QRectF(left, top, one.width, _line_height())

    def _beside(self, step: int) -> int:
        """Return the token above or below the focused one."""
        here = self._placed(self._current)
        if here is None:
            return 0
        rect = self._rect(*here)
        lines: dict[float, list[tuple[float, int]]] = {}
        for block in self._blocks:
            for one in block.placed:
                spot = self._rect(block, one)
                lines.setdefault(spot.top(), []).append((spot.center().x(), one.index))
        tops = sorted(lines)
        target = tops.index(rect.top()) + step
        if not 0 <= target < len(tops):
            return self._current
        middle = rect.center().x()
        return min(lines[tops[target]], key=lambda spot: abs(spot[0] - middle))[1]

    def _paint_block(self, painter: QPainter, block: _Block, seen: QRectF) -> None:
        current = theme()
        if block.top > 0:
            line = current.colour("hairline")
            start = QPointF(0, block.top)
            rule(painter, start, QPointF(self.viewport().width(), block.top), line)
        self._paint_role(painter, block)
        for one in block.placed:
            rect = self._rect(block, one)
            if rect.top() < seen.bottom() and rect.bottom() > seen.top():
                _paint_token(painter, rect, one)
                if one.index == self._current:
                    self._paint_focus(painter, rect)

    def _paint_role(self, painter: QPainter, block: _Block) -> None:
        current = theme()
        rect = QRectF(0, block.top + current.px(_SECTION_PAD), current.px(94), current.px(26))
        font, ink = current.font("label"), current.colour("text")
        write(painter, rect, block.section.title, font=font, colour=ink)
        rect = QRectF(0, rect.bottom() - current.px(3), rect.width(), current.px(16))
        role = "accent_text" if block.section.trained else "text2"
        for line in self._count_lines(block.section):
            small = current.font("small", figures=True)
            write(painter, rect, line, font=small, colour=current.colour(role))
            rect.translate(0, current.px(16))

    def _count_lines(self, section: TokenSection) -> list[str]:
        number = QLocale().toString
        text = _("{trained} of {total} trained").format(
            trained=number(section.trained), total=number(len(section.tokens))
        )
        current = theme()
        return wrap_lines(text, current.font("small"), current.px(72))

    def _paint_focus(self, painter: QPainter, rect: QRectF) -> None:
        current = theme()
        inner = _middle(rect, _GROUND).adjusted(-1, -1, 1, 2)
        width = current.size("focus_ring") if self.hasFocus() else 1
        edge = current.colour("focus")
        rounded(painter, inner, current.px(4), edge=edge, width=width)


def paint_ground(painter: QPainter, rect: QRectF) -> None:
    """Draw the ground of trained tokens: soft, with a line of 2 px below."""
    current = theme()
    high = current.px(2)
    ground = rect.adjusted(0, 0, 0, -high)
    rounded(painter, ground, current.px(2), fill=current.colour("token_bg"))
    line = QRectF(rect.left(), rect.bottom() - high, rect.width(), high)
    painter.fillRect(line, current.colour("token_line"))


def _line_height() -> int:
    current = theme()
    ratio = current.tokens.type["tokens"].ratio
    return current.px(13 * ratio * current.tokens.line_height_tokens)


def _font(token: Token) -> QFont:
    current = theme()
    if token.special:
        return current.font("code", weight=400)
    return current.font("tokens", weight=500 if token.trained else 400)


def _middle(rect: QRectF, high: float) -> QRectF:
    scaled = theme().px(high)
    return QRectF(rect.left(), rect.center().y() - scaled / 2, rect.width(), scaled)


def _paint_token(painter: QPainter, rect: QRectF, one: Placed) -> None:
    current, token = theme(), one.token
    if token.special:
        _paint_special(painter, rect, one)
        return
    if token.trained:
        paint_ground(painter, _middle(rect, _GROUND).adjusted(0, 0, -1, 0))
    ink = current.colour("text" if token.trained else "text2")
    painter.setFont(_font(token))
    painter.setPen(ink)
    painter.drawText(rect, LEFT | Qt.TextFlag.TextSingleLine, one.text)


def _paint_special(painter: QPainter, rect: QRectF, one: Placed) -> None:
    current, trained = theme(), one.token.trained
    pill = _middle(rect, _PILL).adjusted(0.5, 0, -0.5, 0)
    ground = current.colour("token_bg" if trained else "pill_bg")
    edge = current.colour("token_line" if trained else "pill_line")
    rounded(painter, pill, pill.height() / 2, fill=ground, edge=edge)
    ink = current.colour("text" if trained else "text2")
    write(painter, pill, one.text, font=_font(one.token), colour=ink, align=CENTRE)
    if trained:
        inset = pill.height() / 2
        line = QRectF(pill.left() + inset, pill.bottom() + 1, pill.width() - 2 * inset, 2)
        painter.fillRect(line, current.colour("token_line"))
