# SPDX-License-Identifier: Apache-2.0
"""What the packaged program does before its role begins."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from engine.launcher import frozen
from tests.builders.runtimes import write_runtime


@pytest.fixture
def search(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a search path like that of a bundle, in place of the true one."""
    path = ["/bundle/base_library.zip", "/bundle", *sys.path]
    monkeypatch.setattr(sys, "path", path)
    monkeypatch.setattr(sys, "argv", list(sys.argv))
    monkeypatch.setattr(sys, "_MEIPASS", "/bundle", raising=False)
    return path


@pytest.mark.parametrize("before", [None, "/mine/lib"])
def test_settle_environment_gives_others_their_own_library_path_back(before: str | None) -> None:
    environment = {"LD_LIBRARY_PATH": "/bundle"}
    if before is not None:
        environment["LD_LIBRARY_PATH_ORIG"] = before
    frozen.settle_environment(environment)
    assert environment.get("LD_LIBRARY_PATH") == before
    assert "LD_LIBRARY_PATH_ORIG" not in environment
    assert environment["PYINSTALLER_RESET_ENVIRONMENT"] == "1"


@pytest.mark.parametrize("role", ["--worker", "--peer"])
def test_begin_of_a_worker_puts_the_runtime_before_the_bundle(
    role: str, search: list[str], tmp_path: Path
) -> None:
    runtime = write_runtime(tmp_path / "runtime")
    environment = {"BURNISH_RUNTIME": str(runtime.root)}
    frozen.begin([role, "job"], environment)
    assert search.index(str(runtime.site_packages)) == search.index("/bundle") - 1
    assert environment["BURNISH_ROLE"] == "worker"


def test_begin_of_the_window_puts_the_runtime_behind_everything(
    search: list[str], tmp_path: Path
) -> None:
    runtime = write_runtime(tmp_path / "runtime")
    environment = {"BURNISH_RUNTIME": str(runtime.root)}
    frozen.begin(["--window"], environment)
    assert search[-1] == str(runtime.site_packages)
    assert "BURNISH_ROLE" not in environment


def test_begin_with_no_runtime_leaves_the_search_path(search: list[str], tmp_path: Path) -> None:
    before = list(search)
    frozen.begin(["--worker", "job"], {"BURNISH_RUNTIME": str(tmp_path)})
    assert search == before


@pytest.mark.parametrize("arguments", [["--nonsense"], ["--window"], [], ["nowhere.py"], ["-c"]])
def test_begin_in_a_child_of_a_worker_refuses_what_python_could_not_do(
    arguments: list[str], search: list[str], tmp_path: Path
) -> None:
    environment = {"BURNISH_ROLE": "worker", "BURNISH_RUNTIME": str(tmp_path)}
    with pytest.raises(SystemExit) as ended:
        frozen.begin(arguments, environment)
    assert ended.value.code == 64


@pytest.mark.parametrize("role", ["--keeper", "--network-probe", "--worker"])
def test_begin_in_a_child_of_a_worker_goes_on_to_a_role_of_its_own(
    role: str, search: list[str], tmp_path: Path
) -> None:
    environment = {"BURNISH_ROLE": "worker", "BURNISH_RUNTIME": str(tmp_path)}
    frozen.begin([role, "place"], environment)
    assert environment["BURNISH_ROLE"] == "worker"


def test_begin_of_a_process_of_multiprocessing_goes_on(search: list[str], tmp_path: Path) -> None:
    runtime = write_runtime(tmp_path / "runtime")
    environment = {"BURNISH_ROLE": "worker", "BURNISH_RUNTIME": str(runtime.root)}
    frozen.begin(["--multiprocessing-fork", "parent_pid=1"], environment)
    assert str(runtime.site_packages) in search


def test_act_as_python_runs_a_text(search: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    given = ["-u", "-X", "utf8", "-BI", "-c", "import sys; print(__name__, sys.argv)", "x"]
    assert frozen.act_as_python(given) == 0
    assert capsys.readouterr().out == "__main__ ['-c', 'x']\n"


def test_act_as_python_runs_a_module(search: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert frozen.act_as_python(["-m", "this"]) == 0
    assert "Beautiful is better" in capsys.readouterr().out


def test_act_as_python_runs_a_file(
    search: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = tmp_path / "script.py"
    script.write_text("import sys; print(__name__, sys.argv[1:])", encoding="utf-8")
    assert frozen.act_as_python(["-Wignore", str(script), "-u"]) == 0
    assert capsys.readouterr().out == "__main__ ['-u']\n"
