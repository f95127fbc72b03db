# SPDX-License-Identifier: Apache-2.0
"""Workers that died without a word: their traces, and what is made of them."""

from __future__ import annotations

import errno
import threading
from pathlib import Path

import pytest
from msgspec.structs import replace

from engine.domain.run import JobInfo, JobKind, JobSnapshot
from engine.hardware import uptime
from engine.launcher import deaths
from engine.launcher.deaths import (
    cause_of,
    exit_thread_name,
    facts_of_death,
    keep_exit,
    log_tail,
    why_not_begun,
)
from engine.launcher.identity import Heartbeat, own_identity
from engine.launcher.watch import SILENT_AFTER_S, is_silent
from engine.store import atomicfs
from engine.store.documents import write_document
from engine.store.layout import JobFolder

SNAPSHOT = JobSnapshot(step=7, memory_bytes=2**30)
INFO = JobInfo(
    id="j", kind=JobKind.TRAIN, name="n", entry="a:b", created_at="2026-01-01T00:00:00.000Z"
)


@pytest.fixture
def folder(tmp_path: Path) -> JobFolder:
    """Return the folder of a job whose worker is gone."""
    made = JobFolder(tmp_path)
    write_document(made.info, INFO)
    atomicfs.write_file(made.log, b"CUDA error: of an earlier attempt\n")
    identity = own_identity(made, "now", log_bytes=made.log.stat().st_size)
    write_document(made.identity, identity)
    return made


def say(folder: JobFolder, text: str) -> None:
    with atomicfs.open_for_append(folder.log) as log:
        log.write(text.encode())


def test_death_without_any_trace_is_a_plain_death(folder: JobFolder) -> None:
    cause = cause_of(folder, SNAPSHOT)
    assert cause.code == "worker_died"
    assert cause.detail == "newest peak: 1.0 GiB"


def test_job_whose_worker_never_told_who_it_is_is_a_plain_death(tmp_path: Path) -> None:
    assert cause_of(JobFolder(tmp_path), SNAPSHOT).code == "worker_died"


def test_damaged_identity_is_a_plain_death(folder: JobFolder) -> None:
    atomicfs.write_file(folder.identity, b"{")
    assert cause_of(folder, SNAPSHOT).code == "worker_died"


def test_kept_exit_status_names_the_death(folder: JobFolder) -> None:
    keep_exit(folder, "now", -9)
    assert cause_of(folder, SNAPSHOT).code == "killed_by_system"


def test_exit_status_of_an_earlier_worker_does_not_count(folder: JobFolder) -> None:
    keep_exit(folder, "before", -9)
    assert facts_of_death(folder, SNAPSHOT).exit_status is None


@pytest.mark.parametrize("status", [0, deaths.EXIT_TAKEN])
def test_exit_in_order_is_not_kept(folder: JobFolder, status: int) -> None:
    keep_exit(folder, "now", status)
    assert not folder.exit.exists()


def test_exit_beside_a_result_is_not_kept(folder: JobFolder) -> None:
    write_document(folder.result, SNAPSHOT)
    keep_exit(folder, "now", 1)
    assert not folder.exit.exists()


def test_exit_of_a_removed_job_makes_no_folder(tmp_path: Path) -> None:
    keep_exit(JobFolder(tmp_path / "gone"), "now", -9)
    assert not (tmp_path / "gone").exists()


def test_status_that_is_still_being_collected_is_waited_for(folder: JobFolder) -> None:
    """The reader may be the process that started the worker, and be first."""
    go = threading.Event()

    def collect() -> None:
        go.wait(5)
        keep_exit(folder, "now", -9)

    thread = threading.Thread(target=collect, name=exit_thread_name("now"))
    thread.start()
    timer = threading.Timer(0.05, go.set)
    timer.start()
    assert facts_of_death(folder, SNAPSHOT).exit_status == -9
    thread.join()


def test_only_the_output_of_the_last_worker_counts(folder: JobFolder) -> None:
    assert cause_of(folder, SNAPSHOT).code == "worker_died"
    say(folder, "Error unspecified launch failure at line 90 in ops.cu\n")
    assert cause_of(folder, SNAPSHOT).code == "gpu_faulted"


def test_worker_of_an_earlier_start_of_the_computer_was_restarted(folder: JobFolder) -> None:
    write_document(folder.identity, replace(own_identity(folder, "now"), boot_id="another"))
    if not uptime.boot_id():
        write_document(folder.identity, replace(own_identity(folder, "now"), started_at_s=1.0))
    assert cause_of(folder, SNAPSHOT).code == "computer_restarted"


def test_rising_counter_of_the_system_is_a_kill_for_memory(
    folder: JobFolder, tmp_path: Path
) -> None:
    own, whole = tmp_path / "memory.events", tmp_path / "vmstat"
    atomicfs.write_file(own, b"oom 1\noom_kill 1\n")
    atomicfs.write_file(whole, b"nr_free_pages 4\noom_kill 6\n")
    beat = Heartbeat(count=1, written_at="", oom_kills={str(own): 0, str(whole): 5, "/gone": 1})
    write_document(folder.heartbeat, beat)
    assert facts_of_death(folder, SNAPSHOT).oom_kills == 1
    assert "memory" in cause_of(folder, SNAPSHOT).message


@pytest.mark.parametrize(
    ("said", "status", "number"),
    [
        ("disk_full: The disk has no room.\n", 1, errno.ENOSPC),
        ("disk_failed: The disk failed.\n", 1, errno.EIO),
        ("OSError: [Errno 2] x\nOSError: [Errno 5] Input/output error\n", 1, errno.EIO),
        ("OSError: [Errno 5] mastered\n", -9, None),
        ("nothing\n", 1, None),
    ],
)
def test_system_error_is_read_from_the_last_words(
    folder: JobFolder, said: str, status: int, number: int | None
) -> None:
    say(folder, said)
    keep_exit(folder, "now", status)
    assert facts_of_death(folder, SNAPSHOT).errno == number


@pytest.mark.parametrize(
    ("status", "code"), [(None, "disk_full"), (1, "disk_full"), (-9, "killed_by_system")]
)
def test_worker_on_a_disk_without_room_for_a_word_met_a_full_disk(
    folder: JobFolder, monkeypatch: pytest.MonkeyPatch, status: int | None, code: str
) -> None:
    if status is not None:
        keep_exit(folder, "now", status)
    monkeypatch.setattr(deaths, "_NO_ROOM_BYTES", 1 << 62)
    assert cause_of(folder, SNAPSHOT).code == code
    found = why_not_begun(folder)
    assert found.code == "disk_full"
    assert f"{1 << 62:,} bytes are needed" in found.message


def test_end_of_a_log_begins_where_it_is_asked_to(folder: JobFolder) -> None:
    say(folder, "new")
    assert log_tail(folder, from_bytes=folder.log.stat().st_size - 3) == "new"
    assert log_tail(folder, 2) == "ew"


@pytest.mark.parametrize(("age_s", "expected"), [(1.0, False), (SILENT_AFTER_S, True)])
def test_old_sign_of_life_is_silence(folder: JobFolder, age_s: float, expected: bool) -> None:
    write_document(folder.heartbeat, Heartbeat(count=3, written_at="", monotonic_s=100.0))
    assert is_silent(folder, now_s=100.0 + age_s) is expected


def test_sign_of_life_without_a_steady_clock_tells_nothing(folder: JobFolder) -> None:
    assert not is_silent(folder)
    write_document(folder.heartbeat, Heartbeat(count=3, written_at=""))
    assert not is_silent(folder, now_s=1e9)
