# SPDX-License-Identifier: Apache-2.0
"""What a training method is, without its torch code."""

from __future__ import annotations

import msgspec

from engine.domain.dataset import RowKind


class Method(msgspec.Struct, frozen=True, kw_only=True):
    """One way to train.

    Attributes:
        id: Stable name, also of the module in engine.train.
        title: Name for people.
        summary: One sentence on what it is for.
        entry: `module:function` that the worker resolves.
        peer_entry: The same for a process that only computes for the worker.
        kinds: Row kinds it learns from.
        quantised: The base model is held in 4 bits.
    """

    id: str
    title: str
    summary: str
    entry: str
    peer_entry: str
    kinds: tuple[RowKind, ...]
    quantised: bool
