# SPDX-License-Identifier: Apache-2.0
"""What a worker finds out about an error that nobody raised on purpose."""

from __future__ import annotations

import errno
import sys
import threading
from pathlib import Path

import pytest

from engine.hardware.driver import DriverVersions
from engine.hardware.gpu import GpuReport
from engine.worker import misfortune
from engine.worker.misfortune import named


def ask(error: Exception, report: GpuReport | None = None, **options: object) -> str:
    """Return the code of an error, for a computer whose driver answers this."""
    found = named(
        error,
        slept_s=float(str(options.get("slept_s", 0.0))),
        has_begun=True,
        ask_cards=lambda: report or GpuReport(),
        ask_driver=DriverVersions,
    )
    assert "secret" not in found.message + found.detail + found.remedy
    return found.code


def test_driver_that_knows_no_card_has_lost_it() -> None:
    assert ask(RuntimeError("CUDA error: unspecified launch failure, secret")) == "gpu_lost"


def test_driver_that_does_not_fit_itself_was_changed() -> None:
    report = GpuReport(needs_restart=True)
    assert ask(RuntimeError("CUDA error: unknown error"), report) == "driver_changed"


def test_sleep_explains_a_card_that_fails() -> None:
    assert ask(RuntimeError("CUDA error: unknown error"), slept_s=60) == "computer_slept"


def test_error_is_known_by_what_it_came_from() -> None:
    error = KeyError("secret")
    error.__cause__ = RuntimeError("CUDA out of memory")
    assert ask(error) == "not_enough_memory"


def test_words_within_a_row_are_not_read() -> None:
    """A customer may well write about a CUDA error."""
    assert ask(ValueError("secret row about a CUDA error")) == "unforeseen"


def test_number_of_the_system_names_the_disk() -> None:
    assert ask(OSError(errno.ENOSPC, "secret")) == "disk_full"


@pytest.mark.skipif(sys.platform == "win32", reason="the numbers of Linux")
@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Exception("Input/output error (os error 5)"), "disk_failed"),
        (OSError("No such device (os error 19)"), "disk_failed"),
        (RuntimeError("unable to open file <a b> in read-only mode: secret (5)"), "disk_failed"),
        (RuntimeError("unable to write to file <a>: No space left on device (28)"), "disk_full"),
        (ValueError("secret row (os error 5)"), "unforeseen"),
        (RuntimeError("shape of (5)"), "unforeseen"),
    ],
)
def test_number_of_the_system_within_the_words_of_a_library_names_the_disk(
    error: Exception, code: str
) -> None:
    assert ask(error) == code


def test_file_that_a_library_could_not_open_is_gone_or_its_disk_failed(tmp_path: Path) -> None:
    """The library says of both that there is no such file."""
    path = tmp_path / "secret.safetensors"
    error = FileNotFoundError(f"No such file or directory: {path}")
    assert ask(error) == "file_missing"
    path.write_bytes(b"")
    assert ask(error) == "disk_failed"


def test_memory_error_of_a_library_is_known_by_its_kind() -> None:
    class ArrowMemoryError(MemoryError):
        """As pyarrow has it."""

    assert ask(ArrowMemoryError("secret")) == "not_enough_memory"


def test_unforeseen_error_tells_its_place() -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        _ = 1 // int("0")
    found = named(caught.value, slept_s=0, has_begun=False)
    assert found.code == "unforeseen"
    assert "test_misfortune.py" in found.detail


def test_driver_that_hangs_with_its_card_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(misfortune, "_DRIVER_LIMIT_S", 0.05)
    free = threading.Event()

    def hang() -> GpuReport:
        free.wait(20)
        return GpuReport()

    error = RuntimeError("CUDA error: unspecified launch failure")
    found = named(error, slept_s=0, has_begun=True, ask_cards=hang, ask_driver=DriverVersions)
    free.set()
    assert found.code == "gpu_faulted"
