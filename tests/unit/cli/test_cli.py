# SPDX-License-Identifier: Apache-2.0
"""The command line without processes: settings, words, errors and their exit status."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.api.program import program_version
from engine.cli.asked import read_datasets, read_settings
from engine.cli.follow import duration
from engine.cli.main import run_command_line
from engine.cli.run import state_word
from engine.domain.run import JobState
from engine.errors import WrongUsage


def test_settings_take_the_types_of_their_fields() -> None:
    given = ["epochs=2", " lora_rank = 8", "schedule=linear", "gradient_checkpointing=off"]
    assert read_settings(given) == {
        "epochs": 2.0, "lora_rank": 8, "schedule": "linear", "gradient_checkpointing": False,
    }  # fmt: skip
    assert read_settings(None) == {}


@pytest.mark.parametrize("text", ["epochs", "lora_rank=many", "gradient_checkpointing=maybe"])
def test_settings_that_cannot_be_read_are_named(text: str) -> None:
    with pytest.raises(WrongUsage) as caught:
        read_settings([text])
    assert text.partition("=")[0] in caught.value.message


def test_datasets_are_a_main_one_further_ones_by_weight_and_a_replayed_one() -> None:
    given = ["support", "notes=0.5", "more", "odd=name", "general=10%"]
    assert read_datasets(given) == {
        "dataset": "support",
        "mix": {"notes": 0.5, "more": 1.0, "odd=name": 1.0},
        "replay": ("general", 0.1),
    }


def test_two_replayed_datasets_are_refused() -> None:
    with pytest.raises(WrongUsage, match="Only one"):
        read_datasets(["a", "b=10%", "c=5%"])


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (59, "59 s"), (61, "1 min 1 s"), (7800, "2 h 10 min")]
)
def test_durations_read_as_people_say_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_every_state_has_a_word() -> None:
    assert len({state_word(one) for one in JobState}) == len(JobState)


def test_error_is_one_json_object_with_a_remedy(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    status = run_command_line(["--workspace", str(tmp_path / "w"), "run", "show", "x", "--json"])
    out = capfdbinary.readouterr().out
    assert status == 1
    error = json.loads(out)["error"]
    assert error["code"] == "run_not_found"
    assert error["message"]
    assert error["remedy"]


def test_answer_of_nobody_asks_for_a_model_or_a_run(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run_command_line(["--workspace", str(tmp_path / "w"), "generate", "--prompt", "x"]) == 1
    assert "Name a model, or a run of yours." in capfd.readouterr().err


def test_error_in_words_goes_to_standard_error(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    status = run_command_line(["--workspace", str(tmp_path / "w"), "run", "show", "x"])
    captured = capfd.readouterr()
    assert status == 1
    assert captured.out == ""
    assert "run_not_found" in captured.err
    assert "Traceback" not in captured.err


def test_wrong_usage_is_status_two(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["--workspace", str(tmp_path / "w"), "fly"]) == 2
    assert run_command_line(["import"]) == 2
    assert "Traceback" not in capfd.readouterr().err


def test_lists_of_an_empty_workspace_are_empty(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    for words, key in (
        (["runs"], "runs"),
        (["datasets"], "datasets"),
        (["model", "list"], "models"),
    ):
        assert run_command_line(["--workspace", str(tmp_path / "w"), *words, "--json"]) == 0
        assert json.loads(capfdbinary.readouterr().out) == {key: []}


def test_version_says_what_is_installed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["--version"]) == 0
    assert capsys.readouterr().out.strip() == f"Burnish {program_version()}".strip()
