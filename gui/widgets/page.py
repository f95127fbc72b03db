# SPDX-License-Identifier: Apache-2.0
"""The scaffold of a page: header at a fixed place, tabs, columns, one way to scroll."""

from __future__ import annotations

from typing import Self

from PySide6.QtCore import QEvent, QObject, QSize, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QFrame,
    QScrollArea,
    QSizePolicy,
    QSpacerItem,
    QStackedWidget,
    QWidget,
)

from gui.widgets.box import Column, Gap, Hairline, Item, Panel, Reflow, Row, Stretch, clear_layout
from gui.widgets.chip import Chip
from gui.widgets.tabs import TabBar
from gui.widgets.text import LinkLabel, TextLabel
from gui.widgets.theme.theme import follow_theme, theme

_MARGIN = 32
_TOP = 20
_UNLIMITED = 16_777_215
_TITLE_ROOM = 130
"""The least width of a title, at 100 %: about ten letters."""
_STACK_BELOW = (0, 720, 940)
"""Width of the page, at 100 %, below which none, one or two columns no longer fit beside it."""


class Header(QWidget):
    """Way back, title with its state, one line of facts, and what can be done at the right.

    With a way back the facts stand below everything, else directly below the title, so that
    the title is at the same height on each page.
    """

    back_clicked = Signal()

    def __init__(self, title: str, *, back: str = "", role: str = "title") -> None:
        super().__init__()
        self._back = LinkLabel(back, back=True)
        self._title = TextLabel(title, role=role, elide=True)
        self._chip = Chip()
        self._under_title = TextLabel("", colour="text2", elide=True)
        self._below = TextLabel("", colour="text2", elide=True)
        self._meta = ""
        self._is_welcome = role == "welcome"
        self._actions = Row(gap=8)
        self._back.clicked.connect(self.back_clicked)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        self._arrange()
        self.set_back(back)
        follow_theme(self, self._follow)

    def _arrange(self) -> None:
        line = Row(self._title, self._chip, Stretch(), gap=12)
        words = Column(self._back, line, self._under_title, Stretch(), gap=3)
        self._head = QWidget()
        actions = Row(gap=0)
        actions.addStretch(0)
        actions.addLayout(self._actions)
        self._head.setLayout(Reflow(words, actions, gap=24, stack_below=480, stretches=(1, 0)))
        top = _TOP + 13 if self._is_welcome else _TOP
        body = Column(self._head, self._below, gap=6, margins=(_MARGIN, top, _MARGIN, 8))
        self.setLayout(body)

    def set_title(self, title: str) -> None:
        """Show another title."""
        self._title.set_text(title)
        self._follow()

    def set_back(self, text: str) -> None:
        """Name the page that the way back leads to; "" hides it."""
        self._back.set_text(text)
        self._back.setHidden(not text)
        self.set_meta(self._meta)

    def set_chip(
        self, text: str, kind: str = "neutral", icon: str = "", *, dot: bool = False
    ) -> None:
        """Show the state beside the title; "" hides it."""
        self._chip.set(text, kind=kind, icon=icon, dot=dot)

    def set_meta(self, text: str) -> None:
        """Show the line of facts; "" hides it."""
        self._meta = text
        has_back = bool(self._back.text())
        for label, here in ((self._under_title, not has_back), (self._below, has_back)):
            label.set_text(text)
            label.setHidden(not (text and here))

    def set_actions(self, *widgets: QWidget) -> None:
        """Put buttons at the right: ghost, secondary, primary, in this order."""
        clear_layout(self._actions)
        self._actions.add(*widgets)

    def _follow(self) -> None:
        self._head.setMinimumHeight(theme().size("header"))
        # Before the title is cut to nothing, the buttons go to a line of their own.
        self._title.setMinimumWidth(min(self._title.sizeHint().width(), theme().px(_TITLE_ROOM)))


class _Content(QWidget):
    """What scrolls: a body, and below it the room that nothing in the body wants."""

    def __init__(self, body: Column) -> None:
        super().__init__()
        self._body = body
        self._rest = QSpacerItem(0, 0)
        self._expands: bool | None = None
        self._outer = Column(body, gap=0)
        self._outer.addItem(self._rest)
        self.setLayout(self._outer)
        self._share()

    def event(self, event: QEvent) -> bool:
        """Leave the rest of the room to what expands, if anything does."""
        if event.type() == QEvent.Type.LayoutRequest:
            self._share()
        return super().event(event)

    def _share(self) -> None:
        body = self._body
        expands = bool(body.expandingDirections() & Qt.Orientation.Vertical)
        expands = expands or any(body.stretch(i) for i in range(body.count()))
        if expands != self._expands:
            self._expands = expands
            minimum, free = QSizePolicy.Policy.Minimum, QSizePolicy.Policy.Expanding
            self._rest.changeSize(0, 0, minimum, minimum if expands else free)
            self._outer.invalidate()  # it knows only by this that an item of it has changed


class Scroll(QScrollArea):
    """Scrolls up and down only; its content is as wide as the room.

    Unrolled it is as high as its content, for pages that scroll as a whole.
    """

    def __init__(self, content: QWidget) -> None:
        super().__init__()
        self._unrolled = False
        self.setWidget(content)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.viewport().setAutoFillBackground(False)
        content.setAutoFillBackground(False)
        content.installEventFilter(self)

    def set_unrolled(self, unrolled: bool) -> None:
        """Be as high as the content, or scroll."""
        if unrolled != self._unrolled:
            self._unrolled = unrolled
            self.updateGeometry()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Ask for as much room as the content needs at least."""
        if watched is self.widget() and event.type() == QEvent.Type.LayoutRequest:
            self.updateGeometry()
        return super().eventFilter(watched, event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Ask for another height where another width breaks lines elsewhere."""
        super().resizeEvent(event)
        if self._unrolled:
            self.updateGeometry()

    def minimumSizeHint(self) -> QSize:
        """Return the least width of the content, and little height unless unrolled."""
        content = self.widget()
        if content is None:
            return QSize()
        wide = content.minimumSizeHint().width()
        if not self._unrolled:
            return QSize(wide, theme().px(60))
        high = content.heightForWidth(max(self.width(), wide))
        return QSize(wide, max(high, content.minimumSizeHint().height()))


class _Side(QWidget):
    """A column of a fixed width beside the page; stacked it is as wide as the page."""

    def __init__(self, content: QWidget, width: float) -> None:
        super().__init__()
        self._width = width
        self._content = content
        self._stacked = False
        self.setLayout(Column(content, gap=0))
        follow_theme(self, self._follow)

    def set_stacked(self, stacked: bool) -> None:
        """Stand above or below the page instead of beside it."""
        self._stacked = stacked
        if isinstance(self._content, SideColumn):
            self._content.set_unrolled(stacked)
        self._follow()

    def _follow(self) -> None:
        current = theme()
        if self._stacked:
            self.setMinimumWidth(0)
            self.setMaximumWidth(_UNLIMITED)
        else:
            self.setFixedWidth(current.px(self._width))
        is_list = not isinstance(self._content, SideColumn)
        self.setMinimumHeight(current.px(240) if self._stacked and is_list else 0)


class _Columns(QWidget):
    """The body and its side columns: beside each other, or stacked where there is no room."""

    def __init__(self, middle: QWidget) -> None:
        super().__init__()
        self._middle = middle
        self._left: list[QWidget] = []
        self._right: list[QWidget] = []
        self._stacked = False
        self._row = Row(gap=0)
        self._row.addWidget(middle, 1)
        self.setLayout(self._row)
        follow_theme(self, self._decide)

    def set_left(self, side: QWidget | None, width: float) -> None:
        """Put a column at the left, or take it away."""
        _drop(self._left)
        if side is not None:
            self._left = [_Side(side, width), Hairline(vertical=True)]
        self._fill()

    def set_right(self, side: QWidget | None, width: float) -> None:
        """Put a column at the right, or take it away."""
        _drop(self._right)
        if side is not None:
            self._right = [Hairline(vertical=True), _Side(side, width)]
        self._fill()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Stack the columns where the page gets narrow."""
        super().resizeEvent(event)
        self._decide()

    def minimumSizeHint(self) -> QSize:
        """Return the least size: that of stacked columns, as wide as the widest of them."""
        widgets = [self._middle, *self._left, *self._right]
        wide = max(
            (w.layout() or w).minimumSize().width()
            if isinstance(w, _Side)
            else w.minimumSizeHint().width()
            for w in widgets
        )
        return QSize(wide, self._row.minimumSize().height())

    def _fill(self) -> None:
        while self._row.takeAt(0) is not None:
            pass
        for widget in (*self._left, self._middle, *self._right):
            self._row.addWidget(widget, 1 if widget is self._middle else 0)
        self._stack(self._stacked)

    def _decide(self) -> None:
        columns = bool(self._left) + bool(self._right)
        narrow = self.width() < theme().px(_STACK_BELOW[columns])
        if narrow != self._stacked:
            self._stack(narrow)

    def _stack(self, stacked: bool) -> None:
        self._stacked = stacked
        directions = QBoxLayout.Direction
        self._row.setDirection(directions.TopToBottom if stacked else directions.LeftToRight)
        for widget in (*self._left, *self._right):
            if isinstance(widget, _Side):
                widget.set_stacked(stacked)
            elif isinstance(widget, Hairline):
                widget.set_vertical(not stacked)
        if isinstance(self._middle, Scroll):
            self._middle.set_unrolled(stacked and bool(self._left or self._right))
        self.updateGeometry()


class Page(QWidget):
    """A page: `header` above, `body` in the middle, columns at the sides behind hairlines.

    Where the page gets too narrow for its columns they stand below each other, and the page
    scrolls as a whole.

    Args:
        title: The title.
        scroll: Whether the body scrolls up and down; False where a list fills it.
        role: The kind of text of the title; Home greets with `welcome`.
    """

    def __init__(self, title: str, *, scroll: bool = True, role: str = "title") -> None:
        super().__init__()
        self.header = Header(title, role=role)
        self.body = Column(gap=12, margins=(_MARGIN, 8, _MARGIN, _TOP))
        self._tabs = Panel(Column(gap=0))
        content = _Content(self.body)
        self._columns = _Columns(Scroll(content) if scroll else content)
        outer = Column(self.header, self._tabs, gap=0)
        outer.addWidget(Scroll(self._columns), 1)
        self.setLayout(outer)

    def add(self, *items: Item) -> Self:
        """Append items to the body."""
        self.body.add(*items)
        return self

    def set_tabs(self, tabs: TabBar) -> None:
        """Put tabs below the header."""
        layout = self._tabs.layout()
        if layout is not None:
            layout.addWidget(tabs)

    def set_body_margins(self, left: float, top: float, right: float, bottom: float) -> None:
        """Give the body other margins, at 100 %: none where a list reaches to the edges."""
        self.body.set_margins((left, top, right, bottom))

    def set_side(self, side: QWidget | None, width: float = 280) -> None:
        """Put a column at the right, behind a hairline; None takes it away."""
        self._columns.set_right(side, width)

    def set_left(self, side: QWidget | None, width: float = 264) -> None:
        """Put a column at the left, before a hairline; None takes it away."""
        self._columns.set_left(side, width)


class SideColumn(QWidget):
    """What a column beside the page holds: titles, facts and hairlines; it scrolls by itself."""

    def __init__(self) -> None:
        super().__init__()
        self._body = Column(gap=6)
        content = Panel(Column(self._body, Stretch(), gap=0, margins=(20, 16, _MARGIN, 16)))
        self._scroll = Scroll(content)
        self.setLayout(Column(self._scroll, gap=0))

    def set_unrolled(self, unrolled: bool) -> None:
        """Be as high as the content, for pages that scroll as a whole."""
        self._scroll.set_unrolled(unrolled)

    def add(self, *items: Item) -> Self:
        """Append items."""
        self._body.add(*items)
        return self

    def add_rule(self) -> Self:
        """Append a hairline with room around it."""
        self._body.add(Gap(6), Hairline(), Gap(6))
        return self

    def add_title(self, text: str) -> Self:
        """Append the title of a group."""
        self._body.add(TextLabel(text, role="label"))
        return self

    def clear(self) -> None:
        """Remove everything."""
        clear_layout(self._body)


class Stack(QStackedWidget):
    """Pages on one another; it is as high as the one that is shown, not as the highest."""

    def __init__(self) -> None:
        super().__init__()
        self.currentChanged.connect(self._fit)

    def _fit(self) -> None:
        current = self.currentWidget()
        ignored, free = QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred
        for i in range(self.count()):
            page = self.widget(i)
            policy = free if page is current else ignored
            if page is not None:
                page.setSizePolicy(policy, policy)
        self.updateGeometry()

    def sizeHint(self) -> QSize:
        """Return the size hint of the page that is shown."""
        current = self.currentWidget()
        return current.sizeHint() if current is not None else super().sizeHint()

    def minimumSizeHint(self) -> QSize:
        """Return the least size of the page that is shown."""
        current = self.currentWidget()
        return current.minimumSizeHint() if current is not None else super().minimumSizeHint()


def _drop(widgets: list[QWidget]) -> None:
    for widget in widgets:
        widget.hide()
        widget.deleteLater()
    widgets.clear()
