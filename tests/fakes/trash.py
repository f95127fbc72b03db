# SPDX-License-Identifier: Apache-2.0
"""Trash and disk use in memory."""

from __future__ import annotations

import threading
from collections.abc import Callable

from engine.domain.space import Place, SpaceItem, SpaceKind, SpaceReport
from engine.domain.trash import TrashEntry, TrashKind
from engine.errors import EngineError, NotInTrash

MB = 10**6


class FakeTrash:
    """What was removed, with what puts it back."""

    def __init__(self) -> None:
        self.by_id: dict[str, tuple[TrashEntry, Callable[[], None]]] = {}
        self.error: EngineError | None = None
        self.tidied = 0

    def put(self, kind: TrashKind, name: str, back: Callable[[], None]) -> str:
        """Keep something that was removed."""
        entry = TrashEntry(
            id=f"t{len(self.by_id) + 1}",
            kind=kind,
            name=name,
            places=(f"{kind.value}s/x",),
            thrown_at="2026-11-03T14:00:00.000Z",
        )
        self.by_id[entry.id] = entry, back
        return entry.id

    def list(self) -> list[TrashEntry]:
        return [entry for entry, _back in self.by_id.values()]

    def restore(self, key: str) -> TrashEntry:
        if self.error is not None:
            raise self.error
        if key not in self.by_id:
            raise NotInTrash("It is gone.")
        entry, back = self.by_id.pop(key)
        back()
        return entry

    def empty(self) -> int:
        count = len(self.by_id)
        self.by_id.clear()
        return count

    def tidy(self) -> int:
        self.tidied += 1
        return 0


class FakeSpace:
    """What takes room."""

    def __init__(self, trash: FakeTrash) -> None:
        self._trash = trash
        self.items: list[SpaceItem] = []
        self.where = Place(is_read_only=False, network="", free_bytes=80_000 * MB)
        self.freed: list[str] = []
        self.error: EngineError | None = None
        self.waits_for: threading.Event | None = None

    def place(self) -> Place:
        return self.where

    def report(self, tell: Callable[[int, int], None] | None = None) -> SpaceReport:
        if self.error is not None:
            raise self.error
        if self.waits_for is not None:
            self.waits_for.wait()
        if tell is not None:
            tell(1, 1)
        thrown = (
            an_item(SpaceKind.TRASH, one.id, one.name, 4 * MB, 4 * MB) for one in self._trash.list()
        )
        found = sorted((*self.items, *thrown), key=lambda one: -one.size_bytes)
        return SpaceReport(items=tuple(found), free_bytes=self.where.free_bytes)

    def free(self, key: str) -> int:
        self.freed.append(key)
        found = next(one for one in self.report().items if one.key == key)
        self.items = [one for one in self.items if one.key != key]
        self._trash.by_id.pop(found.id, None)
        return found.freeable_bytes


def an_item(kind: SpaceKind, owner: str, name: str, size: int, freeable: int = 0) -> SpaceItem:
    """Return one thing that takes room."""
    return SpaceItem(kind=kind, id=owner, name=name, size_bytes=size, freeable_bytes=freeable)


def some_items() -> list[SpaceItem]:
    """Return things of many kinds."""
    return [
        an_item(SpaceKind.WEIGHTS, "m1", "Qwen3-4B", 2_600 * MB, 2_600 * MB),
        an_item(SpaceKind.CHECKPOINTS, "r1", "Support tickets 3", 940 * MB, 620 * MB),
        an_item(SpaceKind.EXPORT, "e1", "Support tickets 3", 190 * MB),
        an_item(SpaceKind.RUN, "r1", "Support tickets 3", 132 * MB),
        an_item(SpaceKind.TOKENS, "d1", "Support tickets", 21 * MB, 21 * MB),
        an_item(SpaceKind.DATASET, "d1", "Support tickets", 12 * MB),
        an_item(SpaceKind.VERSIONS, "d1", "Support tickets", 2 * MB),
        an_item(SpaceKind.OTHER, "", "", MB),
    ]
