# SPDX-License-Identifier: Apache-2.0
"""What an adapter is made of, in numbers of weights."""

from __future__ import annotations

import msgspec

from engine.domain.adapter import AdapterShape, LoraTargets, Pattern, read_pattern
from engine.domain.model import ModelShape
from engine.domain.recipe import Recipe
from engine.hardware.families import Family, adapted, adapted_paths


class AdapterForm(msgspec.Struct, frozen=True, kw_only=True):
    """What the adapter is made of.

    Attributes:
        rank: Its rank.
        targets: The matrices that have one.
        dora: Rows have a trained length too.
        rank_pattern: Ranks of single layers.
    """

    rank: int
    targets: LoraTargets = LoraTargets.ALL
    dora: bool = False
    rank_pattern: Pattern = ()

    @classmethod
    def of(cls, recipe: Recipe) -> AdapterForm:
        """Return the adapter of a recipe."""
        return cls(
            rank=recipe.lora_rank,
            targets=recipe.lora_targets,
            dora=recipe.use_dora,
            rank_pattern=read_pattern(recipe.rank_pattern),
        )

    def ranks(self, shape: ModelShape, kind: Family) -> list[int]:
        """Return the rank of each matrix of a layer; the highest where it differs by layer."""
        if not self.rank_pattern:
            return [self.rank] * len(adapted(shape, kind, self.targets))
        own = AdapterShape(
            rank=self.rank,
            alpha=1.0,
            dropout_ratio=0.0,
            targets=(),
            rank_pattern=self.rank_pattern,
        )
        return [max(map(own.rank_of, one)) for one in adapted_paths(shape, kind, self.targets)]

    def tensors(self, shape: ModelShape, kind: Family) -> list[int]:
        """Return the number of weights of every tensor of one layer's adapters."""
        each = adapted(shape, kind, self.targets)
        ranks = self.ranks(shape, kind)
        halves = [rank * width for rank, pair in zip(ranks, each, strict=True) for width in pair]
        return halves + ([after for _before, after in each] if self.dora else [])
