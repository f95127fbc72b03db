# SPDX-License-Identifier: Apache-2.0
"""The options of an export job are checked before anything else."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from engine.errors import FileMissing, WrongUsage
from engine.export.options import read_options


@pytest.fixture
def given(tmp_path: Path) -> dict[str, object]:
    for name in ("adapter", "base"):
        (tmp_path / name).mkdir()
    return {
        "run_id": "r",
        "target": "merged",
        "out": str(tmp_path / "out"),
        "source": str(tmp_path / "adapter"),
        "model_path": str(tmp_path / "base"),
        "prompts": ["a", "b"],
    }


def raw(values: dict[str, object]) -> dict[str, msgspec.Raw]:
    return {name: msgspec.Raw(msgspec.json.encode(one)) for name, one in values.items()}


def test_complete_options_are_read(given: dict[str, object], tmp_path: Path) -> None:
    options = read_options(raw(given))
    assert options.out == tmp_path / "out"
    assert options.prompts == ("a", "b")


def test_options_without_prompts_are_complete(given: dict[str, object]) -> None:
    del given["prompts"]
    assert read_options(raw(given)).prompts == ()


@pytest.mark.parametrize(
    ("name", "value"), [("out", "relative"), ("out", 3), ("run_id", None), ("prompts", "text")]
)
def test_option_of_another_kind_is_refused(
    given: dict[str, object], name: str, value: object
) -> None:
    with pytest.raises(WrongUsage, match="not complete"):
        read_options(raw(given | {name: value}))


@pytest.mark.parametrize("name", ["source", "model_path"])
def test_missing_folder_is_named(given: dict[str, object], tmp_path: Path, name: str) -> None:
    with pytest.raises(FileMissing, match="nowhere"):
        read_options(raw(given | {name: str(tmp_path / "nowhere")}))


@pytest.mark.parametrize("inside", ["base", "base/new", "adapter/new", "out/../base/new"])
def test_target_inside_of_what_is_read_is_refused(
    given: dict[str, object], tmp_path: Path, inside: str
) -> None:
    with pytest.raises(WrongUsage, match="never changed"):
        read_options(raw(given | {"out": str(tmp_path / inside)}))
