# SPDX-License-Identifier: Apache-2.0
"""The job that repairs what checks found, as one new version that can be undone."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from gettext import gettext as _
from typing import TYPE_CHECKING

import msgspec

from engine.api.datasets import Datasets
from engine.api.job_progress import RowProgress, ending_stopped, options_of
from engine.api.jobs import Jobs
from engine.api.reports import not_checked
from engine.api.versions import Versions
from engine.domain.dataset import Row
from engine.domain.phase import Phase
from engine.domain.split import TRAIN
from engine.domain.version import Action
from engine.errors import WrongUsage
from engine.formats.findings import Findings, read_findings
from engine.protocol.events import Finished, PhaseChanged
from engine.protocol.job import JobContext
from engine.quality.check import KEEP_FIRST, LEAVE_OUT_OF_TRAIN, Check
from engine.quality.fixes import fix
from engine.quality.registry import check_of
from engine.store.layout import Layout

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from engine.formats.row_table import RowTable

    Ids = NDArray[np.int64]


class FixOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Options of the job, see `Preparation.start_fix`."""

    dataset_id: str
    checks: tuple[str, ...]


def run(context: JobContext) -> None:
    """Repair or leave out what the named checks found; a stop leaves the dataset as it was.

    Raises:
        WrongUsage: The current version was not checked, or there is nothing to repair.
        InUse: Another program is changing the dataset.
    """
    options = options_of(context, FixOptions)
    layout = Layout(context.workspace)
    datasets = Datasets(layout, Jobs(layout))
    versions = Versions(layout, datasets, now=context.now)
    info = datasets.get(options.dataset_id)
    report = layout.dataset(info.id).version(info.version).report
    if not report.is_dir():
        raise not_checked()
    checks = [check_of(one) for one in options.checks]
    with ending_stopped(context):
        context.emit(PhaseChanged(phase=Phase.FIXING_ROWS))
        train = versions.order(info.id).splits[TRAIN]
        found = [(one, read_findings(report, one.id)) for one in checks]
        targets = [(one, _targets(one, findings, train)) for one, findings in found]
        progress = RowProgress(context, sum(len(ids) for _check, ids in targets))
        with closing(datasets.open_rows(info.id, None)) as table:
            changed = _changed(table, targets, progress)
        if not changed:
            raise WrongUsage(
                _("There is nothing to repair here."), remedy=_("Check the dataset again.")
            )
        removed = [one for one, row in changed.items() if row is None]
        made = versions.change(
            info.id,
            removed=removed,
            edited={one: row for one, row in changed.items() if row is not None},
            action=Action.FIXED,
            detail=", ".join(one.title() for one, ids in targets if len(ids)),
        )
        result = {
            "dataset_id": info.id,
            "version": str(made.number),
            "removed": str(len(removed)),
            "edited": str(len(changed) - len(removed)),
        }
        context.emit(Finished(result=result))


def _changed(
    table: RowTable, targets: Sequence[tuple[Check, Ids]], progress: RowProgress
) -> dict[int, Row | None]:
    """Return by id each row that a repair changes, as it is after all of them; None to go."""
    place_of = {int(row_id): place for place, row_id in enumerate(table.ids)}
    changed: dict[int, Row | None] = {}
    done = 0
    for check, ids in targets:
        apply = fix(check.fix).apply
        for row_id in ids.tolist():
            row = changed[row_id] if row_id in changed else table.row(place_of[row_id])
            repaired = None if row is None else apply(row)
            if repaired is not row:
                changed[row_id] = repaired
            done += 1
            progress.seen(done)
    return changed


def _targets(check: Check, found: Findings, train: Ids) -> Ids:
    """Return the ids of the rows that the fix of a check concerns."""
    import numpy as np

    ids = found.ids
    if check.fix == KEEP_FIRST:
        ids = ids[ids != found.groups]
    if check.fix == LEAVE_OUT_OF_TRAIN:
        ids = ids[np.isin(ids, train)]
    return np.unique(ids)
