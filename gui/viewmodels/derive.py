# SPDX-License-Identifier: Apache-2.0
"""What can be made of a dataset, as choices."""

from __future__ import annotations

from collections.abc import Sequence
from gettext import gettext as _

from engine.domain.dataset import DatasetInfo
from gui.viewmodels import numbers

_USUAL_SAMPLE = 1_000


def form_choices() -> tuple[tuple[str, str], ...]:
    """Return the forms in which rows can be written."""
    return (
        ("jsonl", _("JSON Lines")),
        ("parquet", _("Parquet")),
        ("csv", _("CSV")),
        ("datasets", _("A folder of the library datasets")),
    )


def sample_limits(dataset: DatasetInfo) -> tuple[int, int]:
    """Return the most rows that a sample can have, and how many are offered."""
    return dataset.rows, min(_USUAL_SAMPLE, max(1, dataset.rows // 10))


def merge_choices(
    dataset: DatasetInfo, datasets: Sequence[DatasetInfo]
) -> tuple[tuple[str, str], ...]:
    """Return the datasets that one can be merged with, each with its rows."""
    return tuple(
        (one.id, f"{one.name} ({numbers.count(one.rows)})")
        for one in datasets
        if one.id != dataset.id and one.kind is dataset.kind
    )
