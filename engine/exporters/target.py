# SPDX-License-Identifier: Apache-2.0
"""What an export target is, without its torch code."""

from __future__ import annotations

import msgspec


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """One form in which trained weights leave Burnish.

    Attributes:
        id: Stable name, also of the module in engine.export.
        title: Name for people.
        summary: One sentence on who opens it.
        entry: `module:function` that the worker resolves.
        has_base: The files hold the base model too, so they are as large as it is.
    """

    id: str
    title: str
    summary: str
    entry: str
    has_base: bool
