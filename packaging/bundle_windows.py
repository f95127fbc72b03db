# SPDX-License-Identifier: Apache-2.0
"""The check of what is made for Windows, as far as another system can: its installer is compiled.

PyInstaller cannot build for another system, so programs that do nothing but end stand for Burnish.
With them the installer really runs, under Wine: it installs, upgrades, gives up where the new
program does not start, refuses the folder of somebody else, goes on after a copy or a removal that
was cut off, and is removed.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from pathlib import Path

import artefacts
import bundle_contents as contents
import windows_resources
from bundle_under_test import Bundle, require, run, tool

_STUB = """Unicode true
Target amd64-unicode
OutFile "{out}"
SilentInstall silent
RequestExecutionLevel user
Section
  SetErrorLevel {status}
SectionEnd
"""
_STARTERS = (f"{contents.NAME}.exe", f"{contents.NAME}-cli.exe")
_GONE_WITHIN_S = 60.0
_GAVE_UP = 2
"""The status of the installer where it changed nothing, and said why."""

_UNINSTALL_KEY = r"HKCU\Software\Microsoft\Windows\CurrentVersion\Uninstall\Burnish"


class Windows:
    """A Windows that is none: a prefix of Wine, and the person in it."""

    def __init__(self, folder: Path) -> None:
        """Make it."""
        self._wine = _wine64()
        self.folder = folder
        self._environment: Mapping[str, str] = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(folder / "home"),
            "WINEPREFIX": str(folder / "prefix"),
            "WINEARCH": "win64",
            "WINEDEBUG": "-all",
            "WINEDLLOVERRIDES": "mscoree,mshtml=",  # else it asks for a download
        }
        (folder / "home").mkdir(parents=True)
        require(self.start("wineboot", "-i") == 0, "wineboot failed")
        # What it started goes on behind it, and programs such as `reg` are not there before.
        run([tool("wineserver", "wine"), "--wait"], self._environment)

    @property
    def local(self) -> Path:
        """Return the folder for data of the one person there."""
        (found,) = (self.folder / "prefix/drive_c/users").glob("*/AppData/Local")
        return found

    def start(self, *words: str | Path) -> int:
        """Run a program to its end and return its status."""
        return run([self._wine, *map(str, words)], self._environment).status

    def said(self, *words: str) -> str:
        """Run a program and return what it printed."""
        return run([self._wine, *words], self._environment).output

    def close(self) -> None:
        """End what still runs there."""
        run([tool("wineserver", "wine"), "--kill", "--wait"], self._environment)


def _wine64() -> str:
    found = shutil.which("wine64") or shutil.which("wine64", path="/usr/lib/wine")
    require(found, "wine64 is not installed (Debian package wine64)")
    return str(found)


def installer_of_windows(bundle: Bundle) -> str:
    """A15: the installer compiles, and with programs that do nothing does what it has to."""
    work = bundle.scratch / "windows"
    version = contents.version()
    payload = _payload(work / "first", status=0, extra="left-out-later.txt")
    shipped = artefacts.windows_installer(payload, work, version)
    require(shipped.read_bytes()[:2] == b"MZ", "the installer is no program for Windows")
    windows_resources.write_resources(work)
    tried = [
        artefacts.windows_installer(one, work / name, number, target="amd64-unicode")
        for name, number, one in (
            ("1", version, payload),
            ("2", "99.0.0", _payload(work / "second", status=0, extra="new.txt")),
            ("3", "99.0.1", _payload(work / "third", status=1, extra="broken.txt")),
        )
    ]
    windows = Windows(work / "wine")
    try:
        _try_installers(windows, *tried)
    finally:
        windows.close()
    return "compiles; under Wine it installs, upgrades, rolls back, refuses and is removed"


def _payload(folder: Path, *, status: int, extra: str) -> Path:
    """Make what stands for a program: starters that end with a status, and one more file."""
    (folder / "_internal").mkdir(parents=True)
    for document in ("THIRD-PARTY-NOTICES.txt", "sbom.cdx.json", f"_internal/{extra}"):
        (folder / document).write_text("stub", encoding="utf-8")
    for name in _STARTERS:
        script = folder.with_name(f"{name}.nsi")
        script.write_text(_STUB.format(out=folder / name, status=status), encoding="utf-8")
        made = run([tool("makensis", "nsis"), "-V2", str(script)], {"PATH": "/usr/bin:/bin"})
        require(made.status == 0, f"makensis: {made.output[-500:]}")
    return folder


def _try_installers(windows: Windows, first: Path, second: Path, broken: Path) -> None:
    data = windows.local / contents.NAME / "workspace.json"
    data.parent.mkdir(parents=True)
    data.write_text("mine", encoding="utf-8")
    program = windows.local / "Programs" / "Burnish"
    require(windows.start(first, "/S") == 0, "it does not install")
    require((program / _STARTERS[0]).is_file(), f"nothing is in {program}")
    _require_registered(windows)
    _leave_half_a_copy(program)
    require(windows.start(second, "/S") == 0, "it does not upgrade")
    after = _files(program)
    require(any(one.endswith("new.txt") for one in after), "the new files are not there")
    require(not any(one.endswith("left-out-later.txt") for one in after), "old files stayed")
    require(windows.start(broken, "/S") != 0, "a program that does not start was installed")
    require(_files(program) == after, "the old one changed when the new one did not start")
    for ending in ("", ".old", ".new"):
        _refuses_foreign_folder(windows, second, ending)
    require(_files(program.parent) == [f"Burnish/{one}" for one in after], "left something beside")
    _removes(windows, program)
    require(windows.start(second, "/S") == 0, "it does not install again")
    (program / "_internal").rename(program / "_internal.old")  # what a removal begins with
    _removes(windows, program)
    require(windows.start(second, "/S") == 0, "it does not install once more")
    _leave_half_a_removal(program)
    require(windows.start(second, "/S") == 0, "a removal that was cut off bars an installation")
    require(_files(program.parent) == [f"Burnish/{one}" for one in after], "left something of it")
    _removes(windows, program)
    require(data.read_text(encoding="utf-8") == "mine", "data of the person went")
    gone = windows.start("reg", "query", _UNINSTALL_KEY) != 0
    require(gone, "still registered after the removal")


def _removes(windows: Windows, program: Path) -> None:
    require(windows.start(program / "uninstall.exe", "/S") == 0, "it cannot be removed")
    until = time.monotonic() + _GONE_WITHIN_S  # it goes on as a copy of itself
    beside = list(program.parent.iterdir())
    while beside and time.monotonic() < until:
        time.sleep(0.5)
        beside = list(program.parent.iterdir())
    require(not beside, f"stayed after the removal: {beside}, {_files(program)}")


def _leave_half_a_copy(program: Path) -> None:
    """Leave what an installer leaves that is cut off while it writes."""
    half = program.with_name(f"{program.name}.new")
    half.mkdir()
    (half / "burnish.exe").write_text("half", encoding="utf-8")
    half.with_name(f"{half.name}.burnish-copy").touch()


def _leave_half_a_removal(program: Path) -> None:
    """Leave what a removal leaves that is cut off when the starters are gone."""
    (program / "_internal").rename(program / "_internal.old")
    program.with_name(f"{program.name}.burnish-copy").touch()
    for name in _STARTERS:
        (program / name).unlink()


def _refuses_foreign_folder(windows: Windows, installer: Path, ending: str) -> None:
    """Have a folder of somebody else where the program, its old or its new form would be."""
    drive = windows.folder / "prefix/drive_c"
    foreign = drive / f"other{ending}"
    foreign.mkdir()
    (foreign / "theirs.txt").write_text("theirs", encoding="utf-8")
    status = windows.start(installer, "/S", r"/D=C:\other")
    require(status == _GAVE_UP, f"{foreign.name} of somebody else: it ended with {status}")
    beside = sorted(one.name for one in drive.glob("other*"))
    require(beside == [foreign.name], f"made beside a folder of somebody else: {beside}")
    require(_files(foreign) == ["theirs.txt"], f"changed {foreign.name} of somebody else")
    shutil.rmtree(foreign)


def _require_registered(windows: Windows) -> None:
    shown = windows.said("reg", "query", _UNINSTALL_KEY, "/v", "DisplayVersion")
    require(contents.version() in shown, f"registered as {shown.strip()}")
    for suffix in (".jsonl", ".parquet"):
        key = rf"HKCU\Software\Classes\{suffix}\OpenWithProgids"
        require("Burnish.rows" in windows.said("reg", "query", key), f"does not open {suffix}")


def _files(folder: Path) -> list[str]:
    found = (one for one in folder.rglob("*") if one.is_file())
    return sorted(one.relative_to(folder).as_posix() for one in found)
