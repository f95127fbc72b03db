# SPDX-License-Identifier: Apache-2.0
"""The column beside Home: the facts of this computer, what it can train, and privacy."""

from __future__ import annotations

from gettext import gettext as _
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize

from gui.bridge.services import Services
from gui.bridge.tasks import Lane, Outcome
from gui.viewmodels.home import Fact, Note, machine_rows, privacy_note, ready_note
from gui.widgets.banner import ICONS
from gui.widgets.box import Column, Hairline, Panel, Row, Stretch, clear_layout
from gui.widgets.card import Card, SoftBlock
from gui.widgets.chip import kind_ink
from gui.widgets.empty import Skeleton
from gui.widgets.rows import NameValue
from gui.widgets.text import IconLabel, LinkLabel, StrongText, TextLabel, with_breakable_words
from gui.widgets.theme.theme import theme

if TYPE_CHECKING:
    from engine.api.machine import Finding

_WIDTH = 296


class ComputerColumn(Panel):
    """What this computer has, and that nothing leaves it."""

    def __init__(self, services: Services) -> None:
        self._rows = Column(gap=0)
        self._skeleton = Skeleton(rows=3)
        self._ready = Column(gap=0)
        card = Card(padding=16, gap=8)
        card.add(TextLabel(_("This computer"), role="section")).add_rule()
        card.add(self._skeleton, self._rows, self._ready)
        self._privacy = Column(gap=6, margins=(16, 8, 16, 0))
        super().__init__(Column(card, self._privacy, Stretch(), gap=16))
        self._services = services
        self._shown: list[tuple[Fact, NameValue]] = []
        self._note: Note | None = None
        self._obstacles: list[Finding] | None = None
        self._is_looking = False
        services.device.changed.connect(self._on_facts)
        self._skeleton.start()
        self._show_facts()
        self._show_privacy()

    def sizeHint(self) -> QSize:
        """Return the width of a side column; below the page it takes all there is."""
        return QSize(theme().px(_WIDTH), super().sizeHint().height())

    def look(self) -> None:
        """Look in the background for what is in the way of training, once there are facts."""
        facts = self._services.device.facts
        if facts is None or self._is_looking:
            return
        self._is_looking = True
        self._services.tasks.run(
            lambda: self._services.api.machine.obstacles(facts),
            self._take,
            owner=self,
            lane=Lane.READING,
        )

    def _take(self, outcome: Outcome[list[Finding]]) -> None:
        self._is_looking = False
        # A look that fails once says nothing about the next, which comes with the next facts.
        if outcome.error is None:
            self._obstacles = outcome.value
            self._show_facts()

    def _on_facts(self) -> None:
        self._show_facts()
        if self.isVisible():
            self.look()

    def _show_facts(self) -> None:
        facts = self._services.device.facts
        if facts is None:
            return
        self._skeleton.stop()
        self._skeleton.hide()
        rows = machine_rows(facts)
        if [one.name for one in rows] != [one.name for one, _row in self._shown]:
            self._make_rows(rows)
        for fact, (_old, row) in zip(rows, self._shown, strict=True):
            row.set_value(fact.value)
            row.set_second(fact.second)
        if self._obstacles is not None:
            self._show_note(ready_note(facts, self._obstacles))

    def _show_note(self, note: Note) -> None:
        if note != self._note:
            self._note = note
            clear_layout(self._ready)
            self._ready.add(_ready_block(note))

    def _make_rows(self, facts: tuple[Fact, ...]) -> None:
        clear_layout(self._rows)
        self._shown = []
        for fact in facts:
            if self._shown:
                self._rows.add(Hairline())
            row = NameValue(fact.name, fact.value, icon=fact.icon, second=fact.second)
            self._shown.append((fact, row))
            self._rows.add(row)

    def _show_privacy(self) -> None:
        note = privacy_note(self._services.privacy.state())
        link = LinkLabel(_("See the proof"))
        link.clicked.connect(lambda: self._services.navigator.go("privacy"))
        clear_layout(self._privacy)
        self._privacy.add(
            _titled("offline-verified", "accent_text", note.title),
            TextLabel(note.text, colour="text2", wrap=True),
            Row(link, Stretch()),
        )


def _ready_block(note: Note) -> SoftBlock:
    block = SoftBlock(kind=note.kind, padding=14)
    title = _titled(ICONS[note.kind], kind_ink(note.kind), note.title)
    return block.add(title, TextLabel(with_breakable_words(note.text), wrap=True))


def _titled(icon: str, role: str, title: str) -> Row:
    row = Row(IconLabel(icon, role=role, size=18), gap=10)
    row.addWidget(StrongText(title), 1)
    return row
