# SPDX-License-Identifier: Apache-2.0
"""What all fault tests share."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from engine.launcher import spawn
from engine.store.layout import JobFolder
from tests.builders.model_folder import tiny_model_folder
from tests.faults.programs import MODEL_VARIABLE
from tests.faults.warm import Born, WarmParent, WarmProcess

_IN_MEMORY = Path("/dev/shm")


@pytest.fixture
def memory_folder() -> Iterator[Path]:
    """Return an empty folder, in memory where that can be: thousands of states are made in it."""
    place = _IN_MEMORY if _IN_MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(dir=place, ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@pytest.fixture
def tell() -> Callable[[str], None]:
    """Return what writes a line about the faults that were injected; `-rP` shows it."""

    def write(line: str) -> None:
        sys.stdout.write(f"{line}\n")

    return write


@pytest.fixture(scope="session")
def base_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a tiny model."""
    return tiny_model_folder(tmp_path_factory.mktemp("model"))


@pytest.fixture
def model_of_programs(base_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the programs that are prepared within this process find the model, too."""
    monkeypatch.setenv(MODEL_VARIABLE, str(base_model))


@pytest.fixture(scope="session")
def warm(base_model: Path) -> Iterator[WarmParent]:
    """Return a parent that forks real processes; only where processes can be forked."""
    parent = WarmParent(base_model)
    yield parent
    parent.close()


@pytest.fixture(scope="session")
def light() -> Iterator[WarmParent]:
    """Return a parent that forks real workers that never train."""
    parent = WarmParent()
    yield parent
    parent.close()


@pytest.fixture
def born(light: WarmParent, monkeypatch: pytest.MonkeyPatch) -> Born:
    """Let the launcher start its workers from the light parent."""
    found = Born(light)
    own = SimpleNamespace(Popen=found.start, DEVNULL=None, STDOUT=None)
    monkeypatch.setattr(spawn, "subprocess", own)
    return found


@pytest.fixture
def trainers(warm: WarmParent, monkeypatch: pytest.MonkeyPatch) -> list[WarmProcess]:
    """Let the launcher start its workers from the warm parent; return them, newest last."""
    found: list[WarmProcess] = []

    def start(argv: list[str], *, cwd: Path, **_options: Any) -> WarmProcess:
        role = argv[argv.index("--worker") :]
        found.append(warm.start("main:main", [role], JobFolder(cwd).log, cwd=cwd))
        return found[-1]

    own = SimpleNamespace(Popen=start, DEVNULL=None, STDOUT=None)
    monkeypatch.setattr(spawn, "subprocess", own)
    return found


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.faults)
