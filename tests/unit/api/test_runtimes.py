# SPDX-License-Identifier: Apache-2.0
"""The training runtime as window and command line see it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from engine.api import runtimes as api
from engine.api.runtimes import RuntimeFit, Runtimes
from engine.errors import DocumentDamaged, InUse, RuntimeFailed, WrongUsage
from engine.launcher import runtime as launcher
from engine.launcher.wheelhouse import install_runtime, read_lock
from tests.builders.runtimes import write_runtime
from tests.builders.wheels import write_wheelhouse

PYTHON = sys.executable


@pytest.fixture(autouse=True)
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the file of a program that is Python, but that nothing else here runs."""
    path = tmp_path / "burnish"
    if sys.platform != "win32":
        path.write_text(f'#!/bin/sh\nexec "{PYTHON}" "$@"\n', encoding="utf-8")
        path.chmod(0o700)
        monkeypatch.setattr(sys, "executable", str(path))
    return path


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runtimes:
    """Return runtimes with one that was installed from wheels."""
    home = tmp_path / "home" / "runtime"
    lock = write_wheelhouse(tmp_path / "wheels")
    install_runtime(tmp_path / "wheels", home, [lock], try_it=lambda _folder: None)
    monkeypatch.setenv(launcher.VARIABLE, str(home))
    return Runtimes(is_packaged=True, home=home)


def test_current_is_the_installed_one_and_can_be_removed(installed: Runtimes) -> None:
    found = installed.current()
    assert (found.variant, found.torch, found.is_removable) == ("cu130", "1.0", True)
    installed.remove()
    assert installed.current().id == ""
    with pytest.raises(WrongUsage):
        installed.remove()


def test_worker_that_begins_while_a_runtime_is_tried_keeps_its_libraries(
    installed: Runtimes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = Path(installed.current().folder).stat().st_ino
    begun: list[Path] = []

    def processes(_facts: list[str]) -> list[SimpleNamespace]:
        info = {"exe": str(Path(sys.executable).resolve()), "cmdline": ["burnish", "--worker"]}
        return [SimpleNamespace(pid=7, info=info)] if begun else []

    lock = write_wheelhouse(tmp_path / "others")
    monkeypatch.setattr(api, "_locks", lambda: [lock])
    monkeypatch.setattr(api, "try_runtime", lambda folder, heed: begun.append(folder))
    monkeypatch.setattr(psutil, "process_iter", processes)
    with pytest.raises(InUse):
        installed.install(tmp_path / "others")
    assert begun
    assert Path(installed.current().folder).stat().st_ino == before


@pytest.mark.skipif(sys.platform == "win32", reason="a copy of a program lacks its libraries there")
def test_runtime_that_a_worker_computes_with_stays(
    installed: Runtimes, program: Path, tmp_path: Path
) -> None:
    shutil.copy("/bin/sh", program)
    words = [str(program), "-c", "read word", "--worker", str(tmp_path)]
    with subprocess.Popen(words, stdin=subprocess.PIPE) as worker:
        for ask in (installed.remove, lambda: installed.install(tmp_path / "wheels")):
            with pytest.raises(InUse, match=str(worker.pid)):
                ask()
        worker.communicate(b"\n")
    installed.remove()
    assert installed.current().id == ""


def test_verify_counts_the_files_and_names_a_changed_one(installed: Runtimes) -> None:
    assert installed.verify() > 6
    module = Path(installed.current().folder) / launcher.PACKAGES / "torch" / "__init__.py"
    module.write_text("changed", encoding="utf-8")
    with pytest.raises(DocumentDamaged, match=r"torch/__init__\.py"):
        installed.verify()


def test_install_uses_it_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    resources = tmp_path / "resources"
    (resources / "runtime").mkdir(parents=True)
    write_wheelhouse(tmp_path / "wheels")
    lock = tmp_path / "wheels-cu130.lock"
    lock.rename(resources / "runtime" / "cu130.lock")
    monkeypatch.setattr(api, "RESOURCES", resources)
    monkeypatch.setattr(api, "try_runtime", lambda _folder, heed: heed())
    monkeypatch.setattr(sys, "path", list(sys.path))
    home = tmp_path / "home" / "runtime"
    made = Runtimes(is_packaged=True, home=home).install(tmp_path / "wheels")
    assert (made.folder, made.fit) == (str(home), RuntimeFit.FITS)
    assert sys.path[-1] == str(home / launcher.PACKAGES)


@pytest.mark.parametrize(
    ("manifest", "fit", "is_usable"),
    [
        ({"lock": "of another version"}, RuntimeFit.OTHER_VERSION, True),
        ({"protocol": launcher.PROTOCOL + 1}, RuntimeFit.UNUSABLE, False),
        ({"python": "cp399"}, RuntimeFit.UNUSABLE, False),
    ],
)
def test_runtime_of_another_version_is_told_apart_from_one_that_fits(
    manifest: dict[str, object],
    fit: RuntimeFit,
    is_usable: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = write_runtime(tmp_path / "runtime", app="0.0.9", **manifest)
    monkeypatch.setenv(launcher.VARIABLE, str(made.root))
    view = Runtimes(is_packaged=True, home=made.root).current()
    assert (view.fit, view.is_usable) == (fit, is_usable)
    assert "made for Burnish 0.0.9" in api.other_version_words(view)


def test_runtime_of_this_version_fits_and_none_at_all_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = next((api.RESOURCES / "runtime").glob("*.lock"))
    made = write_runtime(tmp_path / "runtime", lock=read_lock(lock).sha256)
    monkeypatch.setenv(launcher.VARIABLE, str(made.root))
    packaged = Runtimes(is_packaged=True, home=made.root)
    assert packaged.current().fit is RuntimeFit.FITS
    monkeypatch.setenv(launcher.VARIABLE, str(tmp_path / "nowhere"))
    assert packaged.current().fit is RuntimeFit.MISSING


def test_install_in_a_clone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WrongUsage, match="clone"):
        Runtimes(is_packaged=False, home=tmp_path / "runtime").install(tmp_path)


def test_try_runtime_that_does_not_end_is_a_named_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: Path
) -> None:
    program.write_text("#!/bin/sh\nexec sleep 60\n", encoding="utf-8")
    program.chmod(0o700)
    monkeypatch.setattr(api, "_SELFCHECK_LIMIT_S", 0.2)
    with pytest.raises(RuntimeFailed, match="not ready"):
        api.try_runtime(tmp_path)


def test_try_runtime_passes_on_what_the_process_said(tmp_path: Path, program: Path) -> None:
    program.write_text(
        f"#!{PYTHON}\nimport sys; print('no such card', sys.argv[1:]); sys.exit(1)\n",
        encoding="utf-8",
    )
    program.chmod(0o700)
    with pytest.raises(RuntimeFailed) as failed:
        api.try_runtime(tmp_path)
    assert "no such card ['--selfcheck']" in failed.value.detail
