# SPDX-License-Identifier: Apache-2.0
"""What an odd file is: how it is made, and what must become of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

ROW = {"prompt": "Question", "completion": "Answer"}
LINE = json.dumps(ROW).encode() + b"\n"


@dataclass(frozen=True, kw_only=True)
class OddFile:
    """A file that is malformed or unusual.

    Attributes:
        name: Says what is odd; unique.
        make: Makes it in an empty folder, and returns the path to import.
        code: Code of the error that refuses it; "" where it is read.
        rows: Rows that are accepted.
        rejects: How many are rejected, by reason.
        words: Part of the message or the detail of the error.
    """

    name: str
    make: Callable[[Path], Path]
    code: str = ""
    rows: int = 0
    rejects: dict[str, int] = field(default_factory=dict[str, int])
    words: str = ""

    def __str__(self) -> str:
        """Return the name, for the list of tests."""
        return self.name


def file_with(content: bytes, name: str = "odd") -> Callable[[Path], Path]:
    """Return a maker of a file with this content."""

    def make(folder: Path) -> Path:
        path = folder / name
        path.write_bytes(content)
        return path

    return make


def read(name: str, content: bytes, rows: int, suffix: str = "", **rejects: int) -> OddFile:
    """Return an odd file that is read, with the rows and the rejects that it gives."""
    made = file_with(content, f"odd{suffix}")
    return OddFile(name=name, make=made, rows=rows, rejects=rejects)


def refused(name: str, content: bytes, code: str, suffix: str = "", words: str = "") -> OddFile:
    """Return an odd file that is refused as a whole."""
    return OddFile(name=name, make=file_with(content, f"odd{suffix}"), code=code, words=words)


def json_line(value: object) -> bytes:
    """Return a value as a line of JSON, with all characters as they are."""
    return json.dumps(value, ensure_ascii=False).encode("utf-8", errors="surrogatepass") + b"\n"


def chat(*turns: tuple[str, object]) -> bytes:
    """Return a line with messages of these roles and contents."""
    return json_line({"messages": [{"role": role, "content": text} for role, text in turns]})
