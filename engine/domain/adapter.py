# SPDX-License-Identifier: Apache-2.0
"""What a LoRA adapter is, apart from its tensors."""

from __future__ import annotations

import msgspec


class AdapterShape(msgspec.Struct, frozen=True, kw_only=True):
    """The low-rank update of every targeted linear layer: W + scale * B @ A.

    Attributes:
        rank: Rows of A and columns of B.
        alpha: scale = alpha / rank (Hu et al. 2021, arXiv 2106.09685, section 4.1).
        dropout_ratio: Dropout on the input of A while training.
        targets: Last names of the targeted modules, sorted, e.g. `q_proj`.
    """

    rank: int
    alpha: float
    dropout_ratio: float
    targets: tuple[str, ...]

    @property
    def scale(self) -> float:
        """Return the factor on B @ A."""
        return self.alpha / self.rank
