# SPDX-License-Identifier: Apache-2.0
"""How long the window's thread takes for a frame, on a computer that has other things to do."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

_ROUNDS = 3


def frame_s(draw: Callable[[int], None], frames: int) -> float:
    """Return how long a frame takes, in seconds: the median of the best of three rounds.

    It is the time of the processor in this thread, since what other threads compute is not the
    frame's. A neighbour on the same core makes whole rounds slower, and the program no worse.

    Args:
        draw: Draws the frame of a number, which counts on from round to round.
        frames: How many frames there are in a round.
    """
    rounds: list[float] = []
    for start in range(0, _ROUNDS * frames, frames):
        times: list[float] = []
        for i in range(start, start + frames):
            began = time.thread_time()
            draw(i)
            times.append(time.thread_time() - began)
        rounds.append(statistics.median(times))
    return min(rounds)
