# SPDX-License-Identifier: Apache-2.0
"""What a drop means is decided by what the paths are."""

from __future__ import annotations

from pathlib import Path

from gui.viewmodels.dropped import describe_drop, sort_paths


def test_folder_with_a_config_is_a_model_and_the_rest_is_data(tmp_path: Path) -> None:
    model = tmp_path / "qwen"
    model.mkdir()
    (model / "config.json").write_text("{}", encoding="utf-8")
    data = tmp_path / "rows.jsonl"
    found = sort_paths([data, model])
    assert found.models == (model,)
    assert found.data == (data,)
    assert describe_drop([data, model]) == "Add 1 model and import 1 file"
    assert describe_drop([model]) == "Add the model qwen"


def test_description_names_one_file_and_counts_more(tmp_path: Path) -> None:
    assert describe_drop([tmp_path / "a.csv"]) == "Import a.csv as a dataset"
    assert describe_drop([tmp_path / "a", tmp_path / "b"]) == "Import 2 files as one dataset"
    assert describe_drop([]) == ""
