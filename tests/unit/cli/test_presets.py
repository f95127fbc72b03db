# SPDX-License-Identifier: Apache-2.0
"""The command line tells what presets are for, what they change, and why."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.cli.main import run_command_line


def test_presets_tell_when_to_take_them_and_what_they_change(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command_line(["--workspace", str(tmp_path), "presets"]) == 0
    told = capsys.readouterr().out
    assert "domain_knowledge: Domain knowledge" in told
    assert "lora_rank 16 -> 64" in told
    assert "learning_rate 0.0002 ->" not in told.partition("starter")[0]


def test_one_preset_tells_why_each_value(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command_line(["--workspace", str(tmp_path), "presets", "domain_knowledge"]) == 0
    assert "Muennighoff" in capsys.readouterr().out


def test_presets_in_json_have_their_values(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert run_command_line(["--workspace", str(tmp_path), "presets", "small_card", "--json"]) == 0
    (found,) = json.loads(capfdbinary.readouterr().out)["presets"]
    assert found["values"]["max_length"] == 1024
