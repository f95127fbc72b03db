# SPDX-License-Identifier: Apache-2.0
"""Peers of a run, in threads of this process; for runs without dropout, whose draws would mix."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from engine.errors import ProcessLost
from engine.launcher.lines import Line, line_over
from engine.protocol.job import JobContext, PeerContext, PeerEntry
from engine.train import ranks_peer


def line_pair() -> tuple[Line, Line]:
    """Return both ends of a line."""
    (one_reads, other_writes), (other_reads, one_writes) = os.pipe(), os.pipe()
    return line_over(one_reads, one_writes), line_over(other_reads, other_writes)


@contextlib.contextmanager
def peer_threads(context: JobContext, entry: PeerEntry, count: int) -> Iterator[tuple[Line, ...]]:
    """Yield lines to peers that run in threads; they have ended when the block has."""
    pairs = [line_pair() for _ in range(count)]
    load, one_by_one = ranks_peer.load_base, threading.Lock()

    def load_alone(*args: Any, **options: Any) -> Any:
        """Load while no other thread does: transformers switches off the filling for all."""
        with one_by_one:
            return load(*args, **options)

    def run(rank: int, line: Line) -> None:
        with contextlib.suppress(ProcessLost):
            entry(
                PeerContext(
                    workspace=context.workspace,
                    folder=context.folder,
                    info=context.info,
                    rank=rank,
                    line=line,
                    now=context.now,
                )
            )

    threads = [
        threading.Thread(target=run, args=(rank, far), daemon=True)
        for rank, (_near, far) in enumerate(pairs, 1)
    ]
    for one in threads:
        one.start()
    patches = pytest.MonkeyPatch()
    patches.setattr(ranks_peer, "load_base", load_alone)
    try:
        yield tuple(near for near, _far in pairs)
    finally:
        patches.undo()
        for near, _far in pairs:
            near.close()
        for one in threads:
            one.join(timeout=20)
        for _near, far in pairs:
            far.close()
        assert not any(one.is_alive() for one in threads)
