# SPDX-License-Identifier: Apache-2.0
"""What goes beside the weights, and what must stay behind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.export.companions import base_name, cleaned, copy_companions, is_path
from tests.builders.model_folder import tiny_model_folder

PRIVATE = "/home/anna/models/secret"


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return tiny_model_folder(tmp_path / "tiny")


def change_config(folder: Path, name: str = "config.json", **values: object) -> None:
    config = json.loads((folder / name).read_text(encoding="utf-8"))
    (folder / name).write_text(json.dumps(config | values), encoding="utf-8")


def copied(base: Path, tmp_path: Path) -> dict[str, bytes]:
    (tmp_path / "out").mkdir()
    copy_companions(base, tmp_path / "out")
    return {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}


def test_plain_folder_is_copied_byte_for_byte(base: Path, tmp_path: Path) -> None:
    (base / "LICENSE").write_text("licence", encoding="utf-8")
    (base / "NOTICE.txt").write_text("notice", encoding="utf-8")
    (base / "chat_template.jinja").write_text("{{ messages }}", encoding="utf-8")
    (base / "modeling_own.py").write_text("import os", encoding="utf-8")
    found = copied(base, tmp_path)
    assert set(found) == {
        "config.json",
        "generation_config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "LICENSE",
        "NOTICE.txt",
        "chat_template.jinja",
    }
    assert all(content == (base / name).read_bytes() for name, content in found.items())


def test_code_and_paths_stay_behind(base: Path, tmp_path: Path) -> None:
    change_config(base, auto_map={"AutoModel": "modeling_own.Model"}, _name_or_path=PRIVATE)
    change_config(
        base,
        "tokenizer_config.json",
        name_or_path="C:\\Users\\anna\\x",
        special_tokens_map_file=f"{PRIVATE}/x.json",
        unk_token="/",
    )
    found = copied(base, tmp_path)
    assert not any(b"anna" in content or b"modeling_own" in content for content in found.values())
    before = json.loads((base / "config.json").read_text(encoding="utf-8"))
    expected = {key: one for key, one in before.items() if key not in ("auto_map", "_name_or_path")}
    assert json.loads(found["config.json"]) == expected
    assert json.loads(found["tokenizer_config.json"])["unk_token"] == "/"


def test_name_that_is_no_path_stays() -> None:
    assert cleaned({"_name_or_path": "org/model"}) == {"_name_or_path": "org/model"}


@pytest.mark.parametrize("text", ["/a", "C:\\a", "C:/a", "\\\\server\\a", "~/a", "./a", "..\\a"])
def test_absolute_and_relative_paths_are_seen(text: str) -> None:
    assert is_path(text)


@pytest.mark.parametrize("value", ["org/model", "model", "", None, 3])
def test_other_values_are_no_paths(value: object) -> None:
    assert not is_path(value)


def test_name_of_a_base_is_its_folder(base: Path) -> None:
    change_config(base, _name_or_path=PRIVATE)
    assert base_name(base) == "tiny"


def test_name_of_a_base_is_the_hub_name_that_it_states(base: Path) -> None:
    change_config(base, _name_or_path="org/tiny-1b")
    assert base_name(base) == "org/tiny-1b"


def test_name_of_a_base_in_a_hub_cache_is_the_hub_name(tmp_path: Path) -> None:
    folder = tmp_path / "models--org--tiny-1b" / "snapshots" / "0123abcd"
    assert base_name(tiny_model_folder(folder)) == "org/tiny-1b"
