# SPDX-License-Identifier: Apache-2.0
"""The form that says what columns mean: filled, changed, and what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.api.mappings import FileGuess, PreviewRow
from engine.domain.dataset import LabelRow, Mapping, Part, RowKind, TextRow
from engine.domain.mapping import TARGETS, ColumnInfo, SavedMapping, problems_of_mapping
from engine.domain.shape import ShapeGuess
from gui.viewmodels.mapping import (
    FORMS,
    PAIR,
    Draft,
    PreviewRows,
    can_add_turns,
    can_remove_turns,
    can_show_rare,
    column_lines,
    draft_of,
    fields_of,
    files_words,
    form_choices,
    guess_words,
    mapping_of,
    problems_view,
    saved_choices,
    with_fewer_turns,
    with_more_turns,
)


def mapping(kind: RowKind, *parts: tuple[str, str]) -> Mapping:
    return Mapping(kind=kind, parts=tuple(Part(target=to, value=value) for to, value in parts))


MAPPINGS = [
    mapping(RowKind.CHAT, ("system", "s"), ("user", "{a}"), ("assistant", "{b}")),
    mapping(RowKind.CHAT, ("user", "{a}"), ("assistant", "{b}"), ("user", "{c}"),
            ("assistant", "{d}")),
    mapping(RowKind.CHAT, ("history", "{h}"), ("user", "{a}"), ("assistant", "{b}"),
            ("tools", "{t}")),
    mapping(RowKind.CHAT, ("messages", "{m}")),
    mapping(RowKind.TEXT, ("text", "{a}")),
    mapping(RowKind.PREFERENCE, ("prompt", "{a}"), ("chosen", "{b}"), ("rejected", "{c}")),
    mapping(RowKind.RATED, ("completion", "{b}"), ("liked", "{c}")),
    mapping(RowKind.LABEL, ("text", "{a}"), ("label", "{b}")),
    mapping(RowKind.LABEL, ("image", "{a}"), ("label", "{b}")),
]  # fmt: skip


@pytest.mark.parametrize("found", MAPPINGS)
def test_a_mapping_put_into_the_form_comes_out_the_same(found: Mapping) -> None:
    made, keys = mapping_of(draft_of(found))
    assert made == found
    assert len(keys) == len(found.parts)
    assert problems_of_mapping(made) == []


def test_every_form_has_a_name_and_words_for_all_its_parts() -> None:
    assert [key for key, _name in form_choices()] == [one.key for one in FORMS]
    for form in FORMS:
        fields = fields_of(Draft(form=form.key, shows_rare=True))
        assert all(one.label for one in fields)
        names = {one.key.partition(":")[0] for one in fields}
        assert names <= {one.name for one in TARGETS[form.kind]}
        required = {one.name for one in TARGETS[form.kind] if one.is_required}
        assert required <= names


def test_parts_that_few_files_have_are_asked_for_later() -> None:
    assert [one.key for one in fields_of(Draft())] == ["system", "user:1", "assistant:2"]
    assert can_show_rare(Draft())
    shown = Draft(shows_rare=True)
    assert [one.key for one in fields_of(shown)][1] == "history"
    assert not can_show_rare(shown)
    assert not can_show_rare(Draft(form="text"))


def test_turns_are_added_at_the_end_and_removed_with_their_texts() -> None:
    more = with_more_turns(Draft(values={"user:1": "{a}"}))
    assert more.turns == (*PAIR, *PAIR)
    assert can_remove_turns(more)
    filled = Draft(turns=more.turns, values={"user:1": "{a}", "assistant:4": "{b}"})
    assert with_fewer_turns(filled) == Draft(values={"user:1": "{a}"})
    assert not can_remove_turns(Draft())
    assert not can_add_turns(Draft(turns=PAIR * 6))
    assert not can_add_turns(Draft(form="text"))


def test_problems_stand_at_their_fields_and_name_the_remedy() -> None:
    made, keys = mapping_of(Draft(values={"user:1": "subject"}))
    shown = problems_view(problems_of_mapping(made, ["subject"]), keys)
    assert shown.by_field["user:1"].endswith("Write {subject} to take its values.")
    assert shown.by_field["assistant:2"] == "Choose a column, or write a text."
    assert shown.reason
    made, keys = mapping_of(Draft(values={"user:1": "a", "assistant:2": "b"}))
    shown = problems_view(problems_of_mapping(made), keys)
    assert (shown.by_field, bool(shown.whole)) == ({}, True)


def test_a_warning_does_not_forbid_to_import() -> None:
    made, keys = mapping_of(Draft(values={"user:1": "{x}", "assistant:2": "{b}"}))
    shown = problems_view(problems_of_mapping(made, ["b"]), keys)
    assert "x" in shown.by_field["user:1"]
    assert shown.reason == ""


def test_words_for_columns_files_and_saved_mappings() -> None:
    info = ColumnInfo(expression="{a.b}", depth=1, types=("number", "text"), examples=("1", "x"),
                      filled=2)  # fmt: skip
    (line,) = column_lines([info])
    assert (line.name, line.types, line.examples) == ("  {a.b}", "number, text", "1 · x")
    guess = ShapeGuess(shape="", kind=None, confidence=0, reason="Why.", sampled=1, fitting=0)
    file = FileGuess(file="a", guess=guess)
    assert guess_words([file]) == "Why. 0 of 1 row looked at fits."
    assert guess_words([file, file]).endswith("1 more file.")
    assert guess_words([]) == ""
    assert files_words([Path("/x/a.csv")]) == "a.csv"
    assert files_words([Path("a"), Path("b")]) == "2 files"
    saved = SavedMapping(name="n", columns=(), mapping=MAPPINGS[0], saved_at="")
    assert [key for key, _words in saved_choices([saved])] == ["", "n"]


def test_preview_rows_are_those_that_can_be_used() -> None:
    bad = PreviewRow(file="a", line=1, row=None, reason="r", message="m")
    good = PreviewRow(file="a", line=2, row=TextRow(text="t"))
    last = PreviewRow(file="b", line=1, row=LabelRow(label="l", image="i"))
    rows = PreviewRows([bad, good, last])
    assert len(rows) == 2
    assert [rows.place(one) for one in (0, 1, 2, -1)] == [-1, 0, 1, -1]
    assert (rows.row(1), rows.source(1)) == (last.row, ("b", 1))
    assert rows.words == "2 of the first 3 rows can be used."
