# SPDX-License-Identifier: Apache-2.0
"""Real processes from a warm parent: torch is imported once, not once for each of a thousand kills.

    python -m tests.faults.warm [BASE_MODEL]

imports what a worker needs (with a model: what training needs, too), reads a request on each line
of its standard input, forks, and lets the child be what the request says: a worker as `main.py`
starts it, or a program of `programs`. A child has a session, a log and a working folder of its own,
as `engine.launcher.spawn` gives them; from then on it is as any other.
"""

from __future__ import annotations

import importlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.faults.programs import PROGRAMS, environment

_LIMIT_S = 120.0
LOG = "worker.log"


# ---------------------------------------------------------------------- the side of the test


class WarmProcess:
    """A child of the warm parent, with as much of `subprocess.Popen` as a starter needs."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self.over = threading.Event()

    def poll(self) -> int | None:
        return self.returncode

    def wait(self, timeout: float = _LIMIT_S) -> int:
        assert self.over.wait(timeout), f"process {self.pid} did not end"
        assert self.returncode is not None
        return self.returncode

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send a signal; a process that is over has none to be sent to."""
        if not self.over.is_set():
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                self.over.wait(_LIMIT_S)


class WarmParent:
    """The parent, as a test sees it."""

    def __init__(self, base_model: Path | None = None) -> None:
        given = [str(base_model)] if base_model is not None else []
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.warm", *given],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment(base_model) if base_model is not None else None,
            text=True,
        )
        self._children: dict[int, WarmProcess] = {}
        self._born: list[WarmProcess] = []
        self._turn = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def start(
        self, entry: str, arguments: list[Any], log: Path, *, cwd: Path, is_held: bool = False
    ) -> WarmProcess:
        """Fork a child.

        Args:
            entry: Which function it calls, as `module:function`.
            arguments: Of that function.
            log: Its standard output and error.
            cwd: Its working folder.
            is_held: It waits for a SIGCONT first.
        """
        request = {"entry": entry, "arguments": arguments, "log": str(log), "cwd": str(cwd)}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request | {"is_held": is_held}) + "\n")
        self._process.stdin.flush()
        with self._turn:
            assert self._turn.wait_for(lambda: bool(self._born), _LIMIT_S), "no child was born"
            return self._born.pop()

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(_LIMIT_S)
        self._reader.join(_LIMIT_S)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            pid, status = json.loads(line)
            with self._turn:
                if status is None:
                    self._children[pid] = WarmProcess(pid)
                    self._born.append(self._children[pid])
                    self._turn.notify_all()
                else:
                    child = self._children.pop(pid)
                    child.returncode = status
                    child.over.set()


class Born:
    """The workers that the launcher starts from a warm parent, newest last.

    Attributes:
        role: The function of `tests.fakes.hangs` that each of them is.
    """

    def __init__(self, parent: WarmParent) -> None:
        self.role = "by_itself"
        self.all: list[WarmProcess] = []
        self._parent = parent
        self._turn = threading.Lock()

    def start(self, argv: list[str], *, cwd: Path, **_options: Any) -> WarmProcess:
        """Start a worker; takes the place of `subprocess.Popen`."""
        at = argv.index("--worker")
        entry = f"tests.fakes.hangs:{self.role}"
        with self._turn:
            self.all.append(
                self._parent.start(entry, [argv[at + 1], argv[at + 3]], cwd / LOG, cwd=cwd)
            )
            return self.all[-1]


# ---------------------------------------------------------------------- the side of the parent


def _rehearse(base_model: Path) -> None:
    """Do once what children will do, so that they find every module imported."""
    from engine.train import sft_lora
    from tests.unit.train.runs import chat_rows, make_desk

    with tempfile.TemporaryDirectory() as place:
        desk = make_desk(Path(place), rows=chat_rows(12), vocabulary=300, layers=1)
        desk.add_run("r1", desk.recipe(max_steps=2, sample_rows=1))
        sft_lora.train(desk.context("r1"))
        for name, (prepare, program) in PROGRAMS.items():
            (Path(place) / name).mkdir()
            workspace = Path(place) / name / "workspace"
            prepare(workspace)
            program(workspace, lambda _word: None)
    del base_model


def _be(request: dict[str, Any]) -> int:
    """Be the child; return its exit status."""
    os.setsid()
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    log, nothing = os.open(request["log"], flags, 0o600), os.open(os.devnull, os.O_RDONLY)
    for number, handle in ((0, nothing), (1, log), (2, log)):
        os.dup2(handle, number)
    os.chdir(request["cwd"])
    if request["is_held"]:
        os.kill(os.getpid(), signal.SIGSTOP)
    module, _colon, name = request["entry"].partition(":")
    function: Callable[..., int | None] = getattr(importlib.import_module(module), name)
    return function(*request["arguments"]) or 0


def _fork(request: dict[str, Any]) -> int:
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        status = _be(request)
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    except Exception:  # noqa: BLE001 - as at the top of any process: told, then the end
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _collect() -> list[tuple[int, int]]:
    """Return pid and exit status of every child that has ended since."""
    found: list[tuple[int, int]] = []
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return found
        if not pid:
            return found
        found.append((pid, os.waitstatus_to_exitcode(status)))


def _say(pid: int, status: int | None) -> None:
    sys.stdout.write(json.dumps([pid, status]) + "\n")
    sys.stdout.flush()


def serve() -> None:
    """Fork for each request, until there are no more; tell births and ends."""
    woken, wakes = os.pipe()
    os.set_blocking(wakes, False)
    signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    rest = b""
    while True:
        ready, _writable, _odd = select.select([0, woken], [], [])
        if woken in ready:
            os.read(woken, 4096)
            for pid, status in _collect():
                _say(pid, status)
        if 0 in ready:
            block = os.read(0, 1 << 16)
            if not block:
                return
            *lines, rest = (rest + block).split(b"\n")
            for line in lines:
                _say(_fork(json.loads(line)), None)


def main() -> None:
    """Be the warm parent."""
    from engine.worker.surroundings import prepare

    with tempfile.TemporaryDirectory() as job:
        prepare(Path(job))
    if sys.argv[1:]:
        _rehearse(Path(sys.argv[1]))
    importlib.import_module("engine.worker.main")
    importlib.import_module("engine.worker.finishing")
    serve()


if __name__ == "__main__":
    main()
