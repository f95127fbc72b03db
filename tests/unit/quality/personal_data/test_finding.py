# SPDX-License-Identifier: Apache-2.0
"""What is found in a text, exactly where, and what is left alone."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from random import Random

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import compute

from engine.quality.personal_data.data_class import DataClass
from engine.quality.personal_data.finding import ALL_CLASSES, spans_of
from tests.builders.personal_values import INNOCENT, VALUES, Sample, samples

# Measured on 400 texts of each class; what is missing is what the forms do not show (see docs).
LEAST_RECALL = {
    "email": 0.93,
    "phone": 0.75,
    "nl_bsn": 0.55,
    "person_name": 0.65,
    "postal_address": 0.82,
}


@pytest.fixture(scope="module")
def made() -> list[Sample]:
    return samples(11, 100)


def found(text: str) -> list[tuple[str, str]]:
    return [(span.label, text[span.start : span.end]) for span in spans_of(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("write to Jo.Doe+x@acme.co.uk.", [("email", "Jo.Doe+x@acme.co.uk")]),
        ("call +49 30 12345678 12 times", [("phone", "+49 30 12345678 12")]),
        ("(212) 555-0123, please", [("phone", "(212) 555-0123")]),
        ("ou 06 12 34 56 78", [("phone", "06 12 34 56 78")]),
        ("Tel.: 612 345 678", [("phone", "612 345 678")]),
        ("IBAN DE89 3704 0044 0532 0130 00!", [("iban", "DE89 3704 0044 0532 0130 00")]),
        ("4111-1111-1111-1111", [("payment_card", "4111-1111-1111-1111")]),
        ("BSN: 111222333", [("nl_bsn", "111222333")]),
        ("the NHS number 943 476 5919", [("gb_nhs", "943 476 5919")]),
        ("my ssn is 219 09 9999", [("us_ssn", "219 09 9999")]),
        ("from 8.8.8.8 to 10.0.0.1", [("ip_address", "8.8.8.8")]),
        ("2001:4860:4860::8888", [("ip_address", "2001:4860:4860::8888")]),
        ('{"password": "hunter2Xq9"}', [("password", "hunter2Xq9")]),
        ("Dear Mr Smith went home", [("person_name", "Smith")]),
        ("Frau Dr. Müller-Lüdenscheidt kam", [("person_name", "Müller-Lüdenscheidt")]),
        ("Name: Anna B. Berg\nAge: 5", [("person_name", "Anna B. Berg")]),
        ("Hauptstraße 5, 10115 Berlin ist", [("postal_address", "Hauptstraße 5, 10115 Berlin")]),
    ],
)  # fmt: skip
def test_value_is_found_exactly_where_it_stands(text: str, expected: list[tuple[str, str]]) -> None:
    assert found(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "111222333",
        "9434765919 boxes",
        "the 01.02.2024 and 01-02-2024",
        "password: the secret word",
        'password = os.environ["APP_PASSWORD"]',
        "a@example.com, b@shop.test, git@github.com:a/b",
        "version 1.2.3.4 of std::vector at 12:30:45",
        "4111111111111112",
        "00.12345, 03.14159",
        "open 0800-1700",
        "name: String",
        "call 112 now",
        "xxxx@xxxx.xxx",
    ],
)
def test_innocent_text_is_left_alone(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize("label", VALUES)
def test_recall_on_made_texts_reaches_its_bar(label: str, made: list[Sample]) -> None:
    texts = [one for one in made if one.label == label]
    hits = sum(
        any(
            span.label == label and one.start <= span.start and span.end <= one.end
            for span in spans_of(one.text)
        )
        for one in texts
    )
    assert hits >= LEAST_RECALL.get(label, 0.97) * len(texts)


def test_precision_on_innocent_texts_reaches_its_bar() -> None:
    random = Random(5)
    texts = [make(random) for make in INNOCENT for _ in range(40)]
    wrong = Counter(span.label for text in texts for span in spans_of(text))
    # Bare runs of 11 and 16 digits pass a check digit by chance.
    by_chance = sum(wrong.pop(label, 0) for label in ("pl_pesel", "de_tax_id", "payment_card"))
    assert not wrong
    assert by_chance < 0.01 * len(texts)


@pytest.mark.parametrize("one", ALL_CLASSES, ids=lambda one: one.name)
def test_search_keeps_every_text_that_find_would_confirm(
    one: DataClass, made: list[Sample]
) -> None:
    texts = [sample.text for sample in made]
    kept = compute.match_substring_regex(pa.array(texts), one.search).to_pylist()
    lost = [text for text, is_kept in zip(texts, kept, strict=True) if not is_kept]
    assert [text for text in lost if any(True for _ in one.find(text))] == []


@settings(deadline=None, max_examples=150, derandomize=True)
@given(st.text(st.sampled_from("0123456789 .-+@:/()aXéM\n="), max_size=80))
def test_spans_of_any_text_are_in_order_and_apart(text: str) -> None:
    spans = spans_of(text)
    assert all(0 <= span.start < span.end <= len(text) for span in spans)
    assert all(a.end <= b.start for a, b in pairwise(spans))
