# SPDX-License-Identifier: Apache-2.0
"""One window for each workspace: a later start asks the first, and opens where none answers."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import filelock
import pytest

from engine.api import one_window
from engine.api.one_window import OneWindow, WindowWish, window_folder

ROOT = Path(__file__).resolve().parents[3]
WISH = WindowWish(page="runs", files=("/data/a.jsonl",), activation="token")
LIMIT_S = 60.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "settings" / "windows" / "one"


def answering(first: OneWindow, taken: list[WindowWish]) -> Callable[[], None]:
    """Let a window take wishes in a thread; return what ends that."""
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.005):
            taken.extend(first.wishes())

    thread = threading.Thread(target=look)
    thread.start()

    def end() -> None:
        over.set()
        thread.join()

    return end


def test_second_start_is_a_wish_of_the_first(folder: Path) -> None:
    first, second, taken = OneWindow(folder), OneWindow(folder), list[WindowWish]()
    assert first.claim()
    assert not second.claim()
    end = answering(first, taken)
    try:
        assert second.ask(WISH, limit_s=LIMIT_S)
    finally:
        end()
    assert taken == [WISH]
    assert list(folder.glob("*.json")) == []


def test_window_that_hangs_is_given_up_and_does_nothing_later(folder: Path) -> None:
    first, second = OneWindow(folder), OneWindow(folder)
    assert first.claim()
    assert not second.ask(WISH, limit_s=0.0)
    assert first.wishes() == []


def test_window_beside_one_that_hung_is_asked_once_that_is_gone(folder: Path) -> None:
    hung, beside = OneWindow(folder), OneWindow(folder)
    assert hung.claim()
    assert beside.wishes() == []
    hung.close()
    assert beside.wishes() == []
    third = OneWindow(folder)
    assert not third.claim()


def test_closed_window_leaves_the_place_to_the_next_start(folder: Path) -> None:
    first = OneWindow(folder)
    assert first.claim()
    first.close()
    assert OneWindow(folder).claim()


def test_killed_window_leaves_nothing_that_hinders_a_start(folder: Path) -> None:
    program = (
        "import sys, os, signal\n"
        "from pathlib import Path\n"
        "from engine.api.one_window import OneWindow\n"
        "window = OneWindow(Path(sys.argv[1]))\n"
        "print(window.claim(), flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(folder)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as killed:
        assert killed.stdout is not None
        assert killed.stdout.readline().strip() == b"True"
        assert not OneWindow(folder).claim()
        killed.kill()
    assert (folder / "window.lock").exists()
    assert OneWindow(folder).claim()


def test_wish_of_a_start_that_was_killed_is_done_by_the_next_window(folder: Path) -> None:
    first, second = OneWindow(folder), OneWindow(folder, make_id=lambda: "left")
    assert first.claim()
    answers: list[bool] = []
    thread = threading.Thread(target=lambda: answers.append(second.ask(WISH, limit_s=LIMIT_S)))
    thread.start()
    while not (folder / "left.json").exists():
        time.sleep(0.005)
    first.close()
    assert OneWindow(folder).wishes() == [WISH]
    thread.join()
    assert answers == [True]


def test_wish_that_cannot_be_read_still_shows_the_window(folder: Path) -> None:
    first = OneWindow(folder)
    assert first.claim()
    (folder / "odd.json").write_text("{", encoding="utf-8")
    assert first.wishes() == [WindowWish()]
    assert first.wishes() == []


@pytest.mark.skipif(sys.platform != "linux", reason="has a folder that nobody can write to")
def test_workspace_that_can_only_be_read_has_one_window_too(tmp_path: Path) -> None:
    place = window_folder(tmp_path, Path("/proc"), "xcb :0")
    first = OneWindow(place)
    assert first.claim()
    assert not OneWindow(place).claim()


def test_place_where_nothing_can_be_made_lets_every_window_open(tmp_path: Path) -> None:
    (tmp_path / "windows").write_text("a file", encoding="utf-8")
    starts = [OneWindow(tmp_path / "windows" / "one") for _start in range(2)]
    assert [one.claim() for one in starts] == [True, True]
    assert [one.wishes() for one in starts] == [[], []]
    assert not starts[0].ask(WISH, limit_s=0.0)


def test_disk_without_locks_lets_every_window_open(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: filelock.BaseFileLock, *_some: object, **_named: object) -> None:
        del self
        raise OSError(37, "No locks available")

    monkeypatch.setattr(one_window.filelock.FileLock, "acquire", refuse)
    assert [OneWindow(folder).claim() for _start in range(2)] == [True, True]


def test_each_workspace_and_each_screen_has_its_own_window(tmp_path: Path) -> None:
    link = tmp_path / "link"
    places = {window_folder(tmp_path, tmp_path / name, "xcb :0") for name in ("a", "b")}
    places.add(window_folder(tmp_path, tmp_path / "a", "xcb host:10"))
    assert len(places) == 3
    if sys.platform != "win32":
        link.symlink_to(tmp_path / "a")
        assert window_folder(tmp_path, link, "xcb :0") in places
