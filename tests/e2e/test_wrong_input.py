# SPDX-License-Identifier: Apache-2.0
"""Wrong input ends in a named error with a remedy, and harms nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.command_line import STARTER, CommandLine

pytestmark = pytest.mark.e2e

GOOD = {"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "yes"}]}


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    return CommandLine(tmp_path_factory.mktemp("wrong") / "workspace")


def missing(path: Path) -> None:
    del path


def empty(path: Path) -> None:
    path.write_bytes(b"")


def rubbish(path: Path) -> None:
    path.write_bytes(bytes(range(256)) * 64)


def no_answers(path: Path) -> None:
    row = {"messages": [{"role": "user", "content": "only a question"}]}
    path.write_text("\n".join([json.dumps(row)] * 3), encoding="utf-8")


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (missing, "file_missing"),
        (empty, "file_empty"),
        (rubbish, "format_unknown"),
        (no_answers, "no_usable_rows"),
    ],
)
def test_bad_file_is_named_and_imports_nothing(
    line: CommandLine, tmp_path: Path, make: Callable[[Path], None], code: str
) -> None:
    path = tmp_path / "rows.jsonl"
    make(path)
    answer = line.ask("import", path)
    assert answer.status == 1
    assert answer.values["error"]["code"] == code
    assert answer.values["error"]["remedy"]
    assert "Traceback" not in answer.errors
    assert line.do("datasets")["datasets"] == []


def test_broken_line_is_rejected_alone(tmp_path: Path) -> None:
    line = CommandLine(tmp_path / "workspace")
    path = tmp_path / "rows.jsonl"
    rows = [json.dumps({"prompt": f"question {one}", "completion": "yes"}) for one in range(20)]
    rows[7] = rows[7][:-4]
    path.write_text("\n".join(rows), encoding="utf-8")
    done = line.do("import", path)
    assert (done["rows"], done["rejects"]) == (19, 1)


def test_folder_with_pickle_weights_only_is_refused(line: CommandLine, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        (folder / name).write_bytes((STARTER / name).read_bytes())
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    answer = line.ask("model", "add", folder)
    assert answer.status == 1
    assert answer.values["error"]["code"] == "unsafe_weights"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("train", "--dataset", "nothing", "--model", "nothing"), "dataset_not_found"),
        (("run", "show", "nothing"), "run_not_found"),
        (("export", "nothing", "--target", "adapter"), "run_not_found"),
        (("generate", "--model", "nothing", "--prompt", "x"), "model_not_found"),
    ],
)
def test_unknown_names_are_said(line: CommandLine, words: tuple[str, ...], code: str) -> None:
    answer = line.ask(*words)
    assert (answer.status, answer.values["error"]["code"]) == (1, code)


def test_wrong_usage_has_its_own_status(line: CommandLine) -> None:
    assert line.ask("import").status == 2
    assert line.ask("fly").status == 2


def test_workspace_that_is_a_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "w").write_bytes(b"")
    answer = CommandLine(tmp_path / "w").ask("runs")
    assert (answer.status, answer.values["error"]["code"]) == (1, "workspace_invalid")
