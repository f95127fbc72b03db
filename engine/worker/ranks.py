# SPDX-License-Identifier: Apache-2.0
"""How many processes a job has, and what each of them finds in its environment."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator, Mapping, Sequence
from itertools import takewhile

import psutil

from engine.domain.recipe import Recipe
from engine.domain.run import JobInfo, JobKind
from engine.hardware.cards import cards_in_turn, cards_together, process_count
from engine.hardware.gpu import read_gpus
from engine.launcher.lines import Line
from engine.launcher.peers import Seat, met_peers, started_peers
from engine.store.documents import read_document
from engine.store.layout import JobFolder

_VISIBLE, _ORDER, _THREADS = "CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "OMP_NUM_THREADS"

_COMPUTING = (JobKind.TRAIN, JobKind.RATE, JobKind.GENERATE, JobKind.MEMORISATION)


@contextlib.contextmanager
def gathered_peers(
    folder: JobFolder, info: JobInfo, seat: Seat | None
) -> Generator[tuple[Line, ...], None, None]:
    """Yield a line to each process that computes together with this one; often there is none.

    Args:
        folder: The job's own.
        info: What was asked for.
        seat: The place of this process under torchrun, or None.
    """
    if info.kind is not JobKind.TRAIN or not folder.recipe.exists():
        if info.kind in _COMPUTING:
            order_cards()
        yield ()
        return
    if seat is not None:
        settle_under_torchrun(seat)
        with met_peers(folder.root, seat) as lines:
            yield lines
        return
    recipe = read_document(folder.recipe, Recipe)
    cards = _cards(os.environ) if recipe.processes > 1 else []
    count = process_count(recipe, cards=len(cards))
    if count == 1:
        order_cards()
        yield ()
        return
    own, *others = [_changes(rank, count, cards) for rank in range(count)]
    os.environ.update(own)
    with started_peers(folder.root, [os.environ | one for one in others]) as lines:
        yield lines


def order_cards() -> None:
    """Let CUDA number the cards as plans do: the largest first, which a run on one card uses."""
    if _VISIBLE not in os.environ:
        gpus = read_gpus().gpus
        if len(gpus) > 1:
            order = ",".join(map(str, cards_in_turn(gpus)))
            os.environ.update({_VISIBLE: order, _ORDER: "PCI_BUS_ID"})


def settle_under_torchrun(seat: Seat) -> None:
    """Let a process that torchrun started see its own card alone."""
    os.environ.update(_changes(seat.rank, seat.count, _cards(os.environ)))


def _cards(environment: Mapping[str, str]) -> list[dict[str, str]]:
    """Return for each of the cards that train together what shows a process this one alone."""
    if _VISIBLE in environment:
        named = (one.strip() for one in environment[_VISIBLE].split(","))
        # As CUDA reads it: the list ends at the first that is no card, so that -1 hides them all.
        return [{_VISIBLE: one} for one in takewhile(_is_card, named)]
    # These are numbers of the driver's library, whose order is not the one that CUDA begins with.
    places = cards_together(read_gpus().gpus)
    return [{_VISIBLE: str(one), _ORDER: "PCI_BUS_ID"} for one in places]


def _is_card(name: str) -> bool:
    return bool(name) and not name.startswith("-")


def _changes(rank: int, count: int, cards: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Return what one of the processes finds changed in its environment."""
    cores = psutil.cpu_count(logical=False) or psutil.cpu_count() or 1
    found = {_THREADS: str(max(1, cores // count))}
    return found | dict(cards[rank]) if rank < len(cards) else found
