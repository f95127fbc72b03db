# SPDX-License-Identifier: Apache-2.0
"""What takes how much of the disk in a workspace, and what of it can go without a loss."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class SpaceKind(StrEnum):
    """What takes room."""

    DATASET = "dataset"
    VERSIONS = "versions"
    TOKENS = "tokens"
    WEIGHTS = "weights"
    RUN = "run"
    CHECKPOINTS = "checkpoints"
    EXPORT = "export"
    TRASH = "trash"
    BACKUP = "backup"
    COMPILED = "compiled"
    OTHER = "other"


class SpaceItem(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that takes room.

    Attributes:
        kind: What it is.
        id: What it belongs to: the id of a dataset, a model, a job or an entry of the trash; `all`
            for what belongs to no one thing.
        name: What the person calls that.
        size_bytes: Sum of the sizes of its files.
        freeable_bytes: What of it can be removed without losing a result.
    """

    kind: SpaceKind
    id: str
    name: str
    size_bytes: int
    freeable_bytes: int = 0

    @property
    def key(self) -> str:
        """Return what names it: `kind:id`."""
        return f"{self.kind.value}:{self.id}"


class SpaceReport(msgspec.Struct, frozen=True, kw_only=True):
    """All that takes room in a workspace.

    Attributes:
        items: Without empty ones, the largest first.
        free_bytes: Free space of the disk, or None where that is not known.
    """

    items: tuple[SpaceItem, ...]
    free_bytes: int | None

    @property
    def size_bytes(self) -> int:
        """Return what the workspace takes in all, with the compiled code that it uses."""
        return sum(one.size_bytes for one in self.items)

    @property
    def freeable_bytes(self) -> int:
        """Return what can be removed without losing a result."""
        return sum(one.freeable_bytes for one in self.items)


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of where a workspace lies.

    Attributes:
        is_read_only: Nothing in it can be changed.
        network: The kind of network folder it lies in, or empty.
        free_bytes: Free space of its disk for this user, or None where that is not known.
    """

    is_read_only: bool
    network: str
    free_bytes: int | None
