# SPDX-License-Identifier: Apache-2.0
"""A training run from its first event to its last, in the order in which things happen."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable
from gettext import gettext as _
from statistics import fmean

import msgspec
from msgspec.structs import replace

from engine.domain.checkpoint import CheckpointState, GuardState
from engine.domain.recipe import Recipe
from engine.errors import AdapterUnusable, Cancelled, CheckpointDamaged, LossNotFiniteError
from engine.protocol.events import (
    CheckpointCommitted,
    EvalDone,
    Finished,
    LossNotFinite,
    Paused,
    PhaseChanged,
    SampleMade,
    StepDone,
    Stopped,
    Warned,
)
from engine.protocol.job import JobContext
from engine.store import atomicfs
from engine.store.documents import read_document
from engine.store.layout import JobFolder
from engine.train import endings, guards
from engine.train.adapter import put_tensors
from engine.train.checkpoint import (
    check_same_run,
    checkpoint_name,
    moved_warning,
    newest_checkpoint,
    not_removed_warning,
    prune_checkpoints,
    read_checkpoint,
    write_checkpoint,
)
from engine.train.deliver import deliver_adapter
from engine.train.device import (
    choose_placement,
    naming_memory_errors,
    peak_memory_bytes,
    repeatable,
)
from engine.train.heldout import HeldOutLoss
from engine.train.ladder import Ladder
from engine.train.measuring import remember_speed
from engine.train.rollback import WayBack, rolled_back_warning
from engine.train.schedule import learning_rate
from engine.train.setup import Run, prepare_run
from engine.train.stepping import StepOutcome

_RECENT_STEPS = 20

Clock = Callable[[], float]
"""Seconds that only grow."""


def train_adapter(context: JobContext, *, quantised: bool, clock: Clock = time.monotonic) -> None:
    """Train, or go on training, a run; the last event is `Finished`, `Stopped` or `Paused`.

    Args:
        context: The surroundings of the job.
        quantised: Hold the base model in 4 bits.
        clock: For durations; the result does not depend on it.

    Raises:
        EngineError: Anything that ends the run early; checkpoints up to then are safe.
    """
    recipe = read_document(JobFolder(context.folder).recipe, Recipe)
    placement = choose_placement(recipe.device, recipe.dtype)
    with naming_memory_errors(placement.device), repeatable(placement.device):
        try:
            run = prepare_run(context, recipe, placement, quantised=quantised)
            training = _Training(run, clock)
            training.begin()
        except Cancelled:
            context.emit(endings.ended_early(context))
            return
        training.go_on()
        if run.stepper.ranks is not None:
            run.stepper.ranks.leave()


class _Progress(msgspec.Struct):
    """What changes while a run goes on."""

    step: int = 0
    tokens_seen: int = 0
    supervised_seen: int = 0
    eval_before: float | None = None
    eval_last: float | None = None
    eval_best: float | None = None
    eval_best_step: int | None = None
    guards: GuardState = msgspec.field(default_factory=GuardState)
    saved_step: int = 0
    saved_at: float = 0.0
    is_save_due: bool = False
    is_check_due: bool = False
    is_refusal_told: bool = False
    step_times: deque[float] = msgspec.field(default_factory=lambda: deque(maxlen=_RECENT_STEPS))
    eval_s: float = 0.0


class _Training:
    """The part of a run in which something changes."""

    def __init__(self, run: Run, clock: Clock) -> None:
        self._run = run
        self._recipe = run.recipe
        self._emit = run.context.emit
        self._clock = clock
        self._now = _Progress()
        self._way_back = WayBack(run)
        self._ladder = Ladder(run)

    # --- beginning -----------------------------------------------------------------------------

    def begin(self) -> None:
        """Restore the newest checkpoint, or check the held-out rows before the first step.

        Raises:
            RunNotResumable: The recipe or the rows are not those that the run began with.
            Cancelled: A stop was asked for.
        """
        atomicfs.make_folder(self._run.folder.checkpoints)
        atomicfs.sweep(self._run.folder.checkpoints)
        # Half an adapter, of a worker that was killed; files there have other writers too.
        atomicfs.sweep(self._run.folder.root, before_s=0)
        self._restore()
        now = self._now
        is_due_again = now.is_check_due
        if is_due_again or (now.step == 0 and len(self._run.held_out)):
            self._emit(PhaseChanged(phase="checking_before"))
            self._check()
        self._run.model.net.train()
        now.saved_at = self._clock()
        if is_due_again:
            # Written again, with what the check found.
            now.saved_step = 0
            self._save()

    def _restore(self) -> None:
        run, now = self._run, self._now
        found = newest_checkpoint(run.folder.checkpoints, self._emit)
        if found is None:
            return
        state = found.state
        check_same_run(
            state,
            recipe_sha256=run.recipe_sha256,
            data_sha256=run.data_sha256,
            weights_sha256=run.weights_sha256,
        )
        if warning := moved_warning(state, placement=run.placement):
            self._emit(warning)
        self._ladder.take_up(state.relief)
        found.restore(run.model, run.stepper.optimizer)
        self._stand_at(state)
        now.saved_step = state.step
        now.is_check_due = state.is_check_due

    def _stand_at(self, state: CheckpointState) -> None:
        run, now = self._run, self._now
        now.step, now.guards = state.step, state.guards
        now.tokens_seen = run.order.total(run.stepper.lengths, steps=state.step)
        now.supervised_seen = state.tokens_seen
        now.eval_before, now.eval_last = state.eval_before, state.eval_last
        now.eval_best, now.eval_best_step = state.eval_best, state.eval_best_step

    # --- stepping ------------------------------------------------------------------------------

    def go_on(self) -> None:
        """Step to the end or to a stop, and deliver what there is."""
        self._emit(PhaseChanged(phase="training"))
        while not self._is_over():
            self._step()
            if guards.has_diverged(self._now.guards):
                self._go_back()
            elif self._eval_is_due():
                self._check()
            is_open = not self._is_over() or self._now.is_check_due
            if is_open and self._run.context.stop_requested():
                self._stop()
                return
            if self._checkpoint_is_due():
                self._save()
        self._finish()

    def _is_over(self) -> bool:
        return self._now.step == self._run.total_steps or self._has_ended_early()

    def _has_ended_early(self) -> bool:
        patience = self._recipe.early_stopping_patience
        is_out = guards.is_out_of_patience(self._now.guards, patience=patience)
        return is_out and self._now.step < self._run.total_steps

    def _step(self) -> None:
        run, now = self._run, self._now
        step, started = now.step + 1, self._clock()
        rate = learning_rate(
            step,
            total_steps=run.total_steps,
            peak=self._recipe.learning_rate,
            schedule=self._recipe.schedule,
            warmup_ratio=self._recipe.warmup_ratio,
            min_ratio=self._recipe.min_learning_rate_ratio,
        )
        rate *= now.guards.rate_factor
        relief = self._ladder.relief
        outcome = self._ladder.step(step, run.order.members(step), learning_rate=rate)
        seconds = self._clock() - started
        now.step = step
        # Kept at once, so that a crash does not run into the same wall again.
        now.is_save_due = now.is_save_due or self._ladder.relief != relief
        now.tokens_seen += outcome.tokens
        now.supervised_seen += outcome.supervised_tokens
        now.step_times.append(seconds)
        self._emit(self._step_done(outcome, rate, seconds))
        self._guard(outcome)

    def _step_done(self, outcome: StepOutcome, rate: float, seconds: float) -> StepDone:
        run, now = self._run, self._now
        return StepDone(
            step=now.step,
            total_steps=run.total_steps,
            epoch=now.step / run.order.steps_per_epoch,
            loss=outcome.loss if outcome.is_finite else None,
            learning_rate=rate,
            grad_norm=outcome.grad_norm if outcome.is_finite else None,
            supervised_tokens=outcome.supervised_tokens,
            tokens=outcome.tokens,
            tokens_seen=now.tokens_seen,
            tokens_per_s=outcome.tokens / max(seconds, 1e-9),
            memory_bytes=max(map(peak_memory_bytes, run.model.devices)),
            step_s=seconds,
            eta_s=self._eta_s(),
        )

    def _eta_s(self) -> float:
        now, every = self._now, self._recipe.eval_every_steps
        steps = self._run.total_steps - now.step
        checks = steps // every if every else min(steps, 1)
        return steps * fmean(now.step_times) + checks * now.eval_s

    def _guard(self, outcome: StepOutcome) -> None:
        """Take note of a step; the third in a row whose update was left out ends the run.

        Raises:
            LossNotFiniteError: Three in a row.
        """
        now = self._now
        if not outcome.supervised_tokens:
            text = _("Step {step} has no token to learn, so it changed nothing.")
            self._emit(Warned(code="step_without_tokens", message=text.format(step=now.step)))
        elif outcome.is_finite:
            now.guards = guards.after_step(
                now.guards,
                step=now.step,
                loss=outcome.loss,
                grad_norm=outcome.grad_norm,
                max_grad_norm=self._recipe.max_grad_norm,
                is_watching=self._recipe.divergence_guard,
            )
        else:
            now.guards = guards.after_skip(now.guards)
            self._note_skip(now.guards.non_finite)

    def _note_skip(self, count: int) -> None:
        step = self._now.step
        self._emit(LossNotFinite(step=step, consecutive=count))
        if count >= guards.NON_FINITE_LIMIT:
            raise LossNotFiniteError(
                _(
                    "Loss or gradient was not a number in {count} steps in a row, up to step "
                    "{step}. None of these updates was applied."
                ).format(count=count, step=step)
            )

    def _go_back(self) -> None:
        """Go back to where the run was sound, and on from there with a lower learning rate.

        Raises:
            TrainingDiverged: It went back as often as it may.
        """
        now = self._now
        state, told = self._way_back.go(now.guards, step=now.step, eval_before=now.eval_before)
        self._stand_at(state)
        self._emit(told)
        self._emit(rolled_back_warning(told, peak=self._recipe.learning_rate))
        now.step_times.clear()
        now.saved_step = now.step
        if now.step:
            # Written again, so that a crash does not go on with the old learning rate.
            self._commit()

    # --- checking ------------------------------------------------------------------------------

    def _eval_is_due(self) -> bool:
        if not len(self._run.held_out):
            return False
        every, step = self._recipe.eval_every_steps, self._now.step
        return step == self._run.total_steps or (every > 0 and step % every == 0)

    def _check(self) -> None:
        """Find the held-out loss, or note that it is still to be found where a stop is asked for.

        Raises:
            Cancelled: The stop came before the first step of this attempt.
        """
        started = self._clock()
        found = self._ladder.held_out(self._run.context.stop_requested)
        if found is None:
            if not self._now.step or self._now.is_check_due:
                raise Cancelled(_("The work was stopped before its first step."))
            self._now.is_check_due = True
            return
        self._now.is_check_due = False
        self._now.eval_s = self._clock() - started
        best = self._now.eval_best
        if math.isfinite(found.loss):
            self._note_eval(found)
        else:
            text = _("The held-out loss after step {step} is not a number, so it is left out.")
            self._emit(Warned(code="eval_not_finite", message=text.format(step=self._now.step)))
        if self._now.step and found.examples:
            self._guard_check(found.loss, best)
        for sample, answer in self._ladder.answers():
            self._emit(
                SampleMade(
                    step=self._now.step,
                    prompt=sample.prompt,
                    answer=answer,
                    expected=sample.expected,
                )
            )

    def _guard_check(self, loss: float, best: float | None) -> None:
        now, threshold = self._now, self._recipe.early_stopping_threshold
        now.guards = guards.after_check(now.guards, loss=loss, best=best, threshold=threshold)
        if guards.is_overfitting(now.guards):
            # Kept at once, so that a crash does not tell it again.
            now.guards, now.is_save_due = replace(now.guards, is_overfitting_told=True), True
            self._emit(endings.overfitting_warning(now.step, now.eval_best_step))

    def _note_eval(self, found: HeldOutLoss) -> None:
        now = self._now
        is_best = now.eval_best is None or found.loss < now.eval_best
        now.eval_last = found.loss
        if now.step == 0:
            now.eval_before = found.loss
        if is_best:
            now.eval_best, now.eval_best_step = found.loss, now.step
        self._emit(
            EvalDone(
                step=now.step,
                loss=found.loss,
                supervised_tokens=found.supervised_tokens,
                examples=found.examples,
                is_best=is_best,
                eval_s=now.eval_s,
            )
        )

    # --- saving --------------------------------------------------------------------------------

    def _checkpoint_is_due(self) -> bool:
        now, recipe = self._now, self._recipe
        every, seconds = recipe.checkpoint_every_steps, recipe.checkpoint_every_s
        return (
            self._is_over()
            or now.is_save_due
            or now.step == now.eval_best_step
            or self._way_back.is_anchor(now.step)
            or (every > 0 and now.step % every == 0)
            or (seconds > 0 and self._clock() - now.saved_at >= seconds)
        )

    def _save(self) -> None:
        now = self._now
        if now.step == now.saved_step:
            return
        if self._way_back.is_anchor(now.step) and not now.is_check_due:
            now.guards = guards.with_anchor(now.guards, step=now.step, best_step=now.eval_best_step)
            self._way_back.forget_start(now.guards)
        self._commit()

    def _commit(self) -> None:
        run, now = self._run, self._now
        state = CheckpointState(
            run_id=run.context.info.id,
            step=now.step,
            tokens_seen=now.supervised_seen,
            eval_before=now.eval_before,
            eval_last=now.eval_last,
            eval_best=now.eval_best,
            eval_best_step=now.eval_best_step,
            recipe_sha256=run.recipe_sha256,
            data_sha256=run.data_sha256,
            guards=now.guards,
            relief=self._ladder.relief,
            weights_sha256=run.weights_sha256,
            placement=run.placement,
            is_check_due=now.is_check_due,
        )
        root = run.folder.checkpoints
        target = write_checkpoint(root, state, run.model, run.stepper.optimizer)
        now.saved_step, now.saved_at, now.is_save_due = now.step, self._clock(), False
        files = atomicfs.read_manifest(target).files.values()
        self._emit(
            CheckpointCommitted(
                step=now.step,
                name=target.name,
                size_bytes=sum(one.size_bytes for one in files),
                is_best=now.eval_best_step == now.step,
            )
        )
        spared = guards.spared_steps(now.guards, now.eval_best_step)
        refused = prune_checkpoints(root, keep=self._recipe.keep_checkpoints, spared=spared)
        if refused and not now.is_refusal_told:
            now.is_refusal_told = True
            self._emit(not_removed_warning(refused))

    # --- ending --------------------------------------------------------------------------------

    def _stop(self) -> None:
        self._save()
        at = self._now.step
        name = checkpoint_name(at) if at else ""
        if self._run.context.pause_requested():
            self._emit(Paused(step=at, checkpoint=name))
            return
        step = self._take_best()
        try:
            deliver_adapter(self._run, step=step, is_best=step == self._now.eval_best_step)
        except AdapterUnusable as error:
            self._emit(Warned(code=error.code, message=error.message))
        self._emit(Stopped(step=at, checkpoint=name))

    def _finish(self) -> None:
        run, now = self._run, self._now
        if self._has_ended_early():
            self._emit(endings.early_stop_warning(now.step, now.guards.stale_checks))
        step = self._take_best()
        if now.eval_best_step not in (None, step):
            self._emit(endings.best_was_earlier_warning(now.eval_best_step or 0))
        self._emit(PhaseChanged(phase="saving_adapter"))
        remember_speed(
            run.context,
            self._recipe,
            device=run.model.device,
            order=run.order,
            lengths=run.stepper.lengths,
            step=now.step,
            step_times=now.step_times,
        )
        deliver_adapter(run, step=step, is_best=step == now.eval_best_step)
        self._emit(
            Finished(
                result={
                    "adapter": run.folder.adapter.name,
                    "checkpoint": checkpoint_name(step),
                    "step": str(step),
                }
            )
        )

    def _take_best(self) -> int:
        """Put the best checkpoint's adapter in where it is wanted; return the step it is of now."""
        run, now = self._run, self._now
        best = now.eval_best_step
        is_wanted = self._recipe.deliver_best or self._has_ended_early()
        if not is_wanted or not best or best == now.step:
            return now.step
        try:
            put_tensors(
                run.model, read_checkpoint(run.folder.checkpoints / checkpoint_name(best)).adapter
            )
        except CheckpointDamaged as error:
            self._emit(Warned(code=error.code, message=error.message))
            return now.step
        self._emit(endings.best_delivered_warning(best))
        return best
