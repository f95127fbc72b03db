# SPDX-License-Identifier: Apache-2.0
"""Which paths a drop or a paste names."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QMimeData, QUrl

from gui.widgets.dropped import dropped_paths, pasted_paths


def test_dropped_paths_of_urls_are_the_local_ones(tmp_path: Path) -> None:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(tmp_path)), QUrl("https://example.org/a.jsonl")])

    assert dropped_paths(mime) == [tmp_path]


def test_pasted_paths_take_quotes_and_file_urls(tmp_path: Path) -> None:
    data = tmp_path / "my rows.jsonl"
    data.touch()

    assert pasted_paths(f'"{data}"\n{data.as_uri()}\n') == [data, data]


def test_pasted_paths_of_other_text_are_none(tmp_path: Path) -> None:
    assert pasted_paths(f"hello\n{tmp_path / 'missing.jsonl'}\nrelative.jsonl") == []


def test_dropped_paths_of_nothing_are_none() -> None:
    assert dropped_paths(QMimeData()) == []
