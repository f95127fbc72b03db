# SPDX-License-Identifier: Apache-2.0
"""Taking the paths of the computer that builds out of Python's own files."""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path

import builder_paths
import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Python is made otherwise there")
BASE = "/home/ann/.pyenv/versions/3.11.7"


@pytest.fixture(autouse=True)
def private_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "base_prefix", BASE)


def test_library_looks_beside_itself_and_tells_no_path(tmp_path: Path) -> None:
    for place, origin in (("", b"$ORIGIN"), ("python3.11/lib-dynload", b"$ORIGIN/../..")):
        library = tmp_path / place / "x.so"
        library.parent.mkdir(parents=True, exist_ok=True)
        before = f"\x7fELF\0{BASE}/lib\0{BASE}\0{BASE}x\0".encode()
        library.write_bytes(before)
        builder_paths.clean_library(library, tmp_path)
        after = library.read_bytes()
        assert len(after) == len(before)
        strings = [one for one in after.split(b"\0") if one]
        assert [one.rstrip(b"/") for one in strings] == [
            *(b"\x7fELF", origin, builder_paths.neutral(BASE).encode(), f"{BASE}x".encode())
        ]


def test_version_that_is_the_end_of_the_path_stays_where_it_is() -> None:
    assert builder_paths.neutral(BASE) == "/usr" + "/" * (len(BASE) - 10) + "3.11.7"


@pytest.mark.parametrize("base", ["/py", "/py/3.11"])
def test_path_that_is_too_short_stops_the_build(base: str) -> None:
    with pytest.raises(ValueError, match="too short"):
        builder_paths.neutral(base)


def test_settings_of_python_name_the_neutral_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = tmp_path / "lib"
    library.mkdir()
    text = f"build_time_vars = {{'prefix': '{BASE}'}}\n"
    (library / "_sysconfigdata__linux_.py").write_text(text, encoding="utf-8")
    monkeypatch.setattr(sysconfig, "get_path", lambda _name: str(library))
    builder_paths.write_settings(tmp_path / "settings")
    written = (tmp_path / "settings/_sysconfigdata__linux_.py").read_text(encoding="utf-8")
    assert written == text.replace(BASE, builder_paths.neutral(BASE))


@pytest.mark.parametrize("base", ["/usr", "/usr/local"])
def test_python_of_the_system_is_left_as_it_is(
    base: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "base_prefix", base)
    library = tmp_path / "x.so"
    library.write_bytes(f"\x7fELF\0{base}/lib\0".encode())
    builder_paths.clean_library(library, tmp_path)
    assert library.read_bytes() == f"\x7fELF\0{base}/lib\0".encode()
    builder_paths.write_settings(tmp_path / "settings")
    assert not list((tmp_path / "settings").iterdir())
