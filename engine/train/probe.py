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

    One short pass where the answer is exact, three more where it is not, and one of the output
    layer alone.

    Raises:
        ArchitectureUnsupported: They do, or the logits are computed in another way.
    """
    with torch.no_grad():
        out = _poisoned(model)
        if not _is_apart(out.last_hidden_state[0]):
            _check_segments(model)
        _check_head(model, out)


def _poisoned(model: LanguageModel) -> Any:
    """Return what the body says of four examples in one row, the second of which is no number.

    The first and the last differ in their last token alone.
    """
    ids, changed = _two_examples(model)
    found: list[Any] = []

    def poison(_module: nn.Module, _arguments: Any, embedded: torch.Tensor) -> torch.Tensor:
        """Let the second example be no number, so that whatever sees it is none either."""
        embedded = embedded.clone()
        embedded[0, _TOKENS : 2 * _TOKENS] = torch.nan
        return embedded

    def keep(_module: nn.Module, _arguments: Any, out: Any) -> None:
        """Keep what the body returns."""
        found.append(out)

    hooks = [
        model.net.get_input_embeddings().register_forward_hook(poison),
        model.net.base_model.register_forward_hook(keep),
    ]
    try:
        _hidden(model, torch.cat([ids[:, :_TOKENS], ids, changed[:, :_TOKENS]], dim=1))
    finally:
        for one in hooks:
            one.remove()
    return found[0]


def _is_apart(hidden: torch.Tensor) -> bool:
    """Return whether no example saw the one that is no number, and no token the last one.

    Where examples are apart, equal ones that begin alike show that no token looks ahead.
    """
    first, poisoned, other, last = hidden.split(_TOKENS)
    is_finite = all(bool(torch.isfinite(one).all()) for one in (first, other, last))
    is_poisoned = not bool(torch.isfinite(poisoned).any())
    return is_finite and is_poisoned and torch.equal(first[:-1], last[:-1])


def _two_examples(model: LanguageModel) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the tokens of two examples, and the same with the last one of the first changed."""
    ids = _spread(model, 2 * _TOKENS)
    changed = ids.clone()
    changed[0, _TOKENS - 1] = (ids[0, _TOKENS - 1] + 1) % model.net.config.vocab_size
    return ids, changed


def _check_segments(model: LanguageModel) -> None:
    ids, changed = _two_examples(model)
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


def _check_head(model: LanguageModel, out: Any) -> None:
    """Compare our logits with those of the library, for the very same hidden states.

    The library's model is run with a body that returns what its own body said just before.
    """

    def answered(*_arguments: Any, **_options: Any) -> Any:
        """Stand for the body."""
        return out

    base = model.net.base_model
    # OPT's whole model asks the decoder inside its body.
    bodies = [base, *(module for name, module in base.named_children() if name == "decoder")]
    for one in bodies:
        vars(one)["forward"] = answered
    try:
        found = model.net(input_ids=_two_examples(model)[0], use_cache=False).logits[0]
    finally:
        for one in bodies:
            del vars(one)["forward"]
    ours = model.logits(out.last_hidden_state[0])
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
    """Return hidden states [T, hidden] of examples of so many tokens, side by side."""
    count = ids.shape[1]
    positions = torch.arange(count, device=model.device)[None] % _TOKENS
    edges = tuple(range(0, count + 1, _TOKENS))
    return model.hidden(ids, positions, segments=Segments(edges))


def _distance(one: torch.Tensor, other: torch.Tensor) -> float:
    return float((one.float().nan_to_num() - other.float().nan_to_num()).abs().max())
