# SPDX-License-Identifier: Apache-2.0
"""Home as values: the first run, recent work, and what this computer can do."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from gettext import gettext as _
from gettext import ngettext
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from engine.domain.problem import Severity
from engine.domain.run import JobKind
from gui.viewmodels import numbers
from gui.viewmodels.job import progress_words, share_of, state_chip

if TYPE_CHECKING:
    from engine.api.jobs import JobView
    from engine.api.machine import Finding, MachineFacts
    from engine.api.privacy import PrivacyState
    from engine.api.runs import RunView
    from engine.domain.dataset import DatasetInfo

_RECENT = 6
_FIELDS = 4
_LONGEST_QUESTION = 90


# ---------------------------------------------------------------------- the first run


class Example(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the sample: what comes in, and the form that is learned, line by line."""

    question: str
    fields: tuple[tuple[str, str], ...]


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """What ships with Burnish to try it: how many rows, and one of them."""

    rows: int
    example: Example | None


class _Message(msgspec.Struct):
    role: str
    content: str


class _Line(msgspec.Struct):
    messages: tuple[_Message, ...]


def read_sample(path: Path) -> Sample:
    """Read the bundled sample; an installation without it has no rows to show."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError:
        return Sample(rows=0, example=None)
    examples = (_example(one) for one in lines)
    fits = (one for one in examples if one is not None)
    return Sample(rows=len(lines), example=next(fits, None))


def _example(line: bytes) -> Example | None:
    """Return a row as question and form, where it is short and is a form."""
    try:
        turns = msgspec.json.decode(line, type=_Line).messages
    except msgspec.DecodeError:
        return None
    question = next((one.content for one in turns if one.role == "user"), "")
    answer = next((one.content for one in turns if one.role == "assistant"), "")
    pairs = [one.partition(": ") for one in answer.splitlines()]
    fields = tuple((name, value) for name, colon, value in pairs if colon)
    if not 0 < len(question) <= _LONGEST_QUESTION or len(fields) < _FIELDS:
        return None
    return Example(question=question, fields=fields[:_FIELDS])


def start_words(sample: Sample) -> str:
    """Return what the one-minute run is, in two sentences."""
    return _(
        "The starter model learns to turn free text into a ticket form, from {rows} sample rows, "
        "on this computer. You see its answers before and after."
    ).format(rows=numbers.count(sample.rows))


def what_will_happen(sample: Sample) -> tuple[str, ...]:
    """Return what the one-minute run does, plainly and completely."""
    return (
        _("The {rows} sample rows are imported as a dataset into your workspace.").format(
            rows=numbers.count(sample.rows)
        ),
        _("The starter model that came with Burnish is added. Its files are never changed."),
        _(
            "A small adapter is trained, usually for a minute or two. Some rows are held out, "
            "to see what was learned."
        ),
        _("You can close the window meanwhile, stop the run, and remove all of it afterwards."),
        _("Nothing is downloaded, and nothing leaves this computer."),
    )


# ---------------------------------------------------------------------- recent work


class RecentItem(msgspec.Struct, frozen=True, kw_only=True):
    """Something of the workspace to go on with.

    Attributes:
        key: Unique in the list.
        page: Page that shows it, with `argument`.
        title: Its name.
        left: Facts.
        right: Its state or how far it is.
        icon: Name of an icon.
        flag_kind: `danger` or `warning` where `right` tells of a bad end, else "".
        share: How much is done of something live, or None.
        is_live: A worker is busy with it.
    """

    key: str
    page: str
    argument: str
    title: str
    left: str
    right: str
    icon: str
    flag_kind: str = ""
    share: float | None = None
    is_live: bool = False


def recent_items(
    datasets: Sequence[DatasetInfo], runs: Sequence[RunView], *, now: datetime
) -> tuple[RecentItem, ...]:
    """Return what to go on with: live runs first, then runs and datasets by age."""
    live = [_run_item(one, now) for one in runs if not one.state.is_over]
    rest: list[tuple[str, RecentItem]] = [
        (one.job.info.created_at, _run_item(one, now)) for one in runs if one.state.is_over
    ]
    rest += [(one.created_at, _dataset_item(one, now)) for one in datasets]
    rest.sort(key=lambda pair: pair[0], reverse=True)
    return tuple([*live, *(item for _at, item in rest)][:_RECENT])


def _run_item(run: RunView, now: datetime) -> RecentItem:
    snapshot, is_live = run.job.snapshot, not run.state.is_over
    chip = state_chip(JobKind.TRAIN, snapshot, run.state)
    share = share_of(snapshot) if is_live else None
    when = numbers.day_and_clock(run.job.info.created_at, now=now)
    return RecentItem(
        key=f"run:{run.id}",
        page="runs",
        argument=run.id,
        title=run.job.info.name,
        left=_("Run of {model} on {dataset}, {when}").format(
            model=run.model_name, dataset=run.dataset_name, when=when
        ),
        right=_live_words(run.job, share) if is_live else chip.text,
        icon="runs",
        flag_kind=chip.kind if chip.kind in ("danger", "warning") else "",
        share=share,
        is_live=is_live,
    )


def _live_words(job: JobView, share: float | None) -> str:
    words = progress_words(job.snapshot)
    if share is None:
        return words
    return _("{percent}, {words}").format(percent=numbers.percent(share), words=words)


def _dataset_item(dataset: DatasetInfo, now: datetime) -> RecentItem:
    return RecentItem(
        key=f"dataset:{dataset.id}",
        page="datasets",
        argument=dataset.id,
        title=dataset.name,
        left=_("Dataset, {when}").format(when=numbers.day_and_clock(dataset.created_at, now=now)),
        right=ngettext("{count} row", "{count} rows", dataset.rows).format(
            count=numbers.count(dataset.rows)
        ),
        icon="datasets",
    )


# ---------------------------------------------------------------------- this computer


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """A fact of this computer: its name, its value, and a line below it."""

    icon: str
    name: str
    value: str
    second: str = ""


def machine_rows(facts: MachineFacts) -> tuple[Fact, ...]:
    """Return the facts of this computer that training depends on."""
    return (
        *_card_rows(facts),
        Fact(
            icon="processor",
            name=_("Processor"),
            value=ngettext("{count} core", "{count} cores", facts.cores).format(count=facts.cores),
            second=_("{size} memory").format(size=numbers.memory(facts.memory_total_bytes)),
        ),
        Fact(icon="disk", name=_("Free on disk"), value=numbers.size(facts.disk_free_bytes)),
    )


def _card_rows(facts: MachineFacts) -> tuple[Fact, ...]:
    gpu = facts.used_card
    if gpu is None:
        return (Fact(icon="graphics-card", name=_("Graphics card"), value=_("none from NVIDIA")),)
    more = len(facts.gpus) - 1
    second = _("driver {version}").format(version=gpu.driver)
    if more:
        second = ngettext("and {count} more", "and {count} more", more).format(count=more)
    return (
        Fact(icon="graphics-card", name=_("Graphics card"), value=gpu.name, second=second),
        Fact(
            icon="memory",
            name=_("Memory on card"),
            value=numbers.memory(gpu.total_bytes),
            second=_("{free} free").format(free=numbers.memory(gpu.free_bytes)),
        ),
    )


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """A note with a title; `kind` as of chips."""

    kind: str
    title: str
    text: str


_WEIGHT_BYTES = 0.57
"""Bytes of one weight in 4-bit with double quantisation (4.127 bits, QLoRA, arXiv 2305.14314,
section 3) plus embeddings and norms in 16-bit, which take about a tenth more."""
_BESIDES_RATIO = 0.25
"""Share of a card that the adapter, its optimizer, working memory of short rows and the driver
take; with it the rule names the sizes that QLoRA is known to reach (33 billion on 24 GB)."""
_USUAL_BILLIONS = (1, 3, 4, 8, 14, 32, 70)
"""Sizes that models come in."""


def ready_note(facts: MachineFacts, obstacles: Sequence[Finding]) -> Note:
    """Return what this computer can train, without promising more than the plan will say.

    Args:
        facts: What it has.
        obstacles: What forbids to train on it, leaves the card unused or makes runs differ, the
            gravest first.
    """
    if obstacles:
        first = obstacles[0]
        kind = "danger" if first.severity is Severity.ERROR else "warning"
        return Note(kind=kind, title=first.title, text=f"{first.message} {first.remedy}".strip())
    if facts.used_card is None:
        return Note(
            kind="warning",
            title=_("Ready for small models"),
            text=_(
                "{reason} The processor trains. That is fine for the starter model and for models "
                "of some hundred million parameters; larger ones are slow."
            ).format(reason=facts.gpu_reason),
        )
    room = facts.used_card.total_bytes * (1 - _BESIDES_RATIO) / _WEIGHT_BYTES / 10**9
    billions = max((one for one in _USUAL_BILLIONS if one <= room), default=0)
    if not billions:
        return Note(
            kind="warning",
            title=_("Ready for small models"),
            text=_("The card has little memory: models below a billion parameters in 4-bit."),
        )
    return Note(
        kind="success",
        title=_("Ready to fine-tune"),
        text=_(
            "Up to about {count} billion parameters in 4-bit with short rows. "
            "The plan of each run says exactly what fits."
        ).format(count=billions),
    )


def privacy_note(state: PrivacyState) -> Note:
    """Return what is true of this process and the network."""
    if state.attempts:
        return Note(kind="warning", title=state.title, text=_sentence(state.sentence))
    if state.kernel_filter_active:
        return Note(
            kind="accent",
            title=_("Nothing leaves this computer"),
            text=_("No connection was opened. The system refuses them to Burnish."),
        )
    return Note(
        kind="accent",
        title=_("Nothing leaves this computer"),
        text=_("No connection was opened. This system cannot refuse them; Burnish does."),
    )


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
