# SPDX-License-Identifier: Apache-2.0
"""A question and its answer made into a row at once: what the general way makes of them."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.domain.dataset import Row
from engine.formats import field_names
from engine.formats.refusal import RefusedRecord
from engine.formats.shapes import normalise

TEXTS = st.sampled_from(
    ["", " ", "\u2003", "Hi", "a\0", "[1]", '[{"role": "user", "content": "a"}]', " [", "é\n"]
)
VALUES = TEXTS | st.sampled_from([None, 5, True, [], {}, [{"role": "user", "content": "a"}]])
QUESTIONS = st.sampled_from([*field_names.QUESTIONS, "Prompt", "messages", "text", "chosen", 7])
ANSWERS = st.sampled_from([*field_names.ANSWERS, "Answer", "context", "system", "rejected"])


def outcome(value: object) -> tuple[str, Row] | str:
    try:
        return normalise(value)
    except RefusedRecord as refused:
        return refused.message


@settings(max_examples=600, deadline=None)
@given(QUESTIONS, ANSWERS, TEXTS | VALUES, TEXTS | VALUES, st.booleans())
def test_normalise_of_a_pair_gives_what_it_gives_with_an_empty_field_beside_it(
    question: object, answer: str, asked: object, said: object, is_turned: bool
) -> None:
    items = [(question, asked), (answer, said)]
    pair = dict(reversed(items) if is_turned else items)

    # A third field, even one that holds nothing, takes the general way.
    assert outcome(pair) == outcome({**pair, "beside": None})


def test_normalise_of_a_plain_pair_makes_two_turns() -> None:
    shape, row = normalise({"answer": "Hello", "question": "Hi"})

    assert shape == "question_answer"
    assert [one.content for one in getattr(row, "messages", ())] == ["Hi", "Hello"]
