# SPDX-License-Identifier: Apache-2.0
"""How a run ended badly: from what is known of it to an error with a name, a cause and a remedy.

The worker knows the exception and gathers the rest; where it died without a word, its reader
gathers what can still be found. Both ask the one pure function here.
"""

from __future__ import annotations

import errno
import signal
from enum import StrEnum
from gettext import gettext as _

import msgspec

from engine.errors import (
    ComputerRestarted,
    ComputerSlept,
    DeviceUnavailable,
    DiskFailed,
    DiskFull,
    DriverChanged,
    EngineError,
    FileMissing,
    GpuFaulted,
    GpuLost,
    KilledBySystem,
    NotEnoughMemory,
    NotWritable,
    ProcessLost,
    TrainingLibrariesMissing,
    Unforeseen,
    WorkerCrashed,
    WorkerDied,
)
from engine.hardware.driver import DriverVersions
from engine.store.disk_errors import FAILING, FULL, REFUSED

GIB = 2**30


class EndFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of an end that nobody asked for.

    Attributes:
        error: Name of the exception's class; empty where the worker died without a word.
        text: What it said, or the end of the worker's output. Words are looked for in it; it may
            hold rows and is never shown.
        errno: Number of the system's error, or None.
        places: Where in the code it happened, a line each.
        exit_status: Of a worker that died, negative for a signal; None where it is not known.
        is_restarted: The computer was started after the worker was.
        slept_s: How long the computer slept shortly before the end.
        driver: The two halves of the graphics driver.
        cards: Graphics cards that the driver knows now, or None where it was not asked.
        has_begun: It had computed on its device before.
        oom_kills: Processes that the system ended for lack of memory since the worker's last beat.
        memory_bytes: Newest peak that the run told of, or None.
    """

    error: str = ""
    text: str = ""
    errno: int | None = None
    places: str = ""
    exit_status: int | None = None
    is_restarted: bool = False
    slept_s: float = 0.0
    driver: DriverVersions = DriverVersions()
    cards: int | None = None
    has_begun: bool = False
    oom_kills: int = 0
    memory_bytes: int | None = None

    @property
    def is_wordless(self) -> bool:
        """Return whether the worker died without saying why."""
        return not self.error


# --- what graphics libraries say --------------------------------------------------------------


class GpuFault(StrEnum):
    """What an error of a graphics library means for a run."""

    MEMORY = "memory"
    LOST = "lost"
    ABSENT = "absent"
    BUSY = "busy"
    DRIVER = "driver"
    OLD_DRIVER = "old_driver"
    FAULT = "fault"


# The texts of cudaGetErrorString (CUDA runtime API, module Error Handling), of NVML and of the
# libraries on top of them, in lower case; the first that is found counts.
GPU_WORDS: tuple[tuple[str, GpuFault], ...] = (
    ("driver/library version mismatch", GpuFault.DRIVER),
    ("unsupported display driver / cuda driver combination", GpuFault.DRIVER),
    ("gpu is lost", GpuFault.LOST),
    ("fallen off the bus", GpuFault.LOST),
    ("uncorrectable ecc error", GpuFault.LOST),
    ("uncorrectable nvlink error", GpuFault.LOST),
    ("hardware stack error", GpuFault.LOST),
    ("cuda error: unknown error", GpuFault.LOST),
    ("cuda unknown error", GpuFault.LOST),
    ("no cuda-capable device", GpuFault.ABSENT),
    ("no cuda gpus are available", GpuFault.ABSENT),
    ("found no nvidia driver", GpuFault.ABSENT),
    ("invalid device ordinal", GpuFault.ABSENT),
    ("busy or unavailable", GpuFault.BUSY),
    ("driver version is insufficient", GpuFault.OLD_DRIVER),
    ("nvidia driver on your system is too old", GpuFault.OLD_DRIVER),
    ("no kernel image is available", GpuFault.OLD_DRIVER),
    ("out of memory", GpuFault.MEMORY),
    ("can't allocate memory", GpuFault.MEMORY),
    ("alloc_failed", GpuFault.MEMORY),
    ("std::bad_alloc", GpuFault.MEMORY),
    ("memoryerror", GpuFault.MEMORY),
    ("device-side assert", GpuFault.FAULT),
    ("unspecified launch failure", GpuFault.FAULT),
    ("illegal memory access", GpuFault.FAULT),
    ("illegal instruction was encountered", GpuFault.FAULT),
    ("misaligned address", GpuFault.FAULT),
    ("invalid program counter", GpuFault.FAULT),
    ("operation not supported on global/shared address space", GpuFault.FAULT),
    ("launch timed out and was terminated", GpuFault.FAULT),
    ("context is destroyed", GpuFault.FAULT),
    ("cublas_status_", GpuFault.FAULT),
    ("cudnn_status_", GpuFault.FAULT),
    ("cuda error", GpuFault.FAULT),
)


def gpu_words(text: str) -> tuple[str, GpuFault] | None:
    """Return what a text tells of a graphics card, with the words that say so; None for nothing."""
    lowered = text.lower()
    return next((one for one in GPU_WORDS if one[0] in lowered), None)


# --- the one function -------------------------------------------------------------------------

_SHORT = {errno.ENOMEM}
_MISSING = {errno.ENOENT, errno.ENOTDIR}
_PARTED = {errno.EPIPE, errno.ECONNRESET}

_KILLED = {signal.SIGTERM, signal.SIGINT, *([signal.SIGKILL] if hasattr(signal, "SIGKILL") else [])}
_SHELL_BASE = 128
"""A shell or a container tells of a signal as this plus its number: 137 is SIGKILL."""
_NT_ERRORS = 0xC0000000
"""Windows ends a process that crashes with a status from here on (ntstatus.h)."""


def named_end(facts: EndFacts) -> EngineError:
    """Return what happened, by name; `Unforeseen` where nothing known fits."""
    for judge in (_restart, _memory, _disk, _card, _death, _libraries):
        found = judge(facts)
        if found is not None:
            return _with_detail(found, facts)
    text = _("Something unexpected happened ({kind}). What was saved before is safe.")
    return _with_detail(Unforeseen(text.format(kind=facts.error)), facts)


def _restart(facts: EndFacts) -> EngineError | None:
    if not (facts.is_wordless and facts.is_restarted):
        return None
    return ComputerRestarted(
        _("The computer was restarted or switched off while this ran. Checkpoints are safe.")
    )


def _said(facts: EndFacts) -> tuple[str, GpuFault] | None:
    """Return what a library said of the end."""
    if facts.is_wordless and _signal_of(facts.exit_status) in _KILLED:
        # That says more than a line of the output, which may be of an error that was mastered.
        return None
    return gpu_words(facts.text)


def _memory(facts: EndFacts) -> EngineError | None:
    found = _said(facts)
    is_said = found is not None and found[1] is GpuFault.MEMORY
    if is_said or facts.error in ("OutOfMemoryError", "MemoryError") or facts.errno in _SHORT:
        return NotEnoughMemory(_("Memory ran out. Checkpoints are safe."))
    return None


def _disk(facts: EndFacts) -> EngineError | None:
    number = facts.errno
    if number in FULL:
        return DiskFull(_("The disk is full. What was saved before is safe."))
    if number in REFUSED:
        return NotWritable(_("The system refused to write or to read a file. Nothing was lost."))
    if number in FAILING:
        return DiskFailed(
            _("A disk failed while it was read or written. What was saved and verified is safe.")
        )
    if number in _MISSING:
        return FileMissing(_("A file that was needed is gone. What was saved before is safe."))
    if number in _PARTED:
        return ProcessLost(_("Another process of this job has ended. Checkpoints are safe."))
    return None


def _card(facts: EndFacts) -> EngineError | None:
    found = _said(facts)
    if found is None or found[1] is GpuFault.MEMORY:
        return None
    fault = found[1]
    if fault is GpuFault.OLD_DRIVER:
        return DeviceUnavailable(
            _("The graphics driver does not fit this version of Burnish or this card."),
            remedy=_("Update the graphics driver, then resume the run."),
        )
    if fault is GpuFault.DRIVER or facts.driver.differ:
        return DriverChanged(
            _("The graphics driver was updated while it was in use. Checkpoints are safe.")
        )
    if facts.slept_s > 0:
        return ComputerSlept(
            _("The computer slept, and its graphics card did not go on. Checkpoints are safe.")
        )
    return _card_alone(fault, facts)


def _card_alone(fault: GpuFault, facts: EndFacts) -> EngineError:
    """Return what happened where neither the driver nor a sleep explains it."""
    if fault is GpuFault.BUSY:
        return DeviceUnavailable(
            _("Another program holds the graphics card. Checkpoints are safe."),
            remedy=_("Close the other program, then resume the run."),
        )
    if fault is GpuFault.ABSENT and not facts.has_begun:
        return DeviceUnavailable(_("No graphics card was found. Nothing was changed."))
    if fault in (GpuFault.LOST, GpuFault.ABSENT) or facts.cards == 0:
        return GpuLost(
            _("The graphics card no longer answers: it or its driver failed. Checkpoints are safe.")
        )
    return GpuFaulted(_("A computation on the graphics card went wrong. Checkpoints are safe."))


def _death(facts: EndFacts) -> EngineError | None:
    if not facts.is_wordless:
        return None
    number = _signal_of(facts.exit_status)
    if facts.oom_kills and (facts.exit_status is None or number == _number("SIGKILL")):
        return KilledBySystem(
            _("The system ended the worker because memory ran out. Checkpoints are safe."),
            remedy=_(
                "Close other programs, or lower the longest row (max_length) or the sequences at "
                "once (micro_batch_size). Then resume the run."
            ),
        )
    if number in _KILLED:
        return KilledBySystem(
            _("The system or another program ended the worker. Checkpoints are safe.")
        )
    if number or (facts.exit_status or 0) >= _NT_ERRORS:
        return WorkerCrashed(_("The worker crashed within a library. Checkpoints are safe."))
    return WorkerDied(
        _(
            "The worker is gone and did not say why: it was ended from outside, or the computer "
            "lost its power. Checkpoints are safe."
        )
    )


def _libraries(facts: EndFacts) -> EngineError | None:
    if facts.error not in ("ImportError", "ModuleNotFoundError"):
        return None
    return TrainingLibrariesMissing(_("A training library is missing or cannot be loaded."))


def _signal_of(status: int | None) -> int:
    """Return the signal that an exit status tells of, or 0."""
    if status is None:
        return 0
    if status < 0:
        return -status
    return status - _SHELL_BASE if _SHELL_BASE < status < 2 * _SHELL_BASE else 0


def _number(name: str) -> int:
    return int(getattr(signal, name, 0))


# --- the block that can be copied -------------------------------------------------------------


def _with_detail(error: EngineError, facts: EndFacts) -> EngineError:
    error.detail = detail_of(facts)
    return error


def detail_of(facts: EndFacts) -> str:
    """Return what is known, a line each, in English: names, numbers and places, never a text."""
    words = gpu_words(facts.text)
    lines = [
        facts.error,
        f"said: {words[0]}" if words else "",
        f"system error: {errno.errorcode.get(facts.errno, facts.errno)}" if facts.errno else "",
        f"exit status: {facts.exit_status}" if facts.exit_status is not None else "",
        f"slept shortly before: {facts.slept_s:.0f} s" if facts.slept_s else "",
        _driver_line(facts.driver),
        f"graphics cards now: {facts.cards}" if facts.cards is not None else "",
        f"ended for lack of memory since: {facts.oom_kills}" if facts.oom_kills else "",
        f"newest peak: {facts.memory_bytes / GIB:.1f} GiB" if facts.memory_bytes else "",
        "restarted since" if facts.is_restarted else "",
        facts.places,
    ]
    return "\n".join(one for one in lines if one)


def _driver_line(driver: DriverVersions) -> str:
    if not (driver.loaded or driver.installed):
        return ""
    return f"driver: {driver.loaded or '?'} loaded, {driver.installed or '?'} installed"
