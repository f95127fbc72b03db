# SPDX-License-Identifier: Apache-2.0
"""The job that splits a dataset again, as a new version of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from engine.api.datasets import Datasets
from engine.api.job_progress import RowProgress, ending_stopped, options_of
from engine.api.jobs import Jobs
from engine.api.versions import Versions
from engine.domain.phase import Phase
from engine.domain.split import SplitRule, rule_text
from engine.protocol.events import Finished, PhaseChanged
from engine.protocol.job import JobContext
from engine.store.layout import Layout

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from engine.formats.row_table import RowTable


class SplitOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Options of the job, see `Preparation.start_split`."""

    dataset_id: str
    rule: SplitRule


def run(context: JobContext) -> None:
    """Split the dataset that the job names; a stop leaves it as it was.

    Raises:
        WrongUsage: No row has the field that the rule names.
        DatasetDamaged: The rows are not what was written.
        InUse: Another program is changing the dataset.
    """
    from engine.formats.splitting import split_rows

    options = options_of(context, SplitOptions)
    layout = Layout(context.workspace)
    datasets = Datasets(layout, Jobs(layout))
    versions = Versions(layout, datasets, now=context.now)
    with ending_stopped(context):
        table = datasets.open_rows(options.dataset_id, None)
        try:
            near = near_groups(context, table) if options.rule.is_near_together else None
            context.emit(PhaseChanged(phase=Phase.SPLITTING))
            tags = versions.tags(options.dataset_id)
            splits = split_rows(table, options.rule, tags=tags, near_groups=near)
        finally:
            table.close()
        made = versions.split_anew(options.dataset_id, splits, detail=rule_text(options.rule))
        result = {"dataset_id": options.dataset_id, "version": str(made.number)}
        context.emit(Finished(result=result))


def near_groups(context: JobContext, table: RowTable) -> NDArray[np.int64]:
    """Return for each row of a table the number of its group of near copies, -1 for none.

    Raises:
        Cancelled: The job was asked to stop.
    """
    import numpy as np

    from engine.quality.check import CheckSettings
    from engine.quality.near_copies import NEAR_COPIES
    from engine.quality.runner import run_checks

    context.emit(PhaseChanged(phase=Phase.COMPARING_ROWS))
    progress = RowProgress(context, len(table))
    found = run_checks(
        ((batch, np.zeros(batch.num_rows, np.bool_)) for batch in table.batches()),
        [NEAR_COPIES],
        CheckSettings(),
        on_rows=progress.seen,
    )[NEAR_COPIES.id]
    groups = np.full(len(table), -1, np.int64)
    if found.groups is not None:
        groups[found.rows] = found.groups
    return groups
