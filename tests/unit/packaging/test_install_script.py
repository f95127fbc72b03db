# SPDX-License-Identifier: Apache-2.0
"""The installer for one person on Linux, with a program that does nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import bundle_contents as contents
import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a shell script")
SCRIPT = contents.REPOSITORY / "packaging/linux/install.sh"


def payload(folder: Path, *, status: int, extra: str) -> Path:
    """Lay out what the archive holds, with a program that ends with a status."""
    app = folder / "burnish"
    (app / "_internal").mkdir(parents=True)
    (app / "burnish").write_text(f"#!/bin/sh\nexit {status}\n", encoding="utf-8")
    (app / "burnish").chmod(0o755)
    (app / extra).write_text(extra, encoding="utf-8")
    shutil.copytree(SCRIPT.parent, folder / "integration")
    shutil.copy(SCRIPT, folder / "install.sh")
    return folder


def install(
    given: Path, home: Path, *words: str, tools: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the installer for the person of a home; programs of `tools` go before the system's."""
    home.mkdir(exist_ok=True)
    path = os.environ["PATH"] if tools is None else f"{tools}:{os.environ['PATH']}"
    return subprocess.run(
        ["sh", str(given / "install.sh"), *words],
        env={"HOME": str(home), "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


def names(folder: Path) -> set[str]:
    return {one.name for one in folder.iterdir()}


def test_upgrade_replaces_and_a_program_that_does_not_start_leaves_the_old(tmp_path: Path) -> None:
    home, place = tmp_path / "home", tmp_path / "home/.local/opt"
    for number, status, expected in (("1", 0, "1"), ("2", 0, "2"), ("3", 1, "2")):
        given = payload(tmp_path / number, status=status, extra=number)
        assert install(given, home).returncode == status
        assert names(place / "burnish") == {"_internal", "burnish", expected}
        assert names(place) == {"burnish"}
    assert (home / ".local/bin/burnish").resolve() == place / "burnish/burnish"


def test_removal_leaves_the_workspace(tmp_path: Path) -> None:
    home = tmp_path / "home"
    given = payload(tmp_path / "1", status=0, extra="1")
    workspace = home / ".local/share/burnish/workspace.json"
    assert install(given, home).returncode == 0
    workspace.parent.mkdir(parents=True)
    workspace.write_text("{}", encoding="utf-8")
    assert install(given, home, "--uninstall").returncode == 0
    left = [one for one in home.rglob("*") if one.is_file()]
    assert [one for one in left if one.name != "mimeinfo.cache" and "mime" not in one.parts] == [
        workspace
    ]


@pytest.mark.parametrize("ending", ["", ".old", ".new"])
@pytest.mark.parametrize("words", [(), ("--uninstall",)])
def test_folder_of_somebody_else_is_refused(
    words: tuple[str, ...], ending: str, tmp_path: Path
) -> None:
    foreign = tmp_path / f"mine{ending}"
    foreign.mkdir()
    (foreign / "letter.txt").write_text("dear", encoding="utf-8")
    given = payload(tmp_path / "1", status=0, extra="1")
    refused = install(given, tmp_path / "home", "--target", str(tmp_path / "mine"), *words)
    assert refused.returncode == 1
    assert "Nothing was changed" in refused.stderr
    assert names(foreign) == {"letter.txt"}


def test_copy_that_was_cut_off_does_not_bar_the_next_one(tmp_path: Path) -> None:
    home, place = tmp_path / "home", tmp_path / "place"
    (tmp_path / "place.new").mkdir()
    (tmp_path / "place.new/part").write_text("half", encoding="utf-8")
    (tmp_path / "place.new.burnish-copy").touch()
    given = payload(tmp_path / "1", status=0, extra="1")
    assert install(given, home, "--target", str(place)).returncode == 0
    assert names(place) == {"_internal", "burnish", "1"}
    assert not [one for one in names(tmp_path) if one.startswith("place.")]


def test_removal_that_was_cut_off_does_not_bar_the_next_one(tmp_path: Path) -> None:
    home, place = tmp_path / "home", tmp_path / "place"
    first, second = (payload(tmp_path / one, status=0, extra=one) for one in ("1", "2"))
    assert install(first, home, "--target", str(place)).returncode == 0
    tools = tmp_path / "tools"
    tools.mkdir()
    cut_off = f'#!/bin/sh\n[ "$1" = -rf ] || exec {shutil.which("rm")} "$@"\n'
    cut_off += f'{shutil.which("rm")} "$2/burnish"\nexit 1\n'
    (tools / "rm").write_text(cut_off, encoding="utf-8")
    (tools / "rm").chmod(0o755)
    assert install(first, home, "--target", str(place), tools=tools).returncode != 0
    assert names(tmp_path / "place.old") == {"_internal", "1"}
    assert install(second, home, "--target", str(place)).returncode == 0
    assert names(place) == {"_internal", "burnish", "2"}
    assert not [one for one in names(tmp_path) if one.startswith("place.")]


@pytest.mark.parametrize("written", ["apps/burnish", "apps/burnish/"])
def test_target_may_be_relative_and_end_in_a_slash(
    written: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    home, place = tmp_path / "home", tmp_path / "apps/burnish"
    for number in ("1", "2"):
        given = payload(tmp_path / number, status=0, extra=number)
        assert install(given, home, "--target", written).returncode == 0
        assert names(place) == {"_internal", "burnish", number}
    assert (home / ".local/bin/burnish").resolve() == place / "burnish"
    menu = (home / ".local/share/applications/burnish.desktop").read_text(encoding="utf-8")
    assert f'Exec="{place}/burnish"' in menu
