# SPDX-License-Identifier: Apache-2.0
"""What a checkpoint is: everything that a run needs to go on bit for bit."""

from __future__ import annotations

import msgspec


class Anchor(msgspec.Struct, frozen=True, kw_only=True):
    """A checkpoint at a fixed step that a run may go back to.

    Attributes:
        step: Its step; a function of the length of the run alone.
        best_step: Step of the lowest held-out loss up to then, or None; it is kept as well.
    """

    step: int
    best_step: int | None


class OddStep(msgspec.Struct, frozen=True, kw_only=True):
    """A step whose loss or gradient was far above the usual."""

    step: int
    loss: float
    grad_norm: float


class Interval(msgspec.Struct, frozen=True, kw_only=True):
    """What a held-out check found, and the training since the check before.

    Attributes:
        held_out: Held-out loss, nats per supervised token.
        training: Mean of the training losses of the steps since the check before, or None.
    """

    held_out: float
    training: float | None


class GuardState(msgspec.Struct, frozen=True, kw_only=True):
    """What the guards of a run remember, see `engine.train.guards`.

    Attributes:
        rate_factor: What the learning rate of the recipe is multiplied with.
        rollbacks: How often the run went back.
        losses: Finite training losses of the newest steps before `odd`, nats.
        norms: Their gradient norms.
        odd: Steps in a row, up to the newest, that were far above these.
        non_finite: Steps in a row, up to the newest, whose update was left out.
        since_check: Sum of the finite training losses since the last held-out check.
        since_check_steps: Their number.
        intervals: The newest held-out checks after the first step.
        stale_checks: Held-out checks in a row, up to the newest, without a new best.
        is_overfitting_told: The notice was given.
        anchors: Checkpoints that the run may go back to, oldest first.
    """

    rate_factor: float = 1.0
    rollbacks: int = 0
    losses: tuple[float, ...] = ()
    norms: tuple[float, ...] = ()
    odd: tuple[OddStep, ...] = ()
    non_finite: int = 0
    since_check: float = 0.0
    since_check_steps: int = 0
    intervals: tuple[Interval, ...] = ()
    stale_checks: int = 0
    is_overfitting_told: bool = False
    anchors: tuple[Anchor, ...] = ()


class MemoryRelief(msgspec.Struct, frozen=True, kw_only=True):
    """What a run gave up because memory ran out, see `engine.train.ladder`.

    Attributes:
        recomputes_all: Every layer is computed again, whatever the recipe says.
        rounds_optimizer: The optimizer's moments were rounded to 8 bits.
        offloads: Layer inputs wait in main memory.
        tokens_at_once: Most tokens of a micro-step, longer examples alone; 0 as the recipe says.
        check_tokens: The same for held-out checks.
    """

    recomputes_all: bool = False
    rounds_optimizer: bool = False
    offloads: bool = False
    tokens_at_once: int = 0
    check_tokens: int = 0


class CheckpointState(msgspec.Struct, frozen=True, kw_only=True):
    """state.json of a checkpoint. Tensors stand beside it in safetensors files.

    Random numbers are a pure function of (seed, step, micro-step) and the order of rows of
    (seed, epoch), so that no generator state has to be kept.

    Attributes:
        schema_version: Version of this document.
        run_id: The run it belongs to.
        step: Optimizer steps done.
        tokens_seen: Supervised tokens trained so far.
        eval_before: Held-out loss before the first step, or None.
        eval_last: Newest held-out loss, or None.
        eval_best: Lowest held-out loss, or None.
        eval_best_step: Step of the lowest held-out loss, or None.
        recipe_sha256: Hash of recipe.json; a resumed run must have the same.
        data_sha256: Hash of the tokenised examples; a resumed run must have the same.
        guards: What the guards remember.
        relief: What was given up because memory ran out.
        weights_sha256: Hash of pieces of the base model's weights; empty in older checkpoints.
        placement: Device and number format, in words of the recipe; empty in older checkpoints.
        is_check_due: The held-out check behind this step was broken off, and is still to be done.
    """

    schema_version: int = 1
    run_id: str
    step: int
    tokens_seen: int
    eval_before: float | None
    eval_last: float | None
    eval_best: float | None
    eval_best_step: int | None
    recipe_sha256: str
    data_sha256: str
    guards: GuardState = GuardState()
    relief: MemoryRelief = MemoryRelief()
    weights_sha256: str = ""
    placement: str = ""
    is_check_due: bool = False
