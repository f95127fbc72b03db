# SPDX-License-Identifier: Apache-2.0
"""Settings survive, and damaged ones do not keep the window from opening."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from engine.api.settings import Settings, change_settings, read_settings
from engine.errors import DiskFailed, EngineError, NotWritable


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "burnish" / "settings.json"


def test_settings_survive(path: Path) -> None:
    kept = change_settings(path, {"scheme": "dark", "text_scale": 1.5}, known=Settings())
    assert read_settings(path) == kept == Settings(scheme="dark", text_scale=1.5)


def test_missing_and_damaged_settings_are_the_defaults(path: Path) -> None:
    assert read_settings(path) == Settings()
    path.parent.mkdir()
    path.write_bytes(b"{ not json")
    assert read_settings(path) == Settings()


def test_change_keeps_what_others_changed_meanwhile(path: Path) -> None:
    change_settings(path, {"workspace": "/data"}, known=Settings())
    change_settings(path, {"scheme": "dark"}, known=Settings())
    assert read_settings(path) == Settings(scheme="dark", workspace="/data")


def test_damaged_settings_stay_beside_the_new_ones(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"{ not json")
    change_settings(path, {"scheme": "dark"}, known=Settings(notify=False))
    assert read_settings(path) == Settings(scheme="dark", notify=False)
    [aside] = path.parent.glob("damaged-*")
    assert aside.read_bytes() == b"{ not json"


@pytest.mark.parametrize(
    ("number", "expected"), [(errno.EIO, DiskFailed), (errno.EACCES, NotWritable)]
)
def test_settings_that_the_disk_does_not_give_for_once_are_not_written_over(
    number: int, expected: type[EngineError], path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change_settings(path, {"workspace": "/data"}, known=Settings())
    before = path.read_bytes()

    def refuse(_path: Path) -> bytes:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", refuse)
        assert read_settings(path) == Settings()
        with pytest.raises(expected):
            change_settings(path, {"scheme": "dark"}, known=Settings())
    assert path.read_bytes() == before
    change_settings(path, {"scheme": "dark"}, known=Settings())
    assert read_settings(path).workspace == "/data"
