# SPDX-License-Identifier: Apache-2.0
"""Which files are read, in which formats, and of which kind they are."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from engine.domain.dataset import RowKind
from engine.errors import (
    Cancelled,
    EngineError,
    FileEmpty,
    FileMissing,
    FileUnreadable,
    FormatUnknown,
    MixedKinds,
)
from engine.formats.reading import plan_sources

CHAT = '{"prompt": "a", "completion": "b"}\n'
TEXT = '{"text": "a"}\n'
PREFERENCE = '{"prompt": "a", "chosen": "b", "rejected": "c"}\n'


def nothing(_done: int) -> None:
    """Hear of progress and do nothing."""


def make(folder: Path, files: dict[str, str | bytes]) -> Path:
    """Write some files."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (CHAT, RowKind.CHAT),
        (TEXT, RowKind.TEXT),
        (PREFERENCE, RowKind.PREFERENCE),
        (TEXT + CHAT * 2, RowKind.CHAT),
        (TEXT * 40 + CHAT * 24 + CHAT * 100, RowKind.TEXT),
        ("{}\n" * 500 + TEXT, RowKind.TEXT),
        ("{}\n", None),
    ],
)
def test_plan_takes_the_kind_of_most_of_the_first_usable_rows(
    content: str, kind: RowKind | None, tmp_path: Path
) -> None:
    make(tmp_path, {"a": content})
    (plan,), left_out = plan_sources([tmp_path / "a"], nothing)
    assert (plan.format.id, plan.kind, left_out) == ("jsonl", kind, [])


def test_plan_of_a_folder_takes_its_files_in_order_and_names_what_it_leaves_out(
    tmp_path: Path,
) -> None:
    make(
        tmp_path,
        {
            "b.jsonl": CHAT,
            "a/c.csv": "prompt,completion\na,b\n",
            ".hidden": CHAT,
            ".git/x.jsonl": TEXT,
            "README.md": "# About these rows",
            "empty.jsonl": "",
            "picture.png": b"\x89PNG\r\n\x1a\n" + bytes(100),
        },
    )
    plans, left_out = plan_sources([tmp_path], nothing)
    assert [(plan.path.name, plan.format.id) for plan in plans] == [
        ("c.csv", "csv"), ("b.jsonl", "jsonl"),
    ]  # fmt: skip
    assert sorted((one.file, one.line, one.reason) for one in left_out) == [
        ("README.md", 0, "text_beside_rows"),
        ("empty.jsonl", 0, "file_empty"),
        ("picture.png", 0, "format_unknown"),
    ]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has file names without characters")
def test_plan_of_a_folder_names_a_file_without_a_readable_name(tmp_path: Path) -> None:
    make(tmp_path, {"a.jsonl": CHAT, os.fsdecode(b"\xff.jsonl"): CHAT})
    plans, (left_out,) = plan_sources([tmp_path], nothing)
    assert len(plans) == 1
    assert (left_out.file, left_out.reason) == ("\ufffd.jsonl", "file_unreadable")


def test_plan_of_a_folder_of_texts_takes_them(tmp_path: Path) -> None:
    make(tmp_path, {"a.txt": "Once", "b.md": "upon"})
    plans, left_out = plan_sources([tmp_path], nothing)
    assert [plan.kind for plan in plans] == [RowKind.TEXT] * 2
    assert left_out == []


def test_plan_of_a_file_named_twice_takes_it_once(tmp_path: Path) -> None:
    make(tmp_path, {"a.jsonl": CHAT})
    plans, _left_out = plan_sources([tmp_path / "a.jsonl", tmp_path], nothing)
    assert len(plans) == 1


BAD: list[tuple[dict[str, str | bytes], type[EngineError]]] = [
    ({}, FileMissing),
    ({"a": ""}, FileEmpty),
    ({"a": " \n\n"}, FileEmpty),
    ({"a": b"\xef\xbb\xbf"}, FileEmpty),
    ({"a": bytes(range(256)) * 9}, FormatUnknown),
    ({"a": b"PK\x03\x04"}, FileUnreadable),
    ({"a/b.bin": bytes(range(256)) * 9}, FormatUnknown),
    ({"a/.b": CHAT}, FormatUnknown),
    ({"a/b": CHAT, "a/c": TEXT}, MixedKinds),
]


@pytest.mark.parametrize(("files", "error"), BAD)
def test_plan_of_what_cannot_be_imported_is_a_named_error(
    files: dict[str, str | bytes], error: type[EngineError], tmp_path: Path
) -> None:
    make(tmp_path, files)
    with pytest.raises(error) as caught:
        plan_sources([tmp_path / "a"], nothing)
    assert caught.value.remedy


def test_plan_of_prose_that_is_called_jsonl_is_a_named_error(tmp_path: Path) -> None:
    make(tmp_path, {"a.jsonl": "Once upon a time.\n"})
    with pytest.raises(FormatUnknown):
        plan_sources([tmp_path / "a.jsonl"], nothing)


def test_plan_ends_where_it_is_asked_to(tmp_path: Path) -> None:
    make(tmp_path, {"a": "{}\n" * 100})

    def stop(_done: int) -> None:
        raise Cancelled("stop")

    with pytest.raises(Cancelled):
        plan_sources([tmp_path / "a"], stop)
