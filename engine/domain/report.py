# SPDX-License-Identifier: Apache-2.0
"""What the checks found in one version of a dataset."""

from __future__ import annotations

import msgspec


class CheckResult(msgspec.Struct, frozen=True, kw_only=True):
    """What one check found.

    Attributes:
        check: Its id.
        rows: How many rows it concerns.
        groups: How many groups they form; 0 where findings stand alone.
        labels: Findings by kind, where there are kinds.
        examples: Ids of the first rows.
        example_groups: Ids of the first rows of each of the first groups.
        tally: How many of all rows are of each kind, found or not, the most frequent first; only
            of a check that sorts every row, as by language.
    """

    check: str
    rows: int
    groups: int = 0
    labels: dict[str, int] = {}
    examples: tuple[int, ...] = ()
    example_groups: tuple[tuple[int, ...], ...] = ()
    tally: dict[str, int] = {}


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """report.json: all checks of one version of a dataset.

    Attributes:
        schema_version: Version of this document.
        version: Number of the version that was checked.
        checked_at: UTC, ISO 8601.
        duration_s: How long it took, seconds.
        rows: Rows that were checked.
        near_similarity: From which similarity on rows counted as near copies.
        eval_rows_needed: Held-out rows for the interval that was asked for.
        results: In the order of the checks.
    """

    schema_version: int = 1
    version: int
    checked_at: str
    duration_s: float
    rows: int
    near_similarity: float
    eval_rows_needed: int
    results: tuple[CheckResult, ...]

    def result(self, check_id: str) -> CheckResult | None:
        """Return what one check found; None where it was not run."""
        return next((one for one in self.results if one.check == check_id), None)
