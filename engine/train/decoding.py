# SPDX-License-Identifier: Apache-2.0
"""Greedy answers, token by token, with the keys and values of earlier tokens kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
import torch

from engine.train.model import LanguageModel


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What the model said.

    Attributes:
        ids: Its tokens, without the one that ended it.
        ended: It ended by itself, not at the limit.
        is_finite: All logits on the way were numbers.
    """

    ids: list[int]
    ended: bool
    is_finite: bool


def answer_greedily(
    model: LanguageModel,
    prompt: Sequence[int],
    *,
    end_ids: frozenset[int],
    limit: int,
    should_stop: Callable[[], bool] = lambda: False,
) -> Answer:
    """Continue a prompt by the most likely token until an end token or the limit.

    Args:
        model: With or without an adapter; it is switched to evaluation and back.
        prompt: Token ids, at least one.
        end_ids: Tokens that end the answer.
        limit: At most this many tokens.
        should_stop: Asked before each token.
    """
    from transformers import DynamicCache

    was_training = model.net.training
    model.net.eval()
    cache = DynamicCache(config=model.net.config)
    ids: list[int] = []
    known, ended, is_finite = list(prompt), False, True
    first = 0
    try:
        with torch.no_grad(), model.steady_adapter():
            while len(ids) < limit and not should_stop():
                logits = _next_logits(model, known[first:], first, cache)
                token = int(logits.argmax())
                is_finite = is_finite and bool(torch.isfinite(logits).all())
                if token in end_ids:
                    ended = True
                    break
                first = len(known)
                known.append(token)
                ids.append(token)
    finally:
        # A run in which memory ran out for an answer goes on, and must go on in training.
        model.net.train(was_training)
    return Answer(ids=ids, ended=ended, is_finite=is_finite)


def _next_logits(
    model: LanguageModel, fresh: Sequence[int], start: int, cache: object
) -> torch.Tensor:
    """Return the logits [vocabulary] behind the last of the fresh tokens."""
    ids = torch.tensor([fresh], dtype=torch.long, device=model.device)
    positions = torch.arange(start, start + len(fresh), device=model.device)[None]
    hidden = model.hidden(ids, positions, cache=cache)
    return model.logits(hidden[-1:])[0]
