# SPDX-License-Identifier: Apache-2.0
"""The list of datasets as values, and the imports that will become datasets."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from gettext import gettext as _
from gettext import ngettext
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from engine.domain.dataset import DatasetInfo, Mapping, RowKind
from engine.domain.phase import phase_title
from engine.domain.run import JobInfo, JobKind, JobSnapshot, JobState
from gui.viewmodels import numbers
from gui.viewmodels.job import BusyView, FailureView, share_of

if TYPE_CHECKING:
    from engine.api.jobs import JobView

T = TypeVar("T")


def kind_words(kind: RowKind) -> str:
    """Return what the rows of a dataset are."""
    return {
        RowKind.CHAT: _("Conversations"),
        RowKind.TEXT: _("Plain text"),
        RowKind.PREFERENCE: _("Preferences"),
        RowKind.RATED: _("Rated answers"),
        RowKind.LABEL: _("Labelled rows"),
    }[kind]


def untrainable(kind: RowKind) -> str:
    """Return why rows of a kind cannot be trained, or an empty text."""
    words = {
        RowKind.PREFERENCE: _("Preferences cannot be trained yet; choose conversations or text."),
        RowKind.RATED: _(
            "Rated answers cannot be trained yet; choose conversations or text, or import the "
            "files again and map their columns to questions and answers."
        ),
        RowKind.LABEL: _(
            "Labelled rows cannot be trained yet; choose conversations or text, or import the "
            "files again and map their columns to questions and answers."
        ),
    }
    return words.get(kind, "")


def rows_words(count: int) -> str:
    """Return a number of rows in words."""
    return ngettext("{count} row", "{count} rows", count).format(count=numbers.count(count))


def sources_words(dataset: DatasetInfo) -> str:
    """Return where the rows came from: the file, or how many."""
    names = [one.name for one in dataset.sources]
    if len(names) == 1:
        return names[0]
    return ngettext("{count} file", "{count} files", len(names)).format(
        count=numbers.count(len(names))
    )


# ---------------------------------------------------------------------- the list


class DatasetLine(msgspec.Struct, frozen=True, kw_only=True):
    """A dataset as a row of the list."""

    id: str
    name: str
    rows: str
    kind: str
    when: str
    source: str


def dataset_lines(
    datasets: Sequence[DatasetInfo], *, query: str, now: datetime
) -> tuple[DatasetLine, ...]:
    """Return the datasets that fit a search, in the given order.

    A dataset fits when each word of the search stands in its name, kind or the names of its files.
    """
    words = query.casefold().split()
    lines = [(_line(one, now), _words_of(one)) for one in datasets]
    return tuple(line for line, own in lines if all(word in own for word in words))


def _line(dataset: DatasetInfo, now: datetime) -> DatasetLine:
    return DatasetLine(
        id=dataset.id,
        name=dataset.name,
        rows=numbers.count(dataset.rows),
        kind=kind_words(dataset.kind),
        when=numbers.day_and_clock(dataset.created_at, now=now),
        source=sources_words(dataset),
    )


def _words_of(dataset: DatasetInfo) -> str:
    names = (one.name for one in dataset.sources)
    return " ".join((dataset.name, kind_words(dataset.kind), *names)).casefold()


def list_meta(datasets: Sequence[DatasetInfo]) -> str:
    """Return the line below the title of the list."""
    if not datasets:
        return ""
    count = ngettext("{count} dataset", "{count} datasets", len(datasets)).format(
        count=numbers.count(len(datasets))
    )
    return " · ".join((count, rows_words(sum(one.rows for one in datasets))))


# ---------------------------------------------------------------------- what is being imported


def live_imports(jobs: Sequence[JobView]) -> tuple[JobView, ...]:
    """Return the imports that a worker is busy with, newest first."""
    return tuple(one for one in jobs if one.info.kind is JobKind.IMPORT and not one.state.is_over)


def failed_imports(jobs: Sequence[JobView]) -> tuple[JobView, ...]:
    """Return the imports that ended badly and were not dismissed, newest first."""
    bad = (JobState.FAILED, JobState.INTERRUPTED)
    return tuple(one for one in jobs if one.info.kind is JobKind.IMPORT and one.state in bad)


def import_progress(snapshot: JobSnapshot, *, is_stopping: bool = False) -> BusyView:
    """Return how far an import is, in words and as a share."""
    share = share_of(snapshot)
    if is_stopping:
        return BusyView(share=share, words=_("Cancelling…"))
    parts = [phase_title(snapshot.phase)]
    if snapshot.total and snapshot.phase == "reading":
        done, total = numbers.size(snapshot.done), numbers.size(snapshot.total)
        parts.append(_("{done} of {total}").format(done=done, total=total))
        left = _seconds_left(snapshot)
        if left is not None:
            parts.append(_("about {time} left").format(time=numbers.rough_duration(left)))
    return BusyView(share=share, words=" · ".join(parts))


def _seconds_left(snapshot: JobSnapshot) -> float | None:
    """Return the time left, as if the rest is read as fast as what is done; None if too early."""
    now = numbers.local_moment(snapshot.updated_at)
    if now is None or not 0.02 <= snapshot.done / snapshot.total < 1:
        return None
    spent = numbers.seconds_between(snapshot.started_at, now)
    return spent * (snapshot.total - snapshot.done) / snapshot.done if spent else None


class ImportRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What an import was asked for."""

    paths: tuple[Path, ...]
    name: str
    mapping: Mapping | None = None

    @property
    def words(self) -> str:
        """What is imported: the name of the file, or of the first and how many more."""
        first, more = PurePath(self.paths[0]).name, len(self.paths) - 1
        if not more:
            return first
        return ngettext(
            "{name} and {count} more file", "{name} and {count} more files", more
        ).format(name=first, count=numbers.count(more))


def import_request(info: JobInfo) -> ImportRequest:
    """Return what an import job was asked for."""
    paths = _option(info, "paths", tuple[str, ...], ())
    name = _option(info, "name", str, info.name)
    return ImportRequest(
        paths=tuple(Path(one) for one in paths) or (Path(info.name),),
        name=name,
        mapping=_option(info, "mapping", Mapping | None, None),
    )


def _option(info: JobInfo, key: str, kind: Any, otherwise: T) -> T:
    raw = info.options.get(key)
    return msgspec.json.decode(raw, type=kind) if raw is not None else otherwise


def import_failure(job: JobView) -> FailureView:
    """Return what to say of an import that ended badly."""
    title = _("{name} was not imported").format(name=import_request(job.info).words)
    safe = _("Your files and your other datasets are as they were.")
    failure = job.snapshot.failure
    if failure is None:
        return FailureView(
            title=title,
            cause=_("The import ended without a word: its process is gone."),
            safe=safe,
            remedy=_("Try it again."),
            code="worker_died",
            details="",
        )
    return FailureView(
        title=title,
        cause=failure.message,
        safe=safe,
        remedy=failure.remedy,
        code=failure.code,
        details=failure.detail,
    )


def more_failures_words(more: int) -> str:
    """Return how many imports beside the shown one ended badly."""
    return ngettext(
        "{count} more import went wrong; it shows when this one is dismissed.",
        "{count} more imports went wrong; they show when this one is dismissed.",
        more,
    ).format(count=numbers.count(more))


def imported_words(dataset: DatasetInfo) -> str:
    """Return what an import brought."""
    said = _("“{name}” was imported: {rows}.").format(
        name=dataset.name, rows=rows_words(dataset.rows)
    )
    if not dataset.rejects:
        return said
    left = ngettext("{count} was rejected.", "{count} were rejected.", dataset.rejects).format(
        count=numbers.count(dataset.rejects)
    )
    return f"{said} {left}"
