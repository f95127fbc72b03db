# SPDX-License-Identifier: Apache-2.0
"""The job that counts what would be trained of a whole split."""

from __future__ import annotations

from contextlib import closing
from datetime import datetime
from pathlib import Path

import msgspec

from engine.api.datasets import Datasets
from engine.api.job_progress import RowProgress, ending_stopped, options_of
from engine.api.jobs import Jobs
from engine.chat.coverage import CoverageCount, encode_ahead
from engine.chat.tokenizer import load_tokenizer
from engine.domain.coverage import Coverage
from engine.domain.phase import Phase
from engine.domain.timestamp import timestamp
from engine.protocol.events import Finished, PhaseChanged
from engine.protocol.job import JobContext
from engine.store import atomicfs
from engine.store.documents import write_document
from engine.store.known_model import find_model
from engine.store.layout import JobFolder, Layout

THREADS = 2


class MeasureOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Options of the job, see `Coverages.start`."""

    dataset_id: str
    version: int
    split: str
    model_id: str
    max_length: int


def run(context: JobContext) -> None:
    """Count every row of the split; a stop leaves nothing behind.

    Raises:
        DatasetNotFound: There is no such dataset, or no such split in it.
        DatasetDamaged: The rows are not what was written.
        ModelNotFound, FileMissing, ModelChanged: The model is not what was added.
        NoChatTemplate: The rows are conversations, but the model has no chat template.
        KindUnsuitable: The rows are of a kind that is not one text each.
        DiskFull: No room for the result.
    """
    options = options_of(context, MeasureOptions)
    layout, folder = Layout(context.workspace), JobFolder(context.folder)
    model = find_model(layout, options.model_id)
    clock = datetime.fromisoformat(context.info.created_at)
    datasets = Datasets(layout, Jobs(layout))
    count = CoverageCount()
    with ending_stopped(context):
        context.emit(PhaseChanged(phase=Phase.READING_ROWS))
        tokenizers = [load_tokenizer(Path(model.path), clock=clock) for _thread in range(THREADS)]
        with closing(
            datasets.open_rows(options.dataset_id, options.split, version=options.version)
        ) as table:
            progress = RowProgress(context, len(table))
            rows = (row for _row_hash, row in table.rows())
            for batch in encode_ahead(tokenizers, rows, max_length=options.max_length):
                for one in batch:
                    count.add(one)
                progress.seen(len(count))
        coverage = Coverage(
            job_id=context.info.id,
            dataset_id=options.dataset_id,
            dataset_version=options.version,
            split=options.split,
            model_id=options.model_id,
            model_fingerprint=model.fingerprint,
            max_length=options.max_length,
            made_at=timestamp(context.now()),
            **count.sums(),
        )
        lengths = count.example_lengths.astype("<i4").tobytes()
        atomicfs.write_file(folder.example_lengths, lengths)
        write_document(folder.coverage, coverage)
        context.emit(Finished(result={"dataset_id": options.dataset_id}))
