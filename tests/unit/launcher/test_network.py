# SPDX-License-Identifier: Apache-2.0
"""What the operating system tells of a process and the network."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager

import pytest

from engine.launcher.network import descendants, has_filter, network_of

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells so much")

HOLDS = """
import socket, sys
if "guard" in sys.argv:
    from engine.launcher.offline import OfflineGuard
    OfflineGuard()
kept = list(socket.socketpair())
if "open" in sys.argv:
    kept.append(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
    kept.append(socket.socket(socket.AF_INET6, socket.SOCK_DGRAM))
print("ready", flush=True)
sys.stdin.read()
"""


@contextmanager
def process(*words: str) -> Generator[int]:
    """Run a process that holds sockets, and return its id once it does."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDS, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as started:
        assert started.stdout is not None
        assert started.stdout.readline() == b"ready\n"
        yield started.pid
        started.communicate()


def test_socket_that_is_neither_bound_nor_connected_is_seen() -> None:
    with process("open") as pid:
        found = network_of(pid)
    assert found is not None
    assert found.outward == ("TCP", "UDPv6")
    assert found.local == 2


def test_sockets_within_this_computer_are_no_outward_ones() -> None:
    with process() as pid:
        found = network_of(pid)
    assert found is not None
    assert (found.outward, found.local) == ((), 2)


def test_filter_of_another_process_is_seen() -> None:
    with process("guard") as guarded, process() as bare:
        with_filter, without = network_of(guarded), network_of(bare)
    assert with_filter is not None
    assert without is not None
    assert with_filter.has_filter is True
    assert without.has_filter == has_filter()  # a container may have put one on all of us


def test_process_that_is_gone_is_none() -> None:
    with process() as pid:
        assert pid in descendants(os.getpid())
    assert network_of(pid) is None
    assert descendants(pid) == []
