# SPDX-License-Identifier: Apache-2.0
"""Forgetting a dataset, in words: what goes, what is emptied, what remains, and what is asked."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from gettext import gettext as _

import msgspec

from engine.domain.forgetting import (
    ForgetPlan,
    RelatedDataset,
    Trace,
    limits_of_deleting,
    remaining_text,
    trace_text,
)
from gui.viewmodels import numbers

LONGEST_SHOWN = 36
"""Letters of a name beside a mark, which has one line, at any size of the text."""


class ForgetRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A dataset that a person wants to be forgotten."""

    dataset_id: str
    name: str


class GoingLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line of what is deleted."""

    text: str
    size: str


class RelatedLine(msgspec.Struct, frozen=True, kw_only=True):
    """Another dataset with the same rows, and whether it goes, too."""

    id: str
    name: str
    shown_name: str
    about: str
    goes: bool


class ForgetView(msgspec.Struct, frozen=True, kw_only=True):
    """What a plan says.

    Attributes:
        total: How much is deleted.
        going: What is deleted.
        emptied: What is kept without the text of rows.
        related: Other datasets with the same rows.
        remaining: What is not touched.
        limits: What cannot be promised.
        blocker: Why it cannot be done now; "" where it can.
    """

    total: str
    going: tuple[GoingLine, ...]
    emptied: tuple[str, ...]
    related: tuple[RelatedLine, ...]
    remaining: tuple[str, ...]
    limits: tuple[str, ...]
    blocker: str


def forget_view(plan: ForgetPlan) -> ForgetView:
    """Return what a plan says; lines of the same words are one, with their number."""
    return ForgetView(
        total=_("{size} in all").format(size=numbers.size(plan.size_bytes)),
        going=tuple(_going(plan.removed)),
        emptied=tuple(text for text, _same in _grouped(plan.rewritten)),
        related=tuple(
            RelatedLine(
                id=one.id,
                name=one.name,
                shown_name=shorten_name(one.name),
                about=_related_text(one),
                goes=one.is_forgotten,
            )
            for one in plan.related
        ),
        remaining=tuple(remaining_text(one) for one in plan.remaining),
        limits=tuple(limits_of_deleting()),
        blocker=" ".join(plan.blockers),
    )


def _going(traces: Iterable[Trace]) -> Iterable[GoingLine]:
    for text, same in _grouped(traces):
        size = numbers.size(sum(one.size_bytes for one in same))
        yield GoingLine(text=text, size=size)


def _grouped(traces: Iterable[Trace]) -> Iterable[tuple[str, list[Trace]]]:
    """Yield the words of traces, those of the same words together."""
    groups: dict[str, list[Trace]] = {}
    for one in traces:
        groups.setdefault(trace_text(one), []).append(one)
    for text, same in groups.items():
        count = len(same)
        words = _("{text} ({count} times)") if count > 1 else "{text}"
        yield words.format(text=text, count=numbers.count(count)), same


def shorten_name(name: str) -> str:
    """Return a name that stays in one line beside a mark."""
    return name if len(name) <= LONGEST_SHOWN else f"{name[: LONGEST_SHOWN - 1]}…"


def _related_text(one: RelatedDataset) -> str:
    if one.is_derived:
        words = _("{count} rows. It was made of this dataset.")
    else:
        words = _("{count} rows. It has the same source file, or this dataset was made of it.")
    said = words.format(count=numbers.count(one.rows))
    return f"{said} {_('It is in the trash.')}" if one.is_in_trash else said


def choices_of(
    view: ForgetView, chosen: Collection[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the ids of related datasets that are to stay, and of those that are to go."""
    ids = [one.id for one in view.related]
    return (
        tuple(one for one in ids if one not in chosen),
        tuple(one for one in ids if one in chosen),
    )


def forget_reason(view: ForgetView | None, *, name: str, typed: str) -> str:
    """Return why the button cannot be pressed; "" where it can."""
    if view is None:
        return _("What is to be deleted is being looked for.")
    if view.blocker:
        return view.blocker
    if typed.strip() != name.strip():
        return _("Type the name of the dataset first: {name}").format(name=name)
    return ""


def forgotten_words(name: str) -> str:
    """Return what is said when it is done."""
    return _("“{name}” is forgotten.").format(name=name)
