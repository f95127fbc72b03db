# SPDX-License-Identifier: Apache-2.0
"""Locks: who merely looks at one is not taken for who holds it."""

from __future__ import annotations

import threading
from pathlib import Path

import filelock
import pytest

from engine.errors import InUse
from engine.store import locks
from engine.store.locks import held, is_held


def test_lock_that_is_held_free_or_not_there_is_told(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert not is_held(path)
    assert not path.exists()
    with held(path):
        assert is_held(path)
    assert not is_held(path)


def test_look_that_meets_another_look_waits_for_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "_GLANCE_S", 60.0)
    path = tmp_path / "lock"
    other = filelock.FileLock(path, mode=0o600, thread_local=False)
    other.acquire()
    threading.Timer(0.01, other.release).start()
    assert not is_held(path)


def test_lock_that_is_needed_at_once_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with held(path), pytest.raises(InUse), held(path, is_urgent=True):
        pass
