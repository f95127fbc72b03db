# SPDX-License-Identifier: Apache-2.0
"""`documents --preview`: lengths by a model or by an estimate, and what is said of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.api.facade import open_api
from engine.cli.main import run_command_line


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a workspace that knows the bundled model."""
    api = open_api(tmp_path / "workspace")
    api.models.add_starter()
    return api.layout.root


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "page.md"
    path.write_text("# Printer\n\n" + "Hold the button, then wait. " * 200, encoding="utf-8")
    return path


def answer(captured: pytest.CaptureFixture[bytes]) -> dict[str, Any]:
    """Return the one JSON object that a command wrote."""
    found = json.loads(captured.readouterr().out)
    assert isinstance(found, dict)
    return found


def test_a_model_by_name_counts_exactly(
    root: Path, page: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    name = open_api(root).models.list()[0].name
    words = ["--workspace", str(root), "documents", str(page), "--chunk-tokens", "100"]
    assert run_command_line([*words, "--preview", "--model", name, "--json"]) == 0
    exact = answer(capfdbinary)
    assert run_command_line([*words, "--preview", "--json"]) == 0
    rough = answer(capfdbinary)
    assert exact["is_exact"]
    assert not rough["is_exact"]
    assert 80 < exact["tokens_max"] <= 100
    assert exact["rows"] != rough["rows"]


def test_words_say_about_only_of_an_estimate(
    root: Path, page: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    name = open_api(root).models.list()[0].name
    words = ["--workspace", str(root), "documents", str(page), "--preview"]
    assert run_command_line(words) == 0
    assert b"about" in capfdbinary.readouterr().out
    assert run_command_line([*words, "--model", name]) == 0
    out = capfdbinary.readouterr().out
    assert b"about" not in out
    assert b"0 of them questions with answers. Nothing was imported." in out


def test_an_unknown_model_is_a_named_error(
    root: Path, page: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    words = ["--workspace", str(root), "documents", str(page), "--model", "none", "--json"]
    assert run_command_line(words) == 1
    assert "model" in answer(capfdbinary)["error"]["message"]
