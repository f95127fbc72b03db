# SPDX-License-Identifier: Apache-2.0
"""The end of a Windows session, with a window that only exists in the test."""

from __future__ import annotations

import queue
import signal
import sys
import threading
from pathlib import Path

import pytest

from engine.worker.session_end import END_SESSION, QUERY_END_SESSION, Answer, told_of_session_end
from engine.worker.signals import StopWish

PAINT = 0x000F
LIMIT_S = 30.0


class Windows:
    """Sends messages to the window, in its own thread and one after the other, as Windows does."""

    def __init__(self) -> None:
        self._messages: queue.SimpleQueue[tuple[int, int] | None] = queue.SimpleQueue()
        self.answers: queue.SimpleQueue[int | None] = queue.SimpleQueue()
        self.told: list[str] = []

    def listen(self, answer: Answer) -> None:
        while (message := self._messages.get()) is not None:
            self.answers.put(answer(*message))
        self.told.append("closed")

    def close(self) -> None:
        self._messages.put(None)

    def block(self, reason: str) -> None:
        self.told.append(f"blocked: {reason}")

    def unblock(self) -> None:
        self.told.append("unblocked")

    def send(self, message: int, flag: int) -> None:
        self._messages.put((message, flag))

    def answer(self) -> int | None:
        return self.answers.get(timeout=LIMIT_S)


@pytest.fixture
def windows() -> Windows:
    return Windows()


def test_session_that_ends_is_told_and_waits_for_the_work(windows: Windows) -> None:
    ended = threading.Event()
    with told_of_session_end(ended.set, reason="Saving.", system=windows):
        windows.send(QUERY_END_SESSION, 0)
        assert windows.answer() == 1
        assert not ended.is_set()
        windows.send(END_SESSION, 1)
        assert ended.wait(LIMIT_S)
        # The work goes on: as long as this is not answered, Windows leaves the process alone.
        with pytest.raises(queue.Empty):
            windows.answers.get(timeout=0.05)
        assert windows.told == ["blocked: Saving."]
    assert windows.answer() == 0
    assert windows.told == ["blocked: Saving.", "unblocked", "closed"]


def test_session_end_that_is_called_off_ends_no_work(windows: Windows) -> None:
    ended = threading.Event()
    with told_of_session_end(ended.set, reason="Saving.", system=windows):
        windows.send(QUERY_END_SESSION, 0)
        windows.send(END_SESSION, 0)
        assert (windows.answer(), windows.answer()) == (1, 0)
        assert windows.told == ["blocked: Saving.", "unblocked"]
    assert not ended.is_set()


def test_other_messages_are_left_to_the_system(windows: Windows) -> None:
    with told_of_session_end(lambda: None, system=windows):
        windows.send(PAINT, 0)
        windows.send(QUERY_END_SESSION, 0)
        assert (windows.answer(), windows.answer()) == (None, 1)
    assert windows.told == ["closed"]


def test_work_that_fails_closes_the_window(windows: Windows) -> None:
    with pytest.raises(OSError, match="full"), told_of_session_end(lambda: None, system=windows):
        raise OSError("full")
    assert windows.told == ["closed"]


def test_end_of_the_session_is_a_pause(tmp_path: Path, windows: Windows) -> None:
    before = {one: signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGINT)}
    try:
        wish = StopWish(tmp_path)
        with told_of_session_end(wish.pause, system=windows):
            windows.send(END_SESSION, 1)
        assert windows.answer() == 0
        assert wish.is_pause()
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


@pytest.mark.skipif(sys.platform == "win32", reason="Linux sends SIGTERM")
def test_where_there_is_no_such_window_no_thread_is_made() -> None:
    before = threading.active_count()
    with told_of_session_end(lambda: None):
        assert threading.active_count() == before
    assert "engine.worker.hidden_window" not in sys.modules
