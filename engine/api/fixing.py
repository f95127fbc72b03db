# SPDX-License-Identifier: Apache-2.0
"""The job that repairs what checks found, as one new version that can be undone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from gettext import gettext as _
from typing import TYPE_CHECKING

import msgspec

from engine.api.datasets import Datasets
from engine.api.job_progress import RowProgress, ending_stopped, options_of
from engine.api.jobs import Jobs
from engine.api.reports import not_checked
from engine.api.row_changes import RowChange
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
from engine.store.layout import Layout

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from engine.formats.row_table import RowTable

    Ids = NDArray[np.int64]

TELL_ROWS = 256
"""Rows between two looks at whether the job shall stop."""


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
    from engine.quality.registry import check_of

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
        repair = _Repair(targets, context)
        made = versions.rewrite(
            info.id,
            repair.changes,
            action=Action.FIXED,
            detail=", ".join(one.title() for one, ids in targets if len(ids)),
        )
        result = {
            "dataset_id": info.id,
            "version": str(made.number),
            "removed": str(repair.removed),
            "edited": str(repair.edited),
        }
        context.emit(Finished(result=result))


class _Repair:
    """Repairs row after row, each by all that concern it; none is kept in memory.

    Attributes:
        removed: Rows left out so far.
        edited: Rows changed so far.
    """

    def __init__(self, targets: Sequence[tuple[Check, Ids]], context: JobContext) -> None:
        self._targets = targets
        self._context = context
        self.removed = 0
        self.edited = 0

    def changes(self, table: RowTable) -> Iterator[RowChange]:
        """Yield each row that a repair changes, as it is after all of them.

        Raises:
            WrongUsage: There is none.
            Cancelled: The job was asked to stop.
        """
        import numpy as np

        from engine.quality.fixes import fix

        ids = np.unique(np.concatenate([found for _check, found in self._targets]))
        repairs = [(fix(one.fix).apply, np.isin(ids, found)) for one, found in self._targets]
        progress = RowProgress(self._context, len(ids))
        for index, (place, before) in enumerate(table.narrowed(ids).placed_rows()):
            if index % TELL_ROWS == 0:
                progress.seen(index)
            row: Row | None = before
            for apply, concerned in repairs:
                if row is not None and concerned[index]:
                    row = apply(row)
            if row is not before:
                self.removed += row is None
                self.edited += row is not None
                yield RowChange(int(ids[index]), row, place)
        if not self.removed + self.edited:
            raise WrongUsage(
                _("There is nothing to repair here."), remedy=_("Check the dataset again.")
            )


def _targets(check: Check, found: Findings, train: Ids) -> Ids:
    """Return the ids of the rows that the fix of a check concerns."""
    import numpy as np

    ids = found.ids
    if check.fix == KEEP_FIRST:
        ids = ids[ids != found.groups]
    if check.fix == LEAVE_OUT_OF_TRAIN:
        ids = ids[np.isin(ids, train)]
    return np.unique(ids)
