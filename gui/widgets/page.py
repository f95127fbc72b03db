# SPDX-License-Identifier: Apache-2.0
"""The scaffold of a page: header at a fixed place, tabs, columns, one way to scroll."""

from __future__ import annotations

from typing import Self

from PySide6.QtCore import QEvent, QObject, QSize, Qt, Signal
from PySide6.QtWidgets import QFrame, QScrollArea, QSizePolicy, QStackedWidget, QWidget

from gui.widgets.box import Column, Gap, Hairline, Item, Panel, Row, Stretch, clear_layout
from gui.widgets.chip import Chip
from gui.widgets.tabs import TabBar
from gui.widgets.text import LinkLabel, TextLabel
from gui.widgets.theme.theme import follow_theme, theme

_MARGIN = 32
_TOP = 20


class Header(QWidget):
    """Way back, title with its state, one line of facts, and what can be done at the right."""

    back_clicked = Signal()

    def __init__(self, title: str, *, back: str = "") -> None:
        super().__init__()
        self._back = LinkLabel(back, back=True)
        self._title = TextLabel(title, role="title", elide=True)
        self._chip = Chip()
        self._meta = TextLabel("", colour="text2", elide=True)
        self._actions = Row(gap=8)
        self._back.setHidden(not back)
        self._meta.hide()
        self._back.clicked.connect(self.back_clicked)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self._arrange()

    def _arrange(self) -> None:
        line = Row(self._title, self._chip, gap=12)
        line.addStretch(1)
        words = Column(self._back, line, gap=2)
        top = Row(gap=24)
        top.addLayout(words, 1)
        top.addLayout(self._actions)
        self.setLayout(Column(top, self._meta, gap=9, margins=(_MARGIN, 17, _MARGIN, 10)))

    def set_title(self, title: str) -> None:
        """Show another title."""
        self._title.set_text(title)

    def set_back(self, text: str) -> None:
        """Name the page that the way back leads to; "" hides it."""
        self._back.set_text(text)
        self._back.setHidden(not text)

    def set_chip(
        self, text: str, kind: str = "neutral", icon: str = "", *, dot: bool = False
    ) -> None:
        """Show the state beside the title; "" hides it."""
        self._chip.set(text, kind=kind, icon=icon, dot=dot)

    def set_meta(self, text: str) -> None:
        """Show the line of facts below the title; "" hides it."""
        self._meta.set_text(text)
        self._meta.setHidden(not text)

    def set_actions(self, *widgets: QWidget) -> None:
        """Put buttons at the right: ghost, secondary, primary, in this order."""
        clear_layout(self._actions)
        self._actions.add(*widgets)


class _Scroll(QScrollArea):
    """Scrolls up and down only; its content is as wide as the room."""

    def __init__(self, content: QWidget) -> None:
        super().__init__()
        self.setWidget(content)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.viewport().setAutoFillBackground(False)
        content.setAutoFillBackground(False)
        content.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Ask for as much width as the content needs at least."""
        if watched is self.widget() and event.type() == QEvent.Type.LayoutRequest:
            self.updateGeometry()
        return super().eventFilter(watched, event)

    def minimumSizeHint(self) -> QSize:
        """Return the least width of the content and little height."""
        content = self.widget()
        wide = content.minimumSizeHint().width() if content is not None else 0
        return QSize(wide, theme().px(60))


class _Side(QWidget):
    """A column of a fixed width beside the page."""

    def __init__(self, content: QWidget, width: float) -> None:
        super().__init__()
        self._width = width
        self.setLayout(Column(content, gap=0))
        follow_theme(self, self._follow)

    def _follow(self) -> None:
        self.setFixedWidth(theme().px(self._width))


class Page(QWidget):
    """A page: `header` above, `body` in the middle, columns at the sides behind hairlines.

    Args:
        title: The title.
        scroll: Whether the body scrolls up and down; False where a list fills it.
    """

    def __init__(self, title: str, *, scroll: bool = True) -> None:
        super().__init__()
        self.header = Header(title)
        self.body = Column(gap=12, margins=(_MARGIN, 8, _MARGIN, _TOP))
        self._tabs = Panel(Column(gap=0))
        self._columns = Row(gap=0)
        content = Panel(self.body)
        middle = _Scroll(content) if scroll else content
        self._columns.addWidget(middle, 1)
        outer = Column(self.header, self._tabs, gap=0)
        outer.addLayout(self._columns, 1)
        self.setLayout(outer)
        self._side: list[QWidget] = []
        self._left: list[QWidget] = []

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
        self._drop(self._side)
        if side is not None:
            self._side = [Hairline(vertical=True), _Side(side, width)]
            for widget in self._side:
                self._columns.addWidget(widget)

    def set_left(self, side: QWidget | None, width: float = 264) -> None:
        """Put a column at the left, before a hairline; None takes it away."""
        self._drop(self._left)
        if side is not None:
            self._left = [_Side(side, width), Hairline(vertical=True)]
            for i, widget in enumerate(self._left):
                self._columns.insertWidget(i, widget)

    def _drop(self, widgets: list[QWidget]) -> None:
        for widget in widgets:
            self._columns.removeWidget(widget)
            widget.hide()
            widget.deleteLater()
        widgets.clear()


class SideColumn(QWidget):
    """What a column beside the page holds: titles, facts and hairlines; it scrolls by itself."""

    def __init__(self) -> None:
        super().__init__()
        self._body = Column(gap=6)
        content = Panel(Column(self._body, Stretch(), gap=0, margins=(20, 16, _MARGIN, 16)))
        self.setLayout(Column(_Scroll(content), gap=0))

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
