# SPDX-License-Identifier: Apache-2.0
"""What is recognised over many rows: classes, verdicts, and how sure that is."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.domain.dataset import LabelRow, RatedRow, Reject, RowKind
from engine.formats.classes import ClassField
from engine.formats.columns import columns_of
from engine.formats.format import Record
from engine.formats.mapping import Mapper
from engine.formats.proposal import propose
from engine.formats.recognition import Survey, survey
from engine.formats.refusal import RefusedRecord
from engine.formats.shapes import kind_of, normalise

USER, ANSWER = {"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}


def looked_at(values: list[Any]) -> Survey:
    return survey(Record(line=line, value=one) for line, one in enumerate(values, start=1))


def texts(labels: list[Any], name: str = "label") -> list[dict[str, Any]]:
    return [{"text": f"row {n}", name: one} for n, one in enumerate(labels)]


@pytest.mark.parametrize("name", ["label", "class", "Category", "label_text"])
@pytest.mark.parametrize("labels", [["spam", "ham"] * 10, [0, 1, 2] * 4, [True, False] * 6])
def test_survey_of_texts_with_few_values_beside_them_finds_classes(
    name: str, labels: list[Any]
) -> None:
    found = looked_at(texts(labels, name))
    assert (found.guess.shape, found.guess.kind) == ("labelled_text", RowKind.LABEL)
    assert found.classed == ClassField(RowKind.LABEL, name.lower())
    assert found.guess.confidence == 1.0
    assert name.lower() in found.guess.reason
    assert str(len(set(labels))) in found.guess.reason


@pytest.mark.parametrize(
    "labels",
    [
        [f"value {n}" for n in range(30)],
        ["one sentence that is far too long to be the name of a class " * 3] * 20,
        [["a"], ["b"]] * 10,
        ["a", "b"],
    ],
)
def test_survey_of_texts_with_other_values_beside_them_finds_text(labels: list[Any]) -> None:
    found = looked_at(texts(labels))
    assert (found.guess.shape, found.guess.kind) == ("text", RowKind.TEXT)
    assert found.classed is None


def test_survey_looks_at_many_rows_where_there_are_many_classes() -> None:
    shuffled = [f"intent {(n * 37) % 77}" for n in range(1000)]
    found = looked_at(texts(shuffled))
    assert found.guess.kind is RowKind.LABEL
    assert found.guess.sampled == 1000


@pytest.mark.parametrize(
    "image",
    ["cats/1.PNG", {"path": "cats/1.jpeg", "bytes": None}],
)
@pytest.mark.parametrize("name", ["image", "image_path", "file_name", "path"])
def test_survey_of_pictures_with_classes_finds_them(name: str, image: Any) -> None:
    rows = [{name: image, "label": one} for one in ("cat", "dog")] * 4
    found = looked_at(rows)
    assert (found.guess.shape, found.guess.kind) == ("labelled_image", RowKind.LABEL)
    _shape, row = normalise(rows[0], found.classed)
    path = image if isinstance(image, str) else image["path"]
    assert row == LabelRow(label="cat", image=path)


def test_survey_of_paths_that_are_no_pictures_finds_nothing() -> None:
    rows = [{"path": "notes/1.txt", "label": one} for one in ("a", "b")] * 4
    assert looked_at(rows).guess.shape == ""


RATED: list[list[dict[str, Any]]] = [
    [{"prompt": "Hi", "completion": "Hello", "label": one} for one in (True, False)],
    [{"prompt": "Hi", "completion": "Hello", "label": one} for one in (1, 0)],
    [{"prompt": "Hi", "completion": "Hello", "label": one} for one in ("1", "0")],
    [{"prompt": [USER], "completion": [ANSWER], "label": one} for one in (True, False)],
    [{"prompt": "Hi", "response": "Hello", "thumbs": one} for one in ("\U0001f44d", "down")],
    [{"messages": [USER, ANSWER], "kto_tag": one} for one in (True, False)],
    [{"messages": [USER, ANSWER], "label": one} for one in ("thumbs_up", "Thumbs_Down")],
]


@pytest.mark.parametrize("rows", RATED)
def test_survey_of_rated_answers_finds_them(rows: list[dict[str, Any]]) -> None:
    found = looked_at(rows)
    assert (found.guess.shape, found.guess.kind) == ("rated", RowKind.RATED)
    made = [normalise(one, found.classed)[1] for one in rows]
    assert all(isinstance(one, RatedRow) for one in made)
    for row, is_liked in zip(made, (True, False), strict=True):
        assert isinstance(row, RatedRow)
        assert [turn.content for turn in row.prompt] == ["Hi"]
        assert [turn.content for turn in row.completion] == ["Hello"]
        assert row.is_liked is is_liked
        assert kind_of(row) is RowKind.RATED


@pytest.mark.parametrize(
    "rows",
    [
        [{"prompt": "Hi", "completion": "Hello", "label": one} for one in ("maths", "art", "art")],
        [{"prompt": "Hi", "completion": "Hello", "label": one} for one in (0, 1, 2, 3, 4)],
        [{"messages": [USER, ANSWER], "label": one} for one in (0, 1)],
    ],
)
def test_survey_of_conversations_with_another_label_finds_conversations(
    rows: list[dict[str, Any]],
) -> None:
    found = looked_at(rows)
    assert found.guess.kind is RowKind.CHAT
    assert found.classed is None


@pytest.mark.parametrize(
    ("value", "field", "reason"),
    [
        ({"text": "a"}, ClassField(RowKind.LABEL, "label"), "missing_label"),
        ({"text": "a", "label": " "}, ClassField(RowKind.LABEL, "label"), "missing_label"),
        ({"text": "a", "label": [1]}, ClassField(RowKind.LABEL, "label"), "wrong_type"),
        ({"text": "a", "label": "x\0"}, ClassField(RowKind.LABEL, "label"), "nul_character"),
        ({"label": "a"}, ClassField(RowKind.LABEL, "label"), "missing_subject"),
        ({"text": " ", "label": "a"}, ClassField(RowKind.LABEL, "label"), "empty_text"),
        ({"prompt": "a", "label": 1}, ClassField(RowKind.RATED, "label"), "missing_answer"),
        (
            {"prompt": "a", "completion": "b", "label": "so so"},
            ClassField(RowKind.RATED, "label"),
            "wrong_type",
        ),
        ({"completion": "b", "label": 1}, ClassField(RowKind.RATED, "label"), "unknown_shape"),
    ],
)
def test_normalise_of_a_row_without_what_the_others_have_refuses_it(
    value: object, field: ClassField, reason: str
) -> None:
    with pytest.raises(RefusedRecord) as refused:
        normalise(value, field)
    assert refused.value.reason == reason


def test_confidence_is_the_share_of_rows_that_fit() -> None:
    good: dict[str, Any] = {"question": "Q", "answer": "A"}
    items = [
        Record(line=1, value=good),
        Record(line=2, value={**good, "answer": ""}),
        Reject(file="f", line=3, reason="r", message="m"),
        Record(line=4, value=good),
    ]
    guess = survey(items).guess
    assert (guess.shape, guess.sampled, guess.fitting) == ("question_answer", 4, 2)
    assert guess.confidence == 0.5
    assert guess.is_sure
    assert not msgspec.structs.replace(guess, confidence=0.49).is_sure
    assert "question" in guess.reason
    assert "answer" in guess.reason


def test_survey_of_unknown_columns_says_why_nothing_fits() -> None:
    guess = looked_at([{"frage": "Q", "antwort": "A"}] * 3).guess
    assert (guess.shape, guess.kind, guess.confidence) == ("", None, 0.0)
    assert guess.reason


def test_survey_of_nothing_has_no_shape() -> None:
    assert looked_at([]).guess.sampled == 0


VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(max_size=6),
        st.sampled_from(["a.png", "[1]", "1", 10**400, USER, ANSWER, [USER, ANSWER]]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2),
        st.dictionaries(st.sampled_from(["path", "role", "content", "text"]), inner, max_size=2),
    ),
    max_leaves=4,
)
NAMES = st.sampled_from(
    ["text", "label", "image", "prompt", "completion", "messages", "chosen", "rejected", "liked"]
)


@settings(max_examples=300, deadline=None, database=None, derandomize=True)
@given(st.lists(st.one_of(VALUES, st.dictionaries(NAMES, VALUES, max_size=4)), max_size=12))
def test_survey_of_any_rows_counts_those_that_fit_and_proposes_something(values: list[Any]) -> None:
    found = looked_at(values)
    assert found.guess.sampled == len(values)
    assert 0 <= found.guess.fitting <= len(values)
    assert found.guess.reason
    assert (found.guess.kind is None) == (found.guess.fitting == 0)
    proposal = propose(found, values)
    assert columns_of(values) is not None
    if proposal.parts and found.guess.kind is not None:
        Mapper(proposal)
