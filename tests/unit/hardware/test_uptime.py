# SPDX-License-Identifier: Apache-2.0
"""What the system tells of its own life, from files as Linux has them."""

from __future__ import annotations

import time
from pathlib import Path

from engine.hardware.uptime import (
    VMSTAT,
    boot_id,
    booted_at_s,
    oom_counters,
    oom_kills,
    slept_s,
)


def test_start_of_the_computer_has_one_name(tmp_path: Path) -> None:
    (tmp_path / "id").write_text("0a1b-2c\n", encoding="ascii")
    assert boot_id(tmp_path / "id") == "0a1b-2c"
    assert boot_id(tmp_path / "none") == ""
    assert boot_id() == boot_id()


def test_computer_was_started_in_the_past() -> None:
    assert booted_at_s() < time.time()


def test_sleep_is_never_negative_and_stands_still_while_awake() -> None:
    first = slept_s()
    assert first >= 0.0
    assert abs(slept_s() - first) < 0.5


def test_counter_of_the_own_group_is_asked_first(tmp_path: Path) -> None:
    (tmp_path / "cgroup").write_text("9:name=x:/\n0::/user.slice/a.scope\n", encoding="utf-8")
    found = oom_counters(tmp_path / "cgroup", tmp_path)
    assert found == (tmp_path / "user.slice/a.scope/memory.events", VMSTAT)
    assert oom_counters(tmp_path / "none", tmp_path) == (VMSTAT,)


def test_counts_are_read_and_what_has_none_is_left_out(tmp_path: Path) -> None:
    events = tmp_path / "memory.events"
    events.write_text("low 0\noom 9\noom_kill 3\noom_group_kill 8\n", encoding="ascii")
    (tmp_path / "empty").touch()
    assert oom_kills([events, tmp_path / "empty", tmp_path / "none"]) == {str(events): 3}
