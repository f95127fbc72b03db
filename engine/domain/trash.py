# SPDX-License-Identifier: Apache-2.0
"""What was removed and can still be put back."""

from __future__ import annotations

from enum import StrEnum

import msgspec

KEEP_DAYS = 30
"""What was thrown away longer ago goes at the next start of the window."""


class TrashKind(StrEnum):
    """What a person removed."""

    DATASET = "dataset"
    MODEL = "model"
    RUN = "run"
    EXPORT = "export"


class TrashEntry(msgspec.Struct, frozen=True, kw_only=True):
    """trash.json: one removed object.

    Attributes:
        schema_version: Version of this document.
        id: Its own id, which names the folder in the trash.
        kind: What it is.
        name: What the person called it.
        places: Where its folders stood, relative to the workspace with `/`. The first decides: the
            object is removed from when that is in the trash until it is put back.
        thrown_at: When, in UTC.
    """

    schema_version: int = 1
    id: str
    kind: TrashKind
    name: str
    places: tuple[str, ...]
    thrown_at: str
