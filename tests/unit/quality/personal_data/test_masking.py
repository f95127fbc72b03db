# SPDX-License-Identifier: Apache-2.0
"""Masks keep the shape and leave nothing to find."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.quality.personal_data.finding import spans_of
from engine.quality.personal_data.masking import masked_text, masked_value
from tests.builders.personal_values import samples


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("ask jo.doe@acme.com!", "ask xx.xxx@xxxx.xxx!"),
        ("DE89 3704 0044 0532 0130 00", "XX00 0000 0000 0000 0000 00"),
        ("+49 (30) 123456-78", "+00 (00) 000000-00"),
        ("Herr Müller und Herr Müller", "Herr Xxxxxx und Herr Xxxxxx"),
        ("Kerkstraat 62 234017812328823", "Xxxxxxxxxx 00 000000000000000"),
        ("nothing here", "nothing here"),
    ],
)
def test_mask_keeps_separators_and_case(text: str, masked: str) -> None:
    assert masked_text(text) == masked


def test_masked_value_of_any_script_keeps_its_length() -> None:
    value = "Ünï ١٢٣ ß漢²"
    assert masked_value(value) == "Xxx 000 xx0"


def test_masked_sample_holds_nothing_to_find() -> None:
    texts = [masked_text(one.text) for one in samples(2, 40)]
    assert [text for text in texts if spans_of(text)] == []


@settings(deadline=None, max_examples=150, derandomize=True)
@given(st.lists(st.sampled_from([one.text for one in samples(4, 4)]), max_size=4).map("".join))
def test_masking_glued_texts_ends_and_keeps_their_length(text: str) -> None:
    masked = masked_text(text)
    assert len(masked) == len(text)
    assert spans_of(masked) == ()
