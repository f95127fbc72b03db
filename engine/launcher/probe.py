# SPDX-License-Identifier: Apache-2.0
"""Really trying to reach the network, from a process of its own, and saying how each try ended.

The process tries twice: as it was started, by what it inherited from the process that asked; and
behind a guard of its own, as every worker has one. No try sends anything: each one asks the system
for a socket, or for a name that can exist nowhere (`.invalid`, RFC 6761), and gives it back.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from enum import StrEnum
from gettext import gettext as _

import msgspec

from engine.errors import ProbeSilent, mark
from engine.launcher.offline import IO_URING_SETUP, OfflineGuard
from engine.launcher.spawn import program_argv

LIMIT_S = 60.0
ROLE, BARE = "--network-probe", "bare"
_NAME = "burnish.invalid"
_IPV4, _IPV6, _STREAM, _DATAGRAM = 2, 10, 1, 2
"""AF_INET, AF_INET6, SOCK_STREAM and SOCK_DGRAM in Linux' numbers."""

_REFUSED = (errno.EPERM, errno.EACCES)


class Outcome(StrEnum):
    """How a try ended."""

    REFUSED = "refused"
    OPENED = "opened"
    IMPOSSIBLE = "impossible"
    """This system has no such thing, guard or not."""


class Try(msgspec.Struct, frozen=True, kw_only=True):
    """One try to reach the network.

    Attributes:
        name: Key in TRIES.
        outcome: How it ended.
    """

    name: str
    outcome: Outcome


class ProbeAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What the probe found.

    Attributes:
        inherited: Tries of a process that protects itself in no way.
        guarded: Tries behind a guard of its own, and from a process that this one started.
        works_locally: A socket within this computer could be opened: the probe can tell a yes.
        has_filter: The kernel reports the filter of the guard.
        refusal: Why there is no filter, in technical words; empty where there is one.
        noticed: How many tries the guard counted in Python.
    """

    inherited: tuple[Try, ...]
    guarded: tuple[Try, ...]
    works_locally: bool
    has_filter: bool
    refusal: str
    noticed: int


TRIES = {
    "tcp": mark("Native code asks for a TCP socket"),
    "udp": mark("Native code asks for a UDP socket"),
    "tcp6": mark("Native code asks for a TCP socket of IPv6"),
    "udp6": mark("Native code asks for a UDP socket of IPv6"),
    "io_uring": mark("Native code asks for io_uring, which can open sockets by itself"),
    "thread": mark("A thread that was there before the guard asks for a TCP socket"),
    "python": mark("Python code asks for a TCP socket"),
    "python6": mark("Python code asks for a TCP socket of IPv6"),
    "listen": mark("Python code asks for a port to listen on"),
    "lookup": mark("Python code looks up a name"),
    "child": mark("A program that the guarded process starts asks for a TCP socket"),
}
"""What is tried, by key, in words for people."""


def run_probe(arguments: list[str]) -> int:
    """Be the probe: try everything, write the answer to standard output as JSON; return 0."""
    if arguments[:1] == [BARE]:
        sys.stdout.write(_native("tcp").outcome)
        return 0
    sys.stdout.buffer.write(msgspec.json.encode(_answer()))
    return 0


def probe(*, limit_s: float = LIMIT_S) -> ProbeAnswer:
    """Start a probe and return what it found.

    Raises:
        ProbeSilent: It gave no answer; the detail says what it wrote instead.
    """
    try:
        done = subprocess.run(
            program_argv(ROLE),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=limit_s,
            check=False,
        )
        return msgspec.json.decode(done.stdout, type=ProbeAnswer)
    except (OSError, subprocess.TimeoutExpired, msgspec.DecodeError) as error:
        raise ProbeSilent(
            _("The process that tries the network gave no answer, so nothing is proved."),
            detail=str(error),
        ) from error


def _answer() -> ProbeAnswer:
    early = _EarlyThread()
    inherited = _native_tries()
    guard = OfflineGuard()
    in_python = [_in_python(name, ask) for name, ask in _PYTHON.items()]
    return ProbeAnswer(
        inherited=inherited,
        guarded=(*_native_tries(), early.answer(), *in_python, _in_child()),
        works_locally=_works_locally(),
        has_filter=guard.is_kernel_filter_active,
        refusal=guard.kernel_refusal,
        noticed=guard.attempts,
    )


# ---------------------------------------------------------------------------------- native code


def _ask_socket(family: int, kind: int) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    return _closed(libc.socket(family, kind, 0))


def _ask_io_uring() -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    # Without its parameters the kernel takes the call, where it may, and finds them missing.
    return libc.syscall(IO_URING_SETUP, 1, None)


def _closed(handle: int) -> int:
    if handle >= 0:
        os.close(handle)
    return handle


_NATIVE: dict[str, Callable[[], int]] = {
    "tcp": lambda: _ask_socket(_IPV4, _STREAM),
    "udp": lambda: _ask_socket(_IPV4, _DATAGRAM),
    "tcp6": lambda: _ask_socket(_IPV6, _STREAM),
    "udp6": lambda: _ask_socket(_IPV6, _DATAGRAM),
    "io_uring": _ask_io_uring,
}


def _native_tries() -> tuple[Try, ...]:
    return tuple(_native(name) for name in _NATIVE)


def _native(name: str) -> Try:
    if sys.platform != "linux" or platform.machine() not in ("x86_64", "aarch64"):
        return Try(name=name, outcome=Outcome.IMPOSSIBLE)
    if _NATIVE[name]() >= 0:
        return Try(name=name, outcome=Outcome.OPENED)
    return Try(name=name, outcome=_of_error(name, ctypes.get_errno()))


def _of_error(name: str, number: int) -> Outcome:
    if number in _REFUSED:
        return Outcome.REFUSED
    is_taken = name == "io_uring" and number in (errno.EFAULT, errno.EINVAL)
    return Outcome.OPENED if is_taken else Outcome.IMPOSSIBLE


class _EarlyThread:
    """A thread that is there before the guard, and tries after it."""

    def __init__(self) -> None:
        self._may_try = threading.Event()
        self._found: list[Try] = []
        self._thread = threading.Thread(target=self._try, daemon=True)
        self._thread.start()

    def answer(self) -> Try:
        """Let it try, and return how that ended."""
        self._may_try.set()
        self._thread.join()
        return Try(name="thread", outcome=self._found[0].outcome)

    def _try(self) -> None:
        self._may_try.wait()
        self._found.append(_native("tcp"))


# -------------------------------------------------------------------------------- Python and more


def _listen() -> None:
    with socket.create_server(("127.0.0.1", 0)):
        pass


def _look_up() -> None:
    try:
        socket.getaddrinfo(_NAME, 443)
    except socket.gaierror:
        return  # it was asked for: only a refusal before the question counts


_PYTHON: dict[str, Callable[[], object]] = {
    "python": lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM).close(),
    "python6": lambda: socket.socket(socket.AF_INET6, socket.SOCK_STREAM).close(),
    "listen": _listen,
    "lookup": _look_up,
}


def _in_python(name: str, ask: Callable[[], object]) -> Try:
    try:
        ask()
    except PermissionError:
        return Try(name=name, outcome=Outcome.REFUSED)
    except OSError:
        return Try(name=name, outcome=Outcome.IMPOSSIBLE)
    return Try(name=name, outcome=Outcome.OPENED)


def _in_child() -> Try:
    done = subprocess.run(
        program_argv(ROLE, BARE),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=True,
    )
    return Try(name="child", outcome=Outcome(done.stdout))


def _works_locally() -> bool:
    if not hasattr(socket, "AF_UNIX"):
        return False
    try:
        first, second = socket.socketpair()
    except OSError:
        return False
    with first, second:
        first.sendall(b"1")
        return second.recv(1) == b"1"
