# SPDX-License-Identifier: Apache-2.0
"""What was recognised in the rows of a file, how surely, and why."""

from __future__ import annotations

import msgspec

from engine.domain.dataset import RowKind

SURE = 0.5
"""From this confidence on, nobody has to be asked what the columns mean; rows may still be bad."""


class ShapeGuess(msgspec.Struct, frozen=True, kw_only=True):
    """What the first rows of a file look like.

    Attributes:
        shape: Stable name, e.g. `openai_messages`, `alpaca`, `question_answer`; "" where none fits.
        kind: Kind of its rows; None where none is usable.
        confidence: Share (0..1) of the rows that were looked at that are usable in this shape.
        reason: A sentence that names the fields by which it was recognised, or why it was not.
        sampled: Rows that were looked at.
        fitting: Those of them that are usable in this shape.
    """

    shape: str
    kind: RowKind | None
    confidence: float
    reason: str
    sampled: int
    fitting: int

    @property
    def is_sure(self) -> bool:
        """Return whether nobody has to be asked what the columns mean."""
        return self.confidence >= SURE
