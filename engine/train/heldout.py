# SPDX-License-Identifier: Apache-2.0
"""The held-out loss: how well the model answers rows that it is not trained on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec
import numpy as np
import torch

from engine.chat.packing import Members
from engine.train.batches import Examples, make_batch
from engine.train.grouping import rows_together
from engine.train.loss import batch_loss
from engine.train.model import LanguageModel


class HeldOutLoss(msgspec.Struct, frozen=True, kw_only=True):
    """Mean loss over held-out rows.

    Attributes:
        loss: Nats per supervised token.
        supervised_tokens: Tokens with loss.
        examples: Rows.
    """

    loss: float
    supervised_tokens: int
    examples: int


class HeldOutSum(msgspec.Struct, frozen=True, kw_only=True):
    """Summed loss over some held-out rows.

    Attributes:
        loss: Nats.
        supervised_tokens: Tokens with loss.
    """

    loss: float
    supervised_tokens: int


class Sharers(Protocol):
    """Several processes that sum the loss together."""

    def held_out(
        self, examples: Examples, bins: Sequence[Members], should_stop: Callable[[], bool]
    ) -> HeldOutSum | None:
        """Return the summed loss, or None where it was asked to stop."""
        ...


def held_out_loss(
    model: LanguageModel,
    examples: Examples,
    *,
    capacity: int,
    should_stop: Callable[[], bool] = lambda: False,
    sharers: Sharers | None = None,
) -> HeldOutLoss | None:
    """Return the mean loss over all supervised tokens, or None where it was asked to stop.

    Args:
        model: It is switched to evaluation and back.
        examples: Held-out examples, at least one.
        capacity: Tokens that go through the model together; longer examples go alone.
        should_stop: Asked before each packed row.
        sharers: The processes that share the work; None where this one is alone.
    """
    bins = rows_together(np.arange(len(examples)), examples.lengths, capacity=capacity)
    found = (
        sum_held_out(model, examples, bins, should_stop)
        if sharers is None
        else sharers.held_out(examples, bins, should_stop)
    )
    if found is None:
        return None
    tokens = found.supervised_tokens
    return HeldOutLoss(loss=found.loss / tokens, supervised_tokens=tokens, examples=len(examples))


def sum_held_out(
    model: LanguageModel,
    examples: Examples,
    bins: Sequence[Members],
    should_stop: Callable[[], bool] = lambda: False,
) -> HeldOutSum | None:
    """Return the summed loss over all supervised tokens, or None where it was asked to stop.

    Args:
        model: It is switched to evaluation and back.
        examples: Held-out examples.
        bins: Those that go through the model together.
        should_stop: Asked before each packed row.
    """
    was_training = model.net.training
    model.net.eval()
    total = torch.zeros((), dtype=torch.float64)
    tokens = 0
    try:
        with torch.no_grad(), model.steady_adapter():
            for members in bins:
                if should_stop():
                    return None
                batch = make_batch(
                    examples, members, model.device, is_evened=model.wants_even_lengths
                )
                total += batch_loss(model, batch).to("cpu", torch.float64)
                tokens += batch.targets.shape[0]
    finally:
        model.net.train(was_training)
    return HeldOutSum(loss=float(total), supervised_tokens=tokens)
