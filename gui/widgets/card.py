# SPDX-License-Identifier: Apache-2.0
"""Cards, soft grounds inside them, folded cards and step numbers."""

from __future__ import annotations

from typing import Self

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPaintEvent
from PySide6.QtWidgets import QAbstractButton, QSizePolicy, QWidget

from gui.widgets.box import Column, Hairline, Item
from gui.widgets.chip import soft_ground
from gui.widgets.radio_part import clicks_on_enter
from gui.widgets.theme.focus_ring import RING_RADIUS
from gui.widgets.theme.paint import (
    CENTRE,
    LEFT,
    RIGHT,
    painting,
    put_icon,
    rounded,
    text_width,
    write,
)
from gui.widgets.theme.theme import follow_theme, theme


class Card(QWidget):
    """Something with an edge of its own: raised, hairline, round corners. Never inside another.

    Args:
        padding: Room at all sides, at 100 %.
        gap: Room between the items, at 100 %.
    """

    def __init__(self, *, padding: float = 20, gap: float = 12) -> None:
        super().__init__()
        self._padding, self._gap = padding, gap
        self._outer = Column(gap=0)
        self.setLayout(self._outer)
        self._parts: list[Column] = []
        self._start_part()

    @property
    def body(self) -> Column:
        """The part that takes the next items."""
        return self._parts[-1]

    def add(self, *items: Item) -> Self:
        """Append items to the current part."""
        self.body.add(*items)
        return self

    def add_rule(self, *, padding: float | None = None) -> Self:
        """Draw a hairline from edge to edge; what is added next stands below it.

        Args:
            padding: Other room above and below the next part; 0 for rows with their own height.
        """
        self._outer.add(Hairline())
        self._start_part(padding)
        return self

    def _start_part(self, padding: float | None = None) -> None:
        side = self._padding
        above = side if padding is None else padding
        gap = self._gap if padding is None else 0
        part = Column(gap=gap, margins=(side, above, side, above))
        self._outer.add(part)
        self._parts.append(part)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw ground and edge."""
        current = theme()
        with painting(self) as painter:
            rounded(
                painter,
                QRectF(self.rect()),
                current.radius("card"),
                fill=current.colour("raised"),
                edge=current.colour("hairline"),
            )


class SoftBlock(QWidget):
    """A part of a card on a soft ground."""

    def __init__(self, *, kind: str = "neutral", padding: float = 12, gap: float = 6) -> None:
        super().__init__()
        self._kind = kind
        self._body = Column(gap=gap, margins=(padding, padding, padding, padding))
        self.setLayout(self._body)

    def add(self, *items: Item) -> Self:
        """Append items."""
        self._body.add(*items)
        return self

    def set_kind(self, kind: str) -> None:
        """Take the ground of another kind."""
        self._kind = kind
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the ground."""
        current = theme()
        with painting(self) as painter:
            ground = current.colour(soft_ground(self._kind))
            rounded(painter, QRectF(self.rect()), current.radius("control"), fill=ground)


class _Fold(QAbstractButton):
    """The head of a disclosure: chevron, title, facts and, at the right, a summary."""

    def __init__(self, title: str) -> None:
        super().__init__()
        self.setText(title)
        self.setAccessibleName(title)
        self.setCheckable(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setProperty(RING_RADIUS, 6)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.facts = ""
        self.summary = ""
        follow_theme(self, self.updateGeometry)

    def sizeHint(self) -> QSize:
        """Return the height of the head."""
        current = theme()
        wide = text_width(self.text(), current.font("label")) + current.px(80)
        return QSize(wide, current.px(42))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Take Enter as well as Space."""
        if not clicks_on_enter(self, event):
            super().keyPressEvent(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Count the second click of a quick pair as a click."""
        self.mousePressEvent(event)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw chevron and texts."""
        current = theme()
        rect = QRectF(self.rect()).adjusted(current.px(16), 0, -current.px(20), 0)
        with painting(self) as painter:
            icon = "chevron-down" if self.isChecked() else "chevron-right"
            middle = QPointF(rect.left() + current.px(7), rect.center().y())
            put_icon(painter, middle, icon, "text2", 16)
            rect.setLeft(rect.left() + current.px(26))
            font, ink = current.font("label"), current.colour("text")
            taken = write(painter, rect, self.text(), font=font, colour=ink, align=LEFT)
            rect.setLeft(rect.left() + taken + current.px(11))
            small, grey = current.font("small"), current.colour("text2")
            taken = write(painter, rect, self.facts, font=small, colour=grey, align=LEFT)
            rect.setLeft(rect.left() + taken + current.px(16))
            if rect.width() > current.px(60):
                write(painter, rect, self.summary, font=small, colour=grey, align=RIGHT)


class Disclosure(QWidget):
    """A card that folds: its head says what is inside."""

    toggled = Signal(bool)

    def __init__(self, title: str, *, open: bool = False) -> None:
        super().__init__()
        self._head = _Fold(title)
        self._inside = QWidget()
        self._body = Column(gap=12, margins=(20, 4, 20, 16))
        self._inside.setLayout(self._body)
        self.setLayout(Column(self._head, self._inside, gap=0))
        self._head.setChecked(open)
        self._inside.setVisible(open)
        self._head.toggled.connect(self._on_toggled)

    def set_facts(self, text: str) -> None:
        """Say beside the title how much is inside."""
        self._head.facts = text
        self._head.update()

    def set_summary(self, text: str) -> None:
        """Say at the right what matters most, while folded."""
        self._head.summary = text
        self._head.update()

    def set_open(self, open: bool) -> None:
        """Fold or unfold."""
        self._head.setChecked(open)

    def is_open(self) -> bool:
        """Return whether the content is shown."""
        return self._head.isChecked()

    def add(self, *items: Item) -> Self:
        """Append items to what is inside."""
        self._body.add(*items)
        return self

    def _on_toggled(self, open: bool) -> None:
        self._inside.setVisible(open)
        self.toggled.emit(open)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw ground and edge of the card."""
        current = theme()
        with painting(self) as painter:
            rounded(
                painter,
                QRectF(self.rect()),
                current.radius("card"),
                fill=current.colour("raised"),
                edge=current.colour("hairline"),
            )


class StepNumber(QWidget):
    """The number of a step in a circle; the current one is filled."""

    def __init__(self, number: int, *, current: bool = False) -> None:
        super().__init__()
        self._number, self._current = number, current
        self.setAccessibleName(str(number))
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        follow_theme(self, self.updateGeometry)

    def sizeHint(self) -> QSize:
        """Return the circle."""
        side = theme().px(24)
        return QSize(side, side)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw circle and number."""
        look = theme()
        rect = QRectF(self.rect())
        ground = look.colour("accent") if self._current else None
        edge = None if self._current else look.colour("outline")
        ink = look.colour("on_accent" if self._current else "text2")
        with painting(self) as painter:
            rounded(painter, rect, rect.height() / 2, fill=ground, edge=edge)
            font = look.font("small", weight=600)
            write(painter, rect, str(self._number), font=font, colour=ink, align=CENTRE)
