# SPDX-License-Identifier: Apache-2.0
"""The fast path gives what the general way gives, whatever the line holds."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.formats import plain_chat
from engine.formats.json_value import decode_record, decode_value
from engine.formats.refusal import RefusedRecord
from engine.formats.shapes import normalise

TEXTS = st.sampled_from(["", " ", "Hi", "é\U0001f600", 'a"\\', "a\0", "\\u0000", "\n", "null"])
ROLES = st.sampled_from(["user", "assistant", "system", "tool", "human", "User", "", 5, None])
VALUES = TEXTS | st.sampled_from([None, 5, True, [], [{"type": "text", "text": "a"}], {}])
NAMES = st.sampled_from(["name", "weight", "tool_calls", "Content", "from", "value"])
TURN = st.builds(
    lambda role, content, extra: {"role": role, "content": content, **extra},
    ROLES,
    TEXTS | VALUES,
    st.dictionaries(NAMES, VALUES, max_size=1),
)
PLAIN = st.builds(
    lambda role, content: {"role": role, "content": content},
    st.sampled_from(["user", "assistant", "system"]),
    TEXTS,
)
ROW = st.builds(
    lambda turns, extra: {"messages": turns, **extra},
    st.lists(PLAIN, max_size=3) | st.lists(TURN | PLAIN, max_size=3),
    st.dictionaries(
        st.sampled_from(["type", "id", "tools", "system", "Messages", "text"]), VALUES, max_size=1
    ),
)


def outcome(raw: bytes, *, is_fast: bool) -> bytes:
    """Return the canonical text of the row, or the reason why there is none."""
    try:
        _shape, row = normalise(decode_record(raw) if is_fast else decode_value(raw))
    except RefusedRecord as refused:
        return refused.reason.encode()
    return msgspec.json.encode(row)


@settings(max_examples=300, deadline=None, database=None, derandomize=True)
@given(row=ROW, is_ascii=st.booleans())
def test_fast_and_general_path_of_any_row_agree(row: dict[str, object], is_ascii: bool) -> None:
    raw = json.dumps(row, ensure_ascii=is_ascii).encode("utf-8", errors="surrogatepass")
    assert outcome(raw, is_fast=True) == outcome(raw, is_fast=False)


GOOD = b'{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}'


@settings(max_examples=200, deadline=None, database=None, derandomize=True)
@given(
    st.integers(0, len(GOOD)),
    st.sampled_from(
        [b"", b'"', b"}", b",", b"\\u0000", b"\\ud800", b"\xff", b"[[", b' "x":1e999,']
    ),
)
def test_fast_and_general_path_of_a_damaged_line_agree(at: int, noise: bytes) -> None:
    raw = GOOD[:at] + noise + GOOD[at:]
    assert outcome(raw, is_fast=True) == outcome(raw, is_fast=False)


@pytest.mark.parametrize(
    "raw",
    [
        b'{"messages":[],"messages":' + GOOD[12:-1] + b"}",
        GOOD[:-1] + b',"messages":5}',
        b'{"type":"chat",' + GOOD[1:],
        b'{"type":"text",' + GOOD[1:],
        GOOD[:-1] + b',"tools":null}',
        GOOD.replace(b'"a"', b'"a","weight":null'),
    ],
)
def test_fast_and_general_path_of_odd_objects_agree(raw: bytes) -> None:
    assert outcome(raw, is_fast=True) == outcome(raw, is_fast=False)


def test_decode_of_the_common_shape_takes_the_fast_path() -> None:
    assert plain_chat.decode(GOOD) is not None
    assert plain_chat.decode(GOOD.replace(b"user", b"human")) is None
