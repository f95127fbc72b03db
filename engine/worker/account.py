# SPDX-License-Identifier: Apache-2.0
"""What a worker tells of itself in the event log of its job, from its start to its end."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from gettext import gettext as _
from gettext import ngettext

from engine.domain.run import JobSnapshot
from engine.errors import EngineError
from engine.launcher.offline import OfflineGuard
from engine.protocol.events import NETWORK_REFUSED, Event, Failed, StepDone, Warned, WorkerStarted
from engine.store.eventlog import EventWriter
from engine.worker.misfortune import named
from engine.worker.wakefulness import SleepWatch, Wakefulness

log = logging.getLogger("worker")


class Account:
    """What a worker tells of itself in the event log of its job."""

    def __init__(
        self,
        writer: EventWriter,
        guard: OfflineGuard,
        wakefulness: Wakefulness,
        sleep: SleepWatch,
    ) -> None:
        """Tell it to one log.

        Args:
            writer: Of the log.
            guard: That of the network.
            wakefulness: Whether the computer is kept awake.
            sleep: Notices that it slept all the same.
        """
        self._writer = writer
        self._guard = guard
        self._wakefulness = wakefulness
        self._sleep = sleep
        self._has_begun = False
        self._told_attempts = 0

    @property
    def snapshot(self) -> JobSnapshot:
        """Return the state of the job as its log tells it."""
        return self._writer.snapshot

    def open(self, attempt: int) -> None:
        """Tell that it has begun, and with what."""
        self._writer.append(
            WorkerStarted(attempt=attempt, pid=os.getpid(), versions=self._versions())
        )
        if self._wakefulness.may_sleep:
            text = _(
                "The computer could not be kept from going to sleep ({reason}). A sleep stops "
                "the training until it wakes; switch automatic sleep off in its settings."
            )
            reason = self._wakefulness.value
            self._writer.append(Warned(code="may_sleep", message=text.format(reason=reason)))

    def emit(self, event: Event) -> None:
        """Write an event of the job; before it, that the computer has slept, if it has."""
        slept_s = self._sleep.look()
        if slept_s:
            text = _("The computer slept for {minutes:.0f} min. The work went on after that.")
            message = text.format(minutes=slept_s / 60)
            self._writer.append(Warned(code="computer_slept", message=message))
        self.tell_attempts()
        self._has_begun = self._has_begun or isinstance(event, StepDone)
        self._writer.append(event)

    def report(self, error: EngineError) -> None:
        """Tell why the job failed."""
        log.info("failed: %s", error.code, exc_info=error)
        failed = Failed(
            code=error.code, message=error.message, remedy=error.remedy, detail=error.detail
        )
        try:
            self._writer.append(failed)
        except (EngineError, OSError):
            # The disk has no room even for this line, or fails: standard error may still say it.
            sys.stderr.write(f"{error.code}: {error.message}\n")

    def report_unraised(self, error: Exception) -> None:
        """Tell why the job failed, of an error that nobody raised on purpose."""
        recent_s = self._sleep.recent_s()
        self.report(named(error, slept_s=recent_s, has_begun=self._has_begun))

    def tell_attempts(self) -> None:
        """Say openly, and once, that code of this worker tried to use the network in vain."""
        count = self._guard.attempts
        if count == self._told_attempts:
            return
        self._told_attempts = count
        text = ngettext(
            "{count} attempt to use the network was refused, the last one by {who} ({what}).",
            "{count} attempts to use the network were refused, the last one by {who} ({what}).",
            count,
        ).format(count=count, who=self._guard.last_caller, what=self._guard.last_attempt)
        with contextlib.suppress(EngineError, OSError):
            # A disk that is full even for this line: the heartbeat has told it as well.
            self._writer.append(Warned(code=NETWORK_REFUSED, message=text))

    def _versions(self) -> dict[str, str]:
        is_kernels = self._guard.is_kernel_filter_active
        return {
            "python": sys.version.split()[0],
            "platform": sys.platform,
            "network": "refused by the kernel" if is_kernels else "refused in Python",
            "sleep": self._wakefulness.value,
        }
