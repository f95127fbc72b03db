# SPDX-License-Identifier: Apache-2.0
"""Which system libraries are missing, and how they are brought."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
import qt_libraries

LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux only")


@LINUX
def test_library_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(qt_libraries, "LIBRARIES", {"libnothere.so.9": "libnothere9"})
    assert qt_libraries.missing_libraries(Path(sys.executable)) == ["libnothere.so.9"]


@LINUX
def test_libraries_that_are_there_are_not_named() -> None:
    """The tests of the window run here, so nothing can be missing."""
    assert qt_libraries.missing_libraries(Path(sys.executable)) == []


@LINUX
def test_probe_that_dies_is_a_missing_library(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nexit 134\n", encoding="utf-8")
    python.chmod(0o755)
    assert qt_libraries.missing_libraries(python) == [
        "Qt: its modules ended the process with status 134"
    ]


@LINUX
def test_system_without_screen_and_font_lacks_both(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(qt_libraries, "FONT_FOLDERS", (str(tmp_path),))
    assert qt_libraries.missing_test_tools() == ["Xvfb", "a font"]
    (tmp_path / "a.ttf").write_bytes(b"")
    assert qt_libraries.missing_test_tools() == ["Xvfb"]


def test_packages_for_libraries_of_one_package_name_it_once() -> None:
    missing = ["libgthread-2.0.so.0", "libglib-2.0.so.0", "Xvfb", "Qt: something else"]
    assert qt_libraries.packages_for(missing) == ["libglib2.0-0", "xvfb"]
    assert qt_libraries.apt_command(["a", "b"]).endswith("apt-get install -y a b")


@LINUX
@pytest.mark.parametrize("status", [0, 100])
def test_install_asks_apt_and_says_whether_it_ended_well(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, status: int
) -> None:
    apt = tmp_path / "apt-get"
    apt.write_text(f'#!/bin/sh\necho "$@"\nexit {status}\n', encoding="utf-8")
    apt.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    log = tmp_path / "log"
    assert qt_libraries.install(["libegl1"], log) is (status == 0)
    assert log.read_text(encoding="utf-8").startswith("update\n")
