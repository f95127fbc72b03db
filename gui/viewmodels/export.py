# SPDX-License-Identifier: Apache-2.0
"""Exports as values: what can be taken out, how one goes on, what was checked, and past ones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from gettext import gettext as _
from gettext import ngettext
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from engine.api.jobs import JobView
from engine.domain.model import ModelInfo
from engine.domain.run import JobInfo, JobKind, JobSnapshot, JobState
from engine.protocol.events import ExportVerified
from gui.viewmodels import numbers
from gui.viewmodels.job import ChipView, FailureView, failure_view, state_chip, work_words

if TYPE_CHECKING:
    from engine.api.exports import Target
    from engine.api.runs import RunView

# ---------------------------------------------------------------------- choices


class RunChoice(msgspec.Struct, frozen=True, kw_only=True):
    """A run whose weights can be taken out."""

    key: str
    name: str
    facts: str


def exportable(runs: Sequence[RunView]) -> tuple[RunView, ...]:
    """Return the runs that left an adapter, in the given order."""
    return tuple(one for one in runs if one.has_adapter)


def run_choices(runs: Sequence[RunView], *, now: datetime) -> tuple[RunChoice, ...]:
    """Return the runs that can be exported, as a picker shows them."""
    return tuple(_run_choice(one, now) for one in exportable(runs))


def _run_choice(run: RunView, now: datetime) -> RunChoice:
    info = run.job.info
    made = numbers.day_and_clock(info.created_at, now=now)
    parts = (run.model_name, run.dataset_name, _adapter_words(run.job.snapshot), made)
    return RunChoice(key=run.id, name=info.name, facts=" · ".join(one for one in parts if one))


def _adapter_words(snapshot: JobSnapshot) -> str:
    """Return which step the weights are of, where that is known."""
    if snapshot.adapter_step is None:
        return ""
    words = _("step {step}, the best") if snapshot.adapter_is_best else _("step {step}")
    return words.format(step=numbers.count(snapshot.adapter_step))


class TargetChoice(msgspec.Struct, frozen=True, kw_only=True):
    """A form that the weights can leave in; `reason` says why not in this one."""

    key: str
    title: str
    text: str
    icon: str
    reason: str = ""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the disk before an export.

    Attributes:
        is_taken: The chosen folder holds something, or is a file.
        free_bytes: Free space where the export is written, None while not known.
        adapter_bytes: Size of the run's adapter, None while not known.
    """

    is_taken: bool = False
    free_bytes: int | None = None
    adapter_bytes: int | None = None


def target_choices(
    targets: Sequence[Target], *, model: ModelInfo | None, place: Place
) -> tuple[TargetChoice, ...]:
    """Return the cards of the targets; `model` is the base model of the chosen run."""
    return tuple(_target_choice(one, model, place) for one in targets)


def _target_choice(target: Target, model: ModelInfo | None, place: Place) -> TargetChoice:
    needed = needed_bytes(target, model, place)
    about = _("About {size}.") if target.has_base else _("{size}.")
    size = about.format(size=numbers.size(needed)) if needed is not None else ""
    return TargetChoice(
        key=target.id,
        title=_(target.title),
        text=f"{_(target.summary)} {size}".strip(),
        icon="models" if target.has_base else "file",
        reason="" if model is not None else _("The base model is not in the list any more."),
    )


def needed_bytes(target: Target, model: ModelInfo | None, place: Place) -> int | None:
    """Return how much room an export takes, or None where that is not known."""
    if target.has_base:
        return model.size_bytes if model is not None else None
    return place.adapter_bytes


class FolderView(msgspec.Struct, frozen=True, kw_only=True):
    """Where an export goes.

    Attributes:
        title: The place in words.
        text: What is written there, or how much room there is.
        error: What is wrong with it, or "".
    """

    title: str
    text: str
    error: str = ""


def folder_view(out: Path | None, *, place: Place, needed: int | None) -> FolderView:
    """Return what to say of the place of an export; `out` is None for one in the workspace."""
    room = _room_words(place.free_bytes, needed)
    is_short = needed is not None and place.free_bytes is not None and place.free_bytes < needed
    error = room if is_short else ""
    if place.is_taken:
        error = _("This folder holds something already. Choose a new or an empty one.")
    if out is None:
        return FolderView(title=_("A new folder in the workspace"), text=room, error=error)
    return FolderView(title=str(out), text=room, error=error)


def _room_words(free: int | None, needed: int | None) -> str:
    if free is None:
        return ""
    there = numbers.size(free)
    if needed is None:
        return _("{free} free on this disk").format(free=there)
    if free < needed:
        return _("It needs {needed}, but this disk has only {free} free.").format(
            needed=numbers.size(needed), free=there
        )
    return _("Needs {needed}, {free} free on this disk").format(
        needed=numbers.size(needed), free=there
    )


def start_reason(*, run_id: str, model: ModelInfo | None, target: str, folder: FolderView) -> str:
    """Return why the export cannot start, or ""."""
    if not run_id:
        return _("Choose a run first.")
    if model is None:
        return _("The base model is not in the list any more.")
    if not target:
        return _("Choose a form first.")
    return folder.error


# ---------------------------------------------------------------------- one export


class ExportRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What an export job was asked for."""

    run_id: str
    target: str
    out: Path | None


def export_request(info: JobInfo) -> ExportRequest:
    """Return what an export job was asked for."""
    out = _option(info, "out")
    return ExportRequest(
        run_id=_option(info, "run_id"),
        target=_option(info, "target"),
        out=Path(out) if out else None,
    )


def _option(info: JobInfo, key: str) -> str:
    raw = info.options.get(key)
    return msgspec.json.decode(raw, type=str) if raw is not None else ""


def target_title(targets: Sequence[Target], target_id: str) -> str:
    """Return the name of a target; its id where this version does not know it."""
    return next((_(one.title) for one in targets if one.id == target_id), target_id)


class LiveView(msgspec.Struct, frozen=True, kw_only=True):
    """An export that goes on.

    Attributes:
        share: How much of the phase is done, 0 to 1, or None.
    """

    title: str
    words: str
    share: float | None
    cancel: str


def live_view(info: JobInfo, snapshot: JobSnapshot, *, target: str, is_stopping: bool) -> LiveView:
    """Return what to say of an export that goes on; `target` is the name of its form."""
    return LiveView(
        title=_("Exporting {name}: {target}").format(name=info.name, target=target),
        words=work_words(snapshot),
        share=min(1.0, snapshot.done / snapshot.total) if snapshot.total else None,
        cancel=_("Cancelling…") if is_stopping else "",
    )


class FileFact(msgspec.Struct, frozen=True, kw_only=True):
    """A file of an export with its size in bytes, None where it is not there."""

    name: str
    size_bytes: int | None


class DoneView(msgspec.Struct, frozen=True, kw_only=True):
    """A finished export: what was checked and what there is."""

    title: str
    verdict: str
    facts: tuple[tuple[str, str, str], ...]
    path: str
    files: tuple[tuple[str, str], ...]
    files_words: str
    missing: str


def done_view(
    info: JobInfo, verified: ExportVerified, *, target: str, files: Sequence[FileFact] | None
) -> DoneView:
    """Return what to say of a finished export; `files` is None while their sizes are read."""
    known = files or tuple(FileFact(name=one, size_bytes=None) for one in verified.files)
    is_gone = files is not None and not any(one.size_bytes is not None for one in known)
    return DoneView(
        title=_("{name} is exported: {target}").format(name=info.name, target=target),
        verdict=verdict_words(verified),
        facts=_check_facts(verified),
        path=verified.path,
        files=tuple((one.name, _size_or_gap(one, files is None)) for one in known),
        files_words=_files_words(known),
        missing=_("This folder is not there any more.") if is_gone else "",
    )


def verdict_words(verified: ExportVerified) -> str:
    """Return in plain words what was compared and what came out."""
    compared = ngettext(
        "{count} prompt was given to the trained run and to these files.",
        "{count} prompts were given to the trained run and to these files.",
        verified.prompts,
    ).format(count=numbers.count(verified.prompts))
    same = _("Both found the same most likely token at {share} of the positions.").format(
        share=exact_percent(verified.top1_agreement_ratio)
    )
    return f"{compared} {same}"


def exact_percent(ratio: float) -> str:
    """Return a share that says 100 % only where it is all: `100 %`, `99.98 %`."""
    if ratio >= 1:
        return _("{number} %").format(number="100")
    cut = math.floor(ratio * 10_000) / 100
    return _("{number} %").format(number=numbers.plain(cut))


def _check_facts(verified: ExportVerified) -> tuple[tuple[str, str, str], ...]:
    return (
        (_("Prompts compared"), numbers.count(verified.prompts), ""),
        (_("Same most likely token"), exact_percent(verified.top1_agreement_ratio), ""),
        (_("Largest difference of a logit"), _tiny(verified.max_logit_difference), ""),
        (_("Mean divergence"), _tiny(verified.mean_kl), _("nats")),
    )


def _tiny(value: float) -> str:
    """Return a small difference; what is next to nothing is not drawn out to ten zeros."""
    if value and abs(value) < 1e-6:
        return _("below {limit}").format(limit=numbers.plain(1e-6))
    return numbers.plain(float(f"{value:.2g}"))


def _size_or_gap(file: FileFact, is_reading: bool) -> str:
    if file.size_bytes is not None:
        return numbers.size(file.size_bytes)
    return "" if is_reading else _("not there")


def _files_words(files: Sequence[FileFact]) -> str:
    count = ngettext("{count} file", "{count} files", len(files)).format(
        count=numbers.count(len(files))
    )
    total = sum(one.size_bytes or 0 for one in files)
    return f"{count} · {numbers.size(total)}" if total else count


def export_failure(job: JobView, *, log_tail: str) -> FailureView | None:
    """Return what to say of an export that ended badly, or None."""
    found = failure_view(job, log_tail=log_tail)
    if found is None:
        return None
    return FailureView(
        title=_("{name} was not exported").format(name=job.info.name),
        cause=found.cause,
        safe=_("No finished export was made. The run and the base model are as they were."),
        remedy=found.remedy,
        code=found.code,
        details=found.details,
    )


def stopped_words(info: JobInfo) -> str:
    """Return what to say of an export that was cancelled."""
    return _("The export of {name} was cancelled. Nothing of it was kept.").format(name=info.name)


# ---------------------------------------------------------------------- past exports


class PastLine(msgspec.Struct, frozen=True, kw_only=True):
    """An export as a row of the list."""

    key: str
    run: str
    target: str
    state: ChipView
    when: str
    path: str


def exports_of(jobs: Sequence[JobView]) -> tuple[JobView, ...]:
    """Return the jobs that are exports, newest first as given."""
    return tuple(one for one in jobs if one.info.kind is JobKind.EXPORT)


def live_export(jobs: Sequence[JobView]) -> JobView | None:
    """Return the newest export that goes on, or None."""
    return next((one for one in exports_of(jobs) if not one.state.is_over), None)


def past_lines(
    jobs: Sequence[JobView], targets: Sequence[Target], *, now: datetime
) -> tuple[PastLine, ...]:
    """Return the exports as rows, newest first."""
    return tuple(_past_line(one, targets, now) for one in exports_of(jobs))


def _past_line(job: JobView, targets: Sequence[Target], now: datetime) -> PastLine:
    request = export_request(job.info)
    is_kept = job.state is JobState.FINISHED or not job.state.is_over
    return PastLine(
        key=job.info.id,
        run=job.info.name,
        target=target_title(targets, request.target),
        state=state_chip(JobKind.EXPORT, job.snapshot, job.state),
        when=numbers.day_and_clock(job.info.created_at, now=now),
        path=str(request.out) if request.out is not None and is_kept else "",
    )


def past_meta(count: int) -> str:
    """Return the words beside the title of the list."""
    return ngettext("{count} export", "{count} exports", count).format(count=numbers.count(count))


# ---------------------------------------------------------------------- nothing to export


class EmptyView(msgspec.Struct, frozen=True, kw_only=True):
    """What stands where no run can be exported. `first` is the page of the first step."""

    title: str
    text: str
    first: str
    first_text: str


def empty_view(runs: Sequence[RunView]) -> EmptyView:
    """Return what to say where no run has an adapter."""
    form = _("A run leaves Burnish as an adapter or as a merged model. "
             "Each is checked to answer as the run did.")  # fmt: skip
    if runs:
        wait = _("None of your runs has left an adapter yet.")
        return EmptyView(
            title=_("Nothing exported yet"),
            text=f"{form} {wait}",
            first="runs",
            first_text=_("Show the runs"),
        )
    return EmptyView(
        title=_("Nothing exported yet"), text=form, first="train", first_text=_("New run…")
    )
