# SPDX-License-Identifier: Apache-2.0
"""Commands on the training runtime."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.cli.main import run_command_line
from engine.launcher import runtime as runtimes
from tests.builders.runtimes import write_runtime


@pytest.fixture
def words(tmp_path: Path) -> list[str]:
    return ["--workspace", str(tmp_path / "workspace"), "runtime"]


def test_show_with_a_runtime_names_it(
    words: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    made = write_runtime(tmp_path / "runtime")
    monkeypatch.setenv(runtimes.VARIABLE, str(made.root))
    assert run_command_line([*words, "show", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["id"], shown["folder"]) == (made.id, str(made.root))
    assert shown["is_removable"] is False


def test_show_of_a_runtime_of_another_version_warns_and_names_the_remedy(
    words: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    made = write_runtime(tmp_path / "runtime", app="0.0.9", protocol=runtimes.PROTOCOL + 1)
    monkeypatch.setenv(runtimes.VARIABLE, str(made.root))
    assert run_command_line([*words, "show"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "made for Burnish 0.0.9" in said
    assert "cannot use them" in said
    assert "belongs to this version" in said


def test_show_without_a_runtime_says_so(
    words: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(runtimes.VARIABLE, str(tmp_path / "nowhere"))
    assert run_command_line([*words, "show"]) == 0
    assert "No training runtime" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("command", "code"),
    [(["install", "{here}"], "wrong_usage"), (["verify"], "wrong_usage")],
)
def test_command_in_a_clone_without_a_runtime_says_what_to_do(
    command: list[str],
    code: str,
    words: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(runtimes.VARIABLE, str(tmp_path / "nowhere"))
    filled = [one.format(here=tmp_path) for one in command]
    assert run_command_line([*words, *filled, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["error"]["code"] == code
