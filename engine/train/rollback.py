# SPDX-License-Identifier: Apache-2.0
"""The way back of a run that diverged: to an anchor, or to its start; then a lower rate."""

from __future__ import annotations

from collections.abc import Mapping
from gettext import gettext as _

import torch
from msgspec.structs import replace

from engine.domain.checkpoint import CheckpointState, GuardState
from engine.domain.number_text import decimal_text
from engine.errors import CheckpointDamaged, TrainingDiverged
from engine.protocol.events import RolledBack, Warned
from engine.train import guards
from engine.train.adapter import saved_tensors
from engine.train.checkpoint import (
    Checkpoint,
    checkpoint_folders,
    checkpoint_name,
    drop_checkpoints,
    read_checkpoint,
)
from engine.train.setup import Run


class WayBack:
    """Where a run can go back to.

    The start is kept in memory until two anchors are on disk. It costs the numbers of A on the
    CPU: B and the optimizer's state begin as zeros, of which one is kept for each tensor.
    """

    def __init__(self, run: Run) -> None:
        """Keep the start; called before anything is restored."""
        self._run = run
        self._start: Checkpoint | None = None
        if run.recipe.divergence_guard:
            self._start = Checkpoint(
                state=_start_state(run),
                adapter=_copies(saved_tensors(run.model)),
                optimizer=_copies(run.stepper.optimizer.tensors()),
            )

    def is_anchor(self, step: int) -> bool:
        """Return whether the checkpoint of a step is one to go back to."""
        run = self._run
        return run.recipe.divergence_guard and step % guards.anchor_every(run.total_steps) == 0

    def forget_start(self, state: GuardState) -> None:
        """Give the memory of the start back once two anchors stand for it."""
        if len(state.anchors) > 1:
            self._start = None

    def go(
        self, state: GuardState, *, step: int, eval_before: float | None
    ) -> tuple[CheckpointState, RolledBack]:
        """Put weights and optimizer back, and remove the checkpoints of after that.

        Args:
            state: Of the guards, which found a divergence.
            step: The newest step.
            eval_before: Held-out loss before the first step, or None.

        Returns:
            Where the run stands then, and what to tell of it.

        Raises:
            TrainingDiverged: It went back as often as it may, or there is nothing to go back to.
        """
        run = self._run
        good = self._good(state)
        if good is not None:
            drop_checkpoints(run.folder.checkpoints, after=good.state.step)
        if good is None or state.rollbacks >= guards.ROLLBACK_LIMIT:
            raise TrainingDiverged(self._why(state, step))
        good.restore(run.model, run.stepper.optimizer)
        stand = good.state
        if not stand.step and eval_before is not None:
            stand = replace(
                stand,
                eval_before=eval_before,
                eval_last=eval_before,
                eval_best=eval_before,
                eval_best_step=0,
            )
        memory = guards.after_rollback(stand.guards, state, to_step=stand.step)
        stand = replace(stand, guards=memory)
        return stand, self._told(stand, step)

    def _good(self, state: GuardState) -> Checkpoint | None:
        """Return the newest anchor of before the divergence that verifies, else the start."""
        root = self._run.folder.checkpoints
        for one in reversed(guards.good_anchors(state)):
            try:
                return read_checkpoint(root / checkpoint_name(one.step))
            except CheckpointDamaged as error:
                self._run.context.emit(Warned(code=error.code, message=error.message))
        return self._start

    def _told(self, stand: CheckpointState, step: int) -> RolledBack:
        run = self._run
        return RolledBack(
            step=step,
            to_step=stand.step,
            count=stand.guards.rollbacks,
            rate_factor=stand.guards.rate_factor,
            tokens_seen=run.order.total(run.stepper.lengths, steps=stand.step),
            eval_last=stand.eval_last,
            eval_best=stand.eval_best,
            eval_best_step=stand.eval_best_step,
        )

    def _why(self, state: GuardState, step: int) -> str:
        found = checkpoint_folders(self._run.folder.checkpoints)
        safe = (
            _("The checkpoint {name} is from before that, and is safe.").format(name=found[-1].name)
            if found
            else _("No checkpoint is from before that.")
        )
        text = _(
            "The loss was far above the usual in {count} steps in a row, up to step {step}, also "
            "after going back {times} times with a lower learning rate. {safe} The base model and "
            "the dataset are as they were."
        )
        return text.format(count=len(state.odd), step=step, times=state.rollbacks, safe=safe)


def rolled_back_warning(told: RolledBack, *, peak: float) -> Warned:
    """Say that a run went back, why, and with what it goes on.

    Args:
        told: What happened.
        peak: Highest learning rate of the recipe.
    """
    place = _("step {step}").format(step=told.to_step) if told.to_step else _("the start")
    text = _(
        "The loss leapt up and stayed there until step {step}. The run went back to {place} and "
        "goes on with a lower learning rate, {rate} at most."
    )
    rate = decimal_text(peak * told.rate_factor)
    return Warned(code="rolled_back", message=text.format(step=told.step, place=place, rate=rate))


def _start_state(run: Run) -> CheckpointState:
    return CheckpointState(
        run_id=run.context.info.id,
        step=0,
        tokens_seen=0,
        eval_before=None,
        eval_last=None,
        eval_best=None,
        eval_best_step=None,
        recipe_sha256=run.recipe_sha256,
        data_sha256=run.data_sha256,
        weights_sha256=run.weights_sha256,
        placement=run.placement,
    )


def _copies(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return copies; of a tensor that holds one value throughout, only that value."""
    return {name: _copy(values) for name, values in tensors.items()}


def _copy(values: torch.Tensor) -> torch.Tensor:
    first = values.flatten()[:1]
    if values.numel() and bool((values == first).all()):
        return first.clone().expand(values.numel()).view(values.shape)
    return values.clone()
