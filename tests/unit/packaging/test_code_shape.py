# SPDX-License-Identifier: Apache-2.0
"""The measure of the code's shape."""

from __future__ import annotations

from pathlib import Path

import code_shape
import pytest


def function(lines: int, *, name: str = "f", typed: bool = True) -> str:
    """Return the text of a function of so many lines."""
    head = f"def {name}(a: int) -> int:" if typed else f"def {name}(a):"
    return "\n".join([head, '    """Say."""', *["    a += 1"] * (lines - 3), "    return a", ""])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "engine").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path / "engine"


def test_short_typed_documented_code_passes(folder: Path) -> None:
    (folder / "a.py").write_text(function(10), encoding="utf-8")
    assert code_shape.main(["--check", "engine"]) == 0


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (function(81), "a function has 81 lines"),
        (function(46), "p99 of function lines is 46"),
        ("\n".join(f"a{number} = 1" for number in range(501)), "a file has 501 lines"),
        (function(5, typed=False), "1 functions are not annotated"),
        ("def f() -> int:\n    return 1\n", "1 public functions lack a docstring"),
    ],
)
def test_missed_bar_fails_the_check_only(
    folder: Path, capsys: pytest.CaptureFixture[str], text: str, fault: str
) -> None:
    (folder / "a.py").write_text(text, encoding="utf-8")
    assert code_shape.main(["--check", "engine"]) == 1
    assert f"FAILED: {fault}" in capsys.readouterr().out
    assert code_shape.main(["engine"]) == 0


def test_one_long_function_among_many_moves_only_the_longest(folder: Path) -> None:
    text = "\n".join(function(10, name=f"f{number}") for number in range(30)) + function(60)
    (folder / "a.py").write_text(text, encoding="utf-8")
    shape = code_shape.measure([folder])
    assert code_shape.quantile(shape.lengths, 0.5) == 10
    assert max(shape.lengths) == 60


def test_quantile_of_nothing_is_zero() -> None:
    assert code_shape.quantile([], 0.99) == 0
