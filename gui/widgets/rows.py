# SPDX-License-Identifier: Apache-2.0
"""Rows that say one thing each: a fact, a finding, a warning, a job, a share, a section."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from gettext import gettext as _

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QSizePolicy, QWidget

from gui.widgets.banner import ICONS
from gui.widgets.box import Column, Gap, Hairline, Item, Reflow, Row, Stretch, clear_layout
from gui.widgets.buttons import Action, IconButton, make_button
from gui.widgets.chip import kind_ink
from gui.widgets.progress import Progress
from gui.widgets.text import IconLabel, LinkLabel, StrongText, TextLabel
from gui.widgets.theme.theme import follow_theme, theme

_ICON_ROLES = {"info": "text2", "neutral": "text2"}


class _FixedRow(QWidget):
    """A row of at least some height, as wide as there is room."""

    def __init__(self, height: float) -> None:
        super().__init__()
        self._height = height
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)

    def _follow_height(self) -> None:
        follow_theme(self, self._set_height)

    def _set_height(self) -> None:
        self.setMinimumHeight(theme().px(self._height))


class NameValue(_FixedRow):
    """A name at the left and its value at the right, with the unit in grey.

    Args:
        name: What it is.
        value: The value.
        unit: The unit, never bold.
        colour: The colour of the value.
        icon: An icon before the name.
        second: A line below the value.
    """

    def __init__(
        self,
        name: str,
        value: str = "",
        unit: str = "",
        *,
        colour: str = "text",
        icon: str = "",
        second: str = "",
    ) -> None:
        super().__init__(44 if second else theme().tokens.size["row_table"])
        self._name = TextLabel(name, colour="text2")
        self._value = TextLabel("", role="value", figures=True, elide=True, align_right=True)
        self._unit = TextLabel("", colour="text2")
        self._second = TextLabel("", role="small", colour="text2", elide=True, align_right=True)
        line = Row(gap=4)
        line.addWidget(self._value, 1)
        line.addWidget(self._unit)
        values = Column(Stretch(), line, self._second, Stretch(), gap=1)
        row = Row(*([IconLabel(icon, size=18)] if icon else []), self._name, gap=10)
        row.addLayout(values, 1)
        self.setLayout(row)
        self.set_value(value, unit, colour)
        self.set_second(second)
        self._follow_height()

    def set_value(self, value: str, unit: str = "", colour: str = "text") -> None:
        """Show another value."""
        self._value.set_text(value)
        self._value.set_colour(colour)
        self._unit.set_text(unit)
        self._unit.setHidden(not unit)
        self.setAccessibleName(f"{self._name.text()}: {value} {unit}".strip())

    def set_second(self, second: str) -> None:
        """Show another line below the value; "" hides it."""
        self._second.set_text(second)
        self._second.setHidden(not second)


class NameValues(QWidget):
    """Names and values below each other."""

    def __init__(self) -> None:
        super().__init__()
        self._column = Column(gap=0)
        self.setLayout(self._column)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)

    def set_rows(self, rows: Sequence[tuple[str, str] | tuple[str, str, str]]) -> None:
        """Show these rows, each a name, a value and perhaps a unit."""
        clear_layout(self._column)
        for name, value, *unit in rows:
            self._column.add(NameValue(name, value, unit[0] if unit else ""))


class FindingRow(_FixedRow):
    """What a check found: sign, title, sentences, a number with its unit, links.

    The words wrap; number and links go below them where there is no room beside them.

    Signals:
        link_clicked: Key of the link.
    """

    link_clicked = Signal(str)

    def __init__(
        self,
        *,
        icon_kind: str,
        title: str,
        text: str,
        number: str = "",
        unit: str = "",
        links: Sequence[tuple[str, str]] = (),
    ) -> None:
        super().__init__(theme().tokens.size["row_check"])
        words = Column(
            Stretch(),
            TextLabel(title, role="value", wrap=True),
            TextLabel(text, role="small", colour="text2", wrap=True),
            Stretch(),
            gap=0,
        )
        sign = IconLabel(ICONS[icon_kind], role=_ICON_ROLES.get(icon_kind, icon_kind), size=20)
        told = Row(sign, gap=14)
        told.add_text(words)
        number_label = TextLabel(number, role="label", figures=True)
        facts = Row(Gap(28), number_label, _Cell(TextLabel(unit, colour="text2"), 52), gap=6)
        facts.add(Stretch())
        for key, link in links or (("", ""),):
            facts.add(_Cell(self._link(key, link, title), 64))
        row = Reflow(
            told, facts, line_gap=4, stack_below=560, stretches=(1, 0), margins=(0, 8, 0, 8)
        )
        line = Column(gap=0)
        line.addLayout(row, 1)
        line.add(Hairline())
        self.setLayout(line)
        self._follow_height()

    def _link(self, key: str, text: str, title: str) -> QWidget:
        link = LinkLabel(text)
        link.setAccessibleName(f"{text}: {title}")
        link.setHidden(not text)
        link.clicked.connect(partial(self.link_clicked.emit, key))
        return link


class WarningRow(_FixedRow):
    """A warning inside a card: bold cause, consequence, and what can be done."""

    action_triggered = Signal(str)

    def __init__(
        self,
        *,
        strong: str,
        text: str = "",
        kind: str = "warning",
        actions: Sequence[Action] = (),
    ) -> None:
        super().__init__(44)
        words = Row(IconLabel(ICONS[kind], role=kind_ink(kind), size=20), gap=12)
        words.addWidget(StrongText(strong, text), 1)
        buttons = Row(gap=8)
        for action in actions:
            button = make_button(action, size="small")
            button.clicked.connect(lambda _on=False, key=action.key: self._emit(key))
            buttons.add(button)
        self.setLayout(Reflow(words, buttons, stack_below=480, stretches=(1, 0)))
        self._follow_height()

    def _emit(self, key: str) -> None:
        self.action_triggered.emit(key)


class JobRow(_FixedRow):
    """Something that goes on, such as an import: name, bar, words, a way to cancel."""

    cancel_requested = Signal(str)
    dismissed = Signal(str)

    def __init__(self, key: str, title: str) -> None:
        super().__init__(52)
        self.key = key
        self._over = False
        self._sign = IconLabel("clock", size=18)
        self._title = TextLabel(title, role="value", elide=True)
        self._words = TextLabel("", role="small", colour="text2", elide=True, figures=True)
        self._bar = Progress(name=title, width=160)
        self._close = IconButton("close", _("Cancel"))
        self._close.clicked.connect(self._on_close)
        row = Row(self._sign, gap=12)
        row.addLayout(Column(Stretch(), self._title, self._words, Stretch(), gap=3), 1)
        row.add(self._bar, self._close)
        self.setLayout(row)
        self._follow_height()

    def set_progress(self, share: float | None, words: str) -> None:
        """Show how far it is, from 0 to 1, and in words; None where nobody can know."""
        self._bar.set_share(share)
        self._words.set_text(words)

    def set_done(self, words: str) -> None:
        """Show that it is finished."""
        self._end("status-ok", "success", words)

    def set_failed(self, words: str) -> None:
        """Show that it failed, and why."""
        self._end("status-danger", "danger", words)

    def _end(self, icon: str, role: str, words: str) -> None:
        self._over = True
        self._sign.set_icon(icon, role)
        self._words.set_text(words)
        self._bar.hide()
        self._close.set_icon("close", _("Dismiss"))

    def _on_close(self) -> None:
        (self.dismissed if self._over else self.cancel_requested).emit(self.key)


class BarRow(QWidget):
    """A name, its value, and below them a bar of its share."""

    def __init__(self, name: str, value: str, share: float) -> None:
        super().__init__()
        bar = Progress(name=name)
        bar.set_share(share)
        shown = TextLabel(value, role="value", figures=True)
        self.setLayout(Column(Row(TextLabel(name, elide=True), Stretch(), shown), bar, gap=4))
        self.setAccessibleName(f"{name}: {value}")
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)


class SectionTitle(QWidget):
    """The title of a section, with facts at the right, over a hairline."""

    def __init__(self, text: str, *, meta: str = "") -> None:
        super().__init__()
        self._title = TextLabel(text, role="section", elide=True)
        self._meta = TextLabel(meta, role="small", colour="text2")
        line = Row(self._title, Stretch(), self._meta)
        self.setLayout(Column(line, Gap(8), Hairline(), gap=0))
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    def set_text(self, text: str) -> None:
        """Show another title."""
        self._title.set_text(text)

    def set_meta(self, meta: str) -> None:
        """Show other facts."""
        self._meta.set_text(meta)


class _Cell(QWidget):
    """A place of a fixed width, so that what follows lines up from row to row."""

    def __init__(self, item: Item, width: float) -> None:
        super().__init__()
        self._width = width
        self.setLayout(Row(item, Stretch(), gap=0))
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Preferred)
        follow_theme(self, self._follow)

    def _follow(self) -> None:
        layout = self.layout()
        least = layout.minimumSize().width() if layout is not None else 0
        self.setFixedWidth(max(theme().px(self._width), least))
