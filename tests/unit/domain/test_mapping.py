# SPDX-License-Identifier: Apache-2.0
"""Expressions and mappings: what is written is what is meant, and all that is wrong is said."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.domain.dataset import Mapping, Part, RowKind
from engine.domain.expression import ColumnPath, ExpressionFault, parse, written
from engine.domain.mapping import TARGETS, kind_of_targets, problems_of_mapping

FUZZED = settings(max_examples=300, deadline=None, database=None, derandomize=True)


def mapping(kind: RowKind, *parts: tuple[str, str]) -> Mapping:
    return Mapping(kind=kind, parts=tuple(Part(target=to, value=value) for to, value in parts))


def codes(found: Mapping, columns: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    return [(one.field, one.code) for one in problems_of_mapping(found, columns)]


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("{question}", ("question",)),
        ("{a b}", ("a b",)),
        ("{ a }", ("a",)),
        ("{user.name}", ("user", "name")),
        ("{turns[0].text}", ("turns", 0, "text")),
        ("{grid[1][2]}", ("grid", 1, 2)),
        ('{"odd.name"}', ("odd.name",)),
        ('{"a}b"."c\\"d"[3]}', ("a}b", 'c"d', 3)),
        ("{__class__}", ("__class__",)),
    ],
)
def test_parse_of_a_column_finds_its_steps(text: str, steps: tuple[str | int, ...]) -> None:
    found = parse(text)
    assert found.column is not None
    assert found.column.steps == steps
    assert found.constant is None


def test_parse_of_a_text_with_columns_finds_both() -> None:
    found = parse("{{a}} {b}: {c.d}!")
    assert found.pieces[0] == "{a} "
    assert [one.steps for one in found.columns] == [("b",), ("c", "d")]
    assert found.pieces[-1] == "!"
    assert found.column is None
    assert found.constant is None


def test_parse_of_a_constant_keeps_it() -> None:
    assert parse("You are {{brief}}.").constant == "You are {brief}."
    assert parse("").constant == ""


@pytest.mark.parametrize(
    "text",
    ["{", "}", "{}", "{ }", "{a", "{a.}", "{.a}", "{a[}", "{a[x]}", "{a[-1]}", "{a[1234567]}",
     "{a{b}}", '{"a}', '{"\\q"}', '{"a"b}', "a } b", "{a!r}}", "{a:>{9}", "x" * 20_001,
     "{a" + "[0]" * 20 + "}", "{a}" * 65],
)  # fmt: skip
def test_parse_of_what_is_no_expression_says_so(text: str) -> None:
    with pytest.raises(ExpressionFault) as fault:
        parse(text)
    assert str(fault.value)


STEPS = st.tuples(st.text(min_size=1, max_size=12).filter(str.strip)).flatmap(
    lambda first: st.lists(
        st.one_of(st.integers(0, 99), st.text(min_size=1, max_size=12).filter(str.strip)),
        max_size=5,
    ).map(lambda rest: (*first, *rest))
)


@FUZZED
@given(STEPS)
def test_a_written_path_is_read_as_the_same(steps: tuple[str | int, ...]) -> None:
    found = parse(written(steps))
    assert found.column is not None
    assert found.column.steps == steps


@FUZZED
@given(st.text(alphabet='ab.[]{}"\\0 1!:', max_size=40))
def test_any_text_is_an_expression_or_a_fault(text: str) -> None:
    try:
        found = parse(text)
    except ExpressionFault:
        return
    assert all(isinstance(one, str | ColumnPath) for one in found.pieces)


@FUZZED
@given(st.text(max_size=60))
def test_escaped_text_is_a_constant(text: str) -> None:
    assert parse(text.replace("{", "{{").replace("}", "}}")).constant == text


def test_problems_of_good_mappings_are_none() -> None:
    for kind, targets in TARGETS.items():
        names = [one.name for one in targets if one.is_required]
        names += {RowKind.CHAT: ["user", "assistant", "user", "assistant"],
                  RowKind.LABEL: ["image"]}.get(kind, [])  # fmt: skip
        good = mapping(kind, *((name, "{a}") for name in names))
        assert problems_of_mapping(good, ["A"]) == []


def test_problems_come_all_at_once() -> None:
    bad = mapping(
        RowKind.CHAT,
        ("system", " "),
        ("system", "a"),
        ("colour", "{a}"),
        ("messages", "all {m}"),
        ("user", "{"),
        ("user", "question"),
        ("user", "{nowhere.x}"),
    )
    assert codes(bad, ("question", "a", "m")) == [
        ("1", "repeated_target"),
        ("2", "unknown_target"),
        ("", "conflicting_targets"),
        ("0", "empty_value"),
        ("1", "column_meant"),
        ("3", "column_needed"),
        ("4", "bad_expression"),
        ("5", "column_meant"),
        ("6", "unknown_column"),
    ]


@pytest.mark.parametrize(
    ("found", "code"),
    [
        (mapping(RowKind.CHAT, ("user", "{a}")), "missing_target"),
        (mapping(RowKind.TEXT), "missing_target"),
        (mapping(RowKind.PREFERENCE, ("chosen", "{a}")), "missing_target"),
        (mapping(RowKind.LABEL, ("label", "{a}")), "conflicting_targets"),
        (mapping(RowKind.TEXT, ("text", "the same")), "no_column"),
        (mapping(RowKind.CHAT, *[("assistant", "{a}")] * 65), "too_many_parts"),
    ],
)
def test_problems_of_a_wrong_choice_of_parts(found: Mapping, code: str) -> None:
    assert codes(found) == [("", code)]


def test_kind_is_known_by_its_targets() -> None:
    assert kind_of_targets(["system", "user", "assistant"]) is RowKind.CHAT
    assert kind_of_targets(["text"]) is RowKind.TEXT
    assert kind_of_targets(["text", "label"]) is RowKind.LABEL
    assert kind_of_targets(["prompt", "chosen", "rejected"]) is RowKind.PREFERENCE
    assert kind_of_targets(["prompt", "completion", "liked"]) is RowKind.RATED
    assert kind_of_targets(["text", "chosen"]) is None
