# SPDX-License-Identifier: Apache-2.0
"""Rows as cells and in full: short, whole, and asked for once."""

from __future__ import annotations

import numpy as np
import pytest

from engine.api.row_views import Hits
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
from gui.viewmodels.dataset_rows import CellSource, Recent, ShownRows, row_columns, row_view
from tests.fakes.rows import FakeRowTable, a_chat

PAIR = PreferenceRow(
    prompt=(Turn(role=Role.USER, content="hello"),),
    chosen=(Turn(role=Role.ASSISTANT, content="good day"),),
    rejected=(Turn(role=Role.ASSISTANT, content="what"),),
)


def cell_source(rows: FakeRowTable) -> CellSource:
    shown = ShownRows(rows)
    return CellSource(shown, shown.lead)


def cells(row: Row, kind: RowKind) -> dict[str, str]:
    source = cell_source(FakeRowTable([row]))
    return {one.key: source(0, i) for i, one in enumerate(row_columns(kind))}


def test_cells_of_a_conversation_are_question_answer_and_sizes() -> None:
    row = a_chat("what\nis it", "a\n scanner", system="be brief")
    assert cells(row, RowKind.CHAT) == {
        "number": "1",
        "asked": "what is it",
        "answered": "a scanner",
        "turns": "3",
        "characters": "28",
    }


def test_cells_of_text_and_preferences_fit_their_kind() -> None:
    assert cells(TextRow(text="one\ntwo"), RowKind.TEXT)["text"] == "one two"
    assert cells(PAIR, RowKind.PREFERENCE)["better"] == "good day"
    assert cells(PAIR, RowKind.PREFERENCE)["worse"] == "what"


def test_cells_and_parts_of_rated_answers_and_labelled_rows_fit_their_kind() -> None:
    rated = RatedRow(prompt=PAIR.prompt, completion=PAIR.rejected, is_liked=False)
    assert cells(rated, RowKind.RATED) == {
        "number": "1",
        "asked": "hello",
        "answered": "what",
        "liked": "No",
        "characters": "9",
    }
    assert [one.title for one in row_view(ShownRows(FakeRowTable([rated])), 0).turns] == [
        "User",
        "Disliked answer",
    ]
    text, picture = LabelRow(text="so good", label="praise"), LabelRow(image="a.png", label="cat")
    assert cells(text, RowKind.LABEL)["text"] == "so good"
    assert cells(picture, RowKind.LABEL)["text"] == "a.png"
    assert cells(picture, RowKind.LABEL)["label"] == "cat"
    assert [
        (one.title, one.text) for one in row_view(ShownRows(FakeRowTable([picture])), 0).turns
    ] == [
        ("Picture", "a.png"),
        ("Class", "cat"),
    ]


def test_cells_of_a_huge_text_are_short() -> None:
    shown = cells(TextRow(text="word " * 200_000), RowKind.TEXT)
    assert len(shown["text"]) <= 240
    assert shown["characters"] == "1,000,000"


def test_cells_number_rows_with_separators() -> None:
    source = cell_source(FakeRowTable([a_chat()] * 2_000))
    assert source(1_203, 0) == "1,204"


def test_cells_of_one_row_read_it_once() -> None:
    class Counting(FakeRowTable):
        reads = 0

        def row(self, index: int) -> Row:
            self.reads += 1
            return super().row(index)

    rows = Counting([a_chat()])
    source = cell_source(rows)
    for column in range(5):
        source(0, column)
    assert rows.reads == 1


def test_recent_forgets_what_was_asked_for_longest_ago() -> None:
    asked: list[int] = []

    def make(number: int) -> int:
        asked.append(number)
        return number

    recent = Recent(make, size=2)
    for number in (1, 2, 1, 3, 1, 2):
        assert recent(number) == number
    assert asked == [1, 2, 3, 2]


def test_row_view_of_a_conversation_has_its_turns_and_source() -> None:
    row = ChatRow(
        messages=(
            Turn(role=Role.USER, content="call it"),
            Turn(role=Role.ASSISTANT, content="", tool_calls='[{"name": "f"}]'),
            Turn(role=Role.TOOL, content="1", name="f", tool_call_id="c\n1"),
            Turn(role=Role.ASSISTANT, content="done", weight=0.0, name="Jo"),
        ),
        tools='[{"name": "f"}]',
    )
    shown = row_view(ShownRows(FakeRowTable([row])), 0)
    assert (shown.title, shown.source) == ("Row 1", "tickets.jsonl, line 1")
    assert [one.title for one in shown.turns] == [
        "Tools", "User", "Assistant", "Tool f, answers call c 1", "Assistant Jo, not trained",
    ]  # fmt: skip
    assert shown.turns[2].text == '[{"name": "f"}]'


def test_row_view_of_a_preference_tells_better_from_worse() -> None:
    titles = [one.title for one in row_view(ShownRows(FakeRowTable([PAIR])), 0).turns]
    assert titles == ["User", "Better answer", "Worse answer"]


def test_row_view_of_answers_shows_calls_and_their_results() -> None:
    call = Turn(role=Role.ASSISTANT, content="", tool_calls='[{"id": "c1"}]')
    result = Turn(role=Role.TOOL, content="1", name="f", tool_call_id="c1")
    said = Turn(role=Role.ASSISTANT, content="One.")
    pair = PreferenceRow(prompt=(), chosen=(call, result, said), rejected=(said,))
    shown = row_view(ShownRows(FakeRowTable([pair])), 0).turns
    assert [(one.title, one.text) for one in shown] == [
        ("Better answer", '[{"id": "c1"}]'),
        ("Better answer: Tool f, answers call c1", "1"),
        ("Better answer", "One."),
        ("Worse answer", "One."),
    ]
    rated = RatedRow(prompt=(), completion=(call,), is_liked=False)
    (answer,) = row_view(ShownRows(FakeRowTable([rated])), 0).turns
    assert (answer.title, answer.text) == ("Disliked answer", '[{"id": "c1"}]')


@pytest.mark.parametrize(
    ("length", "more"), [(8_000, ""), (8_001, "1 more character is not shown.")]
)
def test_row_view_of_a_huge_text_says_how_much_is_left_out(length: int, more: str) -> None:
    (turn,) = row_view(ShownRows(FakeRowTable([TextRow(text="x" * length)])), 0).turns
    assert (len(turn.text), turn.more) == (8_000, more)


def test_cells_of_rows_that_are_let_go_are_those_that_were_shown() -> None:
    rows = FakeRowTable([TextRow(text="one"), TextRow(text="two")])
    source = cell_source(rows)
    assert source(0, 1) == "one"
    source.freeze()
    assert (source(0, 1), source(1, 1)) == ("one", "")


def test_places_of_ids_are_those_of_what_is_shown() -> None:
    rows = FakeRowTable([TextRow(text=str(one)) for one in range(9)])
    assert ShownRows(rows).places([7, 2, 99]) == [2, 7]
    assert ShownRows(rows, Hits(positions=np.array([8, 2, 4]))).places([2, 8, 1]) == [0, 1]


def test_rows_of_all_parts_are_numbered_within_theirs() -> None:
    rows = FakeRowTable([a_chat(f"q{one}") for one in range(5)])
    shown = ShownRows(rows, parts=(("Training", 3), ("None", 0), ("Held out", 2)))
    assert [shown.place(one) for one in (0, 2, 3, 4)] == [
        ("Training", 1), ("Training", 3), ("Held out", 1), ("Held out", 2),
    ]  # fmt: skip
    assert shown.lead(4) == ("Held out", 2)
    assert row_view(shown, 4).title == "Row 2"
    assert row_view(shown, 4).place == "Held out"
    keys = [one.key for one in row_columns(RowKind.CHAT, has_parts=shown.has_parts)]
    assert keys[:2] == ["part", "number"]


def test_rows_of_groups_tell_where_a_group_ends() -> None:
    rows = FakeRowTable([a_chat(f"q{one}") for one in range(9)])
    hits = Hits(positions=np.array([1, 7, 2, 5, 3]), groups=np.array([0, 0, 1, 1, -1]),
                group_count=2)  # fmt: skip
    shown = ShownRows(rows, hits)
    assert [shown.group(one) for one in range(5)] == [1, 1, 2, 2, 0]
    assert [shown.ends_group(one) for one in range(5)] == [False, True, False, True, True]
    assert (shown.lead(1), shown.lead(4)) == ((1, 8), ("", 4))
    assert row_view(shown, 3).place == "Group 2 of 2"
    assert row_view(shown, 4).place == ""
    group = row_columns(RowKind.CHAT, groups=shown.group_count)[0]
    assert group.spoken.format(text="2") == "Group 2 of 2"
    assert CellSource(shown, shown.lead)(2, 0) == "2"
