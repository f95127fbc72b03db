# SPDX-License-Identifier: Apache-2.0
"""One optimizer step: all micro-steps of its examples, then one update or none."""

from __future__ import annotations

import math

import msgspec
import torch
from msgspec.structs import replace

from engine.chat.packing import Members
from engine.train.batches import Examples
from engine.train.microsteps import MicroStep, add_gradients, share_out
from engine.train.model import LanguageModel
from engine.train.optimizer import AdapterOptimizer
from engine.train.ranks import Ranks


class StepOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a step did.

    Attributes:
        loss: Mean nats per supervised token before the update; may be not finite.
        grad_norm: Length of the gradient before clipping; may be not finite.
        supervised_tokens: Tokens with loss.
        tokens: All tokens.
        is_finite: Whether the update was applied; a gradient that is no number never is.
    """

    loss: float
    grad_norm: float
    supervised_tokens: int
    tokens: int
    is_finite: bool


class Stepper(msgspec.Struct, frozen=True, kw_only=True):
    """What every step of a run has in common.

    Attributes:
        model: With an adapter, in training mode.
        optimizer: Over its adapter.
        examples: All examples of the run.
        lengths: Tokens of each example.
        supervised: Supervised tokens of each example.
        capacity: Tokens of a packed sequence.
        micro_batch_size: Packed sequences of a micro-step.
        max_grad_norm: Longer gradients are cut to this length.
        seed: Of the dropout.
        ranks: The processes that share each step; None where this one is alone.
    """

    model: LanguageModel
    optimizer: AdapterOptimizer
    examples: Examples
    lengths: Members
    supervised: Members
    capacity: int
    micro_batch_size: int
    max_grad_norm: float
    seed: int
    ranks: Ranks | None = None

    def run(self, step: int, members: Members, *, learning_rate: float) -> StepOutcome:
        """Do one step over the given examples."""
        outcome = self.gradients(step, members)
        self.apply(outcome, learning_rate=learning_rate)
        return outcome

    def gradients(self, step: int, members: Members) -> StepOutcome:
        """Leave the clipped gradients of a step with the parameters; nothing is changed by them.

        The loss of each micro-step is a sum, divided by the supervised tokens of the whole step,
        so that the gradient does not depend on how the examples are split. Without any such token
        there is nothing to divide by and nothing to learn: the update is left out.
        """
        tokens = int(self.lengths[members].sum())
        supervised = int(self.supervised[members].sum())
        if not supervised:
            return StepOutcome(
                loss=math.nan,
                grad_norm=math.nan,
                supervised_tokens=0,
                tokens=tokens,
                is_finite=False,
            )
        loss = self.accumulate(step, members) / supervised
        norm = self.optimizer.clip(self.max_grad_norm)
        mean, length = torch.stack([loss.float(), norm.float()]).tolist()
        return StepOutcome(
            loss=mean,
            grad_norm=length,
            supervised_tokens=supervised,
            tokens=tokens,
            is_finite=math.isfinite(mean) and math.isfinite(length),
        )

    def apply(self, outcome: StepOutcome, *, learning_rate: float) -> None:
        """Apply the gradients of a step, or drop them where they are no numbers.

        A call that failed on the way may be made again (see `AdapterOptimizer.step`).
        """
        if outcome.is_finite:
            self.optimizer.step(learning_rate)
        self.optimizer.clear()

    def groups(self, members: Members) -> list[Members]:
        """Return the examples of each micro-step, of all processes."""
        return [group for share in self._shares(members) for _number, group in share]

    def _shares(self, members: Members) -> list[list[MicroStep]]:
        adapter = self.model.adapter
        return share_out(
            members,
            self.lengths,
            processes=self.ranks.count if self.ranks else 1,
            capacity=self.capacity,
            micro_batch_size=self.micro_batch_size,
            keeps_micro_steps=adapter is not None and adapter.dropout_ratio > 0,
        )

    def with_tokens_at_once(self, tokens: int) -> Stepper:
        """Return the same with at most so many tokens, or one example, in a micro-step.

        Args:
            tokens: 0 leaves it as it is. With dropout, other micro-steps draw other numbers.
        """
        return replace(self, capacity=tokens, micro_batch_size=1) if tokens else self

    def accumulate(self, step: int, members: Members) -> torch.Tensor:
        """Add the gradients of the step's mean loss; return the summed loss, nats."""
        shares = self._shares(members)
        of_step = {
            "supervised": int(self.supervised[members].sum()),
            "step": step,
            "seed": self.seed,
        }
        if self.ranks is not None:
            return self.ranks.add_gradients(self.examples, shares, **of_step)
        return add_gradients(self.model, self.examples, shares[0], **of_step)
