# SPDX-License-Identifier: Apache-2.0
"""Which linear layers have an adapter, and by which names peft finds the same ones again."""

from __future__ import annotations

from collections.abc import Iterable, Set

from engine.domain.adapter import LoraTargets

_ATTENTION = ("attn", "attention")


def is_in_part(path: str, part: LoraTargets) -> bool:
    """Return whether a decoder linear belongs to a part of the layers.

    All decoders of transformers name the module around their attention linears `self_attn`, `attn`,
    `attention` or `self_attention`; every other linear of a layer is of its MLP.

    Args:
        path: Of the linear in the model, e.g. `model.layers.0.self_attn.q_proj`.
        part: The part asked for.
    """
    if part is LoraTargets.ALL:
        return True
    around = path.lower().split(".")[:-1]
    is_attention = any(word in one for one in around for word in _ATTENTION)
    return is_attention == (part is LoraTargets.ATTENTION)


def ends_in(path: str, ends: Iterable[str]) -> bool:
    """Return whether a linear is one of those that ends of paths name, as peft matches them."""
    return any(path == end or path.endswith(f".{end}") for end in ends)


def target_names(adapted: Iterable[str], others: Set[str]) -> tuple[str, ...]:
    """Return the shortest ends of paths that hit all adapted linears and none of the others.

    peft adapts what ends in a dot and a name of `target_modules`.

    Args:
        adapted: Paths of the linears with an adapter.
        others: Paths of those without.
    """
    return tuple(sorted({_shortest_end(path, others) for path in adapted}))


def _shortest_end(path: str, others: Set[str]) -> str:
    words = path.split(".")
    ends = (".".join(words[first:]) for first in range(len(words) - 1, 0, -1))
    return next((end for end in ends if not any(one.endswith(f".{end}") for one in others)), path)
