# SPDX-License-Identifier: Apache-2.0
"""What would be trained of a whole split: counted by a job, kept with it, and looked up here."""

from __future__ import annotations

from gettext import gettext as _
from typing import TYPE_CHECKING

from engine.api.datasets import Datasets
from engine.api.jobs import Jobs, JobView
from engine.api.models import Models
from engine.domain.coverage import Coverage, PackedRow
from engine.domain.dataset import RowKind
from engine.domain.randomness import seed_of
from engine.domain.run import JobKind, JobState
from engine.domain.split import TRAIN
from engine.errors import (
    DatasetNotFound,
    DocumentDamaged,
    KindUnsuitable,
    NoChatTemplate,
    WrongUsage,
)
from engine.store.documents import read_document
from engine.store.layout import Layout

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Coverage", "Coverages", "PackedRow"]

ENTRY = "engine.api.measuring:run"


class Coverages:
    """What would be trained of the datasets of one workspace."""

    def __init__(self, layout: Layout, *, jobs: Jobs, datasets: Datasets, models: Models) -> None:
        """Work on one workspace."""
        self._layout = layout
        self._jobs = jobs
        self._datasets = datasets
        self._models = models

    def start(
        self, dataset_id: str, model_id: str, *, split: str = TRAIN, max_length: int = 2048
    ) -> str:
        """Start a job that counts what would be trained of a split, and return the job's id.

        Args:
            dataset_id: Which dataset; its current version is counted.
            model_id: Which model reads it.
            split: `train` or `eval`.
            max_length: Longer rows are cut at the end, tokens.

        Raises:
            DatasetNotFound: There is no such dataset, or no such split in it.
            ModelNotFound: There is no such model.
            NoChatTemplate: The rows are conversations, but the model has no chat template.
            KindUnsuitable: The rows are of a kind that is not one text each.
            WrongUsage: The longest length is no length.
        """
        info, model = self._datasets.get(dataset_id), self._models.get(model_id)
        if max_length < 1:
            raise WrongUsage(_("The longest length must be at least one token."))
        if split not in info.splits:
            raise DatasetNotFound(
                _("The dataset {name} has no rows called {split}.").format(
                    name=info.name, split=split
                )
            )
        if info.kind not in (RowKind.CHAT, RowKind.TEXT):
            raise KindUnsuitable(_("Rows of this kind have no single text to train."))
        if info.kind is RowKind.CHAT and not model.has_chat_template:
            raise NoChatTemplate(
                _("The model has no chat template, so conversations cannot be written for it.")
            )
        options = {
            "dataset_id": info.id,
            "version": info.version,
            "split": split,
            "model_id": model.id,
            "max_length": max_length,
        }
        job_id = self._jobs.create(JobKind.DATASET, info.name, ENTRY, options)
        self._jobs.start(job_id)
        return job_id

    def get(self, job_id: str) -> Coverage:
        """Return what a job counted.

        Raises:
            RunNotFound: There is no such job.
            DocumentDamaged: It has not finished, or is another kind of job.
        """
        return read_document(self._layout.job(self._jobs.get(job_id).info.id).coverage, Coverage)

    def find(
        self, dataset_id: str, model_id: str, *, split: str = TRAIN, max_length: int = 2048
    ) -> Coverage | None:
        """Return what was counted last and still holds, or None.

        It holds while the dataset's version and the model's files are the same.

        Raises:
            DatasetNotFound: There is no such dataset.
            ModelNotFound: There is no such model.
        """
        info, model = self._datasets.get(dataset_id), self._models.get(model_id)
        wanted = (info.id, info.version, split, model.id, model.fingerprint, max_length)
        for job in self._jobs.list(JobKind.DATASET):
            found = self._read(job)
            if found is not None and wanted == (
                found.dataset_id,
                found.dataset_version,
                found.split,
                found.model_id,
                found.model_fingerprint,
                found.max_length,
            ):
                return found
        return None

    def _read(self, job: JobView) -> Coverage | None:
        if job.info.entry != ENTRY or job.state is not JobState.FINISHED:
            return None
        try:
            return read_document(self._layout.job(job.info.id).coverage, Coverage)
        except DocumentDamaged:
            return None

    def packed_with(
        self, coverage: Coverage, row: int, *, effective_batch_size: int, seed: int
    ) -> PackedRow:
        """Return which rows share a packed sequence with a row in the first epoch of a run.

        Args:
            coverage: What was counted of the split.
            row: Place of the row in the split, from 0.
            effective_batch_size: That of the recipe.
            seed: That of the recipe.

        Raises:
            WrongUsage: The row is not trained, so it is packed with none.
            DocumentDamaged: The lengths that were counted cannot be read.
        """
        import numpy as np

        from engine.chat.packing import StepOrder, neighbours, whole

        kept = self._example_lengths(coverage)
        if not 0 <= row < len(kept) or not kept[row]:
            raise WrongUsage(_("This row is not trained, so it is packed with no other."))
        rows = np.flatnonzero(kept)
        lengths = kept[rows].astype(np.int64)
        order = StepOrder(
            parts=whole(len(rows)),
            effective_batch_size=effective_batch_size,
            seed=seed_of("order", seed),
        )
        example = int(np.searchsorted(rows, row))
        step, found = neighbours(order, lengths, example, capacity=coverage.max_length)
        return PackedRow(
            step=step,
            rows=tuple(int(rows[one]) for one in found),
            lengths=tuple(int(lengths[one]) for one in found),
            capacity=coverage.max_length,
        )

    def _example_lengths(self, coverage: Coverage) -> NDArray[np.int32]:
        """Return the tokens of each row after cutting; 0 for a row that is not trained."""
        import numpy as np

        path = self._layout.job(coverage.job_id).example_lengths
        try:
            content = path.read_bytes()
        except OSError as error:
            raise DocumentDamaged(
                _("{path} cannot be read.").format(path=path), detail=str(error)
            ) from error
        if len(content) != 4 * coverage.rows:
            raise DocumentDamaged(_("{path} cannot be read.").format(path=path), detail="size")
        return np.frombuffer(content, "<i4")
