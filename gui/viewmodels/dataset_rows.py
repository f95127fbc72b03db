# SPDX-License-Identifier: Apache-2.0
"""Rows of a dataset as values: the cells of the table, and one row to read in full."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from gettext import gettext as _
from gettext import ngettext
from typing import Generic, Protocol, SupportsInt, TypeVar

from engine.domain.dataset import (
    ChatRow,
    LabelRow,
    PreferenceRow,
    RatedRow,
    Role,
    Row,
    RowKind,
    TextRow,
    Turn,
)
from gui.viewmodels import numbers

T = TypeVar("T")
_CELL_CHARACTERS = 240
"""More than any cell can show; longer texts cost time at each frame."""
_READ_CHARACTERS = 8_000
"""The most of one turn that is shown to read; a text of megabytes would stop the window."""


class Rows(Protocol):
    """The rows of one split, of which any can be had at once."""

    def __len__(self) -> int: ...

    def row(self, index: int) -> Row:
        """Return one row."""
        ...

    def source(self, index: int) -> tuple[str, int]:
        """Return the name of the file and the line that a row came from."""
        ...


class PlacedRows(Rows, Protocol):
    """Rows of which each has a place that it is called by."""

    def position(self, index: int) -> int:
        """Return where a row stands in its part, from 0."""
        ...


class Numbers(Protocol):
    """Whole numbers, in a list or an array."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> SupportsInt: ...


class IdentifiedRows(Rows, Protocol):
    """Rows of which each has an id."""

    @property
    def ids(self) -> Numbers:
        """Return the id of each row."""
        ...


class ShownRows:
    """The rows that the table shows: all of a part, or those at some positions of it."""

    def __init__(self, rows: IdentifiedRows, positions: Numbers | None = None) -> None:
        self._rows = rows
        self._positions = positions

    def __len__(self) -> int:
        return len(self._rows) if self._positions is None else len(self._positions)

    def grow(self, positions: Numbers) -> None:
        """Show more: the positions begin with those that were shown."""
        self._positions = positions

    def position(self, index: int) -> int:
        """Return where a row stands in its part, from 0."""
        return index if self._positions is None else int(self._positions[index])

    def row(self, index: int) -> Row:
        """Return one row."""
        return self._rows.row(self.position(index))

    def source(self, index: int) -> tuple[str, int]:
        """Return the name of the file and the line that a row came from."""
        return self._rows.source(self.position(index))

    def row_id(self, index: int) -> int:
        """Return the id of a row, which it keeps in every version."""
        return int(self._rows.ids[self.position(index)])

    def places(self, row_ids: Sequence[int]) -> list[int]:
        """Return where the rows of these ids stand, ascending, as far as they are shown."""
        import numpy as np

        ids = np.asarray(self._rows.ids, np.int64)
        if self._positions is not None:
            ids = ids[np.asarray(self._positions, np.int64)]
        return np.flatnonzero(np.isin(ids, np.asarray(row_ids, np.int64))).tolist()


class Recent(Generic[T]):
    """Keeps the newest answers of a function of a number, so that no frame asks twice."""

    def __init__(self, make: Callable[[int], T], *, size: int = 512) -> None:
        self._make = make
        self._size = size
        self._kept: OrderedDict[int, T] = OrderedDict()

    def __call__(self, number: int) -> T:
        """Return the answer for a number."""
        kept = self._kept
        if number in kept:
            kept.move_to_end(number)
            return kept[number]
        made = kept[number] = self._make(number)
        if len(kept) > self._size:
            kept.popitem(last=False)
        return made

    def kept(self, number: int) -> T | None:
        """Return the answer for a number where it is still kept."""
        return self._kept.get(number)


# ---------------------------------------------------------------------- the table


@dataclass(frozen=True, kw_only=True)
class ColumnView:
    """A column of the table of rows; `width` at 100 %."""

    key: str
    title: str
    width: float
    stretch: bool = False
    right: bool = False
    muted: bool = False


def row_columns(kind: RowKind) -> tuple[ColumnView, ...]:
    """Return the columns that fit a kind of rows."""
    number = ColumnView(key="number", title=_("Row"), width=84, right=True, muted=True)
    content = {
        RowKind.CHAT: (
            ColumnView(key="asked", title=_("Asked"), width=90, stretch=True),
            ColumnView(key="answered", title=_("Answered"), width=90, stretch=True),
            ColumnView(key="turns", title=_("Turns"), width=68, right=True),
        ),
        RowKind.TEXT: (ColumnView(key="text", title=_("Text"), width=180, stretch=True),),
        RowKind.PREFERENCE: (
            ColumnView(key="asked", title=_("Asked"), width=90, stretch=True),
            ColumnView(key="better", title=_("Better answer"), width=90, stretch=True),
            ColumnView(key="worse", title=_("Worse answer"), width=90, stretch=True),
        ),
        RowKind.RATED: (
            ColumnView(key="asked", title=_("Asked"), width=90, stretch=True),
            ColumnView(key="answered", title=_("Answered"), width=90, stretch=True),
            ColumnView(key="liked", title=_("Liked"), width=76),
        ),
        RowKind.LABEL: (
            ColumnView(key="text", title=_("Text or picture"), width=180, stretch=True),
            ColumnView(key="label", title=_("Class"), width=150),
        ),
    }[kind]
    length = ColumnView(key="characters", title=_("Characters"), width=104, right=True)
    return (number, *content, length)


class CellSource:
    """Gives the texts of the table's cells; what was asked for lately is kept."""

    def __init__(self, rows: PlacedRows) -> None:
        self._rows = rows
        self._texts = Recent(self._make)
        self._is_frozen = False
        # Looked up once: asking the catalogue for each number takes longer than to read the row.
        self._separator = numbers.count(1_000)[1:-3]

    def __call__(self, row: int, column: int) -> str:
        """Return the text of a cell."""
        texts = self._texts.kept(row) if self._is_frozen else self._texts(row)
        return texts[column] if texts is not None else ""

    def freeze(self) -> None:
        """Ask the rows no more: until there are others, what was asked for lately is shown."""
        self._is_frozen = True

    def _make(self, index: int) -> tuple[str, ...]:
        row = self._rows.row(index)
        characters = sum(len(text) for text in _texts_of(row))
        number = self._count(self._rows.position(index) + 1)
        return (number, *self._content(row), self._count(characters))

    def _count(self, number: int) -> str:
        return f"{number:,}".replace(",", self._separator)

    def _content(self, row: Row) -> tuple[str, ...]:
        if isinstance(row, TextRow):
            return (_line(row.text),)
        if isinstance(row, ChatRow):
            asked, answered = _first(row.messages, Role.USER), _last(row.messages, Role.ASSISTANT)
            return (_line(asked), _line(answered), self._count(len(row.messages)))
        if isinstance(row, LabelRow):
            return (_line(row.text or row.image or ""), _line(row.label))
        if isinstance(row, RatedRow):
            asked, answered = _first(row.prompt, Role.USER), _last(row.completion, Role.ASSISTANT)
            return (_line(asked), _line(answered), _verdict(row))
        better, worse = _last(row.chosen, Role.ASSISTANT), _last(row.rejected, Role.ASSISTANT)
        return (_line(_first(row.prompt, Role.USER)), _line(better), _line(worse))


def _first(turns: Sequence[Turn], role: Role) -> str:
    return next((one.content for one in turns if one.role is role), "")


def _last(turns: Sequence[Turn], role: Role) -> str:
    return _first(turns[::-1], role)


def _verdict(row: RatedRow) -> str:
    return _("Yes") if row.is_liked else _("No")


def _line(text: str) -> str:
    """Return the beginning of a text on one line."""
    return " ".join(text[: 2 * _CELL_CHARACTERS].split())[:_CELL_CHARACTERS]


def _texts_of(row: Row) -> tuple[str, ...]:
    if isinstance(row, TextRow):
        return (row.text,)
    if isinstance(row, ChatRow):
        return tuple(one.content for one in row.messages)
    if isinstance(row, LabelRow):
        return (row.text or "",)
    if isinstance(row, RatedRow):
        return tuple(one.content for one in (*row.prompt, *row.completion))
    return tuple(one.content for one in (*row.prompt, *row.chosen, *row.rejected))


# ---------------------------------------------------------------------- one row to read


@dataclass(frozen=True, kw_only=True)
class TurnView:
    """A turn to read; `more` says how much of a very long text is not shown."""

    title: str
    text: str
    more: str = ""


@dataclass(frozen=True, kw_only=True)
class RowView:
    """A row to read in full."""

    title: str
    source: str
    turns: tuple[TurnView, ...]


def row_view(rows: PlacedRows, index: int) -> RowView:
    """Return one row to read."""
    file, line = rows.source(index)
    written = _("{file}, line {line}").format(file=file, line=numbers.count(line))
    return RowView(
        title=_("Row {number}").format(number=numbers.count(rows.position(index) + 1)),
        source=written if file else _("written in Burnish"),
        turns=turn_views(rows.row(index)),
    )


def role_words(role: str) -> str:
    """Return the word for who speaks."""
    words = {
        Role.SYSTEM.value: _("System"),
        Role.USER.value: _("User"),
        Role.ASSISTANT.value: _("Assistant"),
        Role.TOOL.value: _("Tool"),
        "text": _("Text"),
    }
    return words.get(role, role.capitalize())


def turn_views(row: Row) -> tuple[TurnView, ...]:
    """Return the texts of a row, each with who speaks or what it is."""
    if isinstance(row, TextRow):
        return (_turn_view(_("Text"), row.text),)
    if isinstance(row, ChatRow):
        tools = (_turn_view(_("Tools"), row.tools),) if row.tools else ()
        return (*tools, *(_spoken(one) for one in row.messages))
    if isinstance(row, LabelRow):
        subject = (
            _turn_view(_("Picture"), row.image or "")
            if row.text is None
            else _turn_view(_("Text"), row.text)
        )
        return (subject, _turn_view(_("Class"), row.label))
    if isinstance(row, RatedRow):
        title = _("Liked answer") if row.is_liked else _("Disliked answer")
        answers = (_turn_view(title, one.content) for one in row.completion)
        return (*(_spoken(one) for one in row.prompt), *answers)
    return _pair_views(row)


def _pair_views(row: PreferenceRow) -> tuple[TurnView, ...]:
    better = tuple(_turn_view(_("Better answer"), one.content) for one in row.chosen)
    worse = tuple(_turn_view(_("Worse answer"), one.content) for one in row.rejected)
    return (*(_spoken(one) for one in row.prompt), *better, *worse)


def _spoken(turn: Turn) -> TurnView:
    title = role_words(turn.role.value)
    if turn.weight == 0:
        title = _("{role}, not trained").format(role=title)
    text = turn.content
    if turn.tool_calls:
        text = "\n".join(one for one in (text, turn.tool_calls) if one)
    return _turn_view(title, text)


def _turn_view(title: str, text: str) -> TurnView:
    over = len(text) - _READ_CHARACTERS
    if over <= 0:
        return TurnView(title=title, text=text)
    more = ngettext(
        "{count} more character is not shown.", "{count} more characters are not shown.", over
    ).format(count=numbers.count(over))
    return TurnView(title=title, text=text[:_READ_CHARACTERS], more=more)
