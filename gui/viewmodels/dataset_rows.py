# SPDX-License-Identifier: Apache-2.0
"""Rows of a dataset as values: the cells of the table, and one row to read in full."""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Sequence
from gettext import gettext as _
from gettext import ngettext
from itertools import accumulate
from typing import TYPE_CHECKING, Generic, Protocol, SupportsInt, TypeVar

import msgspec

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

if TYPE_CHECKING:
    from engine.api.row_views import Hits

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
    """The rows that the table shows: all of a part, or what was found in it.

    Args:
        rows: The rows of a part, or of all parts one after the other.
        hits: What was found; None shows every row.
        parts: Name and rows of each part, where there are several.
    """

    def __init__(
        self,
        rows: IdentifiedRows,
        hits: Hits | None = None,
        *,
        parts: Sequence[tuple[str, int]] = (),
    ) -> None:
        self._rows = rows
        self._hits = hits
        self._parts = parts
        self._ends = list(accumulate(count for _name, count in parts))

    def __len__(self) -> int:
        return len(self._rows) if self._hits is None else len(self._hits.positions)

    def grow(self, hits: Hits) -> None:
        """Show more: the hits begin with those that were shown."""
        self._hits = hits

    @property
    def group_count(self) -> int:
        """Return how many groups the rows are in."""
        return 0 if self._hits is None else self._hits.group_count

    @property
    def has_parts(self) -> bool:
        """Return whether rows of several parts are shown."""
        return bool(self._parts)

    def _position(self, index: int) -> int:
        return index if self._hits is None else int(self._hits.positions[index])

    def row(self, index: int) -> Row:
        """Return one row."""
        return self._rows.row(self._position(index))

    def source(self, index: int) -> tuple[str, int]:
        """Return the name of the file and the line that a row came from."""
        return self._rows.source(self._position(index))

    def row_id(self, index: int) -> int:
        """Return the id of a row, which it keeps in every version."""
        return int(self._rows.ids[self._position(index)])

    def place(self, index: int) -> tuple[str, int]:
        """Return the part of a row, empty where there is but one, and its number there, from 1."""
        position = self._position(index)
        if not self._parts:
            return "", position + 1
        part = bisect_right(self._ends, position)
        name, count = self._parts[part]
        return name, position + 1 - (self._ends[part] - count)

    def group(self, index: int) -> int:
        """Return the number of the group that a row is in, from 1; 0 for none."""
        groups = None if self._hits is None else self._hits.groups
        return 0 if groups is None else int(groups[index]) + 1

    def ends_group(self, index: int) -> bool:
        """Return whether the next row is in another group."""
        return index + 1 >= len(self) or self.group(index) != self.group(index + 1)

    def lead(self, index: int) -> tuple[str | int, ...]:
        """Return what the columns before the content say of a row."""
        part, number = self.place(index)
        group = (self.group(index) or "",) if self.group_count else ()
        return (*group, *((part,) if self._parts else ()), number)

    def places(self, row_ids: Sequence[int]) -> list[int]:
        """Return where the rows of these ids stand, ascending, as far as they are shown."""
        import numpy as np

        ids = np.asarray(self._rows.ids, np.int64)
        if self._hits is not None:
            ids = ids[self._hits.positions]
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


class ColumnView(msgspec.Struct, frozen=True, kw_only=True):
    """A column of the table of rows; `width` at 100 %."""

    key: str
    title: str
    width: float
    stretch: bool = False
    right: bool = False
    muted: bool = False
    spoken: str = ""


def row_columns(
    kind: RowKind, *, groups: int = 0, has_parts: bool = False
) -> tuple[ColumnView, ...]:
    """Return the columns that fit a kind of rows.

    Args:
        kind: Kind of the rows.
        groups: In how many groups they are.
        has_parts: Whether they are of several parts.
    """
    spoken = _("Group {number} of {count}").format(number="{text}", count=numbers.count(groups))
    group = ColumnView(key="group", title=_("Group"), width=68, right=True, spoken=spoken)
    part = ColumnView(key="part", title=_("Part"), width=88, muted=True)
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
    lead = (*((group,) if groups else ()), *((part,) if has_parts else ()), number)
    return (*lead, *content, length)


class CellSource:
    """Gives the texts of the table's cells; what was asked for lately is kept.

    Args:
        rows: What is shown.
        lead: Returns what stands before the content of a row.
    """

    def __init__(self, rows: Rows, lead: Callable[[int], tuple[str | int, ...]]) -> None:
        self._rows = rows
        self._lead = lead
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
        lead = (self._count(one) if isinstance(one, int) else one for one in self._lead(index))
        return (*lead, *self._content(row), self._count(characters))

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


class TurnView(msgspec.Struct, frozen=True, kw_only=True):
    """A turn to read; `more` says how much of a very long text is not shown."""

    title: str
    text: str
    more: str = ""


class RowView(msgspec.Struct, frozen=True, kw_only=True):
    """A row to read in full; `place` says in which part and group it is, where there are any."""

    title: str
    place: str
    source: str
    turns: tuple[TurnView, ...]


def row_title(rows: ShownRows, index: int) -> str:
    """Return what a row is called."""
    _part, number = rows.place(index)
    return _("Row {number}").format(number=numbers.count(number))


def row_view(rows: ShownRows, index: int) -> RowView:
    """Return one row to read."""
    part, _number = rows.place(index)
    group, count = rows.group(index), numbers.count(rows.group_count)
    in_group = _("Group {number} of {count}").format(number=numbers.count(group), count=count)
    file, line = rows.source(index)
    written = _("{file}, line {line}").format(file=file, line=numbers.count(line))
    return RowView(
        title=row_title(rows, index),
        place=" · ".join(one for one in (part, in_group if group else "") if one),
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
        answers = (_spoken(one, title) for one in row.completion)
        return (*(_spoken(one) for one in row.prompt), *answers)
    return _pair_views(row)


def _pair_views(row: PreferenceRow) -> tuple[TurnView, ...]:
    better = tuple(_spoken(one, _("Better answer")) for one in row.chosen)
    worse = tuple(_spoken(one, _("Worse answer")) for one in row.rejected)
    return (*(_spoken(one) for one in row.prompt), *better, *worse)


def _spoken(turn: Turn, answer: str = "") -> TurnView:
    """Return a turn to read; `answer` says which answer of the row it belongs to, if to any."""
    title = role_words(turn.role.value)
    if answer:
        is_answer = turn.role is Role.ASSISTANT
        title = answer if is_answer else _("{part}: {role}").format(part=answer, role=title)
    if turn.name:
        title = _("{role} {name}").format(role=title, name=_line(turn.name))
    if turn.tool_call_id:
        title = _("{role}, answers call {id}").format(role=title, id=_line(turn.tool_call_id))
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
