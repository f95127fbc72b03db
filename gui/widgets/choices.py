# SPDX-License-Identifier: Apache-2.0
"""Ways to choose: cards, a segmented control, a switch, a slider with stops."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from gettext import gettext as _

import msgspec
from msgspec.structs import replace
from PySide6.QtCore import QPoint, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFont, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QCheckBox, QGridLayout, QSizePolicy, QWidget

from gui.widgets.box import Row, clear_layout
from gui.widgets.radio_part import RadioPart
from gui.widgets.theme import draw
from gui.widgets.theme.focus_ring import RING_RADIUS
from gui.widgets.theme.paint import (
    CENTRE,
    RIGHT,
    painting,
    put_icon,
    rounded,
    text_width,
    wrap_lines,
    write,
)
from gui.widgets.theme.theme import follow_theme, theme

_MOST_SEGMENTS = 4
_NARROW = 170
"""A card narrower than this, at 100 %, moves to the next line."""
_NOTE_GAP = 2
_HEAD, _HEAD_COMPACT = 16 + 26 + 24, 36


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """One of the cards. `reason`: why not now.

    `note` stands at the right of a card in a list ("Suggested"), and below the text of a tall one.
    """

    key: str
    title: str
    text: str = ""
    icon: str = ""
    note: str = ""
    enabled: bool = True
    reason: str = ""


class _Card(RadioPart):
    """What both forms of a choosable card share: ground, edge, mark and texts."""

    def __init__(self, choice: Choice, radius: str) -> None:
        super().__init__(choice.key, choice.title)
        self.choice = choice
        self._radius = radius
        self.setProperty(RING_RADIUS, theme().tokens.radius[radius])
        self.setEnabled(choice.enabled)
        self.setToolTip(choice.reason)
        self._describe()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def _describe(self) -> None:
        choice = self.choice
        self.setAccessibleDescription(choice.reason or f"{choice.text} {choice.note}".strip())

    def _paint_ground(self, painter: QPainter) -> None:
        current = theme()
        chosen = self.isChecked()
        ground = "accent_soft" if chosen else "hover" if self._is_hovered() else "raised"
        rounded(
            painter,
            QRectF(self.rect()),
            current.radius(self._radius),
            fill=current.colour(ground),
            edge=current.colour("accent" if chosen else "hairline"),
            width=current.tokens.size["selected_edge"] if chosen else 1.0,
        )

    def _is_hovered(self) -> bool:
        return self.isEnabled() and self.underMouse()

    def _paint_mark(self, painter: QPainter, centre: QPointF) -> None:
        side = theme().px(16)
        rect = QRectF(centre.x() - side / 2, centre.y() - side / 2, side, side)
        chosen, enabled = self.isChecked(), self.isEnabled()
        draw.radio_mark(theme(), painter, rect, chosen=chosen, enabled=enabled)

    def _ink(self, role: str) -> str:
        return role if self.isEnabled() else "disabled"

    def _text(self) -> str:
        return self.choice.text if self.isEnabled() else self.choice.reason or self.choice.text

    def _text_font(self) -> QFont:
        return theme().font("small")


class _TallCard(_Card):
    """A card in a row of a few: icon above, mark at the top right, text below the title.

    A compact one has its icon beside the title, so that more than four cards take little height.
    """

    def __init__(self, choice: Choice, *, is_compact: bool) -> None:
        super().__init__(choice, "card")
        self._is_compact = is_compact
        policy = self.sizePolicy()
        policy.setHeightForWidth(True)
        policy.setVerticalPolicy(QSizePolicy.Policy.Preferred)
        self.setSizePolicy(policy)

    def heightForWidth(self, width: int) -> int:
        """Return the height of icon, title and the wrapped text."""
        return self._head(width) + self._text_height(width) + theme().px(14)

    def _head(self, width: int) -> int:
        more = len(self._title_lines(self._title_place(width))) - 1
        return theme().px(_HEAD_COMPACT if self._is_compact else _HEAD) + more * self._line_height()

    def _title_lines(self, place: QRectF) -> list[str]:
        return wrap_lines(self.choice.title, theme().font("label"), place.width()) or [""]

    def set_note(self, note: str) -> None:
        """Say something else below the text."""
        if note != self.choice.note:
            self.choice = replace(self.choice, note=note)
            self._describe()
            self.updateGeometry()
            self.update()

    def _note_lines(self, room: float) -> list[str]:
        return wrap_lines(self.choice.note, self._text_font(), room) if self.isEnabled() else []

    def sizeHint(self) -> QSize:
        """Return the room of a card of middle width."""
        wide = theme().px(240)
        return QSize(wide, self.heightForWidth(wide))

    def minimumSizeHint(self) -> QSize:
        """Return the narrowest card."""
        wide = theme().px(_NARROW)
        return QSize(wide, self.heightForWidth(max(self.width(), wide)))

    def _text_height(self, width: int) -> int:
        room = width - 2 * theme().px(16)
        notes = len(self._note_lines(room))
        lines = notes + len(wrap_lines(self._text(), self._text_font(), room))
        return lines * self._line_height() + (theme().px(_NOTE_GAP) if notes else 0)

    def _line_height(self) -> int:
        return theme().px(20)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the card."""
        current = theme()
        pad = current.px(16)
        with painting(self) as painter:
            self._paint_ground(painter)
            if self.choice.icon:
                centre = QPointF(pad + current.px(11), pad + current.px(6))
                put_icon(painter, centre, self.choice.icon, self._ink("text2"), 20)
            self._paint_mark(painter, QPointF(self.width() - current.px(21), current.px(22)))
            place = self._title_place(self.width())
            font, ink = current.font("label"), current.colour(self._ink("text"))
            for line in self._title_lines(place):
                write(painter, place, line, font=font, colour=ink)
                place.translate(0, self._line_height())
            head = self._head(self.width())
            self._paint_text(painter, head - (0 if self._is_compact else current.px(4)), pad)

    def _title_place(self, width: int) -> QRectF:
        px = theme().px
        if not self._is_compact:
            return QRectF(px(16), px(40), width - px(32), px(22))
        return QRectF(px(44), px(11), width - px(82), px(22))

    def _paint_text(self, painter: QPainter, top: float, pad: int) -> None:
        current = theme()
        room = self.width() - 2 * pad
        lines = wrap_lines(self._text(), self._text_font(), room)
        role = self._ink("text" if self.isChecked() else "text2")
        gap = current.px(_NOTE_GAP)
        for texts, ink in ((lines, role), (self._note_lines(room), "accent_text")):
            for line in texts:
                rect = QRectF(pad, top, room, self._line_height())
                write(painter, rect, line, font=self._text_font(), colour=current.colour(ink))
                top += self._line_height()
            top += gap


class _FlatCard(_Card):
    """A card in a list: mark at the left, one line of text, a note at the right."""

    def __init__(self, choice: Choice) -> None:
        super().__init__(choice, "control")

    def sizeHint(self) -> QSize:
        """Return the height of two lines."""
        current = theme()
        wide = text_width(self.choice.title, current.font("label")) + current.px(80)
        return QSize(wide, current.size("row_list") if self.choice.text else current.px(40))

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the card."""
        current = theme()
        rect = QRectF(self.rect())
        left = current.px(42)
        with painting(self) as painter:
            self._paint_ground(painter)
            self._paint_mark(painter, QPointF(current.px(22), rect.center().y()))
            right = rect.right() - current.px(20)
            if self.choice.note:
                right -= self._paint_note(painter, QRectF(left, 0, right - left, rect.height()))
            self._paint_lines(painter, QRectF(left, 0, right - left, rect.height()))

    def _paint_note(self, painter: QPainter, rect: QRectF) -> float:
        current = theme()
        font, ink = current.font("caption", weight=500), current.colour("accent_text")
        return write(painter, rect, self.choice.note, font=font, colour=ink, align=RIGHT) + 12

    def _paint_lines(self, painter: QPainter, rect: QRectF) -> None:
        current = theme()
        half = current.px(9) if self._text() else 0
        title, text = current.colour(self._ink("text")), current.colour(self._ink("text2"))
        upper = rect.translated(0, -half)
        write(painter, upper, self.choice.title, font=current.font("label"), colour=title)
        if self._text():
            lower = rect.translated(0, half)
            write(painter, lower, self._text(), font=self._text_font(), colour=text)


class ChoiceCards(QWidget):
    """A few cards of which one is chosen; side by side, or as a list with `rows`.

    `compact` cards take less height, for more than four of them.
    """

    chosen = Signal(str)

    def __init__(self, *, name: str, rows: bool = False, compact: bool = False) -> None:
        super().__init__()
        self._rows = rows
        self._is_compact = compact
        self._cards: list[_Card] = []
        self._columns = 0
        self.setAccessibleName(name)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSizeConstraint(QGridLayout.SizeConstraint.SetNoConstraint)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        follow_theme(self, self._follow)

    def set_choices(self, choices: Sequence[Choice]) -> None:
        """Show these cards; what was chosen stays chosen if it is still there."""
        before = self.value()
        clear_layout(self._grid)
        self._cards = [
            _FlatCard(one) if self._rows else _TallCard(one, is_compact=self._is_compact)
            for one in choices
        ]
        for card in self._cards:
            card.setParent(self)
            card.clicked.connect(self._on_clicked)
        self._columns = 0
        self._arrange()
        self.set_value(before)

    def set_value(self, key: str) -> None:
        """Choose a card by its key, without a signal."""
        for card in self._cards:
            card.setChecked(card.key == key)

    def set_notes(self, notes: Mapping[str, str]) -> None:
        """Say other things below the texts of tall cards, by key."""
        for card in self._cards:
            if isinstance(card, _TallCard):
                card.set_note(notes.get(card.key, ""))

    def value(self) -> str:
        """Return the key of the chosen card, or ""."""
        return next((card.key for card in self._cards if card.isChecked()), "")

    def _on_clicked(self) -> None:
        self.chosen.emit(self.value())

    def _follow(self) -> None:
        self._grid.setSpacing(theme().px(8 if self._rows else 12))
        self._columns = 0
        self._arrange()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Move cards to the next line where they would get too narrow."""
        super().resizeEvent(event)
        self._arrange()

    def minimumSizeHint(self) -> QSize:
        """Return the width of one card: the others can stand below it."""
        return QSize(theme().px(_NARROW), super().minimumSizeHint().height())

    def _arrange(self) -> None:
        columns = 1 if self._rows else self._fitting()
        if columns == self._columns or not self._cards:
            return
        self._columns = columns
        for i, card in enumerate(self._cards):
            self._grid.addWidget(card, i // columns, i % columns)
        for i in range(self._grid.columnCount()):
            self._grid.setColumnStretch(i, 1 if i < columns else 0)

    def _fitting(self) -> int:
        """Return the columns: as many as fit, but no more than fill the lines evenly."""
        room = self.width() + self._grid.spacing()
        most = max(1, room // (theme().px(_NARROW) + self._grid.spacing()))
        lines = max(1, -(-len(self._cards) // most))
        return max(1, -(-len(self._cards) // lines))


class _Segment(RadioPart):
    """One part of a segmented control."""

    def __init__(self) -> None:
        super().__init__("", "")
        self.setProperty(RING_RADIUS, 5)
        self.hide()

    def set_part(self, key: str, text: str) -> None:
        """Stand for another part; "" as word stands for none and is not seen."""
        self.key = key
        self.setText(text)
        self.setAccessibleName(text)
        self.setHidden(not text)
        self.updateGeometry()

    def sizeHint(self) -> QSize:
        """Return the room of the word at its heaviest, so that choosing moves nothing."""
        current = theme()
        wide = text_width(self.text(), current.font("small", weight=500))
        return QSize(wide + current.px(26), current.px(28))

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the word; the chosen part is raised."""
        current = theme()
        rect = QRectF(self.rect())
        chosen = self.isChecked()
        with painting(self) as painter:
            if chosen:
                radius = current.px(5)
                ground, edge = current.colour("raised"), current.colour("outline")
                rounded(painter, rect, radius, fill=ground, edge=edge)
            role = "text" if chosen or self.underMouse() else "text2"
            ink = current.colour(role if self.isEnabled() else "disabled")
            font = current.font("small", weight=500)
            write(painter, rect, self.text(), font=font, colour=ink, align=CENTRE)


class SegmentedControl(QWidget):
    """Two to four words of which one is chosen.

    There are always as many parts, those without a word unseen: so they keep their place among what
    the Tab key goes through, and the keyboard when the words change.
    """

    chosen = Signal(str)

    def __init__(self, *, name: str) -> None:
        super().__init__()
        self._parts = [_Segment() for _part in range(_MOST_SEGMENTS)]
        self.setAccessibleName(name)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setLayout(Row(*self._parts, gap=0, margins=(2, 2, 2, 2)))
        for part in self._parts:
            part.clicked.connect(lambda: self.chosen.emit(self.value()))

    def set_parts(self, parts: Sequence[tuple[str, str]]) -> None:
        """Show these parts, each a key and a word."""
        before = self.value()
        unseen = [("", "")] * (_MOST_SEGMENTS - len(parts))
        for part, (key, text) in zip(self._parts, [*parts, *unseen], strict=True):
            part.set_part(key, text)
        self.set_value(before or (parts[0][0] if parts else ""))

    def set_value(self, key: str) -> None:
        """Choose a part by its key, without a signal; a key that there is not chooses none."""
        for part in self._parts:
            # The chosen one of radio buttons that exclude each other cannot be taken back.
            part.setAutoExclusive(False)
            part.setChecked(bool(key) and part.key == key)
            part.setAutoExclusive(True)

    def value(self) -> str:
        """Return the key of the chosen part, or ""."""
        return next((part.key for part in self._parts if part.isChecked()), "")

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the sunken ground."""
        current = theme()
        with painting(self) as painter:
            rounded(
                painter,
                QRectF(self.rect()),
                current.px(7),
                fill=current.colour("sunken"),
                edge=current.colour("hairline"),
            )


class Switch(QCheckBox):
    """On or off, at once, with the word beside it."""

    def __init__(self, *, name: str, on: str = "", off: str = "") -> None:
        super().__init__()
        self._words = (off or _("off"), on or _("on"))
        self.setAccessibleName(name)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setProperty(RING_RADIUS, 10)
        follow_theme(self, self.updateGeometry)

    def sizeHint(self) -> QSize:
        """Return the room of the pill and the longer word."""
        current = theme()
        word = max(text_width(word, current.font("body")) for word in self._words)
        return QSize(current.px(36 + 8) + word + 1, current.size("hit_target_min"))

    def minimumSizeHint(self) -> QSize:
        """Return the size hint: the word is never cut."""
        return self.sizeHint()

    def hitButton(self, pos: QPoint) -> bool:
        """Take clicks on pill and word."""
        return self.rect().contains(pos)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw pill, knob and word."""
        current = theme()
        high = current.px(20)
        pill = QRectF(0, (self.height() - high) / 2, current.px(36), high)
        ink = current.colour("text" if self.isEnabled() else "disabled")
        with painting(self) as painter:
            self._paint_pill(painter, pill)
            rect = QRectF(self.rect())
            rect.setLeft(pill.right() + current.px(8))
            word = self._words[int(self.isChecked())]
            write(painter, rect, word, font=current.font("body"), colour=ink)

    def _paint_pill(self, painter: QPainter, pill: QRectF) -> None:
        current = theme()
        on, enabled = self.isChecked(), self.isEnabled()
        ground = current.colour("raised")
        edge = knob = current.colour("outline" if enabled else "hairline")
        if on:
            ground = edge = current.colour("accent" if enabled else "disabled")
            knob = current.colour("on_accent" if enabled else "raised")
        rounded(painter, pill, pill.height() / 2, fill=ground, edge=edge)
        radius = pill.height() / 2 - current.px(4)
        x = pill.right() - pill.height() / 2 if on else pill.left() + pill.height() / 2
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(knob)
        painter.drawEllipse(QPointF(x, pill.center().y()), radius, radius)
