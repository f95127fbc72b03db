# SPDX-License-Identifier: Apache-2.0
"""Forgetting a dataset: what is deleted, what is rewritten, and what remains of its rows."""

from __future__ import annotations

from enum import StrEnum
from gettext import gettext as _

import msgspec

from engine.domain.dataset import DatasetInfo


class TraceKind(StrEnum):
    """What holds text of rows, or something made of it."""

    DATASET = "dataset"
    VERSIONS = "versions"
    TOKENS = "tokens"
    TRASH = "trash"
    WORK = "work"
    ANSWERS = "answers"
    BACKUP = "backup"
    RUN = "run"
    EXPORT = "export"


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is deleted, or of which the text of rows is taken out.

    Attributes:
        kind: What it is.
        id: Its id, or that of what it belongs to.
        name: What the person calls that.
        size_bytes: What it takes on the disk; 0 where it is rewritten and not deleted.
    """

    kind: TraceKind
    id: str
    name: str
    size_bytes: int = 0


class RemainingKind(StrEnum):
    """What is not touched, though something of the rows is in it."""

    ADAPTER = "adapter"
    EXPORT = "export"
    COPY = "copy"
    DATASET = "dataset"
    RUN = "run"
    UNCLEAR = "unclear"
    NOTE = "note"
    SOURCE = "source"
    DAMAGED = "damaged"


class Remaining(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that remains.

    Attributes:
        kind: What it is.
        id: Of the run, the export or the dataset; empty for a file.
        name: What the person calls it.
        path: Where it stands; empty where the workspace holds it.
        made_at: UTC, ISO 8601; empty where that is not known.
    """

    kind: RemainingKind
    id: str = ""
    name: str
    path: str = ""
    made_at: str = ""


class RelatedDataset(msgspec.Struct, frozen=True, kw_only=True):
    """Another dataset that holds rows of the one that is to be forgotten.

    Attributes:
        id: Which one.
        name: What the person calls it.
        rows: How many rows it has, of whatever origin.
        is_derived: It was made of that dataset; else it was imported from the same file, or is one
            that the dataset was made of.
        is_in_trash: It was removed, and can be put back.
        is_forgotten: It goes, too.
    """

    id: str
    name: str
    rows: int
    is_derived: bool
    is_in_trash: bool
    is_forgotten: bool


class ForgetPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What forgetting a dataset does, or has done.

    Attributes:
        dataset_id: Which dataset.
        name: What the person calls it.
        removed: What is deleted for good.
        rewritten: What stays, without the text of rows.
        related: Other datasets with the same rows, and whether they go.
        blockers: Why it cannot be done now, each a sentence with its remedy; empty where it can.
        remaining: What is not touched.
    """

    dataset_id: str
    name: str
    removed: tuple[Trace, ...]
    rewritten: tuple[Trace, ...]
    related: tuple[RelatedDataset, ...]
    blockers: tuple[str, ...]
    remaining: tuple[Remaining, ...]

    @property
    def size_bytes(self) -> int:
        """Return what is deleted in all."""
        return sum(one.size_bytes for one in self.removed)


def is_derived(info: DatasetInfo, other: DatasetInfo) -> bool:
    """Return whether a dataset was made of another, directly or not.

    Datasets of the first versions do not say what they are made of: one that is younger, was made
    of others and has a source file of the other is taken for it.
    """
    if info.made_of or not info.earlier:
        return other.id in info.made_of
    return info.created_at >= other.created_at and has_same_source(info, other)


def has_same_source(info: DatasetInfo, other: DatasetInfo) -> bool:
    """Return whether two datasets have rows of the same file."""
    files = {one.sha256 for one in other.sources if one.rows}
    return any(one.sha256 in files for one in info.sources if one.rows)


def trace_text(trace: Trace) -> str:
    """Return what a trace is, in words."""
    texts = {
        TraceKind.DATASET: _("Dataset “{name}”: rows, rejected rows and reports"),
        TraceKind.VERSIONS: _("Versions of “{name}”, with everything that could be undone"),
        TraceKind.TOKENS: _("Kept tokens of “{name}”"),
        TraceKind.TRASH: _("“{name}” in the trash"),
        TraceKind.WORK: _("What is known of work on “{name}”"),
        TraceKind.ANSWERS: _("Answers to prompts that were tried out"),
        TraceKind.BACKUP: _("Backup “{name}”, which holds files of it"),
        TraceKind.RUN: _("Run “{name}”: prompts and answers that it showed"),
        TraceKind.EXPORT: _("Export of “{name}”: prompts that it was compared on"),
    }
    return texts[trace.kind].format(name=trace.name)


def remaining_text(remaining: Remaining) -> str:
    """Return what remains and why, in words."""
    texts = {
        RemainingKind.ADAPTER: _(
            "Run “{name}” of {day}: its adapter and checkpoints learned from the rows, and may "
            "repeat some. Remove the run to be rid of them."
        ),
        RemainingKind.EXPORT: _("Export of “{name}” of {day}: {path}. It learned from the rows."),
        RemainingKind.COPY: _("Rows of “{name}” written as files on {day}: {path}"),
        RemainingKind.DATASET: _("Dataset “{name}”: it holds some of the rows, and is kept."),
        RemainingKind.RUN: _(
            "Run “{name}” of {day}: it learned from a dataset that is kept, and shows some of its "
            "rows."
        ),
        RemainingKind.UNCLEAR: _(
            "“{name}” of {day}: what it learned from is gone, and nothing says which files that "
            "came from. Look whether it shows a row, and remove it then."
        ),
        RemainingKind.NOTE: _("What you wrote about run “{name}”: look whether it quotes a row."),
        RemainingKind.SOURCE: _("Source file {path}: Burnish never changes it."),
        RemainingKind.DAMAGED: _(
            "Folder {path}: it is damaged and does not say whose rows it may hold. Delete it "
            "yourself if you do not need it."
        ),
    }
    return texts[remaining.kind].format(
        name=remaining.name, path=remaining.path, day=remaining.made_at[:10]
    )


def limits_of_deleting() -> list[str]:
    """Return what no program of this kind can promise."""
    return [
        _(
            "Runs and other things that you saved as files, copies of the workspace and backups "
            "of this computer are not known here: delete them yourself."
        ),
        _(
            "Deleting is not shredding: an SSD, or a file system that keeps a journal or "
            "snapshots, may hold the old bytes for a while. Only an encrypted disk protects these."
        ),
    ]
