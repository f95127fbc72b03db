# SPDX-License-Identifier: Apache-2.0
"""Entry points of jobs that only tests ask for."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time

from engine.errors import DiskFull
from engine.protocol.events import (
    Finished,
    Paused,
    PhaseChanged,
    ProgressMade,
    StepDone,
    Stopped,
    Warned,
)
from engine.protocol.job import JobContext
from engine.store.layout import JobFolder
from engine.worker.output import bound_output


def quick(context: JobContext) -> None:
    """Finish at once."""
    context.emit(PhaseChanged(phase="reading"))
    context.emit(ProgressMade(done=1, total=1, unit="rows"))
    context.emit(Finished(result={"answer": "42"}))


def tells_whether_torch_may_compile(context: JobContext) -> None:
    """Finish with what torch's compiler reads of the environment."""
    context.emit(Finished(result={"disabled": os.environ.get("TORCHDYNAMO_DISABLE", "")}))


def until_stopped(context: JobContext) -> None:
    """Work until a stop is asked for, at most 60 s."""
    for step in range(1200):
        if context.stop_requested():
            end = Paused if context.pause_requested() else Stopped
            context.emit(end(step=step, checkpoint=""))
            return
        context.emit(ProgressMade(done=step, total=0, unit="steps"))
        time.sleep(0.05)


def dies(context: JobContext) -> None:
    """End the process without a word, as a crash does."""
    context.emit(PhaseChanged(phase="training"))
    os._exit(9)


def crashes(context: JobContext) -> None:
    """Crash as native code does."""
    context.emit(PhaseChanged(phase="training"))
    signal.signal(signal.SIGSEGV, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGSEGV)


def ended_by_a_library(context: JobContext) -> None:
    """Let a library end the process, as bitsandbytes does where a kernel fails."""
    context.emit(PhaseChanged(phase="training"))
    os.write(2, b"Error an illegal memory access was encountered at line 90 in file ops.cu\n")
    os._exit(1)


def card_fails(context: JobContext) -> None:
    """Fail as torch does where a kernel fails; the text holds a row, too."""
    context.emit(PhaseChanged(phase="training"))
    raise RuntimeError("CUDA error: device-side assert triggered, secret row text")


def leaves_a_child(context: JobContext) -> None:
    """Finish, and leave a process behind."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    context.emit(Finished(result={"child": str(child.pid)}))


def with_a_child(context: JobContext) -> None:
    """Start a process, tell its pid, and work until a stop is asked for, at most 60 s."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    context.emit(ProgressMade(done=child.pid, total=0, unit="pid"))
    until_stopped(context)


def talks(context: JobContext) -> None:
    """Write 12 MiB of lines to the output, as a library does that warns at every step."""
    line = b"a warning of a library, again and again\n"
    child = "import os, sys\nfor i in range(100): os.write(2, b'from a child\\n')"
    for number in range(12):
        os.write(2, line * ((1 << 20) // len(line)))
        os.write(1, f"part {number}\n".encode())
        subprocess.run([sys.executable, "-c", child], check=True)
        context.emit(ProgressMade(done=number, total=12, unit="parts"))
        folder = JobFolder(context.folder)
        bound_output(folder.log, folder.older_log)
    os.write(1, b"the last words\n")
    context.emit(Finished())


def full_disk(context: JobContext) -> None:
    """Fail with a named error."""
    del context
    raise DiskFull("The disk is full.", remedy="Free some space.")


def surprise(context: JobContext) -> None:
    """Fail with an error that nobody foresaw, whose text holds a row."""
    del context
    raise ValueError("secret row text")


def dials_and_fails(context: JobContext) -> None:
    """Try to open a connection, and fail by that."""
    del context
    socket.socket()


def dials(context: JobContext) -> None:
    """Try to open a connection; tell whether it was refused."""
    try:
        socket.socket()
    except OSError:
        context.emit(Warned(code="refused", message="refused"))
    context.emit(Finished())


def steps(context: JobContext) -> None:
    """Tell of steps as a training does, quickly or slowly, until they are done or a stop is asked.

    Options: `steps`, and `pause_s` after every `burst` of them.
    """
    given = {name: json.loads(bytes(one)) for name, one in context.info.options.items()}
    total, burst, pause_s = int(given["steps"]), int(given["burst"]), float(given["pause_s"])
    context.emit(PhaseChanged(phase="training"))
    began = time.monotonic()
    for step in range(1, total + 1):
        context.emit(_a_step(step, total))
        if step % burst:
            continue
        if context.stop_requested():
            context.emit(Stopped(step=step, checkpoint=""))
            return
        time.sleep(max(0.0, began + step // burst * pause_s - time.monotonic()))
    context.emit(Finished())


def _a_step(step: int, total: int) -> StepDone:
    return StepDone(
        step=step,
        total_steps=total,
        epoch=step / total,
        loss=1.0 + 1.0 / step + (step * 7919 % 1000) / 2000,
        learning_rate=2e-4 * (1 - step / total),
        grad_norm=0.5 + (step * 104729 % 1000) / 1000,
        supervised_tokens=900,
        tokens=2048,
        tokens_seen=2048 * step,
        tokens_per_s=4000.0 + step % 100,
        memory_bytes=3 << 30,
        step_s=0.5,
        eta_s=0.5 * (total - step),
    )
