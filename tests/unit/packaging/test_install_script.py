# SPDX-License-Identifier: Apache-2.0
"""The installer for one person on Linux, with a program that does nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import artefacts
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
    for script in SCRIPT.parent.glob("*.sh"):
        shutil.copy(script, folder)
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


@contextmanager
def use(program: Path, role: str) -> Generator[int, None, None]:
    """Have a process running out of a folder, in a role, and give its id."""
    program.unlink(missing_ok=True)
    shutil.copy("/bin/sh", program)
    words = [str(program), "-c", "read word", "burnish", role, "place"]
    with subprocess.Popen(words, stdin=subprocess.PIPE) as process:
        try:
            yield process.pid
        finally:
            process.communicate(b"\n")


def require_refused(answer: subprocess.CompletedProcess[str], said: str) -> None:
    assert answer.returncode == 1
    assert f"Burnish is in use: {said}. " in answer.stderr
    assert "Nothing was changed" in answer.stderr


def names(folder: Path) -> set[str]:
    return {one.name for one in folder.iterdir()}


def names_below(folder: Path) -> set[str]:
    return {one.relative_to(folder).as_posix() for one in folder.rglob("*")}


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


@pytest.mark.parametrize("words", [(), ("--uninstall",)])
@pytest.mark.parametrize(
    ("role", "what"),
    [
        ("--window", "its window or a command"),
        ("--worker", "training or another job"),
        ("--keeper", "the keeper of its queue"),
    ],
)
def test_copy_in_use_is_neither_replaced_nor_removed(
    words: tuple[str, ...], role: str, what: str, tmp_path: Path
) -> None:
    home, real = tmp_path / "home", tmp_path / "a real [place]"
    real.mkdir()
    (tmp_path / "link").symlink_to(real)
    first, second = (payload(tmp_path / one, status=0, extra=one) for one in ("1", "2"))
    target = ("--target", str(tmp_path / "link/burnish"))
    assert install(first, home, *target).returncode == 0
    with use(real / "burnish/burnish", role) as pid:
        before = names_below(home) | names_below(real)
        require_refused(install(second, home, *target, *words), f"{what} (process {pid})")
        assert names_below(home) | names_below(real) == before
        elsewhere = ("--target", str(tmp_path / "link/burn"))
        assert install(second, home, *elsewhere).returncode == 0  # a copy of its own
        assert install(second, home, *elsewhere, "--uninstall").returncode == 0
    assert install(second, home, *target, *words).returncode == 0
    assert ("2" in names_below(real / "burnish")) != bool(words)


def test_every_kind_of_use_is_named_once(tmp_path: Path) -> None:
    home, place = tmp_path / "home", tmp_path / "home/.local/opt/burnish"
    given = payload(tmp_path / "1", status=0, extra="1")
    assert install(given, home).returncode == 0
    with (
        use(place / "_internal/window", "--window"),
        use(place / "_internal/peer", "--peer"),
        use(place / "_internal/worker", "--worker"),
    ):
        said = install(given, home).stderr
    assert said.count("(process ") == 2
    assert "its window" in said
    assert "training" in said


@pytest.mark.parametrize("action", ["upgrade", "remove", "failed-upgrade", "deconfigure"])
def test_package_in_use_is_neither_replaced_nor_removed(action: str, tmp_path: Path) -> None:
    place = tmp_path / "opt"
    place.mkdir()
    script = tmp_path / "prerm"
    script.write_text(artefacts.before_removal(str(place)), encoding="utf-8")
    command = ["sh", str(script), action]
    with use(place / "burnish", "--worker") as pid:
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
        if action == "deconfigure":
            assert answer.returncode == 0
        else:
            require_refused(answer, f"training or another job (process {pid})")
    assert subprocess.run(command, check=False).returncode == 0
