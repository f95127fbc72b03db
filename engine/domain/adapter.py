# SPDX-License-Identifier: Apache-2.0
"""What a LoRA adapter is, apart from its tensors."""

from __future__ import annotations

import math
from enum import StrEnum

import msgspec


class LoraTargets(StrEnum):
    """Which linear layers have an adapter."""

    ALL = "all"
    ATTENTION = "attention"
    MLP = "mlp"


class AdapterShape(msgspec.Struct, frozen=True, kw_only=True):
    """The low-rank update of every targeted linear layer: W + scale * B @ A.

    With `use_dora`, each row of that sum is brought to a trained length, its magnitude (Liu et al.
    2024, arXiv 2402.09353).

    Attributes:
        rank: Rows of A and columns of B.
        alpha: scale = alpha / rank (Hu et al. 2021, arXiv 2106.09685, section 4.1), or
            alpha / sqrt(rank) with `use_rslora` (Kalajdzievski 2023, arXiv 2312.03732).
        dropout_ratio: Dropout on the input of A while training.
        targets: Last names of the targeted modules, sorted, e.g. `q_proj`; with the name of the
            module around it where the last name alone would hit others too.
        use_rslora: The scale falls with the root of the rank.
        use_dora: Rows have a trained length.
    """

    rank: int
    alpha: float
    dropout_ratio: float
    targets: tuple[str, ...]
    use_rslora: bool = False
    use_dora: bool = False

    @property
    def scale(self) -> float:
        """Return the factor on B @ A."""
        return self.alpha / (math.sqrt(self.rank) if self.use_rslora else self.rank)
