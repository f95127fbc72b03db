# SPDX-License-Identifier: Apache-2.0
"""What a worker's process is before the first heavy import."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from engine.worker.surroundings import CACHES, FRUGAL, OFFLINE, POLITE, QUIET

SEES = """
import json, os, sys
from pathlib import Path
from engine.worker.surroundings import prepare
prepare(Path(sys.argv[1]))
print(json.dumps({"early": "torch" not in sys.modules, "seen": dict(os.environ)}))
"""

# Large blocks with small ones between them that stay; the first one, freed at once, makes glibc
# raise its limit, so that without the setting all others would be kept as holes.
FREES = """
import psutil, tempfile
from pathlib import Path
from engine.worker.surroundings import prepare

prepare(Path(tempfile.gettempdir()))
def resident():
    return psutil.Process().memory_info().rss
first = bytearray(9 << 20)
del first
before = resident()
large, small = [], []
for number in range(24):
    large.append(bytearray(b"x") * (8 << 20))
    small.append(bytearray(200_000))
most = resident()
large.clear()
print(most - before, resident() - before)
"""


def run(code: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout


def test_prepare_sets_everything_before_any_library_is_imported(tmp_path: Path) -> None:
    found = json.loads(run(SEES, str(tmp_path)))
    assert found["early"]
    wanted = OFFLINE | POLITE | FRUGAL | QUIET
    assert {name: found["seen"].get(name) for name in wanted} == wanted


def test_prepare_keeps_caches_and_temporary_files_in_the_job(tmp_path: Path) -> None:
    found = json.loads(run(SEES, str(tmp_path)))["seen"]
    cache = tmp_path / "cache"
    assert {found[name] for name in CACHES} == {str(cache)}
    if sys.platform != "win32":
        assert cache.stat().st_mode & 0o777 == 0o700


def test_prepare_names_the_user_only_where_nobody_else_did(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LOGNAME", "ada")
    assert json.loads(run(SEES, str(tmp_path)))["seen"]["LOGNAME"] == "ada"
    monkeypatch.delenv("LOGNAME")
    assert json.loads(run(SEES, str(tmp_path)))["seen"]["LOGNAME"] == "user"


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc is told so")
def test_prepare_large_blocks_go_back_to_the_system_when_they_are_freed() -> None:
    most, left = (int(one) for one in run(FREES).split())
    assert most > 150 << 20
    assert left < 40 << 20
