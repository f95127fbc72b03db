# SPDX-License-Identifier: Apache-2.0
"""What strace saw of all processes of a journey: sockets, connects, and files that were written."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

CALLS = (
    "socket,connect,sendto,sendmsg,io_uring_setup,"
    "open,openat,creat,mkdir,mkdirat,rename,renameat,renameat2,link,linkat,symlink,symlinkat,"
    "memfd_create,execve"
)
TRACE = ("strace", "-f", "--seccomp-bpf", "-qq", "-y", "-s", "120", "-e", f"trace={CALLS}")
_CALL = re.compile(r"^(?:\d+ +)?(\w+)\((.*)$")
_TEXT = re.compile(r'"((?:[^"\\]|\\.)*)"')
_FILE_CALLS = {"creat", "mkdir", "mkdirat", "rename", "renameat", "renameat2", "link", "linkat",
               "symlink", "symlinkat"}  # fmt: skip
RESOLVERS = ("nscd", "io.systemd", "resolve", "avahi", "dnsmasq", "libvirt")


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What was seen.

    Attributes:
        programs: How many programs were started, that is, whether anything was watched at all.
        outward: Calls that ask for a socket other than one within this computer, and io_uring.
        asked: Calls that connect to, or send to, what answers questions for names.
        written: Files and folders that were opened for writing, made, or renamed.
    """

    programs: int
    outward: tuple[str, ...]
    asked: tuple[str, ...]
    written: frozenset[Path]


def read_trace(log: Path) -> Seen:
    """Read what strace wrote."""
    programs = 0
    outward: list[str] = []
    asked: list[str] = []
    written: set[Path] = set()
    for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
        found = _CALL.match(line)
        if found is None:
            continue
        call, rest = found[1], found[2]
        programs += call == "execve"
        if call == "io_uring_setup" or (call == "socket" and not _is_local(rest)):
            outward.append(line)
        if call in ("connect", "sendto", "sendmsg") and _asks_for_names(rest):
            asked.append(line)
        written.update(_written(call, rest))
    return Seen(
        programs=programs, outward=tuple(outward), asked=tuple(asked), written=frozenset(written)
    )


def _is_local(arguments: str) -> bool:
    return arguments.startswith(("AF_UNIX", "AF_NETLINK"))


def _asks_for_names(arguments: str) -> bool:
    return "AF_INET" in arguments or any(one in arguments for one in RESOLVERS)


def _written(call: str, arguments: str) -> set[Path]:
    is_opened = call in ("open", "openat") and any(
        flag in arguments for flag in ("O_WRONLY", "O_RDWR", "O_CREAT")
    )
    if not is_opened and call not in _FILE_CALLS:
        return set()
    return {Path(one) for one in _TEXT.findall(arguments) if one.startswith("/")}
