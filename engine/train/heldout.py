# SPDX-License-Identifier: Apache-2.0
"""The held-out loss: how well the model answers rows that it is not trained on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from engine.train.batches import Examples, make_batch
from engine.train.grouping import rows_together
from engine.train.loss import batch_loss
from engine.train.model import LanguageModel


@dataclass(frozen=True, kw_only=True)
class HeldOutLoss:
    """Mean loss over held-out rows.

    Attributes:
        loss: Nats per supervised token.
        supervised_tokens: Tokens with loss.
        examples: Rows.
    """

    loss: float
    supervised_tokens: int
    examples: int


def held_out_loss(
    model: LanguageModel,
    examples: Examples,
    *,
    capacity: int,
    should_stop: Callable[[], bool] = lambda: False,
) -> HeldOutLoss | None:
    """Return the mean loss over all supervised tokens, or None where it was asked to stop.

    Args:
        model: It is switched to evaluation and back.
        examples: Held-out examples, at least one.
        capacity: Tokens that go through the model together; longer examples go alone.
        should_stop: Asked before each packed row.
    """
    was_training = model.net.training
    model.net.eval()
    total = torch.zeros((), dtype=torch.float64)
    tokens = 0
    bins = rows_together(np.arange(len(examples)), examples.lengths, capacity=capacity)
    try:
        with torch.no_grad(), model.steady_adapter():
            for members in bins:
                if should_stop():
                    return None
                batch = make_batch(examples, members, model.device)
                total += batch_loss(model, batch).to("cpu", torch.float64)
                tokens += batch.targets.shape[0]
    finally:
        model.net.train(was_training)
    return HeldOutLoss(loss=float(total) / tokens, supervised_tokens=tokens, examples=len(examples))
