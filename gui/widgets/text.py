# SPDX-License-Identifier: Apache-2.0
"""Texts: labels in the type roles, links, a big number, an icon."""

from __future__ import annotations

from html import escape

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import (
    QEnterEvent,
    QFont,
    QFontMetrics,
    QKeyEvent,
    QPainter,
    QPaintEvent,
    QPalette,
    QResizeEvent,
)
from PySide6.QtWidgets import QAbstractButton, QLabel, QSizePolicy, QWidget

from gui.widgets.box import Row
from gui.widgets.radio_part import clicks_on_enter
from gui.widgets.theme.focus_ring import RING_RADIUS
from gui.widgets.theme.paint import painting, put_icon, rule, text_width, write
from gui.widgets.theme.theme import follow_theme, theme

ELIDED = "elided"
"""Dynamic property of texts that may be cut on purpose: they show the whole as a tooltip."""
LINE_CHARACTERS = 72
"""The longest line of a wrapped text, in characters of average width."""
_LONG_WORD = 24
"""Characters of a word that may not fit into a line of a narrow column."""


class TextLabel(QLabel):
    """A text in one of the type roles and colours.

    Args:
        text: The text, never markup.
        role: A role of the `[type]` tokens.
        colour: A colour role.
        wrap: Break lines, at a height that reads well.
        elide: Cut the end where the room is short, and show the whole as a tooltip.
        selectable: Let mouse and keyboard select the text.
        figures: Figures of equal width.
        align_right: Stand at the right of the room.
    """

    def __init__(
        self,
        text: str = "",
        *,
        role: str = "body",
        colour: str = "text",
        wrap: bool = False,
        elide: bool = False,
        selectable: bool = False,
        figures: bool = False,
        align_right: bool = False,
    ) -> None:
        super().__init__()
        self._text, self._role, self._colour = text, role, colour
        self._wrap, self._elide, self._figures = wrap, elide, figures
        self.setTextFormat(Qt.TextFormat.RichText if wrap else Qt.TextFormat.PlainText)
        self.setWordWrap(wrap)
        self._set_policy()
        side = Qt.AlignmentFlag.AlignRight if align_right else Qt.AlignmentFlag.AlignLeft
        self.setAlignment(
            side | (Qt.AlignmentFlag.AlignTop if wrap else Qt.AlignmentFlag.AlignVCenter)
        )
        if selectable:
            self.setTextInteractionFlags(
                Qt.TextInteractionFlag.TextSelectableByMouse
                | Qt.TextInteractionFlag.TextSelectableByKeyboard
            )
        self.setProperty(ELIDED, elide)
        follow_theme(self, self._follow)

    def _set_policy(self) -> None:
        policy = QSizePolicy(
            QSizePolicy.Policy.Preferred,
            QSizePolicy.Policy.Preferred if self._wrap else QSizePolicy.Policy.Fixed,
        )
        policy.setHeightForWidth(self._wrap)
        self.setSizePolicy(policy)

    def set_text(self, text: str) -> None:
        """Show another text."""
        if text != self._text:
            self._text = text
            self._show()

    def text(self) -> str:
        """Return the whole text, without markup."""
        return self._text

    def set_colour(self, role: str) -> None:
        """Show the text in another colour."""
        self._colour = role
        self._follow()

    def set_role(self, role: str) -> None:
        """Show the text as another kind of text."""
        self._role = role
        self._follow()

    def _follow(self) -> None:
        current = theme()
        self.setFont(current.font(self._role, figures=self._figures))
        palette = self.palette()
        palette.setColor(QPalette.ColorRole.WindowText, current.colour(self._colour))
        palette.setColor(QPalette.ColorRole.Text, current.colour(self._colour))
        self.setPalette(palette)
        if self._wrap:
            average = QFontMetrics(self.font()).averageCharWidth()
            self.setMaximumWidth(LINE_CHARACTERS * average)
        self._show()

    def _show(self) -> None:
        if self._wrap:
            lines = escape(self._text).replace("\n", "<br>")
            high = round(theme().tokens.line_height_text * 100)
            ink = theme().colour(self._colour if self.isEnabled() else "disabled").name()
            self.setText(f'<p style="line-height:{high}%; margin:0; color:{ink}">{lines}</p>')
        elif self._elide:
            self._show_elided()
        else:
            self.setText(self._text)
        self.setAccessibleName(self._text)

    def _show_elided(self) -> None:
        room = max(self.contentsRect().width(), 0)
        shown = self.fontMetrics().elidedText(self._text, Qt.TextElideMode.ElideRight, room)
        self.setText(shown)
        self.setToolTip(self._text if shown != self._text else "")
        self.updateGeometry()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Cut the text anew."""
        super().resizeEvent(event)
        if self._elide:
            self._show_elided()

    def sizeHint(self) -> QSize:
        """Return the room of the whole text."""
        hint = super().sizeHint()
        natural = text_width(self._text, self.font()) + 2
        if self._elide:
            hint.setWidth(natural)
        if self._wrap:
            wide = min(natural, self.maximumWidth())
            hint = QSize(wide, self.heightForWidth(wide))
        return hint

    def minimumSizeHint(self) -> QSize:
        """Return the smallest room: an elided text needs but a few letters."""
        hint = super().minimumSizeHint()
        if self._elide:
            hint.setWidth(min(theme().px(48), self.sizeHint().width()))
        if self._wrap:
            hint = QSize(theme().px(96), QFontMetrics(self.font()).height())
        return hint

    def heightForWidth(self, width: int) -> int:
        """Return the height at a width, which never grows over the longest line."""
        return super().heightForWidth(min(width, self.maximumWidth()))


class StrongText(QLabel):
    """A bold part and a plain part in one text that wraps where it must."""

    def __init__(self, strong: str = "", plain: str = "") -> None:
        super().__init__()
        self._texts = (strong, plain)
        self.setTextFormat(Qt.TextFormat.RichText)
        self.setWordWrap(True)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        follow_theme(self, self._follow)

    def set_texts(self, strong: str, plain: str = "") -> None:
        """Show other texts."""
        self._texts = (strong, plain)
        self._follow()

    def text(self) -> str:
        """Return both parts, without markup."""
        return " ".join(part for part in self._texts if part)

    def _follow(self) -> None:
        strong, plain = (escape(part) for part in self._texts)
        self.setFont(theme().font("body"))
        rest = f" &nbsp;{plain}" if plain else ""
        self.setText(f'<span style="font-weight:600">{strong}</span>{rest}')
        self.setAccessibleName(self.text())

    def sizeHint(self) -> QSize:
        """Return the room of the text on one line."""
        natural = text_width(self.text(), theme().font("body", weight=600)) + theme().px(12)
        return QSize(natural, self.heightForWidth(natural))

    def minimumSizeHint(self) -> QSize:
        """Return little width: the text can wrap."""
        return QSize(theme().px(120), QFontMetrics(self.font()).height())


class LinkLabel(QAbstractButton):
    """A link: accent text over a thin line. `back` makes it the small way back of a page."""

    def __init__(self, text: str, *, back: bool = False) -> None:
        super().__init__()
        self._back = back
        self._hovered = False
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setProperty(RING_RADIUS, 3)
        self.set_text(text)
        follow_theme(self, self.updateGeometry)

    def set_text(self, text: str) -> None:
        """Show another word."""
        self.setText(text)
        self.setAccessibleName(text)
        self.updateGeometry()

    def sizeHint(self) -> QSize:
        """Return the size of word and line."""
        current = theme()
        font = self._font()
        room = current.px(16) if self._back else 0
        high = QFontMetrics(font).height() + current.px(3)
        return QSize(text_width(self.text(), font) + room + 1, high)

    def minimumSizeHint(self) -> QSize:
        """Return the size hint: a link is never cut."""
        return self.sizeHint()

    def enterEvent(self, event: QEnterEvent) -> None:
        """Show that it can be pressed."""
        self._hovered = True
        self.update()
        super().enterEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        """Go back to the calm look."""
        self._hovered = False
        self.update()
        super().leaveEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Take Enter as well as Space."""
        if not clicks_on_enter(self, event):
            super().keyPressEvent(event)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the word and what shows that it leads somewhere."""
        with painting(self) as painter:
            paint = self._paint_back if self._back else self._paint_link
            paint(painter)

    def _font(self) -> QFont:
        return theme().font("small" if self._back else "body", weight=500)

    def _paint_back(self, painter: QPainter) -> None:
        role = "text" if self._hovered else "text2"
        rect = QRectF(self.rect())
        put_icon(painter, QPointF(theme().px(6), rect.center().y()), "chevron-left", role, 14)
        rect.setLeft(theme().px(16))
        write(painter, rect, self.text(), font=self._font(), colour=theme().colour(role))

    def _paint_link(self, painter: QPainter) -> None:
        current = theme()
        role = "accent_text" if self.isEnabled() else "disabled"
        rect = QRectF(self.rect()).adjusted(0, 0, 0, -current.px(2))
        width = write(painter, rect, self.text(), font=self._font(), colour=current.colour(role))
        line = current.colour(role)
        line.setAlphaF(1.0 if self._hovered else 0.5)
        y = self.height() - 1
        rule(painter, QPointF(0, y), QPointF(width, y), line)


class IconLabel(QWidget):
    """An icon that stands for itself, such as a status sign."""

    def __init__(self, name: str, *, role: str = "text2", size: float = 16) -> None:
        super().__init__()
        self._name, self._role, self._size = name, role, size
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        follow_theme(self, self.updateGeometry)

    def set_icon(self, name: str, role: str) -> None:
        """Show another icon."""
        self._name, self._role = name, role
        self.update()

    def sizeHint(self) -> QSize:
        """Return the side of the icon."""
        side = theme().px(self._size)
        return QSize(side, side)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the icon."""
        with painting(self) as painter:
            put_icon(painter, QRectF(self.rect()).center(), self._name, self._role, self._size)


class BigNumber(QWidget):
    """The one big number of an inspector, with the words that say what it counts."""

    def __init__(self, number: str = "", text: str = "") -> None:
        super().__init__()
        self._number = TextLabel(number, role="display", colour="accent_text")
        self._text = TextLabel(text, colour="text2", elide=True)
        baseline = Qt.AlignmentFlag.AlignBottom
        row = Row(gap=10)
        row.addWidget(self._number, 0, baseline)
        row.addWidget(self._text, 1, baseline)
        self.setLayout(row)

    def set_values(self, number: str, text: str) -> None:
        """Show a number and its words."""
        self._number.set_text(number)
        self._text.set_text(text)


def breakable(text: str) -> str:
    """Let a long path or hash break anywhere, by spaces of no width."""
    return "\u200b".join(text[i : i + 8] for i in range(0, len(text), 8))


def with_breakable_words(text: str) -> str:
    """Let a path within a sentence break anywhere, and other words as ever."""
    return " ".join(breakable(one) if len(one) > _LONG_WORD else one for one in text.split(" "))
