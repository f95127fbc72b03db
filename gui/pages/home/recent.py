# SPDX-License-Identifier: Apache-2.0
"""Recent work: live runs with their progress, then runs and datasets, each one click away."""

from __future__ import annotations

from collections.abc import Sequence
from gettext import gettext as _

from PySide6.QtCore import QModelIndex

from gui.bridge.services import Services
from gui.viewmodels.home import RecentItem
from gui.widgets.box import Column, Panel
from gui.widgets.card import Card
from gui.widgets.lists import RowData, RowList
from gui.widgets.text import TextLabel
from gui.widgets.theme.theme import follow_theme, theme


class RecentWork(Panel):
    """A list that is not there while there is nothing to go on with."""

    def __init__(self, services: Services) -> None:
        self._column = Column(gap=10)
        super().__init__(self._column)
        self._services = services
        self._items: tuple[RecentItem, ...] = ()
        self._list: RowList | None = None
        follow_theme(self, self._follow)
        self.hide()

    def set_items(self, items: Sequence[RecentItem]) -> None:
        """Show these, newest first."""
        if tuple(items) == self._items:
            return
        self._items = tuple(items)
        if self._list is None:
            self._list = self._make_list()
        self._list.set_rows([_row(one) for one in items])
        self.setHidden(not items)
        self._follow()

    def _make_list(self) -> RowList:
        made = RowList(name=_("Recent work"))
        made.activated_row.connect(self._open)
        made.clicked.connect(self._on_clicked)
        heading = TextLabel(_("Recent work"), role="section")
        self._column.add(heading, Card(padding=8, gap=0).add(made))
        return made

    def _follow(self) -> None:
        """Be as high as the rows: the page scrolls, not the list."""
        if self._list is not None:
            self._list.setFixedHeight(max(1, len(self._items)) * theme().size("row_list"))

    def _on_clicked(self, index: QModelIndex) -> None:
        self._open(index.row(), "")

    def _open(self, row: int, _key: str) -> None:
        item = self._items[row]
        self._services.navigator.go(item.page, item.argument)


def _row(item: RecentItem) -> RowData:
    is_bad = bool(item.flag_kind)
    return RowData(
        key=item.key,
        title=item.title,
        left=item.left,
        right="" if is_bad else item.right,
        flag=item.right if is_bad else "",
        flag_kind=item.flag_kind or "warning",
        icon=item.icon,
    )
