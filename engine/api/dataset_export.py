# SPDX-License-Identifier: Apache-2.0
"""The job that writes a dataset as files for other programs, with a card that says what it is."""

from __future__ import annotations

from contextlib import ExitStack, closing
from gettext import gettext as _
from pathlib import Path

import msgspec

from engine.api.datasets import Datasets
from engine.api.job_progress import RowProgress, ending_stopped, options_of
from engine.api.jobs import Jobs
from engine.api.versions import Versions
from engine.domain.dataset import DatasetInfo
from engine.domain.phase import Phase
from engine.domain.provenance import (
    Provenance,
    history_lines,
    provenance_lines,
    provenance_of,
)
from engine.formats.dataset_export import ExportForm, export_rows
from engine.protocol.events import Finished, PhaseChanged
from engine.protocol.job import JobContext
from engine.store import atomicfs
from engine.store.layout import Layout

CARD = "README.md"


class DatasetExportOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Options of the job, see `Preparation.start_export`."""

    dataset_id: str
    form: ExportForm
    out: str


def run(context: JobContext) -> None:
    """Write the current version of a dataset into a new folder, whole or not at all.

    Raises:
        TargetExists: Something stands at the target; it was not touched.
        DatasetDamaged: The rows are not what was written.
        DiskFull: No room; nothing is kept.
    """
    options = options_of(context, DatasetExportOptions)
    layout = Layout(context.workspace)
    datasets = Datasets(layout, Jobs(layout))
    info = datasets.get(options.dataset_id)
    history = Versions(layout, datasets).history(info.id)
    with ending_stopped(context):
        context.emit(PhaseChanged(phase=Phase.WRITING))
        progress = RowProgress(context, info.rows)
        with ExitStack() as open_tables, atomicfs.new_folder(Path(options.out)) as folder:
            tables = {
                split: open_tables.enter_context(closing(datasets.open_rows(info.id, split)))
                for split in info.splits
            }
            export_rows(folder, options.form, info.kind, tables, progress.seen)
            card = dataset_card(info, provenance_of(info, history, info.version))
            atomicfs.write_file(folder / CARD, card.encode(), durable=False)
        context.emit(Finished(result={"path": options.out}))


def dataset_card(info: DatasetInfo, provenance: Provenance) -> str:
    """Return the text that says where rows came from and what was done with them; no paths."""
    lines = [
        f"# {info.name}",
        "",
        *provenance_lines(provenance),
        "",
        _("## Source files"),
        "",
        *(f"- {one.name}, SHA-256 {one.sha256}" for one in info.sources),
        "",
        _("## What was done"),
        "",
        *history_lines(provenance),
        "",
    ]
    return "\n".join(lines)
