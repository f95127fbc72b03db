# SPDX-License-Identifier: Apache-2.0
"""Mappings applied: records become rows or are refused, whatever they hold."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.domain.dataset import (
    ChatRow,
    LabelRow,
    Mapping,
    Part,
    PreferenceRow,
    RatedRow,
    Role,
    RowKind,
    TextRow,
    Turn,
)
from engine.domain.mapping import TARGETS
from engine.errors import WrongUsage
from engine.formats.columns import columns_of, names_of
from engine.formats.format import Record
from engine.formats.mapping import Mapper
from engine.formats.proposal import propose
from engine.formats.recognition import survey
from engine.formats.refusal import RefusedRecord
from engine.formats.shapes import normalise

FUZZED = settings(max_examples=300, deadline=None, database=None, derandomize=True)
USER, ANSWER = {"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}
ASKED = (Turn(role=Role.USER, content="Q"),)
SAID = (Turn(role=Role.ASSISTANT, content="A"),)


def mapping(kind: RowKind, **parts: str) -> Mapping:
    return Mapping(kind=kind, parts=tuple(Part(target=to, value=one) for to, one in parts.items()))


CHAT = mapping(RowKind.CHAT, system="Be brief.", user="{q}", assistant="{a}")
CASES: list[tuple[Mapping, Any, Any]] = [
    (CHAT, {"q": "Q", "a": "A"},
     ChatRow(messages=(Turn(role=Role.SYSTEM, content="Be brief."), *ASKED, *SAID))),
    (mapping(RowKind.CHAT, user="{Q}", assistant="{x.y[1].z}"),
     {"q": "Q", "x": {"y": [0, {"Z": "A"}]}}, ChatRow(messages=(*ASKED, *SAID))),
    (mapping(RowKind.CHAT, user="{q}", assistant='{x["y"}'.replace('["', '."')),
     {"q": "Q", "x": '{"y": "A"}'}, ChatRow(messages=(*ASKED, *SAID))),
    (mapping(RowKind.CHAT, user="{q}", assistant="{x.y}"),
     {"q": "Q", "x.y": "A"}, ChatRow(messages=(*ASKED, *SAID))),
    (mapping(RowKind.CHAT, system="{s}", user="{q}", assistant="{a}"),
     {"s": None, "q": "Q", "a": "A"}, ChatRow(messages=(*ASKED, *SAID))),
    (mapping(RowKind.CHAT, user="{q}\n\n{more}", assistant="{a}"),
     {"q": "Q", "more": "", "a": "A"}, ChatRow(messages=(*ASKED, *SAID))),
    (mapping(RowKind.CHAT, messages="{m}", system="S", tools="{t}"),
     {"m": [USER, ANSWER], "t": [{"name": "f"}]},
     ChatRow(messages=(Turn(role=Role.SYSTEM, content="S"), Turn(role=Role.USER, content="Hi"),
                       Turn(role=Role.ASSISTANT, content="Hello")), tools='[{"name":"f"}]')),
    (mapping(RowKind.CHAT, history="{h}", user="{q}", assistant="{a}"),
     {"h": [["Q", "A"]], "q": "Q", "a": "A"},
     ChatRow(messages=(*ASKED, *SAID, *ASKED, *SAID))),
    (mapping(RowKind.TEXT, text="{{{n}}} {d} {b}"), {"n": 1, "d": date(2026, 1, 2), "b": True},
     TextRow(text="{1} 2026-01-02 true")),
    (mapping(RowKind.PREFERENCE, prompt="{q}", chosen="{a}", rejected="{b}"),
     {"q": "Q", "a": "A", "b": "B"},
     PreferenceRow(prompt=ASKED, chosen=SAID,
                   rejected=(Turn(role=Role.ASSISTANT, content="B"),))),
    (mapping(RowKind.RATED, prompt="{q}", completion="{a}", liked="{ok}"),
     {"q": "Q", "a": "A", "ok": "Thumbs_Up"},
     RatedRow(prompt=ASKED, completion=SAID, is_liked=True)),
    (mapping(RowKind.RATED, prompt="{q}", completion="{a}", liked="no"),
     {"q": "Q", "a": "A"}, RatedRow(prompt=ASKED, completion=SAID, is_liked=False)),
    (mapping(RowKind.LABEL, text="{t}", label="{n}"), {"t": "T", "n": 3},
     LabelRow(text="T", label="3")),
    (mapping(RowKind.LABEL, image="pics/{f}.png", label="{n}"), {"f": "a", "n": "x"},
     LabelRow(image="pics/a.png", label="x")),
]  # fmt: skip


@pytest.mark.parametrize(("found", "record", "row"), CASES)
def test_make_of_a_record_that_fits_gives_the_row(found: Mapping, record: Any, row: Any) -> None:
    assert Mapper(found).make(record) == ("mapping", row)


@pytest.mark.parametrize(
    ("found", "record", "reason"),
    [
        (CHAT, {"q": "Q"}, "missing_column"),
        (CHAT, {"q": "Q", "a": None}, "empty_text"),
        (CHAT, {"q": "Q", "a": " \n"}, "empty_text"),
        (CHAT, {"q": "Q\0", "a": "A"}, "nul_character"),
        (CHAT, {"q": "Q", "a": {"deep": 1}}, "unknown_role"),
        (CHAT, 5, "not_an_object"),
        (mapping(RowKind.TEXT, text="{a.b}"), {"a": "plain"}, "missing_column"),
        (mapping(RowKind.TEXT, text="{a.b}"), {"a": "{broken"}, "broken_json"),
        (mapping(RowKind.TEXT, text="{a[3]}"), {"a": ["x"]}, "missing_column"),
        (mapping(RowKind.TEXT, text="{a}"), {"a": ["x"]}, "wrong_type"),
        (mapping(RowKind.TEXT, text="{a}{a}"), {"a": "x" * (9 << 20)}, "too_long"),
        (mapping(RowKind.CHAT, messages="{m}"), {"m": "hello"}, "wrong_type"),
        (mapping(RowKind.RATED, prompt="{q}", completion="{q}", liked="{q}"), {"q": "so so"},
         "wrong_type"),
        (mapping(RowKind.LABEL, text="{q}", label="{n}"), {"q": "T", "n": ""}, "missing_label"),
    ],
)  # fmt: skip
def test_make_of_a_record_that_does_not_fit_says_why(
    found: Mapping, record: object, reason: str
) -> None:
    with pytest.raises(RefusedRecord) as refused:
        Mapper(found).make(record)
    assert refused.value.reason == reason


def test_others_are_the_columns_that_are_not_taken() -> None:
    taken = Mapper(mapping(RowKind.TEXT, text="{Title}: {user.name}"))
    record = {"title": "T", "user": {"name": "N", "age": 3}, "label": "x", "none": None}
    assert taken.others(record) == '{"user":{"name":"N","age":3},"label":"x"}'
    assert taken.others({"title": "T"}) is None


def test_attributes_of_values_cannot_be_reached() -> None:
    for path in ("{a.__class__}", "{a.__class__.__mro__}", "{__class__}", "{a.real}"):
        with pytest.raises(RefusedRecord) as refused:
            Mapper(mapping(RowKind.TEXT, text=path)).make({"a": 1})
        assert refused.value.reason == "missing_column"


def test_mapper_of_a_wrong_mapping_names_every_problem() -> None:
    with pytest.raises(WrongUsage) as error:
        Mapper(mapping(RowKind.TEXT, text="{", colour="{a}"))
    assert "colour" in error.value.message
    assert "}" in error.value.message


VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8),
              st.sampled_from(['{"a": 1}', "[1]", "{", '[{"role": "user", "content": "x"}]'])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["a", "b", "role", "content"]), inner, max_size=3),
    ),
    max_leaves=8,
)  # fmt: skip
EXPRESSIONS = st.sampled_from(
    ["{a}", "{b}", "{a.b}", "{a[0]}", "{a[0].b}", "x {a} {b}", "{{}}", "const", '{"a"}', "{c}"]
)


@FUZZED
@given(st.data())
def test_any_mapping_makes_a_row_of_any_record_or_refuses_it(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(list(TARGETS)))
    names = st.sampled_from([one.name for one in TARGETS[kind]])
    parts = data.draw(st.lists(st.tuples(names, EXPRESSIONS), max_size=5))
    found = Mapping(kind=kind, parts=tuple(Part(target=to, value=one) for to, one in parts))
    record = data.draw(VALUES)
    try:
        mapper = Mapper(found)
    except WrongUsage:
        return
    try:
        shape, _row = mapper.make(record)
    except RefusedRecord:
        return
    assert shape == "mapping"
    mapper.others(record)


PROPOSED: list[dict[str, Any]] = [
    {"messages": [USER, ANSWER], "tools": [{"name": "f"}]},
    {"system": "S", "conversations": [{"from": "human", "value": "Hi"},
                                      {"from": "gpt", "value": "Hello"}]},
    {"Instruction": "Do", "input": "it", "Output": "Done"},
    {"system": "S", "history": [["a", "b"]], "instruction": "Do", "output": "Done"},
    {"question": "Q", "context": "C", "answer": "A"},
    {"input": "Q", "output": "A"},
    {"text": "T"},
    {"prompt": "Q", "chosen": "A", "rejected": "B"},
    {"chosen": [USER, ANSWER], "rejected": [USER, {**ANSWER, "content": "No"}]},
]  # fmt: skip


@pytest.mark.parametrize("record", PROPOSED)
def test_proposal_says_the_same_as_the_shape(record: dict[str, Any]) -> None:
    found = survey([Record(line=1, value=record)])
    assert Mapper(propose(found, [record])).make(record)[1] == normalise(record)[1]


@pytest.mark.parametrize(
    "records",
    [
        [{"text": f"T{n}", "Label": n % 2} for n in range(4)],
        [{"path": f"{n}.png", "label": n % 2} for n in range(4)],
        [{"prompt": "Q", "completion": "A", "label": n % 2} for n in range(4)],
        [{"messages": [USER, ANSWER], "liked": n % 2 == 0} for n in range(4)],
    ],
)
def test_proposal_for_classes_and_verdicts_says_the_same(records: list[dict[str, Any]]) -> None:
    found = survey([Record(line=1, value=one) for one in records])
    mapper = Mapper(propose(found, records))
    assert [mapper.make(one)[1] for one in records] == [
        normalise(one, found.classed)[1] for one in records
    ]


def test_proposal_for_unknown_columns_takes_the_long_ones() -> None:
    record = {"id": "1", "Frage": "Wie alt ist die Stadt?", "Antwort": "Über tausend Jahre."}
    found = propose(survey([Record(line=1, value=record)]), [record])
    assert [(one.target, one.value.lower()) for one in found.parts] == [
        ("user", "{frage}"),
        ("assistant", "{antwort}"),
    ]
    assert propose(survey([]), []).parts == ()


def test_columns_show_types_examples_and_what_is_in_them() -> None:
    values = [
        {"q": "a\n b", "user": {"name": "N", "tags": ["x"]}, "n": 1},
        {"q": "c", "user": {"name": "", "tags": []}, "n": None, "odd.name": True},
        [USER, ANSWER],
        7,
    ]
    found = {one.expression: one for one in columns_of(values)}
    assert list(found)[:5] == ["{q}", "{user}", "{user.name}", "{user.tags}", "{user.tags[0]}"]
    assert found["{q}"].examples == ("a b", "c")
    assert (found["{user}"].types, found["{user}"].examples) == (("object",), ())
    assert (found["{user.name}"].depth, found["{user.name}"].filled) == (1, 1)
    assert found["{n}"].types == ("number",)
    assert found['{"odd.name"}'].types == ("boolean",)
    assert "{messages[0].role}" in found
    assert names_of(values) == ("messages", "n", "odd.name", "q", "user")
