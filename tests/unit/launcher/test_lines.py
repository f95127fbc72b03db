# SPDX-License-Identifier: Apache-2.0
"""Lines carry messages of any size, and tell at once that the other end is gone."""

from __future__ import annotations

import os
import threading

import pytest

from engine.errors import ProcessLost, WrongUsage
from engine.launcher.lines import Line, line_over
from engine.launcher.peers import torchrun_seat

TORCHRUN = {
    "TORCHELASTIC_RUN_ID": "none",
    "WORLD_SIZE": "2",
    "LOCAL_WORLD_SIZE": "2",
    "RANK": "1",
}


def pair() -> tuple[Line, Line]:
    (one_reads, other_writes), (other_reads, one_writes) = os.pipe(), os.pipe()
    return line_over(one_reads, one_writes), line_over(other_reads, other_writes)


def test_message_larger_than_a_pipe_arrives_whole() -> None:
    near, far = pair()
    parts = [b"words", b"", bytes(range(256)) * 4096]
    sender = threading.Thread(target=near.send, args=(parts,))
    sender.start()
    assert far.receive() == parts
    sender.join()
    near.close()
    far.close()


def test_end_of_the_other_side_is_told_by_name() -> None:
    near, far = pair()
    far.close()
    with pytest.raises(ProcessLost):
        near.receive()
    with pytest.raises(ProcessLost):
        near.send([b"a"])
    near.close()


def test_message_that_breaks_off_is_no_message() -> None:
    reads, writes = os.pipe()
    os.write(writes, (1).to_bytes(4, "little") + (9).to_bytes(8, "little") + b"half")
    os.close(writes)
    line = line_over(reads, os.dup(reads))
    with pytest.raises(ProcessLost):
        line.receive()
    line.close()


def test_what_is_no_message_of_ours_is_refused() -> None:
    reads, writes = os.pipe()
    os.write(writes, b"Hello, I am a library that prints")
    os.close(writes)
    line = line_over(reads, os.dup(reads))
    with pytest.raises(ProcessLost):
        line.receive()
    line.close()


def test_seat_is_that_of_torchrun_alone() -> None:
    assert torchrun_seat({"WORLD_SIZE": "2", "RANK": "1"}) is None
    assert torchrun_seat(TORCHRUN | {"WORLD_SIZE": "1", "LOCAL_WORLD_SIZE": "1"}) is None
    seat = torchrun_seat(TORCHRUN)
    assert seat is not None
    assert (seat.rank, seat.count) == (1, 2)
    again = torchrun_seat(TORCHRUN | {"TORCHELASTIC_RESTART_COUNT": "1"})
    assert again is not None
    assert again.meeting != seat.meeting


def test_ranks_of_several_computers_are_refused() -> None:
    with pytest.raises(WrongUsage, match="network"):
        torchrun_seat(TORCHRUN | {"WORLD_SIZE": "4"})
