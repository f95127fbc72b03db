# SPDX-License-Identifier: Apache-2.0
"""Parts that several sections of the settings are made of."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt

from gui.viewmodels.settings import Fact, FindingView
from gui.widgets.banner import ICONS
from gui.widgets.box import Column, Panel, Row, clear_layout
from gui.widgets.rows import NameValue
from gui.widgets.text import IconLabel, TextLabel


class Facts(Panel):
    """Names and values; only a changed value is drawn anew."""

    def __init__(self) -> None:
        self._column = Column(gap=0)
        super().__init__(self._column)
        self._names: tuple[str, ...] = ()
        self._rows: tuple[NameValue, ...] = ()

    def show_facts(self, facts: Sequence[Fact]) -> None:
        """Show these facts."""
        names = tuple(name for name, _value, _unit in facts)
        if names != self._names:
            clear_layout(self._column)
            self._names = names
            self._rows = tuple(NameValue(*fact) for fact in facts)
            self._column.add(*self._rows)
            return
        for row, (_name, value, unit) in zip(self._rows, facts, strict=True):
            row.set_value(value, unit)


class Findings(Panel):
    """Sentences with their signs, each with what can be done below it."""

    def __init__(self) -> None:
        self._column = Column(gap=12)
        super().__init__(self._column)
        self._shown: tuple[FindingView, ...] = ()

    def show_findings(self, views: tuple[FindingView, ...]) -> None:
        """Show these findings; the same again moves nothing."""
        if views != self._shown:
            self._shown = views
            clear_layout(self._column)
            self._column.add(*map(_finding, views))


def _finding(view: FindingView) -> Row:
    """Return a finding behind its sign: what it is about, the reason, and what can be done."""
    words = Column(gap=2)
    if view.title:
        words.add(TextLabel(view.title, role="label", wrap=True))
    is_told = bool(view.title and view.remedy)
    words.add(
        TextLabel(
            view.text,
            role="body" if is_told else "small",
            colour="text" if is_told else "text2",
            wrap=True,
        )
    )
    if view.remedy:
        words.add(TextLabel(view.remedy, role="small", colour="text2", wrap=True))
    return _signed(view.kind, words)


def sentence(kind: str, title: str, text: str = "", *, role: str = "body") -> Row:
    """Return a sentence behind its sign, with a second one in grey below it."""
    words = Column(TextLabel(title, role=role, wrap=True), gap=2)
    if text:
        words.add(TextLabel(text, role="small", colour="text2", wrap=True))
    return _signed(kind, words)


def _signed(kind: str, words: Column) -> Row:
    ink = "text2" if kind == "info" else kind
    row = Row(gap=12)
    row.addWidget(IconLabel(ICONS[kind], role=ink, size=20), 0, Qt.AlignmentFlag.AlignTop)
    row.add_text(words)
    return row
