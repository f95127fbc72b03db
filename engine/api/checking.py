# SPDX-License-Identifier: Apache-2.0
"""The job that checks every row of a dataset and keeps what it found beside the version."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING

import msgspec

from engine.api.datasets import Datasets
from engine.api.job_progress import RowProgress, ending_stopped, options_of
from engine.api.jobs import Jobs
from engine.domain.dataset import DatasetInfo
from engine.domain.phase import Phase
from engine.domain.report import CheckResult, Report
from engine.domain.split import TRAIN
from engine.domain.timestamp import timestamp
from engine.formats.findings import Findings, write_findings
from engine.formats.row_table import RowTable
from engine.protocol.events import Finished, PhaseChanged
from engine.protocol.job import JobContext
from engine.quality.check import CheckSettings
from engine.quality.found import Found
from engine.quality.interval import rows_needed
from engine.store import atomicfs
from engine.store.documents import write_document
from engine.store.layout import Layout

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from pyarrow import RecordBatch

EXAMPLES = 5
GROUP_EXAMPLES = 10
"""Rows of a group that is an example."""


class CheckOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Options of the job, see `Preparation.start_check`."""

    dataset_id: str
    settings: CheckSettings


def run(context: JobContext) -> None:
    """Check the current version of the dataset; a stop keeps the report that there was.

    Raises:
        DatasetDamaged: The rows are not what was written.
        DiskFull: No room for the report.
    """
    from engine.quality.registry import CHECKS
    from engine.quality.runner import run_checks

    options = options_of(context, CheckOptions)
    layout = Layout(context.workspace)
    info = Datasets(layout, Jobs(layout)).get(options.dataset_id)
    started = context.now()
    with ending_stopped(context):
        context.emit(PhaseChanged(phase=Phase.CHECKING_ROWS))
        checks = [one for one in CHECKS if info.kind in one.kinds]
        with closing(Datasets(layout, Jobs(layout)).open_rows(info.id, None)) as table:
            progress = RowProgress(context, len(table))
            found = run_checks(
                _batches(table, info), checks, options.settings, on_rows=progress.seen
            )
            results = tuple(_result(one.id, found[one.id], table) for one in checks)
            report = Report(
                version=info.version,
                checked_at=timestamp(context.now()),
                duration_s=max(0.0, (context.now() - started).total_seconds()),
                rows=len(table),
                near_similarity=options.settings.near_similarity,
                eval_rows_needed=rows_needed(options.settings.eval_margin),
                results=results,
            )
            folder = layout.dataset(info.id)
            atomicfs.make_folder(folder.versions)
            with atomicfs.new_folder(folder.version(info.version).report, replace=True) as building:
                for check in checks:
                    if len(found[check.id].rows):
                        write_findings(building, check.id, _findings(found[check.id], table))
                write_document(building / "report.json", report)
        context.emit(Finished(result={"dataset_id": info.id, "version": str(info.version)}))


def _batches(table: RowTable, info: DatasetInfo) -> Iterator[tuple[RecordBatch, NDArray[np.bool_]]]:
    """Yield all rows, train first, with whether each is held out."""
    import numpy as np

    first, trained = 0, info.splits.get(TRAIN, 0)
    for batch in table.batches():
        yield batch, np.arange(first, first + batch.num_rows) >= trained
        first += batch.num_rows


def _result(check_id: str, found: Found, table: RowTable) -> CheckResult:
    import numpy as np

    rows = np.unique(found.rows)
    labels: dict[str, int] = {}
    if found.labels is not None:
        counts = np.bincount(found.labels, minlength=len(found.label_names))
        labels = {
            name: int(count) for name, count in zip(found.label_names, counts, strict=True) if count
        }
    groups = np.unique(found.groups[found.groups >= 0]) if found.groups is not None else rows[:0]
    return CheckResult(
        check=check_id,
        rows=len(rows),
        groups=len(groups),
        labels=labels,
        examples=tuple(table.ids[rows[:EXAMPLES]].tolist()),
        example_groups=tuple(
            tuple(table.ids[found.rows[found.groups == one][:GROUP_EXAMPLES]].tolist())
            for one in groups[:EXAMPLES]
        ),
        tally=dict(found.tally),
    )


def _findings(found: Found, table: RowTable) -> Findings:
    """Return findings by row id; groups are named by the id of their first row."""
    import numpy as np
    import pyarrow as pa

    count = len(found.rows)
    groups = np.full(count, -1, np.int64)
    if found.groups is not None:
        has = found.groups >= 0
        groups[has] = table.ids[found.groups[has]]
    names = pa.array(found.label_names if found.labels is not None else [""], pa.string())
    labels = found.labels if found.labels is not None else np.zeros(count, np.int16)
    return Findings(ids=table.ids[found.rows], groups=groups, labels=names.take(pa.array(labels)))
