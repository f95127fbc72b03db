# SPDX-License-Identifier: Apache-2.0
"""What would be trained of whole datasets, as tests say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine.domain.coverage import (
    Coverage,
    EndsOfTurn,
    LengthBin,
    PackedRow,
    RoleTokens,
    RowGroup,
)
from engine.domain.run import JobKind
from engine.errors import EngineError

if TYPE_CHECKING:
    from tests.fakes.api import FakeJobs


def a_coverage(**changes: Any) -> Coverage:
    """Return what was counted of 11,874 conversations."""
    values: dict[str, Any] = {
        "job_id": "j1",
        "dataset_id": "d1",
        "dataset_version": 1,
        "split": "train",
        "model_id": "m1",
        "model_fingerprint": "f" * 64,
        "max_length": 2048,
        "made_at": "2026-11-03T14:00:00.000Z",
        "rows": 11_874,
        "trained_rows": 11_860,
        "tokens": 3_870_000,
        "trained_tokens": 1_360_000,
        "lost_tokens": 9_417,
        "cut": RowGroup(code="cut", text="Cut.", rows=212, examples=(3, 8)),
        "left_out": (
            RowGroup(
                code="no_assistant_turn",
                text="The conversation has no answer of the assistant.",
                rows=14,
                examples=(16, 40, 77, 91),
            ),
        ),
        "notes": (
            RowGroup(code="reasoning_left_out", text="Reasoning is lost.", rows=1, examples=(5,)),
        ),
        "ends": EndsOfTurn(trained=11_661, cut=199),
        "roles": (
            RoleTokens(role="system", tokens=310_000, trained_tokens=0),
            RoleTokens(role="user", tokens=1_940_000, trained_tokens=0),
            RoleTokens(role="assistant", tokens=1_360_000, trained_tokens=1_360_000),
        ),
        "lengths": (
            LengthBin(from_tokens=1, to_tokens=128, rows=2_120),
            LengthBin(from_tokens=129, to_tokens=512, rows=7_930),
            LengthBin(from_tokens=513, to_tokens=2_048, rows=1_612),
            LengthBin(from_tokens=2_049, to_tokens=0, rows=212),
        ),
        "longest_tokens": 6_120,
        "longest_row": 3,
        "median_tokens": 241,
    }
    return Coverage(**{**values, **changes})


class FakeCoverages:
    """Counts nothing by itself: a test says what is known, and lets the jobs go on."""

    def __init__(self, jobs: FakeJobs) -> None:
        self._jobs = jobs
        self.known: Coverage | None = None
        self.error: EngineError | None = None
        self.packed_error: EngineError | None = None
        self.started: list[tuple[str, str, int]] = []

    def find(
        self, dataset_id: str, model_id: str, *, split: str = "train", max_length: int = 2048
    ) -> Coverage | None:
        del split, max_length
        known = self.known
        is_asked = known is not None and (known.dataset_id, known.model_id) == (
            dataset_id,
            model_id,
        )
        return known if is_asked else None

    def start(self, dataset_id: str, model_id: str, *, max_length: int) -> str:
        if self.error is not None:
            raise self.error
        self.started.append((dataset_id, model_id, max_length))
        return self._jobs.make(JobKind.DATASET, dataset_id).info.id

    def packed_with(
        self, coverage: Coverage, row: int, *, effective_batch_size: int, seed: int
    ) -> PackedRow:
        del effective_batch_size, seed
        if self.packed_error is not None:
            raise self.packed_error
        return PackedRow(
            step=3, rows=(row, 40, 7), lengths=(14, 900, 800), capacity=coverage.max_length
        )
