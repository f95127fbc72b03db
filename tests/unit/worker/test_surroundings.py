# SPDX-License-Identifier: Apache-2.0
"""What a worker's process is before the first heavy import."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.store.caches import CACHE_VARIABLE
from engine.worker.surroundings import (
    CACHES,
    COMPILED,
    FRUGAL,
    NO_COMPILER,
    OFFLINE,
    POLITE,
    QUIET,
)

ROOT = Path(__file__).resolve().parents[3]
SEES = """
import json, os, sys
from pathlib import Path
from engine.worker.surroundings import prepare
prepare(Path(sys.argv[1]))
print(json.dumps({"early": "torch" not in sys.modules, "seen": dict(os.environ)}))
"""

CACHES_OF_LIBRARIES = """
import json, sys, tempfile
from pathlib import Path
from engine.worker.surroundings import prepare
prepare(Path(sys.argv[1]))
import bitsandbytes, datasets, huggingface_hub.constants, os, peft, torch, transformers
from torch._inductor.runtime.cache_dir_utils import cache_dir
from transformers.utils.hub import HF_MODULES_CACHE
print(json.dumps({
    "inductor": cache_dir(),
    "kernels": os.environ["PYTORCH_KERNEL_CACHE_PATH"],
    "hub": huggingface_hub.constants.HF_HOME,
    "modules": HF_MODULES_CACHE,
    "datasets": str(datasets.config.HF_DATASETS_CACHE),
    "torch": torch.hub.get_dir(),
    "temporary": tempfile.gettempdir(),
    "compiler": "loaded" if "torch._inductor.compile_fx" in sys.modules else "",
}))
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
    wanted = OFFLINE | POLITE | FRUGAL | QUIET | NO_COMPILER
    assert {name: found["seen"].get(name) for name in wanted} == wanted


def test_prepare_keeps_caches_and_temporary_files_in_the_job(tmp_path: Path) -> None:
    found = json.loads(run(SEES, str(tmp_path)))["seen"]
    cache = tmp_path / "cache"
    assert {found[name] for name in CACHES} == {str(cache)}
    if sys.platform != "win32":
        assert cache.stat().st_mode & 0o777 == 0o700


def test_prepare_keeps_compiled_code_for_the_next_run(tmp_path: Path) -> None:
    first = json.loads(run(SEES, str(tmp_path)))["seen"]
    found = {name: Path(first[name]).parent for name in COMPILED}
    assert set(found.values()) == {Path(first[CACHE_VARIABLE]) / "burnish-compiled"}
    assert not Path(first[CACHE_VARIABLE]).is_relative_to(tmp_path)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="homes of POSIX systems")
def test_libraries_leave_nothing_in_an_empty_home_and_load_no_compiler(tmp_path: Path) -> None:
    home, job = tmp_path / "home", tmp_path / "job"
    for one in (home, job):
        one.mkdir()
    kept = {"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", CACHES_OF_LIBRARIES, str(job)],
        env=kept,
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    folders: dict[str, str] = json.loads(done.stdout)
    assert folders.pop("compiler") == ""
    compiled, others = home / ".cache" / "burnish", job / "cache"
    for name, folder in folders.items():
        place = compiled if name in ("inductor", "kernels") else others
        assert Path(folder).is_relative_to(place), name
    left = {one.relative_to(home) for one in home.rglob("*")}
    assert {one for one in left if one.parts[:2] != (".cache", "burnish")} <= {Path(".cache")}


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
