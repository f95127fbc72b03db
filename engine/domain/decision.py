# SPDX-License-Identifier: Apache-2.0
"""A value that Burnish chose by itself, kept together with its reason."""

from __future__ import annotations

import msgspec

DecisionValue = str | int | float | bool | None


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """One automatic choice.

    Attributes:
        value: What was chosen.
        reason: Why, as a plain sentence.
        source: Where the fact behind it came from: `recipe`, `hardware`, `model`, `dataset`.
    """

    value: DecisionValue
    reason: str
    source: str
