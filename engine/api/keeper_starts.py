# SPDX-License-Identifier: Apache-2.0
"""Starting the keeper of the queue again and again, ever later where it dies of itself."""

from __future__ import annotations

import time
from collections.abc import Callable
from gettext import gettext as _
from subprocess import Popen

import msgspec

from engine.errors import EngineError
from engine.launcher.deaths import EXIT_TAKEN
from engine.launcher.keeper import last_words
from engine.store.layout import Layout

FIRST_PAUSE_S, LONGEST_PAUSE_S = 2.0, 300.0
"""Behind the first death, and at most; it doubles from one to the next."""

_SOUND_S = 60.0
"""A keeper that lived so long did not die of its start."""

_LONGEST_WORDS = 300
_EXPECTED = (0, EXIT_TAKEN)


class KeeperFailure(msgspec.Struct, frozen=True, kw_only=True):
    """Why no keeper stays alive: what happened, and what to do."""

    problem: str
    remedy: str


class KeeperStarts:
    """Starts keepers for one workspace, one at a time."""

    def __init__(
        self,
        layout: Layout,
        *,
        wake: Callable[[Layout], Popen[bytes] | None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start none yet.

        Args:
            layout: Of the workspace.
            wake: Starts a keeper where there is work and none lives.
            clock: Seconds that only rise.
        """
        self._layout = layout
        self._wake = wake
        self._clock = clock
        self._process: Popen[bytes] | None = None
        self._began_s = 0.0
        self._deaths = 0
        self._again_s = 0.0
        self._failure: KeeperFailure | None = None

    @property
    def is_starting(self) -> bool:
        """Return whether a keeper that was started here lives; its first second is imports."""
        process = self._process
        return process is not None and process.poll() is None

    @property
    def failure(self) -> KeeperFailure | None:
        """Return why the newest one died, or could not be started; None where it did not."""
        self._collect()
        return self._failure

    def wake(self, *, at_once: bool = False) -> None:
        """Start a keeper where there is work and none lives; one that dies is not hammered.

        Args:
            at_once: Somebody waits for it: the pause behind a death is left out.
        """
        self._collect()
        if self.is_starting or (not at_once and self._clock() < self._again_s):
            return
        self._began_s = self._clock()
        try:
            self._process = self._wake(self._layout)
        except (EngineError, OSError) as error:
            self._fail(str(error))

    def _collect(self) -> None:
        """Take note of how the newest keeper ended, once."""
        process = self._process
        if process is None or process.poll() is None:
            return
        self._process = None
        if process.returncode in _EXPECTED:
            self._deaths, self._again_s, self._failure = 0, 0.0, None
        else:
            # One that was killed said nothing of it.
            self._fail(last_words(self._layout) if process.returncode > 0 else "")

    def _fail(self, said: str) -> None:
        is_sound = self._clock() - self._began_s >= _SOUND_S
        self._deaths = 1 if is_sound else self._deaths + 1
        pause_s = min(FIRST_PAUSE_S * 2.0 ** min(self._deaths - 1, 20), LONGEST_PAUSE_S)
        self._again_s = self._clock() + pause_s
        remedy = _("It is tried again every few minutes, and when you change the queue.")
        if said:
            remedy += " " + _("It said: {words}").format(words=said[:_LONGEST_WORDS])
        self._failure = KeeperFailure(
            problem=_(
                "Nothing is started: the process that looks after the queue ends by an error."
            ),
            remedy=remedy,
        )
