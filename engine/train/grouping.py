# SPDX-License-Identifier: Apache-2.0
"""Which examples go through the device together, also with less room than the recipe asks for."""

from __future__ import annotations

from engine.chat.packing import Members, micro_steps


def rows_together(
    members: Members, lengths: Members, *, capacity: int, micro_batch_size: int = 1
) -> list[Members]:
    """Split examples into what goes through the device together.

    An example that is longer than the capacity stays whole and goes alone, first of all. Where
    there is none, this is `engine.chat.packing.micro_steps`.

    Args:
        members: Examples, for instance of one step.
        lengths: Tokens of every example of the dataset.
        capacity: Tokens of a packed sequence.
        micro_batch_size: Packed sequences that go together.
    """
    is_long = lengths[members] > capacity
    alone = [members[at : at + 1] for at in is_long.nonzero()[0]]
    rest = members[~is_long]
    if not len(rest):
        return alone
    return alone + micro_steps(rest, lengths, capacity=capacity, micro_batch_size=micro_batch_size)
