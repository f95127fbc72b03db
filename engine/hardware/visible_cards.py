# SPDX-License-Identifier: Apache-2.0
"""Which of the driver's cards CUDA will show to programs, by what the person set.

The driver's library tells of every card, `CUDA_VISIBLE_DEVICES` hides some from all that compute.
A plan has to count with the cards that are left (CUDA C++ Programming Guide, CUDA Environment
Variables).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.hardware.gpu import Gpu

VARIABLE, ORDER_VARIABLE, BY_BUS = "CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "PCI_BUS_ID"
_UUID_MARK, _SLICE_MARK = "GPU-", "MIG-"


def visible_cards(gpus: Sequence[Gpu], environment: Mapping[str, str]) -> tuple[Gpu, ...]:
    """Return the cards that CUDA shows, in its order.

    As CUDA reads the variable, the list ends at the first name that is no card, so that `-1` hides
    all of them. Parts of a card (MIG), which the driver does not list as cards, hide nothing here.

    Args:
        gpus: The cards in the driver's order, which is that of the bus.
        environment: That of the process.
    """
    named = environment.get(VARIABLE)
    if named is None or _SLICE_MARK in named:
        return tuple(gpus)
    counted = gpus if environment.get(ORDER_VARIABLE) == BY_BUS else _fastest_first(gpus)
    found: list[Gpu] = []
    for name in (one.strip() for one in named.split(",")):
        card = _card_of(name, counted)
        if card is None or any(card is one for one in found):
            break
        found.append(card)
    return tuple(found)


def is_order_unclear(gpus: Sequence[Gpu], environment: Mapping[str, str]) -> bool:
    """Return whether the variable counts cards of several kinds in CUDA's own order.

    CUDA then begins with the fastest by a measure that it does not tell.
    """
    named = environment.get(VARIABLE, "")
    is_by_number = any(one.strip().isdecimal() for one in named.split(","))
    are_equal = len({(one.name, one.total_bytes) for one in gpus}) < 2
    return is_by_number and not are_equal and environment.get(ORDER_VARIABLE) != BY_BUS


def _card_of(name: str, gpus: Sequence[Gpu]) -> Gpu | None:
    if name.isdecimal():
        return gpus[int(name)] if int(name) < len(gpus) else None
    if not name.startswith(_UUID_MARK):
        return None
    # The beginning of a UUID is enough where it names one card.
    found = [one for one in gpus if one.uuid.startswith(name)]
    return found[0] if len(found) == 1 else None


def _fastest_first(gpus: Sequence[Gpu]) -> list[Gpu]:
    """Return the cards as CUDA most likely counts them: the newest and largest first."""
    return sorted(gpus, key=lambda one: (one.compute_capability, one.total_bytes), reverse=True)
