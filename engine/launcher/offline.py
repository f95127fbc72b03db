# SPDX-License-Identifier: Apache-2.0
"""Refusing the network to a process: an audit hook everywhere, a kernel filter on Linux.

The hook sees what Python code does and makes a slip visible; native code passes it by. The filter
(seccomp, no privileges needed) refuses internet sockets to the whole process and its children:
`socket()` is allowed for AF_UNIX and AF_NETLINK only, and io_uring, which could open sockets
without that call, is refused as well. Neither can be taken back while the process lives.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import socket
import struct
import sys
from inspect import currentframe
from pathlib import Path
from types import FrameType

_ALLOWED_FAMILIES = (1, 16)
"""AF_UNIX and AF_NETLINK in the kernel's numbers."""

_MACHINES = {
    # machine: (audit architecture, number of socket, number of seccomp)
    "x86_64": (0xC000003E, 41, 317),
    "aarch64": (0xC00000B7, 198, 277),
}
IO_URING_SETUP = 425
"""The same on every machine (include/uapi/asm-generic/unistd.h)."""

_X32_BIT = 0x40000000

_TRANSPORTS = frozenset({
    "socket", "ssl", "http", "urllib", "urllib3", "requests", "httpx", "httpcore", "anyio",
    "asyncio", "concurrent", "threading",
})  # fmt: skip
"""Libraries that carry what others ask for: who tried is found before them."""

_MADE = "socket.__new__"
_EVENTS = frozenset({_MADE, "socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"})
"""What the hook looks at."""

_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW = 0x7FFF0000
_REFUSE = 0x00050000 | errno.EPERM

_PR_SET_NO_NEW_PRIVS = 38
_SET_MODE_FILTER, _ALL_THREADS = 1, 1


class OfflineGuard:
    """The guard of the process that made it; make one, at the start."""

    def __init__(self, *, kernel_filter: bool = True) -> None:
        """Install the hook, and on Linux the filter.

        Args:
            kernel_filter: False leaves the filter out, for a display that is reached by TCP.
        """
        self.attempts = 0
        self.last_attempt = ""
        self.last_caller = ""
        """Module and function that tried last; never the address that it wanted."""
        sys.addaudithook(self._on_audit)
        self.kernel_refusal = _install_filter() if kernel_filter else "not wanted"

    @property
    def is_kernel_filter_active(self) -> bool:
        """Return whether the kernel reports a filter on this very process."""
        try:
            status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
        except OSError:
            return False
        return "\nSeccomp:\t2" in status and not self.kernel_refusal

    def _on_audit(self, event: str, arguments: tuple[object, ...]) -> None:
        """Refuse what would reach beyond this computer; called by Python for every audit event."""
        if event not in _EVENTS:  # Python tells thousands of others, until the first paint alone
            return
        if event != _MADE or arguments[1] in (socket.AF_INET, socket.AF_INET6):
            self._refuse(event)

    def _refuse(self, event: str) -> None:
        self.attempts += 1
        self.last_attempt = event
        self.last_caller = _who_asked(currentframe())
        raise PermissionError(errno.EPERM, "Burnish opens no network connection", event)


def _who_asked(frame: FrameType | None) -> str:
    """Return the innermost function that is no part of a transport: `module.function`."""
    found = first = ""
    while frame is not None and not found:
        module = str(frame.f_globals.get("__name__", "?"))
        name = f"{module}.{frame.f_code.co_qualname}"
        if module != __name__:
            first = first or name
            found = "" if module.partition(".")[0] in _TRANSPORTS else name
        frame = frame.f_back
    return found or first


def _install_filter() -> str:
    """Install the kernel filter; return an empty text, or why it could not be."""
    if sys.platform != "linux":
        return "not Linux"
    machine = platform.machine()
    if machine not in _MACHINES:
        return f"unknown machine {machine}"
    architecture, socket_number, seccomp_number = _MACHINES[machine]
    program = _program(architecture, socket_number)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return f"prctl: error {ctypes.get_errno()}"
    code = ctypes.create_string_buffer(program, len(program))
    # struct sock_fprog: unsigned short length, pointer to the instructions, native alignment.
    header = ctypes.create_string_buffer(
        struct.pack("@HP", len(program) // 8, ctypes.addressof(code))
    )
    if libc.syscall(seccomp_number, _SET_MODE_FILTER, _ALL_THREADS, header) != 0:
        return f"seccomp: error {ctypes.get_errno()}"
    return ""


def _program(architecture: int, socket_number: int) -> bytes:
    """Return the filter as BPF instructions (struct sock_filter: u16 code, u8 jt, u8 jf, u32 k)."""
    number, arch, first_argument = 0, 4, 16  # offsets in struct seccomp_data
    lines = [
        (_LOAD, 0, 0, arch),
        (_EQUAL, 0, 7, architecture),  # another architecture: refuse
        (_LOAD, 0, 0, number),
        (_AT_LEAST, 5, 0, _X32_BIT),  # x32 numbers: refuse
        (_EQUAL, 4, 0, IO_URING_SETUP),  # refuse
        (_EQUAL, 0, 4, socket_number),  # anything but socket(): allow
        (_LOAD, 0, 0, first_argument),
        (_EQUAL, 2, 0, _ALLOWED_FAMILIES[0]),
        (_EQUAL, 1, 0, _ALLOWED_FAMILIES[1]),
        (_RETURN, 0, 0, _REFUSE),
        (_RETURN, 0, 0, _ALLOW),
    ]
    return b"".join(struct.pack("@HBBI", *line) for line in lines)
