# SPDX-License-Identifier: Apache-2.0
"""What a LoRA adapter is, apart from its tensors."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from enum import StrEnum

import msgspec


class LoraTargets(StrEnum):
    """Which linear layers have an adapter."""

    ALL = "all"
    ATTENTION = "attention"
    MLP = "mlp"


Pattern = tuple[tuple[str, float], ...]
"""Values for single layers, each by the end of their path as peft matches it."""


def read_pattern(text: str) -> Pattern:
    """Return what a text such as `down_proj=32, layers.0.self_attn.q_proj=8` says.

    Args:
        text: Of a recipe, in the form that its field demands.
    """
    pairs = (one.partition("=") for one in text.split(",") if one.strip())
    return tuple((key.strip(), float(value)) for key, _sign, value in pairs)


def key_for(keys: Iterable[str], path: str) -> str | None:
    """Return the first key that matches a layer, or None, as peft's `get_pattern_key` does it.

    Args:
        keys: Ends of paths; each is a regular expression, as in peft.
        path: Of the layer.
    """
    return next((key for key in keys if re.match(rf"(.*\.)?({key})$", path)), None)


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
        rank_pattern: Ranks of single layers, in peft's terms; all others have `rank`.
        alpha_pattern: Alphas of single layers, likewise.
    """

    rank: int
    alpha: float
    dropout_ratio: float
    targets: tuple[str, ...]
    use_rslora: bool = False
    use_dora: bool = False
    rank_pattern: Pattern = ()
    alpha_pattern: Pattern = ()

    @property
    def scale(self) -> float:
        """Return the factor on B @ A of a layer that no pattern names."""
        return self.scale_of("")

    def rank_of(self, path: str) -> int:
        """Return the rank of the layer with a path."""
        return int(_value_of(self.rank_pattern, path, self.rank))

    def scale_of(self, path: str) -> float:
        """Return the factor on B @ A of the layer with a path."""
        rank = self.rank_of(path)
        alpha = _value_of(self.alpha_pattern, path, self.alpha)
        return alpha / (math.sqrt(rank) if self.use_rslora else rank)


def _value_of(pattern: Pattern, path: str, usual: float) -> float:
    values = dict(pattern)
    key = key_for(values, path)
    return usual if key is None else values[key]
