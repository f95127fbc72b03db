# SPDX-License-Identifier: Apache-2.0
"""Parts of the page Privacy: sentences with their signs, and names with values under titles."""

from __future__ import annotations

from PySide6.QtCore import Qt

from gui.viewmodels.privacy import Group
from gui.viewmodels.settings import FindingView
from gui.widgets.banner import ICONS
from gui.widgets.box import Column, Panel, Row, clear_layout
from gui.widgets.rows import NameValue
from gui.widgets.text import IconLabel, TextLabel, breakable


class Signs(Panel):
    """Sentences, each behind its sign; the same again moves nothing."""

    def __init__(self) -> None:
        self._column = Column(gap=12)
        super().__init__(self._column)
        self._shown: tuple[FindingView, ...] = ()

    def show_signs(self, views: tuple[FindingView, ...]) -> None:
        """Show these sentences."""
        if views != self._shown:
            self._shown = views
            clear_layout(self._column)
            self._column.add(*(_sign(one) for one in views))


def _sign(view: FindingView) -> Row:
    words = Column(TextLabel(view.title, role="label", wrap=True), gap=2)
    if view.text:
        words.add(TextLabel(view.text, role="small", colour="text2", wrap=True))
    row = Row(gap=12)
    icon = IconLabel(ICONS[view.kind], role="text2" if view.kind == "info" else view.kind, size=20)
    row.addWidget(icon, 0, Qt.AlignmentFlag.AlignTop)
    row.add_text(words)
    return row


class Sentences(Panel):
    """Sentences below each other; the same again moves nothing."""

    def __init__(self) -> None:
        self._column = Column(gap=6)
        super().__init__(self._column)
        self._shown: tuple[str, ...] = ()

    def show_sentences(self, texts: tuple[str, ...]) -> None:
        """Show these."""
        if texts != self._shown:
            self._shown = texts
            clear_layout(self._column)
            self._column.add(*(TextLabel(one, colour="text2", wrap=True) for one in texts))


class Groups(Panel):
    """Names with values under titles; the same again moves nothing."""

    def __init__(self) -> None:
        self._column = Column(gap=16)
        super().__init__(self._column)
        self._shown: tuple[Group, ...] = ()

    def show_groups(self, groups: tuple[Group, ...]) -> None:
        """Show these groups."""
        if groups != self._shown:
            self._shown = groups
            clear_layout(self._column)
            self._column.add(*(_group(one) for one in groups))


def _group(group: Group) -> Column:
    lines = Column(gap=0)
    for one in group.lines:
        lines.add(NameValue(one.name, one.value, colour=one.colour))
    column = Column(TextLabel(group.title, role="label", wrap=True), gap=4)
    if group.text:
        column.add(TextLabel(breakable(group.text), role="small", colour="text2", wrap=True))
    return column.add(lines)
