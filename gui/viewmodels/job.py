# SPDX-License-Identifier: Apache-2.0
"""Words for jobs: where one stands, what it is doing, how far it is, and why it failed."""

from __future__ import annotations

from gettext import gettext as _
from gettext import ngettext
from typing import TYPE_CHECKING

import msgspec

from engine.domain.phase import Phase, phase_title
from engine.domain.run import JobKind, JobSnapshot, JobState
from gui.viewmodels import numbers

if TYPE_CHECKING:
    from engine.api.jobs import JobView


class ChipView(msgspec.Struct, frozen=True, kw_only=True):
    """A state as a chip shows it."""

    text: str
    kind: str = "neutral"
    icon: str = ""
    dot: bool = False


def state_words(state: JobState) -> str:
    """Return the word for a state."""
    return {
        JobState.WAITING: _("Waiting"),
        JobState.STARTING: _("Starting"),
        JobState.RUNNING: _("Running"),
        JobState.PAUSED: _("Paused"),
        JobState.STOPPED: _("Stopped"),
        JobState.FINISHED: _("Finished"),
        JobState.FAILED: _("Failed"),
        JobState.INTERRUPTED: _("Interrupted"),
    }[state]


def state_kind(state: JobState) -> str:
    """Return the kind of chip for a state."""
    return {
        JobState.WAITING: "neutral",
        JobState.STARTING: "accent",
        JobState.RUNNING: "accent",
        JobState.PAUSED: "neutral",
        JobState.STOPPED: "neutral",
        JobState.FINISHED: "success",
        JobState.FAILED: "danger",
        JobState.INTERRUPTED: "warning",
    }[state]


def state_icon(state: JobState) -> str:
    """Return the icon beside the word; a live job has a dot instead."""
    return {
        JobState.WAITING: "clock",
        JobState.STARTING: "",
        JobState.RUNNING: "",
        JobState.PAUSED: "pause",
        JobState.STOPPED: "stop",
        JobState.FINISHED: "check",
        JobState.FAILED: "status-danger",
        JobState.INTERRUPTED: "status-warning",
    }[state]


def state_chip(kind: JobKind, snapshot: JobSnapshot, state: JobState) -> ChipView:
    """Return the chip of a job; a live one says what it is doing."""
    if not state.is_over:
        return ChipView(text=_live_words(kind, snapshot), kind="accent", dot=True)
    words = state_words(state)
    if kind is JobKind.TRAIN and snapshot.step and state is not JobState.FINISHED:
        words = _ended_words(state).format(step=numbers.count(snapshot.step))
    return ChipView(text=words, kind=state_kind(state), icon=state_icon(state))


def _ended_words(state: JobState) -> str:
    if state is JobState.PAUSED:
        return _("Paused at step {step}")
    if state is JobState.STOPPED:
        return _("Stopped at step {step}")
    if state is JobState.FAILED:
        return _("Failed at step {step}")
    return _("Interrupted at step {step}")


def _live_words(kind: JobKind, snapshot: JobSnapshot) -> str:
    if kind is JobKind.TRAIN and snapshot.phase == Phase.SAVING_ADAPTER:
        return _("Saving")
    if kind is JobKind.TRAIN and snapshot.phase not in ("", Phase.TRAINING):
        return _("Preparing")
    return phase_title(snapshot.phase)


def share_of(snapshot: JobSnapshot) -> float | None:
    """Return how much of a job is done, 0 to 1, or None where that is not known."""
    if snapshot.total_steps and (snapshot.step or snapshot.phase == Phase.TRAINING):
        return min(1.0, snapshot.step / snapshot.total_steps)
    if snapshot.total:
        return min(1.0, snapshot.done / snapshot.total)
    return None


def progress_words(snapshot: JobSnapshot) -> str:
    """Return what a live job is doing and how far it is, in a few words."""
    if snapshot.eta_s is not None and snapshot.phase == Phase.TRAINING:
        return _("{time} left").format(time=numbers.rough_duration(snapshot.eta_s))
    return done_words(snapshot) or phase_title(snapshot.phase)


def done_words(snapshot: JobSnapshot) -> str:
    """Return how much of the present phase is done, "" where that is not known."""
    if not snapshot.total:
        return ""
    write = numbers.size if snapshot.unit == "bytes" else numbers.count
    return _("{done} of {total}").format(done=write(snapshot.done), total=write(snapshot.total))


def work_words(snapshot: JobSnapshot) -> str:
    """Return what a live job is at and how far it is."""
    return " · ".join(one for one in (phase_title(snapshot.phase), done_words(snapshot)) if one)


class BusyView(msgspec.Struct, frozen=True, kw_only=True):
    """What a live job is at, in words, and its share from 0 to 1, None where nobody can know."""

    words: str
    share: float | None


def busy_view(snapshot: JobSnapshot) -> BusyView:
    """Return what to show of a job that somebody waits for."""
    return BusyView(words=work_words(snapshot), share=share_of(snapshot))


def unfinished_words(job: JobView, *, stopped: str) -> str:
    """Return why a job ended without a result; `stopped` is what to say where a person ended it."""
    failure = job.snapshot.failure or job.cause
    return stopped if failure is None else f"{failure.message} {failure.remedy}".strip()


class StatusJob(msgspec.Struct, frozen=True, kw_only=True):
    """The live job as the status bar shows it.

    Attributes:
        page: Page that a click opens.
        argument: What it shows there.
    """

    name: str
    share: float | None
    text: str
    page: str
    argument: str


def status_job(live: tuple[JobView, ...]) -> StatusJob | None:
    """Return what the status bar shows of the live jobs: the newest training, else the newest."""
    if not live:
        return None
    job = next((one for one in live if one.info.kind is JobKind.TRAIN), live[0])
    pages = {
        JobKind.IMPORT: "datasets",
        JobKind.DATASET: "datasets",
        JobKind.EXPORT: "export",
        JobKind.RATE: "train",
    }
    is_run = job.info.kind is JobKind.TRAIN
    more = len(live) - 1
    text = progress_words(job.snapshot)
    if more:
        text += " " + ngettext("(and {count} more)", "(and {count} more)", more).format(count=more)
    return StatusJob(
        name=job.info.name,
        share=share_of(job.snapshot),
        text=text,
        page=pages.get(job.info.kind, "runs"),
        argument=job.info.id if is_run else "",
    )


def ended_words(job: JobView) -> str:
    """Return what to say of a job that a worker was busy with a moment ago; "" for nothing."""
    if job.info.kind is not JobKind.TRAIN:
        return ""
    words = {
        JobState.FINISHED: _("{name} is finished."),
        JobState.PAUSED: _("{name} is paused and has freed the device."),
        JobState.STOPPED: _("{name} was stopped. It can be resumed."),
        JobState.FAILED: _("{name} ended with an error."),
        JobState.INTERRUPTED: _("The worker of {name} is gone."),
    }
    return words[job.state].format(name=job.info.name) if job.state in words else ""


def ended_title(job: JobView) -> str:
    """Return the title of a notification of a run that has ended."""
    if job.state in (JobState.FAILED, JobState.INTERRUPTED):
        return _("A run needs you")
    return _("A run is finished") if job.state is JobState.FINISHED else _("A run has ended")


class FailureView(msgspec.Struct, frozen=True, kw_only=True):
    """What an error panel says: what happened, why, what is safe, what to do."""

    title: str
    cause: str
    safe: str
    remedy: str
    code: str
    details: str


def failure_view(job: JobView, *, log_tail: str = "") -> FailureView | None:
    """Return what to say of a failed or interrupted job; None where nothing went wrong."""
    if job.state is JobState.INTERRUPTED:
        return _interrupted_view(job, log_tail)
    failure = job.snapshot.failure
    if job.state is not JobState.FAILED or failure is None:
        return None
    return FailureView(
        title=_named_titles().get(failure.code) or _failed_title(job.info.kind),
        cause=failure.message,
        safe=safe_words(job),
        remedy=failure.remedy,
        code=failure.code,
        details=failure.detail or log_tail,
    )


def _interrupted_view(job: JobView, log_tail: str) -> FailureView:
    cause = job.cause
    if cause is None or cause.code == "worker_died":
        return FailureView(
            title=_("The worker ended without a word"),
            cause=_(
                "Its process is gone: the computer was switched off, or the system ended it, "
                "for example for lack of memory."
            ),
            safe=safe_words(job),
            remedy=_("Start it again; the details hold the end of the worker's own output."),
            code="worker_died",
            details=_joined(cause.detail if cause else "", log_tail),
        )
    return FailureView(
        title=_named_titles().get(cause.code) or _failed_title(job.info.kind),
        cause=cause.message,
        safe=safe_words(job),
        remedy=cause.remedy,
        code=cause.code,
        details=_joined(cause.detail, log_tail),
    )


def _joined(*parts: str) -> str:
    return "\n\n".join(one for one in parts if one)


def _named_titles() -> dict[str, str]:
    """Return what happened, in a few words, for the ends that have a name of their own."""
    return {
        "not_enough_memory": _("Memory ran out"),
        "disk_full": _("The disk is full"),
        "disk_failed": _("The disk failed"),
        "gpu_lost": _("The graphics card no longer answers"),
        "gpu_faulted": _("The graphics card made an error"),
        "driver_changed": _("The graphics driver was changed"),
        "computer_slept": _("The computer slept"),
        "computer_restarted": _("The computer was restarted"),
        "killed_by_system": _("The worker was ended from outside"),
        "worker_crashed": _("The worker crashed"),
        "training_diverged": _("The training diverged"),
        "loss_not_finite": _("The loss is no longer a number"),
    }


def _failed_title(kind: JobKind) -> str:
    return {
        JobKind.IMPORT: _("The import did not work"),
        JobKind.TRAIN: _("The training ended with an error"),
        JobKind.EXPORT: _("The export did not work"),
        JobKind.GENERATE: _("The answer did not come"),
        JobKind.DATASET: _("The work on the dataset did not succeed"),
        JobKind.RATE: _("The learning rates could not be tried"),
        JobKind.MEMORISATION: _("The check for memorised text did not work"),
    }[kind]


def safe_words(job: JobView) -> str:
    """Return what is safe after a job ended badly."""
    if job.info.kind is JobKind.TRAIN and job.snapshot.checkpoint:
        return _("Your work up to step {step} is saved and verified. Nothing else changed.").format(
            step=numbers.count(job.snapshot.checkpoint_step)
        )
    if job.info.kind is JobKind.TRAIN:
        return _("There was no checkpoint yet. Your data and the model were not changed.")
    return _("Nothing that existed before has changed.")
