# SPDX-License-Identifier: Apache-2.0
"""Names of speakers and ids of tool calls: nothing of them is lost between import and export."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.api.datasets import Datasets
from engine.api.jobs import Jobs
from engine.domain.dataset import ChatRow, RatedRow, Role, Row, RowKind, Turn
from engine.domain.split import TRAIN
from engine.formats.dataset_export import ExportForm, export_rows
from engine.formats.refusal import RefusedRecord
from engine.formats.row_table import RowTable
from engine.formats.shapes import normalise
from engine.store.layout import Layout
from tests.builders.dataset_import import ImportRun, new_workspace

Message = dict[str, Any]
ASKED: Message = {"role": "user", "content": "Weather?", "name": "Jane"}
CALL: Message = {
    "id": "a1B2c3D4e",
    "type": "function",
    "function": {"name": "weather", "arguments": '{"town": "Köln"}'},
}
CALLING: Message = {"role": "assistant", "content": "", "tool_calls": [CALL]}
RESULT: Message = {
    "role": "tool", "content": "Rain.", "name": "weather", "tool_call_id": "a1B2c3D4e",
}  # fmt: skip
ANSWER: Message = {"role": "assistant", "content": "It rains.", "name": "Helper"}


def row_of(*messages: Message) -> ChatRow:
    """Return the row that messages become."""
    _shape, row = normalise({"messages": list(messages)})
    assert isinstance(row, ChatRow)
    return row


def calls_of(turn: Turn) -> list[Message]:
    return msgspec.json.decode(turn.tool_calls or "[]")


def test_messages_keep_names_and_ids_of_tool_calls() -> None:
    row = row_of(ASKED, CALLING, RESULT, ANSWER)
    assert [one.name for one in row.messages] == ["Jane", None, "weather", "Helper"]
    assert [one.tool_call_id for one in row.messages] == [None, None, "a1B2c3D4e", None]
    assert calls_of(row.messages[1]) == [CALL]


def test_names_of_fields_are_known_whatever_their_case() -> None:
    row = row_of(ASKED, CALLING, {"Role": "tool", "Content": "1", "Name": "f", "Tool_Call_ID": "i"})
    assert (row.messages[2].name, row.messages[2].tool_call_id) == ("f", "i")


def test_sharegpt_messages_keep_names_and_ids_of_tool_calls() -> None:
    written = '{"id": "a1B2c3D4e", "name": "weather", "arguments": {"town": "Köln"}}'
    _shape, row = normalise(
        {
            "conversations": [
                {"from": "human", "value": "Weather?", "name": "Jane"},
                {"from": "function_call", "value": written, "weight": 0},
                {"from": "tool", "value": "Rain.", "name": "weather", "tool_call_id": "a1B2c3D4e"},
                {"from": "gpt", "value": "It rains."},
            ]
        }
    )
    assert isinstance(row, ChatRow)
    assert [one.name for one in row.messages] == ["Jane", None, "weather", None]
    assert row.messages[1].weight == 0
    assert row.messages[2].tool_call_id == "a1B2c3D4e"
    (call,) = calls_of(row.messages[1])
    assert call["id"] == "a1B2c3D4e"
    assert call["function"] == {"name": "weather", "arguments": {"town": "Köln"}}


def test_sharegpt_calls_in_the_form_of_openai_stay_as_they_are() -> None:
    _shape, row = normalise(
        {
            "conversations": [
                {"from": "human", "value": "Weather?"},
                {"from": "tool_call", "value": json.dumps([CALL])},
            ]
        }
    )
    assert isinstance(row, ChatRow)
    assert calls_of(row.messages[1]) == [CALL]


@pytest.mark.parametrize("field", ["name", "tool_call_id"])
@pytest.mark.parametrize(
    ("value", "reason"),
    [(5, "wrong_type"), (True, "wrong_type"), (["f"], "wrong_type"), ("a\0b", "nul_character")],
)
def test_name_or_id_that_is_no_text_is_refused(field: str, value: object, reason: str) -> None:
    with pytest.raises(RefusedRecord) as caught:
        row_of(ASKED, CALLING, {**RESULT, field: value})
    assert caught.value.reason == reason


def test_rows_without_them_are_hashed_as_before_turns_had_them() -> None:
    row = row_of({"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"})
    assert msgspec.json.encode(row) == (
        b'{"type":"chat","messages":[{"role":"user","content":"Hi"},'
        b'{"role":"assistant","content":"Hello"}]}'
    )


# --- import, export, import ----------------------------------------------------------------------

LETTERS = st.characters(exclude_categories=("Cs",), exclude_characters="\0")
FILLED = st.text(LETTERS, min_size=1, max_size=20).filter(lambda one: not one.isspace())
OPTIONAL = st.none() | st.text(LETTERS, max_size=12)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | FILLED | st.floats(-1e9, 1e9),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(FILLED, inner, max_size=2),
    max_leaves=4,
)
ARGUMENTS = st.dictionaries(FILLED, VALUES, max_size=2)
CALLS = st.lists(
    st.fixed_dictionaries(
        {
            "id": FILLED,
            "type": st.just("function"),
            "function": st.fixed_dictionaries(
                {"name": FILLED, "arguments": ARGUMENTS | ARGUMENTS.map(json.dumps)}
            ),
        }
    ),
    min_size=1,
    max_size=2,
)


@st.composite
def messages_lists(draw: st.DrawFn) -> list[Message]:
    """Return a conversation in which an assistant speaks, as OpenAI writes it."""
    roles = draw(st.lists(st.sampled_from(["system", "user", "assistant", "tool"]), max_size=5))
    return [draw(messages(role)) for role in (*roles, "assistant")]


@st.composite
def messages(draw: st.DrawFn, role: str) -> Message:
    """Return one message; what it has not is missing."""
    is_calling = role == "assistant" and draw(st.booleans())
    found = {
        "role": role,
        "content": draw(FILLED),
        "tool_calls": draw(CALLS) if is_calling else None,
        "weight": draw(st.sampled_from([None, 0.0, 1.0])),
        "name": draw(OPTIONAL),
        "tool_call_id": draw(OPTIONAL),
    }
    if is_calling and draw(st.booleans()):
        found["content"] = ""
    return {name: one for name, one in found.items() if one is not None}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Generator[Path]:
    """Return a folder in which nothing waits for the disk."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _handle: None)
        yield tmp_path_factory.mktemp("named")


def imported(layout: Layout, path: Path, dataset_id: str) -> RowTable:
    """Import a file, and open its rows."""
    ImportRun(layout, [path], dataset_id=dataset_id, eval_ratio=0.0).run()
    return Datasets(layout, Jobs(layout)).open_rows(dataset_id, TRAIN)


def rows_of(table: RowTable) -> list[Row]:
    rows = [row for _hash, row in table.rows()]
    assert rows == [table.row(one) for one in range(len(table))]
    return rows


def round_trip(folder: Path, form: ExportForm, source: Path) -> tuple[list[Row], list[Row]]:
    """Import a file, export it, import that; return the rows of both imports."""
    layout = new_workspace(folder / "workspace")
    first = imported(layout, source, "d1")
    out = folder / "out"
    out.mkdir()
    kind = RowKind.RATED if isinstance(first.row(0), RatedRow) else RowKind.CHAT
    names = export_rows(out, form, kind, {TRAIN: first}, lambda _rows: None)
    second = imported(layout, out if form is ExportForm.DATASETS else out / names[0], "d2")
    found = rows_of(first), rows_of(second)
    first.close()
    second.close()
    return found


@pytest.mark.parametrize("form", ExportForm)
@settings(max_examples=15, deadline=None, database=None, derandomize=True)
@given(conversations=st.lists(messages_lists(), min_size=1, max_size=6))
def test_any_messages_are_exported_and_imported_again_as_they_were(
    form: ExportForm, conversations: list[list[Message]], place: Path
) -> None:
    folder = Path(tempfile.mkdtemp(dir=place))
    source = folder / "in.jsonl"
    lines = [json.dumps({"messages": one}, ensure_ascii=False) for one in conversations]
    source.write_text("\n".join(lines), encoding="utf-8", newline="\n")
    first, second = round_trip(folder, form, source)
    assert second == first
    if form is ExportForm.JSONL:
        exported = (folder / "out" / "train.jsonl").read_text(encoding="utf-8").split("\n")
        assert [json.loads(one)["messages"] for one in exported if one] == conversations
    given_turns = [one for messages in conversations for one in messages]
    stored = [one for row in first if isinstance(row, ChatRow) for one in row.messages]
    for field in ("name", "tool_call_id", "weight", "content"):
        assert [getattr(one, field) for one in stored] == [one.get(field) for one in given_turns]
    assert [calls_of(one) for one in stored] == [one.get("tool_calls", []) for one in given_turns]


def test_rated_answers_keep_names_too(tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    records = [
        {"prompt": [ASKED, CALLING, RESULT], "completion": [ANSWER], "label": is_liked}
        for is_liked in (True, False, True, False)
    ]
    source.write_text("\n".join(map(json.dumps, records)), encoding="utf-8")
    first, second = round_trip(tmp_path, ExportForm.PARQUET, source)
    assert second == first
    row = first[0]
    assert isinstance(row, RatedRow)
    assert row.prompt[2].tool_call_id == "a1B2c3D4e"
    assert row.completion == (Turn(role=Role.ASSISTANT, content="It rains.", name="Helper"),)
