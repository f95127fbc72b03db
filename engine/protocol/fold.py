# SPDX-License-Identifier: Apache-2.0
"""The state of a job is a fold over its events; worker, window and command line use it."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from engine.domain.run import Failure, JobSnapshot, JobState
from engine.protocol import events
from engine.protocol.codec import Envelope

FOLD_VERSION = 2
"""Raise it with every change of what events fold into: snapshots that were kept are then made anew.
"""


def fold_all(snapshot: JobSnapshot, envelopes: Sequence[Envelope]) -> JobSnapshot:
    """Return the state after some more events, in their order."""
    for i, envelope in enumerate(envelopes):
        # A step says of itself all that the one before it said: of many, only the last counts.
        is_superseded = (
            isinstance(envelope.event, events.StepDone)
            and i + 1 < len(envelopes)
            and isinstance(envelopes[i + 1].event, events.StepDone)
        )
        if not (is_superseded and snapshot.started_at):
            snapshot = fold(snapshot, envelope)
    return snapshot


def fold(snapshot: JobSnapshot, envelope: Envelope) -> JobSnapshot:
    """Return the state after one more event."""
    timed = replace(
        snapshot,
        updated_at=envelope.t,
        started_at=snapshot.started_at or envelope.t,
    )
    match envelope.event:
        case events.WorkerStarted(attempt=attempt):
            begun = replace(timed, phase="", done=0, total=0, unit="", eta_s=None)
            return replace(begun, state=JobState.RUNNING, attempt=attempt, failure=None)
        case events.PhaseChanged(phase=phase):
            return replace(timed, phase=phase, done=0, total=0, unit="")
        case events.ProgressMade(done=done, total=total, unit=unit):
            return replace(timed, done=done, total=total, unit=unit)
        case events.PlanResolved(total_steps=total_steps):
            return replace(timed, total_steps=total_steps)
        case events.StepDone() as step:
            return _after_step(timed, step)
        case events.EvalDone() as check:
            return _after_eval(timed, check)
        case events.CheckpointCommitted() | events.AdapterCommitted() | events.RolledBack() as kept:
            return _after_keeping(timed, kept)
        case _:
            return _after_other(timed, envelope.event)


def _after_step(snapshot: JobSnapshot, done: events.StepDone) -> JobSnapshot:
    return replace(
        snapshot,
        step=done.step,
        total_steps=done.total_steps,
        epoch=done.epoch,
        loss=done.loss,
        learning_rate=done.learning_rate,
        grad_norm=done.grad_norm,
        tokens_per_s=done.tokens_per_s,
        tokens_seen=done.tokens_seen,
        memory_bytes=done.memory_bytes,
        eta_s=done.eta_s,
    )


def _after_eval(snapshot: JobSnapshot, check: events.EvalDone) -> JobSnapshot:
    is_better = snapshot.eval_best is None or check.loss < snapshot.eval_best
    return replace(
        snapshot,
        eval_before=check.loss if check.step == 0 else snapshot.eval_before,
        eval_last=check.loss,
        eval_best=check.loss if is_better else snapshot.eval_best,
        eval_best_step=check.step if is_better else snapshot.eval_best_step,
    )


def _after_keeping(
    snapshot: JobSnapshot,
    event: events.CheckpointCommitted | events.AdapterCommitted | events.RolledBack,
) -> JobSnapshot:
    match event:
        case events.CheckpointCommitted(name=name, step=step):
            return replace(snapshot, checkpoint=name, checkpoint_step=step)
        case events.AdapterCommitted(step=step, is_best=is_best):
            return replace(snapshot, adapter_step=step, adapter_is_best=is_best)
        case events.RolledBack() as back:
            return _after_rollback(snapshot, back)


def _after_rollback(snapshot: JobSnapshot, back: events.RolledBack) -> JobSnapshot:
    """Stand where the run goes on; the checkpoint of that step is announced behind the event."""
    share = back.to_step / snapshot.step if snapshot.step else 0.0
    is_kept = snapshot.checkpoint_step <= back.to_step
    return replace(
        snapshot,
        step=back.to_step,
        epoch=snapshot.epoch * share,
        loss=None,
        grad_norm=None,
        tokens_seen=back.tokens_seen,
        eval_last=back.eval_last,
        eval_best=back.eval_best,
        eval_best_step=back.eval_best_step,
        checkpoint=snapshot.checkpoint if is_kept else "",
        checkpoint_step=snapshot.checkpoint_step if is_kept else 0,
        rollbacks=back.count,
    )


def _after_other(snapshot: JobSnapshot, event: events.Event | None) -> JobSnapshot:
    match event:
        case events.Warned(code=events.NETWORK_REFUSED, message=message):
            return replace(snapshot, network_refused=message)
        case events.Stopped():
            return replace(snapshot, state=JobState.STOPPED, eta_s=None)
        case events.Paused():
            return replace(snapshot, state=JobState.PAUSED, eta_s=None)
        case events.Finished(result=result):
            return replace(snapshot, state=JobState.FINISHED, result=result, eta_s=None)
        case events.Failed(code=code, message=message, remedy=remedy, detail=detail):
            failure = Failure(code=code, message=message, remedy=remedy, detail=detail)
            return replace(snapshot, state=JobState.FAILED, failure=failure, eta_s=None)
        case _:
            return snapshot
