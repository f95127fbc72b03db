# SPDX-License-Identifier: Apache-2.0
"""Cross-entropy over supervised positions only, in chunks, so that no full logits tensor exists.

The head is frozen. Each chunk's gradient with respect to its hidden states is therefore computed at
once, while its logits are there, and nothing of the head has to be computed again in the backward
pass.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional

from engine.train.batches import Batch
from engine.train.model import LanguageModel

Head = Callable[[torch.Tensor], torch.Tensor]
"""Hidden states [n, hidden] to logits [n, vocabulary]."""

_CHUNK_BYTES = 192 << 20
_BYTES_PER_LOGIT = 12
"""16-bit logits, their 32-bit copy, its softmax, and the gradient in 16 bits."""


def chunk_rows(vocabulary: int) -> int:
    """Return how many positions go through the head together, so that a chunk stays small."""
    return max(64, min(4096, _CHUNK_BYTES // (_BYTES_PER_LOGIT * vocabulary)))


class _ChunkedLoss(torch.autograd.Function):
    """Summed cross-entropy; the gradient is made in the forward pass."""

    @staticmethod
    def forward(
        ctx: Any, hidden: torch.Tensor, targets: torch.Tensor, head: Head, rows: int
    ) -> torch.Tensor:
        """Return the sum, and keep its gradient where one is wanted."""
        is_training = ctx.needs_input_grad[0]
        exact = torch.promote_types(hidden.dtype, torch.float32)
        total = torch.zeros((), dtype=exact, device=hidden.device)
        gradient = torch.empty_like(hidden) if is_training else None
        for start in range(0, hidden.shape[0], rows):
            part = hidden[start : start + rows].detach().requires_grad_(is_training)
            with torch.set_grad_enabled(is_training):
                loss = functional.cross_entropy(
                    head(part).to(exact), targets[start : start + rows], reduction="sum"
                )
            total += loss.detach()
            if gradient is not None:
                (gradient[start : start + rows],) = torch.autograd.grad(loss, part)
        if gradient is not None:
            ctx.save_for_backward(gradient)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None, None, None]:
        """Scale the kept gradient."""
        (gradient,) = ctx.saved_tensors
        return gradient * gradients[0].to(gradient.dtype), None, None, None


def summed_loss(
    hidden: torch.Tensor, targets: torch.Tensor, head: Head, *, rows: int
) -> torch.Tensor:
    """Return the summed cross-entropy, nats, in at least 32 bits.

    Args:
        hidden: Hidden states of the supervised positions [n, hidden].
        targets: The token that each of them should predict [n].
        head: Frozen map to logits.
        rows: Positions per chunk; does not change the result beyond rounding.
    """
    return _ChunkedLoss.apply(hidden, targets, head, rows)


def batch_loss(model: LanguageModel, batch: Batch) -> torch.Tensor:
    """Return the summed loss over the supervised tokens of a batch, nats."""
    hidden = model.hidden(batch.ids, batch.positions, segments=batch.segments)
    supervised = hidden.index_select(0, batch.rows)
    rows = chunk_rows(model.net.config.vocab_size)
    return summed_loss(supervised, batch.targets, model.logits, rows=rows)
