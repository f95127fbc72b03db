# SPDX-License-Identifier: Apache-2.0
"""The training runtime as window and command line see it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from engine.api import runtimes as api
from engine.api.runtimes import Runtimes
from engine.errors import DocumentDamaged, RuntimeFailed, WrongUsage
from engine.launcher import runtime as launcher
from engine.launcher.wheelhouse import install_runtime
from tests.builders.wheels import write_wheelhouse


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
    monkeypatch.setattr(api, "try_runtime", lambda _folder: None)
    monkeypatch.setattr(sys, "path", list(sys.path))
    home = tmp_path / "home" / "runtime"
    made = Runtimes(is_packaged=True, home=home).install(tmp_path / "wheels")
    assert made.folder == str(home)
    assert sys.path[-1] == str(home / launcher.PACKAGES)


def test_install_in_a_clone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WrongUsage, match="clone"):
        Runtimes(is_packaged=False, home=tmp_path / "runtime").install(tmp_path)


def test_try_runtime_passes_on_what_the_process_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        f"#!{sys.executable}\nimport sys; print('no such card', sys.argv[1:]); sys.exit(1)\n",
        encoding="utf-8",
    )
    program.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(program))
    with pytest.raises(RuntimeFailed) as failed:
        api.try_runtime(tmp_path)
    assert "no such card ['--selfcheck']" in failed.value.detail
