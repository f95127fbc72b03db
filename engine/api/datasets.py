# SPDX-License-Identifier: Apache-2.0
"""Datasets of a workspace: importing, finding, reading, renaming, removing."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import closing
from gettext import gettext as _
from itertools import islice
from pathlib import Path

import msgspec
from msgspec.structs import replace

from engine.api.documents import check_chunking
from engine.api.ids import new_id
from engine.api.jobs import Jobs
from engine.api.lookup import matching
from engine.api.trash import Trash
from engine.domain.chunking import Chunking
from engine.domain.dataset import DatasetInfo, Mapping, Reject
from engine.domain.recipe import Recipe
from engine.domain.run import JobKind
from engine.domain.split import TRAIN
from engine.domain.trash import TrashKind
from engine.errors import (
    DatasetDamaged,
    DatasetNotFound,
    DocumentDamaged,
    FileMissing,
    FileUnreadable,
    InUse,
    WrongUsage,
)
from engine.formats.arrow_layout import data_file
from engine.formats.mapping import Mapper
from engine.formats.row_preview import RowPreview
from engine.formats.row_table import RowTable
from engine.formats.versions import head_of, open_table, read_version, verify_file
from engine.store import atomicfs
from engine.store.documents import read_document, read_own_document, rewrite_listed
from engine.store.known_model import find_model
from engine.store.layout import DatasetFolder, Layout

__all__ = ["Datasets", "RowPreview", "RowTable"]

ENTRY = "engine.api.importing:run"
LARGEST_EVAL_RATIO = 0.9


class Datasets:
    """All datasets of one workspace."""

    def __init__(self, layout: Layout, jobs: Jobs, *, make_id: Callable[[], str] = new_id) -> None:
        """Work on one workspace."""
        self._layout = layout
        self._jobs = jobs
        self._make_id = make_id

    def start_import(
        self,
        paths: Sequence[Path],
        *,
        name: str = "",
        eval_ratio: float = 0.1,
        mapping: Mapping | None = None,
        chunking: Chunking | None = None,
        is_separate: bool = False,
    ) -> str:
        """Start a job that imports files, and return the job's id.

        Args:
            paths: Files, and folders of which all files are read.
            name: Name for people; by default that of the first path.
            eval_ratio: Share of the rows that is held out, 0 to 0.9; 0 holds nothing out.
            mapping: Which columns are which part of a row; None recognises it.
            chunking: How documents are cut; None cuts them as their format does.
            is_separate: Each path becomes a dataset of its own, with its own name, instead of all
                together one.

        Raises:
            WrongUsage: No path was given, the share is out of range, or mapping or chunking are
                not possible.
            FileMissing: A path does not exist, or the folder of the model that counts.
            FileUnreadable: A path holds bytes that are no characters.
            ModelNotFound, ModelChanged: The model that counts is not what was added.
        """
        _check_paths(paths)
        if not 0 <= eval_ratio <= LARGEST_EVAL_RATIO:
            raise WrongUsage(
                _("The share of held-out rows must be between 0 and {largest}.").format(
                    largest=LARGEST_EVAL_RATIO
                )
            )
        title = name.strip() or paths[0].absolute().stem
        options = {
            "paths": [str(path.absolute()) for path in paths],
            "name": title,
            "eval_ratio": eval_ratio,
            "dataset_id": self._make_id(),
        }
        if is_separate and len(paths) > 1:
            options["further_ids"] = [self._make_id() for _path in paths[1:]]
        if chunking is not None:
            check_chunking(chunking)
            if chunking.model_id:
                find_model(self._layout, chunking.model_id)
            options["chunking"] = msgspec.to_builtins(chunking)
        if mapping is not None:
            options["mapping"] = msgspec.to_builtins(Mapper(mapping).mapping)
        self._sweep()
        job_id = self._jobs.create(JobKind.IMPORT, title, ENTRY, options)
        self._jobs.start(job_id)
        return job_id

    def _sweep(self) -> None:
        """Delete what jobs left that were killed; while one lives, nothing is touched."""
        writers = (JobKind.IMPORT, JobKind.DATASET)
        if all(job.state.is_over for kind in writers for job in self._jobs.list(kind)):
            atomicfs.sweep(self._layout.datasets)

    def list(self) -> list[DatasetInfo]:
        """Return all datasets that can be read, newest first."""
        found = [one for one in self._read_all().values() if isinstance(one, DatasetInfo)]
        return sorted(found, key=lambda one: (one.created_at, one.id), reverse=True)

    def damaged(self) -> list[tuple[str, str]]:
        """Return the id of each dataset that cannot be read, and why."""
        read = self._read_all()
        return [(name, one) for name, one in read.items() if isinstance(one, str)]

    def _read_all(self) -> dict[str, DatasetInfo | str]:
        """Return each dataset, or why it cannot be read, by folder name."""
        found: dict[str, DatasetInfo | str] = {}
        for folder in sorted(self._layout.datasets.iterdir()):
            if folder.is_dir() and not folder.name.startswith("."):
                try:
                    found[folder.name] = self._read(folder.name)
                except (DatasetDamaged, DocumentDamaged) as error:
                    found[folder.name] = error.message
        return found

    def _read(self, dataset_id: str) -> DatasetInfo:
        folder = self._layout.dataset(dataset_id)
        info = read_own_document(folder.info, DatasetInfo)
        for split in info.splits:
            verify_file(folder, data_file(folder.rows, split), by_content=False)
        current = read_version(folder, info, head_of(folder))
        return replace(info, rows=current.rows, splits=current.splits, version=current.number)

    def get(self, key: str) -> DatasetInfo:
        """Return the dataset with this id, beginning of an id (4 characters or more) or name.

        Raises:
            DatasetNotFound: There is none, or more than one.
            DatasetDamaged: It is there, but damaged.
            DocumentDamaged: Its description cannot be read.
        """
        if key.isalnum() and self._layout.dataset(key).root.is_dir():
            return self._read(key)
        found = matching(self.list(), key)
        if len(found) == 1:
            return found[0]
        if found:
            ids = ", ".join(one.id for one in found)
            raise DatasetNotFound(
                _("More than one dataset is called {name}: {ids}.").format(name=key, ids=ids),
                remedy=_("Use the id of one of them."),
            )
        raise DatasetNotFound(_("There is no dataset {name} here.").format(name=key))

    def name_of(self, dataset_id: str) -> str:
        """Return the name of a dataset, or an empty text where it is gone or damaged."""
        try:
            return read_document(self._layout.dataset(dataset_id).info, DatasetInfo).name
        except DocumentDamaged:
            return ""

    def open_rows(
        self, dataset_id: str, split: str | None = TRAIN, *, version: int = 0
    ) -> RowTable:
        """Map the rows of one split into memory; close the table before the dataset is removed.

        Args:
            dataset_id: Which dataset.
            split: Which split; None takes all, one after the other.
            version: Which version; 0 for the current one.

        Raises:
            DatasetNotFound: There is no such dataset, or no such split in it.
            DatasetDamaged: The rows are missing or not what was written.
        """
        info = self.get(dataset_id)
        if split is not None and split not in info.splits:
            raise DatasetNotFound(
                _("The dataset {name} has no rows called {split}.").format(
                    name=info.name, split=split
                )
            )
        folder = self._folder(info)
        written = read_document(folder.info, DatasetInfo)
        return open_table(folder, written, version or info.version, split)

    def field_names(self, dataset_id: str) -> list[str]:
        """Return what the first rows say beside their content: names for groups, strata, times.

        Raises:
            DatasetNotFound: There is no such dataset.
            DatasetDamaged: The rows are missing or not what was written.
        """
        from engine.formats.splitting import field_names

        with closing(self.open_rows(dataset_id, None)) as table:
            return field_names(table)

    def rejects(self, dataset_id: str, *, limit: int = 1000) -> list[Reject]:
        """Return the first rows that were not accepted, in the order of the files.

        Raises:
            DatasetNotFound: There is no such dataset.
            DatasetDamaged: The list of them cannot be read.
        """
        path = self._folder(self.get(dataset_id)).rejects
        try:
            with path.open("rb") as stream:
                return [msgspec.json.decode(line, type=Reject) for line in islice(stream, limit)]
        except (OSError, msgspec.DecodeError) as error:
            raise DatasetDamaged(
                _("The list of rejected rows in {path} cannot be read.").format(path=path),
                detail=str(error),
            ) from error

    def rename(self, dataset_id: str, name: str) -> DatasetInfo:
        """Give a dataset another name for people, and return it.

        Raises:
            WrongUsage: The name is blank.
            DatasetNotFound: There is no such dataset.
            DiskFull: No room; the old name stays.
        """
        if not name.strip():
            raise WrongUsage(_("A dataset needs a name."), remedy=_("Give it a name."))
        self._describe(dataset_id, name=name.strip())
        return self.get(dataset_id)

    def _describe(self, dataset_id: str, **changes: str | bool) -> None:
        """Change what dataset.json says of a dataset beside its rows."""
        folder = self._folder(self.get(dataset_id))
        info = replace(read_document(folder.info, DatasetInfo), **changes)
        # Readers compare only the rows with the manifest.
        rewrite_listed(folder.info, info)

    def describe(
        self,
        dataset_id: str,
        *,
        licence: str | None = None,
        origin: str | None = None,
        consent: str | None = None,
    ) -> DatasetInfo:
        """Write down the user's statements on a dataset, and return it; None leaves one as it is.

        Raises:
            DatasetNotFound: There is no such dataset.
            DiskFull: No room; the old statements stay.
        """
        said = {"licence": licence, "origin": origin, "consent": consent}
        self._describe(
            dataset_id, **{name: text.strip() for name, text in said.items() if text is not None}
        )
        return self.get(dataset_id)

    def freeze_eval(self, dataset_id: str, *, on: bool = True) -> DatasetInfo:
        """Keep the rows of `eval` where they are: they never enter `train` of what is made of it.

        Raises:
            DatasetNotFound: There is no such dataset.
            DiskFull: No room; nothing changed.
        """
        self._describe(dataset_id, is_eval_frozen=on)
        return self.get(dataset_id)

    def remove(self, dataset_id: str) -> str:
        """Move a dataset with all its rows into the trash; the files it came from stay.

        Returns:
            The id of the entry in the trash, which can put it back.

        Raises:
            DatasetNotFound: There is no such dataset.
            InUse: A run is training on it.
        """
        folder = self._layout.dataset(self._id_of(dataset_id))
        readers = (JobKind.TRAIN, JobKind.RATE, JobKind.MEMORISATION)
        for job in self._jobs.list():
            if (
                job.info.kind in readers
                and not job.state.is_over
                and self._trains_on(job.info.id, folder)
            ):
                raise InUse(
                    _("The run {run} is using this dataset, so it was not removed.").format(
                        run=job.info.name
                    )
                )
        name = self.name_of(folder.root.name) or folder.root.name
        return Trash(self._layout).throw_away(TrashKind.DATASET, name, [folder.root])

    def _id_of(self, key: str) -> str:
        """Return the id for a key; damaged datasets are found by their id too."""
        is_id = key.isalnum() and self._layout.dataset(key).root.is_dir()
        return key if is_id else self.get(key).id

    def _trains_on(self, job_id: str, folder: DatasetFolder) -> bool:
        try:
            recipe = read_document(self._layout.job(job_id).recipe, Recipe)
        except DocumentDamaged:
            return False
        return any(one.dataset_id == folder.root.name for one in recipe.read_datasets)

    def _folder(self, info: DatasetInfo) -> DatasetFolder:
        return self._layout.dataset(info.id)


def _check_paths(paths: Sequence[Path]) -> None:
    """Refuse at once what no worker has to look at."""
    if not paths:
        raise WrongUsage(_("No file was given."), remedy=_("Name at least one file."))
    for path in paths:
        shown = os.fsencode(path).decode("utf-8", errors="replace")
        if shown != str(path):
            raise FileUnreadable(
                _("The name {path} holds bytes that are no characters.").format(path=shown),
                remedy=_("Rename the file or its folder."),
            )
        if not path.exists():
            raise FileMissing(_("{path} does not exist. Nothing was imported.").format(path=path))
