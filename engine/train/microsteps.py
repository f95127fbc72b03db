# SPDX-License-Identifier: Apache-2.0
"""The micro-steps of an optimizer step: which examples each one sees, and the gradients of some.

A step may be shared out to several processes. Whatever their number, its loss is the same sum over
the same supervised tokens; only the order of the additions differs.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence

import numpy as np
import torch

from engine.chat.packing import Members
from engine.domain.randomness import seed_of
from engine.train.batches import Examples, make_batch
from engine.train.grouping import rows_together
from engine.train.loss import batch_loss
from engine.train.model import LanguageModel

MicroStep = tuple[int, Members]
"""Its number within the step, from 0, which decides its dropout; and its examples."""


def share_out(
    members: Members,
    lengths: Members,
    *,
    processes: int,
    capacity: int,
    micro_batch_size: int = 1,
    keeps_micro_steps: bool = False,
) -> list[list[MicroStep]]:
    """Return the micro-steps of each process, none for those that have nothing to do.

    Args:
        members: Examples of a step.
        lengths: Tokens of every example.
        processes: How many share the step.
        capacity: Tokens of a packed sequence.
        micro_batch_size: Packed sequences of a micro-step.
        keeps_micro_steps: Share out the very micro-steps of one process, with their numbers, so
            that dropout draws the same; else rows are shared out first, which is more even.
    """
    if processes == 1 or keeps_micro_steps:
        groups = rows_together(
            members, lengths, capacity=capacity, micro_batch_size=micro_batch_size
        )
        sizes = [int(lengths[one].sum()) for one in groups]
        return [[(at, groups[at]) for at in part] for part in _evenly(sizes, processes)]
    return [
        list(
            enumerate(
                rows_together(
                    members[part], lengths, capacity=capacity, micro_batch_size=micro_batch_size
                )
            )
            if part
            else []
        )
        for part in _evenly([int(lengths[one]) for one in members], processes)
    ]


def _evenly(sizes: Sequence[int], count: int) -> list[list[int]]:
    """Share out pieces: the largest first, each to whom has least (Graham 1969).

    Returns:
        Places of the pieces of each share, in ascending order; the largest piece is in the first.
    """
    loads = [(0, number) for number in range(count)]
    shares: list[list[int]] = [[] for _ in range(count)]
    for place in sorted(range(len(sizes)), key=lambda one: (-sizes[one], one)):
        load, number = heapq.heappop(loads)
        shares[number].append(place)
        heapq.heappush(loads, (load + sizes[place], number))
    return [sorted(one) for one in shares]


def add_gradients(
    model: LanguageModel,
    examples: Examples,
    groups: Sequence[MicroStep],
    *,
    supervised: int,
    step: int,
    seed: int,
) -> torch.Tensor:
    """Add the gradients of some micro-steps to the parameters'; return their summed loss, nats.

    Args:
        model: With an adapter, in training mode.
        examples: Where their members are found.
        groups: The micro-steps.
        supervised: Supervised tokens of the whole step, by which the gradient is divided.
        step: Number of the step, from 1.
        seed: Of the dropout.
    """
    total = torch.zeros((), dtype=torch.float32, device=model.device)
    with model.steady_adapter():
        for number, group in groups:
            _seed_dropout(model.devices, seed_of("dropout", seed, step, number))
            batch = make_batch(examples, group, model.device, is_evened=model.wants_even_lengths)
            part = batch_loss(model, batch)
            (part / supervised).backward()
            total = total + part.detach()
    return total


def _seed_dropout(devices: Sequence[torch.device], seed: int) -> None:
    """Make dropout a function of seed, step and micro-step; `torch.manual_seed` is slow.

    Each card draws by itself; the same seed would draw the same masks on all of them.
    """
    torch.default_generator.manual_seed(seed)
    for number, device in enumerate(devices):
        if device.type == "cuda":
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed + number)


def taken_out(examples: Examples, groups: Sequence[Members]) -> tuple[Examples, list[Members]]:
    """Return the examples of some groups alone, and the groups with their new numbers."""
    chosen = np.concatenate([np.empty(0, np.int64), *groups])
    spans = [slice(*examples.edges[one : one + 2]) for one in chosen]
    edges = np.cumsum([0, *(one.stop - one.start for one in spans)], dtype=np.int64)
    alone = Examples(
        ids=np.concatenate([np.empty(0, np.int32), *(examples.ids[one] for one in spans)]),
        trained=np.concatenate([np.empty(0, np.bool_), *(examples.trained[one] for one in spans)]),
        edges=edges,
    )
    return alone, numbered([len(one) for one in groups])


def numbered(counts: Sequence[int]) -> list[Members]:
    """Return groups of so many examples each, counted up from 0."""
    stops = np.cumsum(counts, dtype=np.int64)
    return [
        np.arange(stop - count, stop, dtype=np.int64)
        for count, stop in zip(counts, stops, strict=True)
    ]
