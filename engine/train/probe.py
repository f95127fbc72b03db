# SPDX-License-Identifier: Apache-2.0
"""Asks a loaded model whether it does what the trainer relies on, before anything is trained.

A family whose code does not hand the segments down would still train, on examples that see each
other. Reading its code once is no proof for another version of the library, so the model itself is
asked: a token is changed, and the hidden states that it must not reach have to stay as they are.
"""

from __future__ import annotations

from gettext import gettext as _
from typing import Any

import torch
from torch import nn

from engine.errors import ArchitectureUnsupported
from engine.train.attention import Segments
from engine.train.model import LanguageModel

_TOKENS = 4
"""Of each of two examples."""

_NOISE_FACTOR = 4.0
"""A device that does not repeat itself to the bit may differ by this many times its own noise."""

_HEAD_RATIO = 2.0**-5
"""Of the largest logit; a scale or a cap that was left out shows far above 16-bit rounding."""


def check_trainable(model: LanguageModel) -> None:
    """Check that examples side by side do not see each other, nor tokens the later ones.

    Three short passes, and one for the output layer.

    Raises:
        ArchitectureUnsupported: They do, or the logits are computed in another way.
    """
    with torch.no_grad():
        _check_segments(model)
        _check_head(model)


def _check_segments(model: LanguageModel) -> None:
    ids = _spread(model, 2 * _TOKENS)
    changed = ids.clone()
    changed[0, _TOKENS - 1] = (ids[0, _TOKENS - 1] + 1) % model.net.config.vocab_size
    first, again, other = (_hidden(model, one) for one in (ids, ids, changed))
    noise = _NOISE_FACTOR * _distance(first, again)
    if _distance(first[: _TOKENS - 1], other[: _TOKENS - 1]) > noise:
        raise ArchitectureUnsupported(
            _("This model looks at later tokens as well as earlier ones, so it cannot be trained.")
        )
    if _distance(first[_TOKENS:], other[_TOKENS:]) > noise:
        raise ArchitectureUnsupported(
            _(
                "Examples that are packed side by side see each other in this model, so it cannot "
                "be trained."
            )
        )


def _check_head(model: LanguageModel) -> None:
    """Compare our logits with those of the library, for the very same hidden states."""
    seen: list[torch.Tensor] = []

    def keep(_module: nn.Module, arguments: tuple[Any, ...]) -> None:
        """Keep what the output layer is given."""
        seen.append(arguments[0])

    hook = model.head.register_forward_pre_hook(keep)
    try:
        found = model.net(input_ids=_spread(model, _TOKENS), use_cache=False).logits[0]
    finally:
        hook.remove()
    ours = model.logits(seen[0][0])
    largest = float(found.float().nan_to_num().abs().max())
    if _distance(ours, found) > _HEAD_RATIO * largest:
        raise ArchitectureUnsupported(
            _("The output layer of this model computes something that the trainer does not.")
        )


def _spread(model: LanguageModel, count: int) -> torch.Tensor:
    """Return different tokens [1, count] from the whole vocabulary."""
    return torch.linspace(0, model.net.config.vocab_size - 2, count, device=model.device).long()[
        None
    ]


def _hidden(model: LanguageModel, ids: torch.Tensor) -> torch.Tensor:
    positions = torch.arange(2 * _TOKENS, device=model.device)[None] % _TOKENS
    return model.hidden(ids, positions, segments=Segments((0, _TOKENS, 2 * _TOKENS)))


def _distance(one: torch.Tensor, other: torch.Tensor) -> float:
    return float((one.float().nan_to_num() - other.float().nan_to_num()).abs().max())
