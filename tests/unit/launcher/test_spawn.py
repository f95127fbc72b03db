# SPDX-License-Identifier: Apache-2.0
"""How a detached process is started where the system does not let everything out."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from engine.api.jobs import Jobs
from engine.domain.recipe import Recipe
from engine.domain.run import JobKind
from engine.errors import AlreadyRunning
from engine.launcher import spawn
from engine.launcher.frozen import ROLE_VARIABLE, WORKER_ROLE
from engine.launcher.peers import torchrun_seat
from engine.store import atomicfs, forgetting, locks
from engine.store.workspace import open_workspace


def test_process_that_may_not_leave_its_job_is_started_within_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[int] = []
    real = subprocess.Popen.__init__

    def refusing(self: subprocess.Popen[bytes], argv: list[str], **given: Any) -> None:
        tried.append(given.pop("creationflags"))
        if tried[-1] & 4:
            raise PermissionError(13, "Access is denied")
        real(self, argv, **given)

    monkeypatch.setattr(subprocess.Popen, "__init__", refusing)
    monkeypatch.setattr(spawn, "BREAKAWAY", 4)
    words = [sys.executable, "-c", "print('here')"]
    process = spawn.start_detached(words, log=tmp_path / "log", cwd=tmp_path)
    assert process.wait() == 0
    assert (tmp_path / "log").read_text(encoding="utf-8").strip() == "here"
    assert tried == [4 | spawn.detaching_flags(), spawn.detaching_flags()]


def test_what_a_worker_starts_is_neither_a_worker_nor_a_rank(tmp_path: Path) -> None:
    """A rank of torchrun that starts a keeper must not make ranks of the runs of the queue."""
    of_torchrun = {"TORCHELASTIC_RUN_ID": "x", "RANK": "0", "WORLD_SIZE": "2", "MASTER_PORT": "1"}
    kept = {key: one for key, one in os.environ.items() if key in ("SYSTEMROOT", "PATH")}
    process = spawn.start_detached(
        [sys.executable, "-c", "import os; print(sorted(os.environ))"],
        log=tmp_path / "log",
        cwd=tmp_path,
        environment=kept | of_torchrun | {ROLE_VARIABLE: WORKER_ROLE, "MINE": "1"},
    )
    assert process.wait() == 0
    found = ast.literal_eval((tmp_path / "log").read_text(encoding="utf-8"))
    assert set(found) - {"LC_CTYPE"} == {*kept, "MINE"}
    assert torchrun_seat(dict.fromkeys(found, "")) is None


def test_no_worker_is_started_while_rows_are_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "_WAIT_S", 0.0)
    layout = open_workspace(tmp_path / "w", now=datetime.now(UTC))
    jobs = Jobs(layout, make_id=lambda: "r1")
    recipe = Recipe(dataset_id="d1", model_id="m1")
    jobs.create(JobKind.TRAIN, "r1", "tests.fakes.entries:quick", {}, recipe)
    atomicfs.make_folder(layout.dataset("d1").root)
    refused: list[AlreadyRunning] = []
    remove = atomicfs.remove_folder

    def start_too(folder: Path) -> None:
        with pytest.raises(AlreadyRunning) as caught:
            jobs.start("r1")
        refused.append(caught.value)
        remove(folder)

    monkeypatch.setattr(atomicfs, "remove_folder", start_too)
    forgetting.forget(layout, ["d1"])
    assert len(refused) == 1
    assert not layout.dataset("d1").root.exists()
    assert not layout.job("r1").log.exists()
