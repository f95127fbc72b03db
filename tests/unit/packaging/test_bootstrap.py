# SPDX-License-Identifier: Apache-2.0
"""Set-up from a clone: what is installed when, and what a person reads where it fails."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
import venv
from pathlib import Path
from types import SimpleNamespace

import bootstrap
import pytest

REPOSITORY = Path(__file__).resolve().parents[3]
PIP = """
import sys
print("pip was asked:", *sys.argv[1:])
print("ERROR: no such wheel")
sys.exit({status})
"""
POSIX = pytest.mark.skipif(os.name != "posix", reason="shell scripts stand in for programs")


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small repository, in a folder whose name has a space in it."""
    folder = tmp_path / "my clone"
    (folder / "packaging").mkdir(parents=True)
    for name in ("pyproject.toml", "packaging/constraints.txt"):
        shutil.copy(REPOSITORY / name, folder / name)
    monkeypatch.setattr(bootstrap, "REPOSITORY", folder)
    monkeypatch.setattr(bootstrap, "ENVIRONMENT", folder / ".venv")
    monkeypatch.setattr(bootstrap, "CONSTRAINTS", folder / "packaging" / "constraints.txt")
    return folder


def make_venv(clone: Path, *, pip_status: int = 0) -> None:
    """Make an environment with a pip that only notes what it is asked."""
    venv.create(clone / ".venv", with_pip=False, symlinks=os.name == "posix")
    site = next((clone / ".venv").rglob("site-packages"))
    (site / "pip").mkdir()
    (site / "pip" / "__init__.py").write_text("", encoding="utf-8")
    (site / "pip" / "__main__.py").write_text(PIP.format(status=pip_status), encoding="utf-8")


@pytest.fixture
def asked(clone: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """What pip was asked to install, in order; making the environment is quick."""
    calls: list[tuple[str, ...]] = []

    def install(_title: str, *arguments: str) -> None:
        calls.append(arguments)

    monkeypatch.setattr(bootstrap, "pip_install", install)
    monkeypatch.setattr(bootstrap, "make_environment", lambda: make_venv(clone))
    return calls


# ---- what is installed when


def test_first_start_installs_torch_alone_and_then_the_rest(asked: list[tuple[str, ...]]) -> None:
    bootstrap.set_up("test")
    assert asked == [
        (bootstrap.pinned("torch"),),
        ("--no-build-isolation", "--editable", ".[test]"),
    ]


def test_second_start_installs_nothing_and_is_quick(asked: list[tuple[str, ...]]) -> None:
    bootstrap.set_up("demo")
    asked.clear()
    started = time.monotonic()
    bootstrap.set_up("app")
    assert asked == []
    assert time.monotonic() - started < 1


def test_command_that_needs_more_keeps_what_is_there(asked: list[tuple[str, ...]]) -> None:
    bootstrap.set_up("test")
    bootstrap.set_up("check")
    assert asked[-1][-1] == ".[check,package,test]"
    bootstrap.set_up("test")
    assert len(asked) == 4


def test_changed_pin_installs_again(clone: Path, asked: list[tuple[str, ...]]) -> None:
    bootstrap.set_up("demo")
    pins = clone / "packaging" / "constraints.txt"
    pins.write_text(pins.read_text(encoding="utf-8") + "# more\n", encoding="utf-8")
    bootstrap.set_up("demo")
    assert len(asked) == 4


def test_changed_checker_setting_installs_nothing(
    clone: Path, asked: list[tuple[str, ...]]
) -> None:
    bootstrap.set_up("demo")
    project = clone / "pyproject.toml"
    text = project.read_text(encoding="utf-8")
    project.write_text(text.replace("max-complexity = 8", "max-complexity = 9"), encoding="utf-8")
    bootstrap.set_up("demo")
    assert len(asked) == 2


def test_moved_clone_installs_again(
    clone: Path, asked: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    bootstrap.set_up("demo")
    moved = clone.with_name("moved")
    clone.rename(moved)
    monkeypatch.setattr(bootstrap, "REPOSITORY", moved)
    monkeypatch.setattr(bootstrap, "ENVIRONMENT", moved / ".venv")
    monkeypatch.setattr(bootstrap, "CONSTRAINTS", moved / "packaging" / "constraints.txt")
    bootstrap.set_up("demo")
    assert len(asked) == 4


def test_torch_is_pinned_without_a_build_label() -> None:
    assert bootstrap.pinned("torch") == "torch==2.13.0"


# ---- the environment


@POSIX
def test_environment_whose_python_is_gone_is_made_again(
    clone: Path, asked: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    bootstrap.set_up("demo")
    bootstrap.environment_python().unlink()
    bootstrap.environment_python().symlink_to("/nonexistent/python")
    monkeypatch.setattr(
        bootstrap, "make_environment", lambda: (shutil.rmtree(clone / ".venv"), make_venv(clone))
    )
    bootstrap.set_up("demo")
    assert bootstrap.is_usable()
    assert len(asked) == 4


def test_environment_of_another_python_is_not_usable(
    clone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_venv(clone)
    assert bootstrap.is_usable()
    monkeypatch.setattr(bootstrap, "sys", SimpleNamespace(version_info=(3, 99, 0)))
    assert not bootstrap.is_usable()


def test_folder_that_is_no_environment_is_left_alone(clone: Path) -> None:
    (clone / ".venv").mkdir()
    (clone / ".venv" / "letter.txt").write_text("dear", encoding="utf-8")
    with pytest.raises(bootstrap.SetupError, match="is not a Python environment"):
        bootstrap.make_environment()
    assert (clone / ".venv" / "letter.txt").is_file()


def test_environment_this_command_runs_in_is_not_removed(
    clone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_venv(clone)
    monkeypatch.setattr(sys, "prefix", str(clone / ".venv"))
    with pytest.raises(bootstrap.SetupError, match="runs inside it"):
        bootstrap.make_environment()
    assert bootstrap.is_usable()


@pytest.mark.usefixtures("clone")
def test_python_without_ensurepip_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if "pip" in name else name)
    with pytest.raises(bootstrap.SetupError, match="ensurepip is missing") as caught:
        bootstrap.make_environment()
    assert "-venv" in caught.value.remedy


def test_set_up_beside_another_one_waits_for_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lock, order = tmp_path / "lock", list[str]()

    def second() -> None:
        with bootstrap.one_at_a_time(lock):
            order.append("second")

    with bootstrap.one_at_a_time(lock):
        thread = threading.Thread(target=second)
        thread.start()
        time.sleep(0.2)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]
    assert "waiting for it" in capsys.readouterr().out


# ---- failures


def test_failing_pip_is_reported_without_traceback(
    clone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_venv(clone, pip_status=1)
    assert bootstrap.main(["demo"]) == 1
    printed = capsys.readouterr().out
    assert "Set-up stopped: pip could not finish: Installing PyTorch" in printed
    assert "ERROR: no such wheel" in printed
    assert "What to do: Check the network" in printed
    assert "Traceback" not in printed
    assert bootstrap.read_stamp() == ("", frozenset())


def test_failed_set_up_goes_on_at_the_next_start(clone: Path, asked: list[tuple[str, ...]]) -> None:
    bootstrap.set_up("demo")
    bootstrap.stamp_path().write_text("{rubbish", encoding="utf-8")
    bootstrap.set_up("demo")
    assert len(asked) == 4
    assert (clone / ".venv" / "burnish-installed.json").is_file()


def test_unreadable_folder_is_reported_without_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(_command: str) -> None:
        raise PermissionError(13, "Permission denied", "/clone/.venv.lock")

    monkeypatch.setattr(bootstrap, "set_up", refuse)
    assert bootstrap.main(["demo"]) == 1
    assert "Permission denied (/clone/.venv.lock)" in capsys.readouterr().out


def test_interrupted_set_up_says_how_to_go_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(_command: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(bootstrap, "set_up", interrupt)
    assert bootstrap.main(["demo"]) == 130
    assert "Start the same command again" in capsys.readouterr().out


def test_python_that_is_too_old_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    old = SimpleNamespace(version_info=(3, 10, 4), version="3.10.4 (old)", stdout=sys.stdout)
    monkeypatch.setattr(bootstrap, "sys", old)
    assert bootstrap.main(["demo"]) == 1
    assert "this is 3.10.4" in capsys.readouterr().out


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-8"])
def test_console_of_any_encoding_shows_the_help(encoding: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(REPOSITORY / "packaging" / "bootstrap.py"), "--help"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONIOENCODING": encoding, "HOME": str(tmp_path)},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0
    assert b"open the window" in done.stdout


def test_text_that_the_console_cannot_show_is_replaced(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with (tmp_path / "console").open("w", encoding="cp1252") as console:
        monkeypatch.setattr(sys, "stdout", console)
        bootstrap.say("→ 你好")
    assert (tmp_path / "console").read_text(encoding="cp1252") == "? ??\n"


# ---- the commands


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """What the environment's Python was asked to run; Qt finds everything."""
    calls: list[tuple[str, ...]] = []

    def run(*arguments: str) -> int:
        calls.append(arguments)
        return 3 if "pyright" in arguments else 0

    monkeypatch.setattr(bootstrap, "run_python", run)
    monkeypatch.setattr(bootstrap, "set_up", lambda _command: None)
    monkeypatch.setattr(bootstrap, "require_qt", lambda **_: None)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    return calls


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        (["demo", "--json"], ("main.py", "demo", "--json")),
        (["app"], ("main.py",)),
        (["test", "-k", "a b"], ("-m", "pytest", "-n", "2", "--dist", "worksteal", "-k", "a b")),
        (["test", "-n0"], ("-m", "pytest", "-n0")),
    ],
)
def test_command_runs_with_its_arguments(
    ran: list[tuple[str, ...]], typed: list[str], expected: tuple[str, ...]
) -> None:
    assert bootstrap.main(typed) == 0
    assert ran == [expected]


def test_check_runs_everything_and_fails_where_one_fails(
    ran: list[tuple[str, ...]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert bootstrap.main(["check"]) == 1
    assert len(ran) == len(bootstrap.CHECKS)
    printed = capsys.readouterr().out
    assert f"checks: {len(bootstrap.CHECKS) - 1} passed, 1 failed" in printed
    assert "types        FAILED" in printed


def test_exit_status_of_the_command_is_passed_on(clone: Path) -> None:
    make_venv(clone)
    assert bootstrap.run_python("-c", "raise SystemExit(7)") == 7


@pytest.mark.parametrize(("can_install", "installed"), [(True, ["libegl1"]), (False, [])])
def test_missing_libraries_are_installed_or_named(
    clone: Path, monkeypatch: pytest.MonkeyPatch, can_install: bool, installed: list[str]
) -> None:
    make_venv(clone)
    there: list[str] = []

    def install(packages: list[str], _log: Path) -> bool:
        there.extend(packages)
        return True

    libraries = bootstrap.qt_libraries
    monkeypatch.setattr(
        libraries, "missing_libraries", lambda _python: [] if there else ["libEGL.so.1"]
    )
    monkeypatch.setattr(libraries, "missing_test_tools", list)
    monkeypatch.setattr(libraries, "can_install", lambda: can_install)
    monkeypatch.setattr(libraries, "install", install)
    if can_install:
        bootstrap.require_qt(for_tests=True)
    else:
        with pytest.raises(bootstrap.SetupError, match=r"libEGL\.so\.1") as caught:
            bootstrap.require_qt(for_tests=True)
        assert "apt-get install -y libegl1" in caught.value.remedy
    assert there == installed
