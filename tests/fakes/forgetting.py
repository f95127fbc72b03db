# SPDX-License-Identifier: Apache-2.0
"""Forgetting datasets in memory."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from msgspec.structs import replace

from engine.domain.forgetting import (
    ForgetPlan,
    RelatedDataset,
    Remaining,
    RemainingKind,
    Trace,
    TraceKind,
)
from engine.errors import EngineError

MB = 10**6
DAY = "2026-11-03T14:00:00.000Z"


def a_plan(**changes: Any) -> ForgetPlan:
    """Return a plan with something of every kind."""
    name = "Support tickets"
    values: dict[str, Any] = {
        "dataset_id": "d1",
        "name": name,
        "removed": (
            Trace(kind=TraceKind.DATASET, id="d1", name=name, size_bytes=12 * MB),
            Trace(kind=TraceKind.VERSIONS, id="d1", name=name, size_bytes=2 * MB),
            Trace(kind=TraceKind.TOKENS, id="d1", name=name, size_bytes=21 * MB),
            Trace(kind=TraceKind.DATASET, id="d2", name="Tickets, a sample", size_bytes=MB),
            Trace(kind=TraceKind.WORK, id="j1", name=name, size_bytes=8_000),
            Trace(kind=TraceKind.WORK, id="j2", name=name, size_bytes=8_000),
            Trace(kind=TraceKind.ANSWERS, id="j3", name="Answers", size_bytes=2_000),
            Trace(kind=TraceKind.BACKUP, id="version-1", name="version-1", size_bytes=300_000),
        ),
        "rewritten": (
            Trace(kind=TraceKind.RUN, id="r1", name="Support tickets 3"),
            Trace(kind=TraceKind.EXPORT, id="e1", name="Support tickets 3"),
        ),
        "related": (
            a_relative(id="d2", name="Tickets, a sample", rows=500),
            a_relative(id="d3", name="Tickets, first try", is_derived=False, is_forgotten=False),
        ),
        "blockers": (),
        "remaining": (
            Remaining(
                kind=RemainingKind.ADAPTER, id="r1", name="Support tickets 3", made_at=DAY
            ),
            Remaining(
                kind=RemainingKind.EXPORT, id="e1", name="Support tickets 3",
                path="/media/stick/support-tickets-adapter", made_at=DAY,
            ),
            Remaining(kind=RemainingKind.DATASET, id="d3", name="Tickets, first try"),
            Remaining(
                kind=RemainingKind.SOURCE, name="tickets.jsonl", path="/data/tickets.jsonl"
            ),
        ),
    }  # fmt: skip
    return ForgetPlan(**{**values, **changes})


def a_relative(**changes: Any) -> RelatedDataset:
    """Return a dataset that was made of another."""
    values: dict[str, Any] = {
        "rows": 400,
        "is_derived": True,
        "is_in_trash": False,
        "is_forgotten": True,
    }
    return RelatedDataset(**{**values, **changes})


class FakeForgetting:
    """Makes the same plan of every dataset, with the related ones as they are wanted."""

    def __init__(self) -> None:
        self.made = a_plan()
        self.error: EngineError | None = None
        self.forgotten: list[tuple[str, tuple[str, ...], tuple[str, ...]]] = []

    def plan(
        self, key: str, *, keep: Collection[str] = (), also: Collection[str] = ()
    ) -> ForgetPlan:
        del key
        related = tuple(
            replace(one, is_forgotten=one.id in also or (one.is_forgotten and one.id not in keep))
            for one in self.made.related
        )
        return replace(self.made, related=related)

    def forget(
        self, key: str, *, keep: Collection[str] = (), also: Collection[str] = ()
    ) -> ForgetPlan:
        if self.error is not None:
            raise self.error
        self.forgotten.append((key, tuple(keep), tuple(also)))
        return self.plan(key, keep=keep, also=also)
