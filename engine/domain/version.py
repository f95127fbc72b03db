# SPDX-License-Identifier: Apache-2.0
"""What a version of a dataset is: which rows stand in which split, and what was done to get there.

Rows are never changed. A version names rows by their ids, which count all rows ever written for
the dataset: first those of the import, then those that later versions wrote. So every version can
be gone back to, and one row keeps its id for as long as it is not edited.
"""

from __future__ import annotations

from enum import StrEnum
from gettext import gettext as _
from gettext import ngettext

import msgspec

FIRST = 1
"""The version that the import made."""


class Action(StrEnum):
    """What made a version out of the one before it; stable on disk."""

    IMPORTED = "imported"
    REMOVED = "removed"
    RESTORED = "restored"
    EDITED = "edited"
    ADDED = "added"
    TAGGED = "tagged"
    UNTAGGED = "untagged"
    SPLIT = "split"
    FIXED = "fixed"


class VersionInfo(msgspec.Struct, frozen=True, kw_only=True):
    """version.json: one version of a dataset.

    Attributes:
        schema_version: Version of this document.
        number: 1 for the import, then one more for each change, over all branches.
        parent: Number of the version that was changed; 0 for the import.
        action: What was done.
        detail: What it was done with, e.g. the id of a check or the rule of a split.
        changed: Rows that it concerned.
        splits: Rows by split name.
        tags: How many rows carry each tag.
        made_at: UTC, ISO 8601.
    """

    schema_version: int = 1
    number: int
    parent: int
    action: Action
    detail: str = ""
    changed: int
    splits: dict[str, int]
    tags: dict[str, int] = {}
    made_at: str

    @property
    def rows(self) -> int:
        """Return the rows of all splits."""
        return sum(self.splits.values())


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """head.json: which version of a dataset is the current one."""

    schema_version: int = 1
    version: int


class VersionDifference(msgspec.Struct, frozen=True, kw_only=True):
    """What sets a later version of a dataset apart from an earlier one, as row ids.

    Attributes:
        added: Rows that only the later has.
        removed: Rows that only the earlier has.
        moved: Rows of both that stand in different splits.
    """

    added: tuple[int, ...]
    removed: tuple[int, ...]
    moved: tuple[int, ...]


def action_text(version: VersionInfo) -> str:
    """Return what was done as a short sentence."""
    count = version.changed
    rows = ngettext("{count} row", "{count} rows", count).format(count=f"{count:,}")
    texts = {
        Action.IMPORTED: _("Imported {rows}"),
        Action.REMOVED: _("Removed {rows}"),
        Action.RESTORED: _("Put back {rows}"),
        Action.EDITED: _("Edited {rows}"),
        Action.ADDED: _("Added {rows}"),
        Action.TAGGED: _("Tagged {rows} as {detail}"),
        Action.UNTAGGED: _("Took the tag {detail} off {rows}"),
        Action.SPLIT: _("Split again ({detail})"),
        Action.FIXED: _("Fixed {rows} ({detail})"),
    }
    return texts[version.action].format(rows=rows, detail=version.detail)
