# SPDX-License-Identifier: Apache-2.0
"""What login manager and desktop tell of sleep: read as they print it, and never guessed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from engine.hardware.sleep import ask_program, can_sleep, read_sleep, read_sleep_of_linux

SILENT: dict[str, str] = {}
LOGIND = {"IdleAction": 's "ignore"', "IdleActionUSec": "t 1800000000"}
GNOME = {"sleep-inactive-ac-type": "'suspend'", "sleep-inactive-ac-timeout": "1200"}
HELD = {"true": ""}


def answers(said: dict[str, str]) -> Callable[[Sequence[str]], str | None]:
    return lambda command: said.get(command[-1])


@pytest.mark.parametrize(
    ("said", "desktop", "seconds", "source"),
    [
        (SILENT, "GNOME", None, ""),
        (LOGIND, "", 0, "logind"),
        (LOGIND | {"IdleAction": 's "suspend"'}, "", 1800, "logind"),
        (GNOME, "ubuntu:GNOME", 1200, "GNOME"),
        (GNOME | {"sleep-inactive-ac-type": "'nothing'"}, "GNOME", 0, "GNOME"),
        (GNOME, "KDE", None, ""),
        (LOGIND | GNOME, "GNOME", 1200, "GNOME"),
        (LOGIND | GNOME | {"IdleAction": 's "suspend"'}, "GNOME", 1200, "GNOME"),
        (LOGIND | {"IdleActionUSec": "t infinity"}, "", None, ""),
    ],
)
def test_soonest_sleep_without_use_is_told_with_who_does_it(
    said: dict[str, str], desktop: str, seconds: int | None, source: str
) -> None:
    found = read_sleep_of_linux(answers(said), has_lid=False, desktop=desktop)
    assert (found.idle_after_s, found.source) == (seconds, source)


@pytest.mark.parametrize(("said", "held"), [(SILENT, False), (HELD, True)])
def test_whether_sleep_can_be_held_off_is_tried(said: dict[str, str], held: bool) -> None:
    assert read_sleep_of_linux(answers(said), has_lid=False, desktop="").can_hold_off is held


@pytest.mark.parametrize(
    ("said", "has_lid", "sleeps"),
    [
        ({"HandleLidSwitch": 's "suspend"'}, True, True),
        ({"HandleLidSwitch": 's "ignore"'}, True, False),
        ({"HandleLidSwitch": 's "suspend"'}, False, False),
        (SILENT, True, None),
    ],
)
def test_lid_is_asked_for_only_where_there_is_one(
    said: dict[str, str], has_lid: bool, sleeps: bool | None
) -> None:
    found = read_sleep_of_linux(answers(said), has_lid=has_lid, desktop="")
    assert found.lid_sleeps is sleeps


def test_computer_without_kinds_of_sleep_cannot_sleep(tmp_path: Path) -> None:
    states = tmp_path / "state"
    assert not can_sleep(states)
    states.write_text("\n", encoding="ascii")
    assert not can_sleep(states)
    states.write_text("freeze mem disk\n", encoding="ascii")
    assert can_sleep(states)


@pytest.mark.skipif(sys.platform == "win32", reason="programs of Linux")
def test_program_that_is_missing_or_fails_tells_nothing() -> None:
    assert ask_program(("no-such-program-here",)) is None
    assert ask_program(("false",)) is None
    assert ask_program(("echo", "yes")) == "yes"


def test_this_computer_is_read_without_an_error() -> None:
    assert read_sleep().can_hold_off in (True, False, None)
