# SPDX-License-Identifier: Apache-2.0
"""Searching rows: what is found is what a plain loop over the rows finds, in the same order."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.domain.dataset import (
    ChatRow,
    LabelRow,
    PreferenceRow,
    Role,
    Row,
    RowKind,
    TextRow,
    Turn,
)
from engine.domain.row_query import RowMark, RowQuery, RowSort
from engine.errors import WrongUsage
from engine.formats.arrow_rows import RowPlace, RowWriter
from engine.formats.row_preview import preview_of
from engine.formats.row_search import RowSearch
from engine.formats.row_table import RowTable

WORDS = ("Alpha", "beta", "GAMMA", "straße", "ÉTÉ", "a.b", "(x", "über")


def turn(role: Role, content: str, calls: str | None = None) -> Turn:
    return Turn(role=role, content=content, tool_calls=calls)


def table_of(place: Path, rows: list[Row], kind: RowKind) -> RowTable:
    file = place / "rows.arrow"
    with file.open("wb") as stream:
        writer = RowWriter(stream, kind)
        for number, row in enumerate(rows):
            writer.add(row, RowPlace(f"{number:032x}", 0, number))
        writer.close()
    return RowTable([file], ["a.jsonl"])


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RowTable]:
    rows: list[Row] = [
        ChatRow(
            messages=(
                turn(Role.USER, f"{WORDS[one % 8]} {one}"),
                turn(
                    Role.ASSISTANT,
                    f"{WORDS[one % 5]}-{one % 7} " + "x" * (one % 11),
                    '[{"name":"call9"}]' if one % 13 == 0 else None,
                ),
                Turn(
                    role=Role.TOOL,
                    content="",
                    name="forecast" if one % 17 == 0 else None,
                    tool_call_id=f"id{one}" if one % 19 == 0 else None,
                ),
            )
        )
        for one in range(300)
    ]
    found = table_of(tmp_path_factory.mktemp("rows"), rows, RowKind.CHAT)
    yield found
    found.close()


def texts_of(row: Row) -> list[str]:
    assert isinstance(row, ChatRow)
    return [
        text or ""
        for one in row.messages
        for text in (one.content, one.tool_calls, one.name, one.tool_call_id)
    ]


def search(table: RowTable, seconds: float = 60.0, **how: object) -> list[int]:
    found = RowSearch(table, **how)  # type: ignore[arg-type]  # passed on as given
    while not found.is_over:
        found.go_on(seconds)
    return [int(one) for one in found.found().positions]


@given(st.sampled_from([*WORDS, "alpha 1", "call9", "FORE", "id1", "X", "ss", "1"]), st.booleans())
def test_search_for_text_finds_what_a_loop_finds(
    table: RowTable, text: str, is_upper: bool
) -> None:
    wanted = text.upper() if is_upper and text.isascii() else text
    pattern = re.compile(re.escape(wanted), re.IGNORECASE)
    expected = [
        one for one in range(len(table)) if any(map(pattern.search, texts_of(table.row(one))))
    ]
    assert search(table, text=wanted) == expected


@pytest.mark.parametrize("pattern", [r"^Alpha \d+$", r"-\d x{3,5}$", r"\.", "beta|GAMMA 1"])
def test_search_by_pattern_finds_what_a_loop_finds(table: RowTable, pattern: str) -> None:
    compiled = re.compile(pattern)
    expected = [
        one for one in range(len(table)) if any(map(compiled.search, texts_of(table.row(one))))
    ]
    assert expected
    assert search(table, text=pattern, is_pattern=True) == expected


@pytest.mark.parametrize("sort", [RowSort.LONGEST, RowSort.SHORTEST])
def test_search_sorted_by_length_keeps_the_order_of_equals(table: RowTable, sort: RowSort) -> None:
    lengths = [preview_of(table.row(one)).characters for one in range(len(table))]
    sign = -1 if sort is RowSort.LONGEST else 1
    assert search(table, sort=sort) == sorted(range(300), key=lambda one: sign * lengths[one])


def test_search_sorted_by_length_measures_the_text_of_a_labelled_row_alone(tmp_path: Path) -> None:
    rows: list[Row] = [
        LabelRow(text="longest", label="a"),
        LabelRow(text="short", label="a very long name of a class"),
        LabelRow(image="a/very/long/path/of/a/picture.png", label="b"),
    ]
    table = table_of(tmp_path, rows, RowKind.LABEL)
    assert search(table, sort=RowSort.LONGEST) == [0, 1, 2]
    table.close()


def test_search_within_positions_stays_there(table: RowTable) -> None:
    within = np.array([1, 9, 17, 200, 201])
    hits = search(table, text="beta", within=within)
    assert hits == [one for one in within.tolist() if one % 8 == 1 or one % 5 == 1]


def test_search_gives_first_hits_before_it_is_over(table: RowTable) -> None:
    narrowed = table.narrowed(table.ids[::-1].copy())
    found = RowSearch(narrowed, text="alpha")
    assert (found.done, found.total, len(found.found().positions)) == (0, 300, 0)
    found.go_on(0.0)
    assert found.done > 0
    assert len(found.found().positions)


def grouped(table: RowTable, **how: object) -> list[tuple[int, int]]:
    """Return position and group of all that is found within the first eight rows."""
    found = RowSearch(
        table,
        within=np.array([0, 1, 2, 3, 5, 6, 7]),
        groups=np.array([-1, 70, 9, 70, 9, -1, 70]),
        **how,  # type: ignore[arg-type]  # passed on as given
    )
    found.go_on(60.0)
    hits = found.found()
    assert hits.groups is not None
    assert hits.group_count == len(set(hits.groups.tolist()) - {-1})
    return list(zip(hits.positions.tolist(), hits.groups.tolist(), strict=True))


def test_search_keeps_groups_together_in_the_order_of_their_first_rows(table: RowTable) -> None:
    assert grouped(table) == [(1, 0), (3, 0), (7, 0), (2, 1), (5, 1), (0, -1), (6, -1)]


def test_search_sorted_by_length_keeps_groups_together(table: RowTable) -> None:
    lengths = {one: preview_of(table.row(one)).characters for one in (1, 3, 7, 2, 5, 0, 6)}
    found = grouped(table, sort=RowSort.LONGEST)
    assert [group for _row, group in found] == sorted(
        (group for _row, group in found), key=lambda one: (one < 0, one)
    )
    for group in (0, 1, -1):
        rows = [lengths[row] for row, number in found if number == group]
        assert rows == sorted(rows, reverse=True)
    assert lengths[found[0][0]] == max(lengths[one] for one in (1, 3, 7, 2, 5))


def test_search_for_text_numbers_the_groups_that_are_left(table: RowTable) -> None:
    hits = grouped(table, text="gamma")
    assert [row for row, _group in hits] == [2, 7]
    assert [group for _row, group in hits] == list(range(len(hits)))


def test_search_without_text_and_order_reads_no_row(table: RowTable) -> None:
    within = np.arange(0, 300, 7)
    found = RowSearch(table, within=within)
    assert (found.is_over, found.done, found.total) == (True, len(within), len(within))
    assert found.found().positions.tolist() == within.tolist()
    assert found.grows_at_end
    assert not RowSearch(table, within=within, groups=within).grows_at_end
    assert not RowSearch(table, within=within, sort=RowSort.LONGEST).grows_at_end


@pytest.mark.parametrize("pattern", ["(", "[a", "a{2", "(?<=x)y", "*"])
def test_search_bad_pattern_is_refused_in_words(table: RowTable, pattern: str) -> None:
    if pattern == "a{2":
        assert search(table, text=pattern, is_pattern=True) == []
        return
    with pytest.raises(WrongUsage, match="no regular expression"):
        RowSearch(table, text=pattern, is_pattern=True)


def test_search_pattern_that_would_backtrack_takes_no_time(tmp_path: Path) -> None:
    rows: list[Row] = [TextRow(text="a" * 50_000 + "!")]
    table = table_of(tmp_path, rows, RowKind.TEXT)
    assert search(table, text="(a+)+$", is_pattern=True) == []
    table.close()


def test_search_looks_into_every_answer_of_a_preference(tmp_path: Path) -> None:
    rows: list[Row] = [
        PreferenceRow(
            prompt=(turn(Role.USER, "one"),),
            chosen=(turn(Role.ASSISTANT, "two"),),
            rejected=(turn(Role.ASSISTANT, "three"),),
        )
    ]
    table = table_of(tmp_path, rows, RowKind.PREFERENCE)
    assert [search(table, text=one) for one in ("ONE", "two", "thr", "four")] == [[0], [0], [0], []]
    table.close()


def test_query_without_conditions_takes_all() -> None:
    assert RowQuery(is_pattern=True).takes_all
    assert not RowQuery(marks=(RowMark(tag="odd"),)).takes_all
    assert not RowQuery(sort=RowSort.LONGEST).takes_all
