# SPDX-License-Identifier: Apache-2.0
"""The page Runs as values: the list, and one run with its progress, notes and answers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from gettext import gettext as _
from gettext import ngettext
from math import isnan
from typing import TYPE_CHECKING

import msgspec

from engine.domain.phase import Phase, phase_title
from engine.domain.problem import Problem
from engine.domain.recipe import Recipe
from engine.domain.run import JobKind, JobSnapshot, JobState
from gui.viewmodels import numbers
from gui.viewmodels.continuing import continue_reason
from gui.viewmodels.job import ChipView, done_words, progress_words, share_of, state_chip
from gui.viewmodels.trace import RunTrace

if TYPE_CHECKING:
    from engine.api.jobs import JobView
    from engine.api.runs import RunView

# ---------------------------------------------------------------------- the list


class RunRow(msgspec.Struct, frozen=True, kw_only=True):
    """A run in the list."""

    key: str
    name: str
    sub: str
    tags: str
    state: ChipView
    progress: str
    held_out: str
    time: str


def run_rows(runs: Sequence[RunView], *, now: datetime) -> tuple[RunRow, ...]:
    """Return the rows of the list, in the given order."""
    return tuple(_run_row(one, now) for one in runs)


def _run_row(run: RunView, now: datetime) -> RunRow:
    snapshot = run.job.snapshot
    return RunRow(
        key=run.id,
        name=run.job.info.name,
        sub=_("{model} on {dataset}").format(model=run.model_name, dataset=run.dataset_name),
        tags=", ".join(run.note.tags),
        state=state_chip(JobKind.TRAIN, snapshot, run.state),
        progress=_progress_cell(snapshot, run.state),
        held_out=held_out_words(snapshot),
        time=numbers.day_and_clock(run.job.info.created_at, now=now),
    )


def _progress_cell(snapshot: JobSnapshot, state: JobState) -> str:
    if not state.is_over:
        share = share_of(snapshot)
        words = progress_words(snapshot)
        if share is None:
            return words
        return _("{percent}, {words}").format(percent=numbers.percent(share), words=words)
    if not snapshot.step:
        return "–"
    return ngettext("{count} step", "{count} steps", snapshot.step).format(
        count=numbers.count(snapshot.step)
    )


def held_out_words(snapshot: JobSnapshot) -> str:
    """Return the held-out loss before and now, or a dash: `2.31 → 1.34`."""
    if snapshot.eval_last is None:
        return "–"
    if snapshot.eval_before is None or snapshot.eval_before == snapshot.eval_last:
        return numbers.loss(snapshot.eval_last)
    return _("{before} → {after}").format(
        before=numbers.loss(snapshot.eval_before), after=numbers.loss(snapshot.eval_last)
    )


# ---------------------------------------------------------------------- the head of one run


class Possible(msgspec.Struct, frozen=True, kw_only=True):
    """What can be done with a run: whether it is offered, and why not now."""

    is_offered: bool
    reason: str = ""


class RunHead(msgspec.Struct, frozen=True, kw_only=True):
    """The head of a run's page.

    Attributes:
        is_resume_in_panel: The error panel offers the resume, so the head does not.
    """

    title: str
    chip: ChipView
    meta: str
    pause: Possible
    stop: Possible
    resume: Possible
    resume_text: str
    is_resume_in_panel: bool
    export: Possible
    go_on: Possible
    queue: Possible
    save: Possible
    remove: Possible


def run_head(run: RunView, job: JobView, blockers: Sequence[Problem] | None) -> RunHead:
    """Return the head of a run.

    Args:
        run: The run as the list knows it.
        job: Its newest state.
        blockers: The reasons against a resume, None while they are not known.
    """
    is_live = not job.state.is_over
    ended_badly = job.state in (JobState.FAILED, JobState.INTERRUPTED)
    return RunHead(
        title=job.info.name,
        chip=state_chip(JobKind.TRAIN, job.snapshot, job.state),
        meta=_meta(run),
        pause=Possible(is_offered=is_live),
        stop=Possible(is_offered=is_live),
        resume=Possible(is_offered=job.state.may_go_on, reason=_resume_reason(blockers)),
        resume_text=_resume_text(job),
        is_resume_in_panel=ended_badly,
        export=Possible(
            is_offered=job.state in (JobState.STOPPED, JobState.FINISHED),
            reason="" if run.has_adapter else _("This run has left no adapter yet."),
        ),
        go_on=Possible(is_offered=True, reason=continue_reason(run, job)),
        queue=Possible(
            is_offered=True,
            reason="" if job.state.may_go_on else _("It is live or finished."),
        ),
        save=Possible(is_offered=True, reason=_("Stop it first.") if is_live else ""),
        remove=Possible(is_offered=True, reason=_("Stop it first.") if is_live else ""),
    )


def _resume_text(job: JobView) -> str:
    if not job.snapshot.checkpoint:
        return _("Start it again")
    return _("Resume from step {step}").format(step=numbers.count(job.snapshot.checkpoint_step))


def _meta(run: RunView) -> str:
    is_quantised = run.recipe.method == "sft_qlora"
    adapter = _("4-bit adapter, rank {rank}") if is_quantised else _("16-bit adapter, rank {rank}")
    parts = (run.model_name, run.dataset_name, adapter.format(rank=run.recipe.lora_rank))
    return " · ".join(parts)


def _resume_reason(blockers: Sequence[Problem] | None) -> str:
    if blockers is None:
        return _("It is being checked.")
    return " ".join(f"{one.message} {one.remedy}".strip() for one in blockers)


# ---------------------------------------------------------------------- progress


class ProgressView(msgspec.Struct, frozen=True, kw_only=True):
    """Where a run is."""

    step: int
    total: int
    left: str
    right: str
    now: str
    checkpoints: tuple[int, ...]


def progress_view(
    snapshot: JobSnapshot, state: JobState, trace: RunTrace, recipe: Recipe, *, now: datetime
) -> ProgressView:
    """Return where a run is, in words."""
    is_live = not state.is_over
    worked = trace.worked_s(now if is_live else None)
    so_far = _("{time} so far") if is_live else _("{time} of work")
    return ProgressView(
        step=snapshot.step,
        total=snapshot.total_steps,
        left=_left_words(snapshot, now) if is_live else "",
        right=so_far.format(time=numbers.duration(worked)) if worked else "",
        now=" ".join(_now_words(snapshot, state, trace, recipe, now)),
        checkpoints=tuple(one.step for one in trace.checkpoints),
    )


def _left_words(snapshot: JobSnapshot, now: datetime) -> str:
    if snapshot.eta_s is None or not snapshot.step:
        return ""
    left = numbers.rough_duration(snapshot.eta_s)
    if snapshot.eta_s < 120:
        return _("about {time} left").format(time=left)
    around = numbers.clock(now + timedelta(seconds=snapshot.eta_s))
    return _("about {time} left, done around {clock}").format(time=left, clock=around)


def _now_words(
    snapshot: JobSnapshot, state: JobState, trace: RunTrace, recipe: Recipe, now: datetime
) -> list[str]:
    if state.is_over:
        return [_ended_words(snapshot, state)]
    words = [_phase_sentence(snapshot)]
    following = next_check(snapshot, recipe)
    if following is not None:
        words.append(
            _("Next is the held-out check at step {step}.").format(step=numbers.count(following))
        )
    if trace.checkpoints:
        words.append(_saved_words(trace, now))
    return words


def _phase_sentence(snapshot: JobSnapshot) -> str:
    words = phase_title(snapshot.phase)
    done = done_words(snapshot)
    if done and snapshot.phase != Phase.TRAINING:
        return _("{words}, {done}.").format(words=words, done=done)
    return _("{words}.").format(words=words)


def next_check(snapshot: JobSnapshot, recipe: Recipe) -> int | None:
    """Return the step of the next held-out check, or None where none is to come."""
    if not snapshot.total_steps or snapshot.step >= snapshot.total_steps:
        return None
    if not recipe.eval_every_steps:
        return snapshot.total_steps
    every = recipe.eval_every_steps
    return min(snapshot.total_steps, (snapshot.step // every + 1) * every)


def _saved_words(trace: RunTrace, now: datetime) -> str:
    last = trace.checkpoints[-1]
    ago = numbers.seconds_between(last.at, now)
    return _("Checkpoint {step} was saved and verified {time} ago.").format(
        step=numbers.count(last.step), time=numbers.rough_duration(max(0.0, ago or 0.0))
    )


def _ended_words(snapshot: JobSnapshot, state: JobState) -> str:
    if state is JobState.FINISHED:
        return _("Finished. The adapter was reloaded and checked.")
    if state is JobState.WAITING:
        return _("It has not been started yet.")
    if state is JobState.PAUSED and snapshot.checkpoint:
        return _(
            "Paused after step {step}: memory and graphics card are free. It goes on bit for bit."
        ).format(step=numbers.count(snapshot.checkpoint_step))
    if state is JobState.PAUSED:
        return _("Paused before its first step: memory and graphics card are free.")
    if snapshot.checkpoint:
        return _("The newest checkpoint is step {step}; it can go on from there.").format(
            step=numbers.count(snapshot.checkpoint_step)
        )
    return _("It ended before its first checkpoint.")


# ---------------------------------------------------------------------- answers


class AnswerView(msgspec.Struct, frozen=True, kw_only=True):
    """An answer of the model as it was after a step."""

    title: str
    text: str
    is_expected: bool


class PromptView(msgspec.Struct, frozen=True, kw_only=True):
    """One prompt and its answers, from the first to the newest."""

    prompt: str
    expected: str
    answers: tuple[AnswerView, ...]


def prompt_views(trace: RunTrace, *, answers: int = 3) -> tuple[PromptView, ...]:
    """Return the prompts with the first, the newest, and evenly chosen answers between."""
    by_prompt: dict[str, list[int]] = {}
    for i, one in enumerate(trace.samples):
        by_prompt.setdefault(one.prompt, []).append(i)
    found: list[PromptView] = []
    for prompt, places in by_prompt.items():
        chosen = [trace.samples[places[i]] for i in spread(len(places), answers)]
        found.append(
            PromptView(
                prompt=prompt,
                expected=chosen[-1].expected,
                answers=tuple(
                    AnswerView(
                        title=_("Step {step}").format(step=numbers.count(one.step)),
                        text=one.answer.strip() or _("(an empty answer)"),
                        is_expected=bool(one.expected)
                        and one.answer.strip() == one.expected.strip(),
                    )
                    for one in chosen
                ),
            )
        )
    return tuple(found)


def spread(count: int, wanted: int) -> list[int]:
    """Return at most `wanted` places out of `count`: the first, the last, evenly between."""
    if count <= wanted:
        return list(range(count))
    return sorted({round(i * (count - 1) / (wanted - 1)) for i in range(wanted)})


# ---------------------------------------------------------------------- files


class FileRow(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a run left.

    Attributes:
        checkpoint: Its name where it is one; "" for the adapter.
        reason: Why training cannot go on with it in a new run, or "".
    """

    name: str
    what: str
    size: str
    time: str
    checkpoint: str = ""
    reason: str = ""


def file_rows(run: RunView, trace: RunTrace, *, now: datetime) -> tuple[FileRow, ...]:
    """Return what the run has on disk: its adapter, and its checkpoints, newest first."""
    rows: list[FileRow] = []
    reason = continue_reason(run, run.job)
    if run.has_adapter:
        what = _("The trained adapter")
        rows.append(FileRow(name="adapter", what=what, size="", time="", reason=reason))
    known = {one.name: one for one in trace.checkpoints}
    for name in reversed(run.checkpoints):
        saved = known.get(name)
        what = _("Checkpoint, the best so far") if saved and saved.is_best else _("Checkpoint")
        rows.append(
            FileRow(
                name=name,
                what=what,
                size=numbers.size(saved.size_bytes) if saved else "",
                time=numbers.day_and_clock(saved.at, now=now) if saved else "",
                checkpoint=name,
                reason=reason,
            )
        )
    return tuple(rows)


def dropped_words(trace: RunTrace) -> str:
    """Return what to say of the steps that the table of a very long run does not show."""
    if not trace.dropped:
        return ""
    words = ngettext(
        "The newest {count} step. The chart saves all of them as numbers (CSV).",
        "The newest {count} steps. The chart saves all of them as numbers (CSV).",
        len(trace.steps),
    )
    return words.format(count=numbers.count(len(trace.steps)))


def step_cells(trace: RunTrace, row: int) -> tuple[str, ...]:
    """Return one row of the table of steps, newest first."""
    i = len(trace.steps) - 1 - row
    step, columns = trace.steps[i], trace.columns
    loss, norm = columns["loss"][i], columns["grad_norm"][i]
    held_out = trace.held_out_at(step)
    return (
        numbers.count(step),
        "–" if isnan(loss) else numbers.decimal(loss, 4),
        "" if held_out is None else numbers.decimal(held_out, 4),
        numbers.rate_of_step(columns["learning_rate"][i]),
        "–" if isnan(norm) else numbers.decimal(norm, 3),
        numbers.speed(columns["tokens_per_s"][i]),
        numbers.decimal(columns["memory_gb"][i], 2),
    )
