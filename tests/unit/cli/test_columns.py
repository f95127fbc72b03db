# SPDX-License-Identifier: Apache-2.0
"""Columns and mappings on the command line, without a job."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.cli.main import run_command_line

Told = pytest.CaptureFixture[bytes]


@pytest.fixture
def german(tmp_path: Path) -> Path:
    path = tmp_path / "a.csv"
    lines = [f"Wie alt ist Stadt {n}?,Etwa {n * 100} Jahre.\n" for n in range(1, 5)]
    path.write_text("Frage,Antwort\n" + "".join(lines) + "leer,\n", encoding="utf-8")
    return path


def told(tmp_path: Path, capture: Told, *words: str | Path) -> tuple[int, dict[str, Any]]:
    """Run a command with --json; return its status and its one object."""
    given = ["--workspace", str(tmp_path / "w"), *map(str, words), "--json"]
    status = run_command_line(given)
    return status, json.loads(capture.readouterr().out)


def test_columns_show_shape_columns_proposal_and_rows(
    tmp_path: Path, german: Path, capfdbinary: Told
) -> None:
    status, found = told(tmp_path, capfdbinary, "columns", german, "--rows", "5")
    assert status == 0
    assert found["files"][0]["guess"]["confidence"] == 0.0
    assert found["files"][0]["guess"]["reason"]
    assert [one["expression"] for one in found["columns"]] == ["{frage}", "{antwort}"]
    assert found["mapping"]["parts"][0] == {"target": "user", "value": "{frage}"}
    assert [one["reason"] for one in found["rows"]] == ["", "", "", "", "empty_text"]


def test_columns_of_a_given_mapping_show_what_it_makes(
    tmp_path: Path, german: Path, capfdbinary: Told
) -> None:
    status, found = told(
        tmp_path, capfdbinary, "columns", german, "--map", "text=F: {frage}", "--rows", "1"
    )
    assert status == 0
    assert found["rows"][0]["row"] == {"type": "text", "text": "F: Wie alt ist Stadt 1?"}
    assert found["problems"] == []


def test_columns_in_words_name_the_shape_and_the_options(
    tmp_path: Path, german: Path, capfdbinary: Told
) -> None:
    assert run_command_line(["--workspace", str(tmp_path / "w"), "columns", str(german)]) == 0
    out = capfdbinary.readouterr().out.decode()
    assert "no known shape" in out
    assert "--map user='{frage}'" in out


@pytest.mark.parametrize(
    "words",
    [
        ["--map", "user"],
        ["--map", "={a}"],
        ["--map", "colour={a}"],
        ["--map", "text={"],
        ["--map", "text=same for all"],
        ["--map", "text={a}", "--mapping", "x"],
        ["--mapping", "x"],
    ],
)
def test_options_that_make_no_mapping_are_refused_with_a_remedy(
    tmp_path: Path, german: Path, capfdbinary: Told, words: list[str]
) -> None:
    for command in ("columns", "import"):
        status, found = told(tmp_path, capfdbinary, command, german, *words)
        assert status != 0
        assert found["error"]["code"] == "wrong_usage"
        assert found["error"]["message"]
        assert found["error"]["remedy"]


def test_save_without_a_mapping_is_refused(tmp_path: Path, german: Path, capfdbinary: Told) -> None:
    status, found = told(tmp_path, capfdbinary, "import", german, "--save-mapping", "x")
    assert (status != 0, found["error"]["code"]) == (True, "wrong_usage")


def test_saved_mappings_are_listed_and_removed(tmp_path: Path, capfdbinary: Told) -> None:
    assert told(tmp_path, capfdbinary, "mappings") == (0, {"mappings": []})
    status, found = told(tmp_path, capfdbinary, "mappings", "--remove", "x")
    assert (status != 0, found["error"]["code"]) == (True, "wrong_usage")
