# SPDX-License-Identifier: Apache-2.0
"""Lengths of training rows that were counted for a model, for plans that need not guess them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from engine.domain.coverage import Coverage
from engine.domain.mix import Part
from engine.domain.randomness import seed_of
from engine.domain.recipe import Recipe
from engine.domain.split import TRAIN
from engine.errors import DocumentDamaged
from engine.hardware.reach import Reach
from engine.store.documents import read_document
from engine.store.layout import JobFolder, Layout

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class RowLengths(msgspec.Struct, frozen=True, eq=False, dict=True):
    """What one job counted of the rows of a dataset.

    Attributes:
        coverage: For what it was counted, and its sums.
        content: Tokens of each row after cutting, int32 in little endian, 0 where none is
            trained [rows].
    """

    coverage: Coverage
    content: bytes

    def holds(self, max_length: int) -> bool:
        """Return whether a run with this longest row trains rows of just these lengths.

        So it does at the length that was counted, and at any other that cuts no row either.
        """
        counted, longest = self.coverage.max_length, self.coverage.longest_tokens
        return max_length == counted or longest <= min(counted, max_length)

    @property
    def mean(self) -> float:
        """Return the mean tokens of a trained row."""
        return self.coverage.tokens / max(1, self.coverage.trained_rows)

    def run_tokens(self, recipe: Recipe, *, steps: int) -> int:
        """Return the tokens of the first steps of a run with these rows alone, to the token.

        The order is the trainer's own.
        """
        from engine.chat.packing import StepOrder

        order = StepOrder(
            parts=(Part(rows=len(self._trained), per_pass=len(self._trained)),),
            effective_batch_size=recipe.effective_batch_size,
            seed=seed_of("order", recipe.seed),
        )
        return order.total(self._trained, steps=steps)

    def longest(self, count: int) -> NDArray[np.int64]:
        """Return the tokens of so many of its longest rows, the longest first."""
        return self._falling[:count]

    @cached_property
    def _falling(self) -> NDArray[np.int64]:
        import numpy as np

        return np.sort(self._trained)[::-1]

    @cached_property
    def _trained(self) -> NDArray[np.int64]:
        import numpy as np

        lengths = np.frombuffer(self.content, "<i4")
        return lengths[lengths > 0].astype(np.int64)


def reach_of(
    recipe: Recipe,
    parts: Sequence[Part],
    lengths: Sequence[RowLengths | None],
    *,
    is_checked: bool,
) -> Reach | None:
    """Return what the rows of a run come to, or None where some of them were not counted.

    Args:
        recipe: The recipe.
        parts: What each dataset gives to a pass.
        lengths: Lengths of the rows of each.
        is_checked: Held-out rows are checked on the way.
    """
    import numpy as np

    count = recipe.effective_batch_size
    longest = [np.empty(0, np.int64)]
    for part, own in zip(parts, lengths, strict=True):
        if own is None:
            return None
        longest.append(np.repeat(own.longest(count), _most_often(part))[:count])
    falling = np.sort(np.concatenate(longest))[::-1]
    return Reach(longest=tuple(int(one) for one in falling[:count]), is_checked=is_checked)


def _most_often(part: Part) -> int:
    """Return how often a pass can see a row: once for each deck that it is dealt from."""
    if not part.rows:
        return 0
    whole, rest = divmod(part.per_pass, part.rows)
    return whole + 2 if rest else whole  # a pass begins and ends within a deck


class CountedRows:
    """Finds lengths that were counted; a document is read once while it does not change."""

    def __init__(self, layout: Layout) -> None:
        """Look into one workspace."""
        self._jobs = layout.jobs
        self._known: dict[tuple[Path, int], RowLengths | None] = {}

    def find(self, recipe: Recipe, *, fingerprint: str) -> tuple[RowLengths | None, ...]:
        """Return the lengths of each dataset of a recipe, None for those that were not counted.

        They are of the version that the recipe names, and of the model's present files: its
        tokenizer and its template are among them. The recipe's longest row cuts them nowhere else.

        Args:
            recipe: The recipe.
            fingerprint: Of its base model's files.
        """
        every = [one for one in self._all() if one.coverage.model_fingerprint == fingerprint]
        fitting = [one for one in every if one.holds(recipe.max_length)]
        by_rows = {
            (one.coverage.dataset_id, one.coverage.dataset_version): one
            for one in sorted(fitting, key=lambda one: one.coverage.made_at)
        }
        wanted = recipe.trained_datasets
        return tuple(by_rows.get((one.dataset_id, one.dataset_version)) for one in wanted)

    def _all(self) -> list[RowLengths]:
        found: dict[tuple[Path, int], RowLengths | None] = {}
        for path in self._jobs.glob("*/coverage.json"):
            try:
                key = path, path.stat().st_mtime_ns
            except OSError:  # its job was removed just now
                continue
            found[key] = self._known[key] if key in self._known else _read(path)
        self._known = found
        return [one for one in found.values() if one is not None]


def _read(path: Path) -> RowLengths | None:
    """Return the lengths of training rows, or None for others and for what is damaged."""
    try:
        coverage = read_document(path, Coverage)
        content = JobFolder(path.parent).example_lengths.read_bytes()
    except (DocumentDamaged, OSError):
        return None
    is_whole = coverage.schema_version == 1 and len(content) == 4 * coverage.rows
    return RowLengths(coverage, content) if is_whole and coverage.split == TRAIN else None
