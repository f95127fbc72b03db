# SPDX-License-Identifier: Apache-2.0
"""Settings survive, and damaged ones do not keep the window from opening."""

from __future__ import annotations

from pathlib import Path

import msgspec

from engine.api.settings import Settings, read_settings, write_settings


def test_settings_survive(tmp_path: Path) -> None:
    path = tmp_path / "burnish" / "settings.json"
    kept = msgspec.structs.replace(Settings(), scheme="dark", text_scale=1.5)
    write_settings(path, kept)
    assert read_settings(path) == kept


def test_missing_and_damaged_settings_are_the_defaults(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    assert read_settings(path) == Settings()
    path.write_bytes(b"{ not json")
    assert read_settings(path) == Settings()
