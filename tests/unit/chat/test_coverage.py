# SPDX-License-Identifier: Apache-2.0
"""Sums over rows are the sums of what the encoder says of each."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from statistics import median

import pytest

from engine.chat.coverage import CoverageCount, encode_ahead
from engine.chat.template import ChatTemplate
from engine.chat.tokenizer import ChatTokenizer
from engine.domain.coverage import EndsOfTurn
from engine.domain.dataset import ChatRow, PreferenceRow, Row, TextRow
from engine.errors import KindUnsuitable
from tests.builders.conversations import CONVERSATIONS, chat, template_text, turn
from tests.builders.families import FAMILIES

CLOCK = datetime(2026, 11, 20, tzinfo=UTC)
MAX_LENGTH = 48
ROWS: list[Row] = [
    *CONVERSATIONS.values(),
    ChatRow(messages=(turn("user", "Nobody answers."),)),
    ChatRow(messages=(turn("user", "a"), turn("assistant", "b", weight=0))),
    chat("x" * 200, "Too late."),
    chat("a", "A secret."),
]


def tokenizer(family: str = "qwen3") -> ChatTokenizer:
    one = FAMILIES[family]
    names = {"eos_token": one.eos, "bos_token": one.bos}
    template = ChatTemplate(template_text(one.template), special_tokens=names, clock=CLOCK)
    return ChatTokenizer(one.tokenizer(), template=template, special_tokens=names)


def count_of(rows: list[Row], *, max_length: int = MAX_LENGTH) -> CoverageCount:
    count = CoverageCount()
    for batch in encode_ahead([tokenizer(), tokenizer()], rows, max_length=max_length):
        for one in batch:
            count.add(one)
    return count


def test_rows_encoded_ahead_are_those_of_the_encoder_in_order() -> None:
    rows = [chat(f"question {number}", "x" * (number % 7)) for number in range(2000)]
    found = encode_ahead([tokenizer(), tokenizer()], rows, max_length=MAX_LENGTH)
    assert [one for batch in found for one in batch] == tokenizer().encode_rows(
        rows, max_length=MAX_LENGTH
    )


def test_rows_are_not_read_far_ahead_of_what_is_taken() -> None:
    read = 0

    def endless() -> Iterator[Row]:
        """Yield rows and count them."""
        nonlocal read
        while True:
            read += 1
            yield chat("a", "b")

    found = encode_ahead([tokenizer(), tokenizer()], endless(), max_length=MAX_LENGTH)
    next(found)
    assert read <= 6 * 256
    found.close()


def test_error_of_a_row_ends_the_work() -> None:
    rows = [chat("a", "b"), PreferenceRow(prompt=(), chosen=(), rejected=())]
    with pytest.raises(KindUnsuitable):
        list(encode_ahead([tokenizer()], rows, max_length=MAX_LENGTH))


def test_sums_are_those_of_the_rows() -> None:
    found = count_of(ROWS).sums()
    whole = tokenizer().encode_rows(ROWS, max_length=100_000)
    cut = tokenizer().encode_rows(ROWS, max_length=MAX_LENGTH)
    kept = [one for one in cut if not one.problem]
    lengths = [len(one.ids) for one in whole if one.ids]
    assert found["rows"] == len(ROWS)
    assert found["trained_rows"] == len(kept) < len(ROWS)
    assert found["tokens"] == sum(len(one.ids) for one in kept)
    assert found["trained_tokens"] == sum(sum(one.trained) for one in kept)
    assert found["lost_tokens"] == sum(sum(one.trained) for one in whole) - sum(
        sum(one.trained) for one in cut
    )
    assert found["lost_tokens"] > 0
    assert found["cut"].rows == sum(len(one.ids) > MAX_LENGTH for one in whole)
    assert found["longest_tokens"] == max(lengths)
    assert found["longest_row"] == [len(one.ids) for one in whole].index(max(lengths))
    assert found["median_tokens"] == int(median(lengths))
    assert sum(one.tokens for one in found["roles"]) == found["tokens"]
    assert sum(one.trained_tokens for one in found["roles"]) == found["trained_tokens"]


def test_rows_that_are_not_trained_are_named_with_their_places() -> None:
    count = count_of(ROWS)
    groups = {one.code: (one.rows, one.examples) for one in count.sums()["left_out"]}
    places = len(CONVERSATIONS)
    assert groups["no_assistant_turn"] == (1, (places,))
    assert {places + 1, places + 2} <= set(groups["no_trained_tokens"][1])
    assert all(one.text for one in count.sums()["left_out"])
    lengths = count.example_lengths.tolist()
    assert len(lengths) == len(ROWS)
    assert [at for at, one in enumerate(lengths) if not one] == sorted(
        place for _rows, examples in groups.values() for place in examples
    )


def test_template_that_drops_reasoning_is_noted_with_its_rows() -> None:
    (note,) = count_of(ROWS, max_length=9999).sums()["notes"]
    assert (note.code, note.rows) == ("reasoning_left_out", 1)
    assert note.examples == (list(CONVERSATIONS).index("thoughts"),)


def test_ends_of_turn_are_counted_by_answer() -> None:
    rows: list[Row] = [
        chat("a", "b", "c", "d"),
        ChatRow(messages=(turn("user", "a"), turn("assistant", "b", weight=0))),
        chat("x" * 300, "Too late."),
    ]
    found = count_of(rows, max_length=60).sums()["ends"]
    assert found == EndsOfTurn(trained=2, cut=1, off=1, missing=0)
    assert found.ratio == pytest.approx(2 / 3)


def test_text_rows_are_counted_under_their_own_role() -> None:
    found = count_of([TextRow(text="Once upon a time")], max_length=9999).sums()
    ((role, tokens, trained),) = [
        (one.role, one.tokens, one.trained_tokens) for one in found["roles"]
    ]
    assert (role, trained) == ("text", tokens - 1)


def test_histogram_counts_each_row_once_in_fixed_ranges() -> None:
    found = count_of(ROWS).sums()["lengths"]
    lengths = [len(one.ids) for one in tokenizer().encode_rows(ROWS, max_length=9999) if one.ids]
    assert found[0].from_tokens == 1
    for one in found:
        inside = [n for n in lengths if one.from_tokens <= n <= (one.to_tokens or n)]
        assert one.rows == len(inside)
    assert sum(one.rows for one in found) == len(lengths)
    assert found[-1].rows > 0


def test_no_rows_have_sums_too() -> None:
    found = count_of([]).sums()
    assert (found["rows"], found["tokens"], found["longest_row"], found["lengths"]) == (
        0,
        0,
        -1,
        (),
    )
