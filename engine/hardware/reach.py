# SPDX-License-Identifier: Apache-2.0
"""The most tokens that the rows of a run bring together, where their lengths were counted.

Which rows meet in a step is drawn anew for each epoch, so that the longest of them all are taken:
no order of any epoch can bring more. A run that checks held-out rows may meet the longest row that
is allowed there, since those are not counted.
"""

from __future__ import annotations

import msgspec

from engine.domain.recipe import Recipe

_EVEN_TOKENS = 32


class Reach(msgspec.Struct, frozen=True, kw_only=True):
    """What the training rows of a run come to.

    Attributes:
        longest: Tokens of the longest rows that a step can see, the longest first: as many as a
            step has rows, fewer where there are not so many.
        is_checked: Held-out rows are checked on the way.
    """

    longest: tuple[int, ...]
    is_checked: bool

    def together(self, recipe: Recipe) -> int:
        """Return the most tokens that go through the device together in training."""
        step = sum(min(one, recipe.max_length) for one in self.longest)
        return min(recipe.micro_batch_size * recipe.max_length, step)

    def row(self, recipe: Recipe) -> int:
        """Return the tokens of the longest row."""
        return min(recipe.max_length, self.longest[0]) if self.longest else 0


def even_length(tokens: int) -> int:
    """Return the next of few lengths: multiples of 32 up to 256, then four to each doubling."""
    below = 1 << (tokens - 1).bit_length() >> 1
    step = max(_EVEN_TOKENS, below // 4)
    return -(-tokens // step) * step
