# SPDX-License-Identifier: Apache-2.0
"""Where a training runtime is found, and what its manifest has to say."""

from __future__ import annotations

import json
from pathlib import Path

import platformdirs
import pytest

from engine.launcher import runtime as runtimes
from tests.builders.runtimes import write_runtime


def test_user_root_stands_where_the_workspace_does() -> None:
    data = Path(platformdirs.user_data_dir("burnish", appauthor=False))
    assert runtimes.user_root() == data / "runtime"


def test_find_runtime_with_a_named_folder_looks_nowhere_else(tmp_path: Path) -> None:
    beside = write_runtime(tmp_path / "runtime")
    program = tmp_path / "burnish"
    nowhere = {runtimes.VARIABLE: str(tmp_path / "nowhere")}
    named = {runtimes.VARIABLE: str(beside.root)}
    assert runtimes.find_runtime(nowhere, program) is None
    assert runtimes.find_runtime(named, program) == beside


def test_find_runtime_takes_the_users_own_before_one_beside_the_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtimes, "user_root", lambda: tmp_path / "mine")
    program = tmp_path / "app" / "burnish"
    beside = write_runtime(tmp_path / "app" / "runtime")
    assert runtimes.find_runtime({}, program) == beside
    mine = write_runtime(tmp_path / "mine")
    assert runtimes.find_runtime({}, program) == mine


@pytest.mark.parametrize(
    "change",
    [
        {"python": "cp399"},
        {"platform": "plan9_mips"},
        {"schema_version": 99},
        {"packages": None},
        {"protocol": runtimes.PROTOCOL + 1},
    ],
)
def test_find_runtime_passes_over_what_does_not_fit(
    change: dict[str, object], tmp_path: Path
) -> None:
    whole = write_runtime(tmp_path / "runtime")
    manifest = json.loads((whole.root / runtimes.FILE_NAME).read_text(encoding="utf-8"))
    (whole.root / runtimes.FILE_NAME).write_text(json.dumps(manifest | change), encoding="utf-8")
    assert runtimes.find_runtime({runtimes.VARIABLE: str(whole.root)}, tmp_path / "b") is None


def test_find_runtime_passes_over_one_without_torch(tmp_path: Path) -> None:
    whole = write_runtime(tmp_path / "runtime")
    (whole.site_packages / "torch").rmdir()
    assert runtimes.find_runtime({runtimes.VARIABLE: str(whole.root)}, tmp_path / "b") is None


def test_found_runtimes_holds_what_cannot_be_used_too(tmp_path: Path) -> None:
    other = write_runtime(tmp_path / "runtime", python="cp399")
    named = {runtimes.VARIABLE: str(other.root)}
    assert runtimes.found_runtimes(named, tmp_path / "burnish") == [other]
    assert not other.is_usable()
    assert other.misfit().startswith("cp399 ")


def test_misfit_of_another_protocol_names_the_version_that_made_it(tmp_path: Path) -> None:
    other = write_runtime(tmp_path / "runtime", protocol=runtimes.PROTOCOL + 1, app="0.0.9")
    assert other.misfit() == "Burnish 0.0.9"


def test_read_runtime_of_the_first_form_has_the_first_protocol(tmp_path: Path) -> None:
    whole = write_runtime(tmp_path / "runtime")
    manifest = json.loads((whole.root / runtimes.FILE_NAME).read_text(encoding="utf-8"))
    del manifest["protocol"], manifest["app"]
    (whole.root / runtimes.FILE_NAME).write_text(json.dumps(manifest), encoding="utf-8")
    found = runtimes.read_runtime(whole.root)
    assert found is not None
    assert (found.protocol, found.app) == (1, "")


def test_attach_twice_leaves_one_entry_at_the_later_place(tmp_path: Path) -> None:
    runtime = write_runtime(tmp_path / "runtime")
    search = ["/a", "/bundle", "/b"]
    runtimes.attach(runtime, search)
    assert search == ["/a", "/bundle", "/b", str(runtime.site_packages)]
    runtimes.attach(runtime, search, before="/bundle")
    assert search == ["/a", str(runtime.site_packages), "/bundle", "/b"]


def test_attached_runtime_is_the_one_on_the_search_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = write_runtime(tmp_path / "runtime")
    monkeypatch.setattr("sys.path", ["/elsewhere"])
    assert runtimes.attached_runtime() is None
    monkeypatch.setattr("sys.path", ["/elsewhere", str(runtime.site_packages)])
    assert runtimes.attached_runtime() == runtime
