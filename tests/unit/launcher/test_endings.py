# SPDX-License-Identifier: Apache-2.0
"""Ends of runs by their names: each kind of fault with what is known of it."""

from __future__ import annotations

import errno
import signal
from typing import Any

import pytest

from engine.errors import EngineError, Unforeseen
from engine.hardware.driver import DriverVersions
from engine.launcher.endings import GPU_WORDS, EndFacts, GpuFault, detail_of, gpu_words, named_end

CHANGED = DriverVersions(loaded="535.183.01", installed="560.35.03")
SAME = DriverVersions(loaded="560.35.03", installed="560.35.03")
CUDA = "CUDA error: {}\nCompile with `TORCH_USE_CUDA_DSA` to enable device-side assertions."


def spoken(text: str, **facts: Any) -> EndFacts:
    """Return what is known where a graphics library raised an error in the middle of a run."""
    return EndFacts(**({"error": "RuntimeError", "text": text, "has_begun": True} | facts))


SPOKEN = {
    "out of memory on the card": (spoken("CUDA out of memory. Tried to allocate 2 GiB"), "memory"),
    "out of memory by type": (EndFacts(error="OutOfMemoryError"), "memory"),
    "out of main memory": (EndFacts(error="MemoryError"), "memory"),
    "no memory for the system": (EndFacts(error="OSError", errno=errno.ENOMEM), "memory"),
    "cublas has no memory": (spoken("CUBLAS_STATUS_ALLOC_FAILED"), "memory"),
    "memory while asleep": (spoken("CUDA out of memory", slept_s=60.0), "memory"),
    "ECC": (spoken(CUDA.format("uncorrectable ECC error encountered")), "gpu_lost"),
    "unknown error": (spoken(CUDA.format("unknown error")), "gpu_lost"),
    "off the bus": (spoken("GPU is lost", cards=0), "gpu_lost"),
    "no card any more": (spoken(CUDA.format("no CUDA-capable device is detected")), "gpu_lost"),
    "launch failure of a gone card": (spoken("unspecified launch failure", cards=0), "gpu_lost"),
    "assert": (spoken(CUDA.format("device-side assert triggered"), cards=1), "gpu_faulted"),
    "illegal access": (
        spoken(CUDA.format("an illegal memory access was encountered")),
        "gpu_faulted",
    ),
    "launch failure": (
        spoken(CUDA.format("unspecified launch failure"), driver=SAME),
        "gpu_faulted",
    ),
    "an error of CUDA that is not in the table": (spoken("CUDA error: new"), "gpu_faulted"),
    "no card at the start": (
        spoken("No CUDA GPUs are available", has_begun=False),
        "device_unavailable",
    ),
    "card held by another program": (
        spoken(CUDA.format("CUDA-capable device(s) is/are busy or unavailable")),
        "device_unavailable",
    ),
    "old driver": (
        spoken("CUDA driver version is insufficient for CUDA runtime version"),
        "device_unavailable",
    ),
    "driver by its words": (spoken("Driver/library version mismatch"), "driver_changed"),
    "driver by its versions": (
        spoken(CUDA.format("unknown error"), driver=CHANGED),
        "driver_changed",
    ),
    "driver by its own library": (
        spoken("No CUDA GPUs are available", driver=DriverVersions(is_refused=True)),
        "driver_changed",
    ),
    "slept": (spoken(CUDA.format("unspecified launch failure"), slept_s=3600.0), "computer_slept"),
    "slept and unknown": (spoken(CUDA.format("unknown error"), slept_s=5.0), "computer_slept"),
    "full disk": (EndFacts(error="OSError", errno=errno.ENOSPC), "disk_full"),
    "full quota": (EndFacts(error="OSError", errno=errno.EDQUOT), "disk_full"),
    "read-only disk": (EndFacts(error="OSError", errno=errno.EROFS), "not_writable"),
    "failing disk": (EndFacts(error="OSError", errno=errno.EIO), "disk_failed"),
    "file gone": (EndFacts(error="FileNotFoundError", errno=errno.ENOENT), "file_missing"),
    "peer gone": (EndFacts(error="BrokenPipeError", errno=errno.EPIPE), "process_lost"),
    "library gone": (EndFacts(error="ModuleNotFoundError"), "training_libraries_missing"),
}
WORDLESS = {
    "restart": (EndFacts(is_restarted=True, oom_kills=3), "computer_restarted"),
    "ended": (EndFacts(exit_status=-signal.SIGTERM), "killed_by_system"),
    "137": (EndFacts(exit_status=137), "killed_by_system"),
    "137 and out of memory": (EndFacts(exit_status=137, oom_kills=1), "killed_by_system"),
    "only the counter rose": (EndFacts(oom_kills=1), "killed_by_system"),
    "counter rose, but it crashed": (EndFacts(exit_status=-11, oom_kills=1), "worker_crashed"),
    "segmentation fault": (EndFacts(exit_status=-11), "worker_crashed"),
    "abort as a shell tells it": (EndFacts(exit_status=134), "worker_crashed"),
    "access violation on Windows": (EndFacts(exit_status=0xC0000005), "worker_crashed"),
    "killed after an error that was mastered": (
        EndFacts(exit_status=-9, text="out of memory, trying again"),
        "killed_by_system",
    ),
    "library that ends the process": (
        EndFacts(exit_status=1, text="Error an illegal memory access was encountered at line 90"),
        "gpu_faulted",
    ),
    "no memory in native code": (EndFacts(exit_status=-6, text="std::bad_alloc"), "memory"),
    "the log itself found no room": (EndFacts(exit_status=1, errno=errno.ENOSPC), "disk_full"),
    "nothing is known": (EndFacts(), "worker_died"),
}
CASES = {**SPOKEN, **WORDLESS}


@pytest.mark.parametrize("name", list(CASES))
def test_end_is_named(name: str) -> None:
    facts, code = CASES[name]
    error = named_end(facts)
    assert error.code == {"memory": "not_enough_memory"}.get(code, code)
    assert error.message
    assert error.remedy


def test_error_that_nobody_knows_is_unforeseen() -> None:
    assert isinstance(named_end(EndFacts(error="ZeroDivisionError")), Unforeseen)


def test_memory_kill_is_told_as_such() -> None:
    by_memory = named_end(EndFacts(exit_status=-9, oom_kills=1))
    by_hand = named_end(EndFacts(exit_status=-9))
    assert "memory" in by_memory.message
    assert "memory" not in by_hand.message


@pytest.mark.parametrize("words", [one for one, _fault in GPU_WORDS])
def test_every_text_of_the_table_is_reached(words: str) -> None:
    """A text that an earlier one hides would never count."""
    found = gpu_words(f"RuntimeError: {words.upper()} at line 3")
    assert found is not None
    assert found[0] == words


@pytest.mark.parametrize("words", [one for one, _fault in GPU_WORDS])
def test_every_text_of_the_table_has_a_name(words: str) -> None:
    error: EngineError = named_end(spoken(words))
    assert error.code not in ("unforeseen", "worker_died")


def test_text_without_such_words_tells_nothing() -> None:
    assert gpu_words("a row about a customer") is None


def test_details_hold_numbers_and_no_text() -> None:
    facts = spoken(
        "unspecified launch failure while reading secret row",
        places="loop.py:40 step",
        slept_s=12.0,
        driver=CHANGED,
        cards=0,
        oom_kills=2,
        memory_bytes=3 * 2**30,
        exit_status=-9,
        errno=errno.EIO,
        is_restarted=True,
    )
    assert detail_of(facts).splitlines() == [
        "RuntimeError",
        "said: unspecified launch failure",
        "system error: EIO",
        "exit status: -9",
        "slept shortly before: 12 s",
        "driver: 535.183.01 loaded, 560.35.03 installed",
        "graphics cards now: 0",
        "ended for lack of memory since: 2",
        "newest peak: 3.0 GiB",
        "restarted since",
        "loop.py:40 step",
    ]


def test_every_meaning_of_an_error_is_used() -> None:
    assert {fault for _words, fault in GPU_WORDS} == set(GpuFault)
