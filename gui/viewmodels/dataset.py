# SPDX-License-Identifier: Apache-2.0
"""One dataset as values: its header, what was rejected, how it is split, where it came from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from gettext import gettext as _
from gettext import ngettext

import msgspec

from engine.domain.chunking import cutting_text
from engine.domain.dataset import DatasetInfo, Reject, RowKind, SourceFile
from engine.domain.split import EVAL, TRAIN
from gui.viewmodels import numbers
from gui.viewmodels.datasets import rows_words, sources_words, untrainable
from gui.viewmodels.job import ChipView
from gui.viewmodels.row_filter import ALL_PARTS

MOST_REJECTS = 1_000
_FEW_HELD_OUT = 30
"""Below this, a loss over held-out rows swings more than training changes it."""


# ---------------------------------------------------------------------- header and tabs


class HeaderView(msgspec.Struct, frozen=True, kw_only=True):
    """What stands above the tabs. `train_reason` says why it cannot be trained."""

    title: str
    chip: ChipView
    meta: str
    train_reason: str = ""


def header_view(dataset: DatasetInfo, *, now: datetime) -> HeaderView:
    """Return the header of a dataset."""
    parts = (
        _("Version {number}").format(number=dataset.version),
        _counted(dataset.kind, dataset.rows),
        _("imported {when} from {source}").format(
            when=numbers.day_and_clock(dataset.created_at, now=now), source=sources_words(dataset)
        ),
    )
    return HeaderView(
        title=dataset.name,
        chip=_chip(dataset),
        meta=" · ".join(parts),
        train_reason=train_reason(dataset),
    )


def _counted(kind: RowKind, rows: int) -> str:
    count = numbers.count(rows)
    if kind is RowKind.CHAT:
        return ngettext("{count} conversation", "{count} conversations", rows).format(count=count)
    if kind is RowKind.TEXT:
        return ngettext("{count} text", "{count} texts", rows).format(count=count)
    if kind is RowKind.RATED:
        return ngettext("{count} rated answer", "{count} rated answers", rows).format(count=count)
    if kind is RowKind.LABEL:
        return ngettext("{count} labelled row", "{count} labelled rows", rows).format(count=count)
    return ngettext("{count} preference", "{count} preferences", rows).format(count=count)


def train_reason(dataset: DatasetInfo) -> str:
    """Return why a dataset cannot be trained, or an empty text."""
    return untrainable(dataset.kind)


def _chip(dataset: DatasetInfo) -> ChipView:
    things = sum((dataset.rejects > 0, not dataset.splits.get(EVAL, 0)))
    if not things:
        return ChipView(text=_("Ready"), kind="success", icon="check")
    if dataset.rejects and things == 1:
        words = ngettext(
            "Ready, {count} rejected", "Ready, {count} rejected", dataset.rejects
        ).format(count=numbers.count(dataset.rejects))
    elif things == 1:
        words = _("Ready, nothing held out")
    else:
        words = _("Ready, {count} things to look at").format(count=things)
    return ChipView(text=words, kind="warning", icon="status-warning")


def tabs() -> tuple[tuple[str, str], ...]:
    """Return the tabs of a dataset, each a key and a word."""
    return (
        ("rows", _("Rows")),
        ("tokens", _("What will be trained")),
        ("health", _("Health")),
        ("rejects", _("Rejected")),
        ("split", _("Split")),
        ("history", _("History")),
        ("source", _("Source")),
    )


def split_parts(dataset: DatasetInfo) -> tuple[tuple[str, str], ...]:
    """Return the parts of the rows that can be looked at, each a key and a word.

    Where there are several, the first stands for all of them together.
    """
    words = {TRAIN: _("Training, {count}"), EVAL: _("Held out, {count}")}
    parts = tuple(
        (key, words[key].format(count=numbers.count(dataset.splits[key])))
        for key in (TRAIN, EVAL)
        if dataset.splits.get(key, 0)
    )
    if len(parts) < 2:
        return parts
    every = _("All, {count}").format(count=numbers.count(sum(dataset.splits.values())))
    return ((ALL_PARTS, every), *parts)


def part_sizes(dataset: DatasetInfo) -> tuple[tuple[str, int], ...]:
    """Return the name and the rows of each part, in the order in which all rows stand."""
    words = {TRAIN: _("Training"), EVAL: _("Held out")}
    return tuple((words.get(key, key), count) for key, count in dataset.splits.items())


# ---------------------------------------------------------------------- rejected rows


class RejectLine(msgspec.Struct, frozen=True, kw_only=True):
    """A rejected row as a row of the table."""

    file: str
    line: str
    reason: str
    excerpt: str


def reject_lines(rejects: Sequence[Reject]) -> tuple[RejectLine, ...]:
    """Return the rejected rows for the table."""
    return tuple(
        RejectLine(
            file=one.file,
            line=numbers.count(one.line) if one.line else _("whole file"),
            reason=one.message,
            excerpt=" ".join(one.excerpt.split()),
        )
        for one in rejects
    )


def reject_title(dataset: DatasetInfo) -> str:
    """Return how many rows were rejected, and that they are not lost."""
    return ngettext(
        "{count} row was rejected at the import",
        "{count} rows were rejected at the import",
        dataset.rejects,
    ).format(count=numbers.count(dataset.rejects))


def reject_meta(dataset: DatasetInfo, shown: int) -> str:
    """Return what the table shows of all rejected rows."""
    if shown < dataset.rejects:
        return _("the first {count} are shown").format(count=numbers.count(shown))
    read = dataset.rows + dataset.rejects
    return _("of {count} that were read").format(count=numbers.count(read))


def reject_reasons(rejects: Sequence[Reject]) -> tuple[tuple[str, str], ...]:
    """Return each reason: how many rows, and the sentence; the most frequent first."""
    counted = Counter(one.reason for one in rejects)
    sentences: dict[str, str] = {}
    for one in rejects:
        sentences.setdefault(one.reason, one.message)
    return tuple((rows_words(count), sentences[reason]) for reason, count in counted.most_common())


# ---------------------------------------------------------------------- split


class FindingView(msgspec.Struct, frozen=True, kw_only=True):
    """Something about the whole dataset: a sign, what it is, a sentence and a number."""

    kind: str
    title: str
    text: str
    number: str
    unit: str


class ShareView(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the rows, in words and from 0 to 1."""

    name: str
    value: str
    share: float


def split_shares(dataset: DatasetInfo) -> tuple[ShareView, ...]:
    """Return how large each part is."""
    return tuple(
        ShareView(name=name, value=numbers.percent(count / total), share=count / total)
        for name, count, total in (
            (_("Training"), dataset.splits.get(TRAIN, 0), max(dataset.rows, 1)),
            (_("Held out"), dataset.splits.get(EVAL, 0), max(dataset.rows, 1)),
        )
    )


def split_findings(dataset: DatasetInfo) -> tuple[FindingView, ...]:
    """Return what there is to know of the split, one line each."""
    return (_training(dataset), _held_out(dataset), _copies(dataset))


def _training(dataset: DatasetInfo) -> FindingView:
    count = dataset.splits.get(TRAIN, 0)
    return FindingView(
        kind="success",
        title=_("Training"),
        text=_("The model learns from these rows."),
        number=numbers.count(count),
        unit=ngettext("row", "rows", count),
    )


def _held_out(dataset: DatasetInfo) -> FindingView:
    count = dataset.splits.get(EVAL, 0)
    if not count:
        text = _("Nothing will show what it really learned.")
    elif count < _FEW_HELD_OUT:
        text = _("Never trained. So few make a rough check.")
    else:
        text = _("Never trained, to check what was learned.")
    return FindingView(
        kind="success" if count >= _FEW_HELD_OUT else "warning",
        title=_("Held out"),
        text=text,
        number=numbers.count(count),
        unit=ngettext("row", "rows", count),
    )


def _copies(dataset: DatasetInfo) -> FindingView:
    count = dataset.duplicates
    if count:
        text = _("They repeat an earlier row, in its part.")
    else:
        text = _("No row repeats another one.")
    return FindingView(
        kind="info" if count else "success",
        title=_("Exact copies"),
        text=text,
        number=numbers.count(count),
        unit=ngettext("row", "rows", count),
    )


# ---------------------------------------------------------------------- source


class SourceLine(msgspec.Struct, frozen=True, kw_only=True):
    """A source file as a row of the table."""

    name: str
    size: str
    format: str
    shape: str
    rows: str
    rejects: str
    hash: str


class SourceView(msgspec.Struct, frozen=True, kw_only=True):
    """A source file in full."""

    name: str
    path: str
    hash: str
    recognised: str = ""
    cutting: str = ""
    mapping: tuple[str, ...] = ()


def source_lines(dataset: DatasetInfo) -> tuple[SourceLine, ...]:
    """Return the source files for the table."""
    return tuple(
        SourceLine(
            name=one.name,
            size=numbers.size(one.size_bytes),
            format=format_words(one.format),
            shape=shape_words(one.shape),
            rows=numbers.count(one.rows),
            rejects=numbers.count(one.rejects),
            hash=one.sha256[:12],
        )
        for one in dataset.sources
    )


def source_view(source: SourceFile) -> SourceView:
    """Return one source file in full."""
    known = source.confidence >= 0
    share = _("{share} of the first rows fitted.").format(share=numbers.percent(source.confidence))
    parts = () if source.mapping is None else source.mapping.parts
    return SourceView(
        name=source.name,
        path=source.path,
        hash=source.sha256,
        recognised=f"{source.reason} {share}".strip() if known else "",
        cutting=cutting_text(source.cutting) if source.cutting is not None else "",
        mapping=tuple(f"{one.target} = {one.value}" for one in parts),
    )


def format_words(format_id: str) -> str:
    """Return the name of a file format."""
    names = {
        "jsonl": "JSONL",
        "json": "JSON",
        "csv": "CSV",
        "parquet": "Parquet",
        "arrow": "Arrow",
        "xlsx": "Excel",
        "ods": "OpenDocument",
        "text": _("Text"),
    }
    return names.get(format_id, format_id)


def shape_words(shape: str) -> str:
    """Return what the rows of a file looked like before they were made into ours."""
    names = {
        "": "–",
        "openai_messages": _("Messages (OpenAI)"),
        "sharegpt": _("Conversations (ShareGPT)"),
        "alpaca": _("Instructions (Alpaca)"),
        "preference": _("Chosen and rejected"),
        "rated": _("Answers, liked or not"),
        "labelled_text": _("Text and class"),
        "labelled_image": _("Picture and class"),
        "mapping": _("Your own mapping"),
        "text": _("Text"),
    }
    if shape in names:
        return names[shape]
    question, joint, answer = shape.partition("_")
    if not joint:
        return shape
    return _("{question} and {answer}").format(question=question.capitalize(), answer=answer)


# ---------------------------------------------------------------------- removing


class QuestionView(msgspec.Struct, frozen=True, kw_only=True):
    """A question before something that cannot be taken back."""

    cause: str
    consequence: str
    yes: str
    no: str


def removal_question(dataset: DatasetInfo, *, runs: int) -> QuestionView:
    """Return what is asked before a dataset is removed that so many runs were trained on."""
    said = _("Its {rows} are deleted from the workspace. The files they came from stay.").format(
        rows=rows_words(dataset.rows)
    )
    if runs:
        said += " " + ngettext(
            "{count} run was trained on it; it stays, but cannot be resumed.",
            "{count} runs were trained on it; they stay, but cannot be resumed.",
            runs,
        ).format(count=numbers.count(runs))
    return QuestionView(
        cause=_("Remove “{name}”?").format(name=dataset.name),
        consequence=said,
        yes=_("Remove the dataset"),
        no=_("Keep it"),
    )
