# SPDX-License-Identifier: Apache-2.0
"""What the operating system knows of a process and the network: its filter, its open sockets.

On Linux the kernel is asked for each open socket of which protocol it is, so that one which was
made and not yet connected is seen as well. Elsewhere psutil tells of the sockets that are bound or
connected, and nothing enforces anything.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import msgspec
import psutil

_PROC = Path("/proc")
_LOCAL_PROTOCOLS = ("UNIX", "NETLINK")
"""Sockets to programs on this computer, and to its kernel; the filter allows exactly these."""

_UNKNOWN_PROTOCOL = "unknown"


class ProcessNetwork(msgspec.Struct, frozen=True, kw_only=True):
    """One process and the network, as of one moment.

    Attributes:
        pid: Process id.
        has_filter: A system call filter is on it; None where the system has no such thing.
        outward: Protocols of its open sockets that could leave this computer, as `TCP`.
        local: How many open sockets cannot: they lead to programs here, or to the kernel.
    """

    pid: int
    has_filter: bool | None
    outward: tuple[str, ...] = ()
    local: int = 0


def network_of(pid: int) -> ProcessNetwork | None:
    """Look at a process of this user; None where it is gone or may not be looked at."""
    if sys.platform != "linux":
        return _by_psutil(pid)
    place = _PROC / str(pid)
    try:
        protocols = _protocols(place / "fd")
        filtered = has_filter(place / "status")
    except OSError:
        return None
    outward = tuple(sorted(one for one in protocols if not one.startswith(_LOCAL_PROTOCOLS)))
    return ProcessNetwork(
        pid=pid, has_filter=filtered, outward=outward, local=len(protocols) - len(outward)
    )


def has_filter(status: Path = _PROC / "self" / "status") -> bool:
    """Return whether Linux reports a system call filter on a process.

    Args:
        status: Its status file.

    Raises:
        OSError: The process is gone, or this is not Linux.
    """
    return "\nSeccomp:\t2" in status.read_text(encoding="ascii", errors="replace")


def descendants(pid: int) -> list[int]:
    """Return the ids of the processes that a process has started, and those they have."""
    try:
        return sorted(one.pid for one in psutil.Process(pid).children(recursive=True))
    except psutil.Error:
        return []


def _protocols(folder: Path) -> list[str]:
    """Return the protocol of every open socket, as the kernel names it."""
    found: list[str] = []
    for one in folder.iterdir():
        try:
            if str(one.readlink()).startswith("socket:"):
                found.append(_protocol(one))
        except FileNotFoundError:
            continue  # closed between the two looks
    return found


def _protocol(handle: Path) -> str:
    if sys.platform == "linux":
        try:
            return os.getxattr(handle, "system.sockprotoname").rstrip(b"\0").decode("ascii")
        except FileNotFoundError:
            raise
        except OSError:
            return _UNKNOWN_PROTOCOL
    return _UNKNOWN_PROTOCOL


def _by_psutil(pid: int) -> ProcessNetwork | None:
    try:
        sockets = psutil.Process(pid).net_connections(kind="inet")
    except psutil.Error:
        return None
    return ProcessNetwork(
        pid=pid, has_filter=None, outward=tuple(_kind(one.type) for one in sockets)
    )


def _kind(number: int) -> str:
    return "TCP" if number == 1 else "UDP"
