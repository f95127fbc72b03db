# SPDX-License-Identifier: Apache-2.0
"""The datasets and jobs of a workspace and of its trash, and what each says of others.

A document that the disk does not give is no damaged one: whoever asks here deletes, or says that
there is nothing to delete, and must not pass over what may be readable tomorrow.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from engine.domain.dataset import DatasetInfo
from engine.domain.recipe import Recipe
from engine.domain.run import JobInfo, JobKind
from engine.errors import DocumentDamaged
from engine.store import trash
from engine.store.disk_errors import naming_disk_errors
from engine.store.documents import read_document
from engine.store.layout import DatasetFolder, JobFolder, Layout

_LEARNERS = (JobKind.TRAIN, JobKind.RATE)
Document = TypeVar("Document", bound=msgspec.Struct)


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What a run tells of a dataset that it learned from, as far as it matters here."""

    name: str = ""
    source_sha256: tuple[str, ...] = ()


class Forebear(msgspec.Struct, frozen=True, kw_only=True):
    """What a run tells of an adapter that it goes on from; `held_out` is known of the last one."""

    run_id: str = ""
    sha256: str = ""
    data: tuple[Told, ...] = ()
    held_out: tuple[str, ...] = ()


class _Links(msgspec.Struct, frozen=True, kw_only=True):
    """The options of a job by which it names other things, or that hold text of rows."""

    dataset_id: str | list[str] | None = None
    dataset_ids: str | list[str] | None = None
    new_id: str | list[str] | None = None
    further_ids: str | list[str] | None = None
    run_id: str | None = None
    prompts: str | list[str] | None = None
    out: str | None = None
    data: tuple[Told, ...] | None = None
    descent: tuple[Forebear, ...] | None = None


class KnownDataset(msgspec.Struct, frozen=True, kw_only=True):
    """A dataset of the workspace or of its trash, or one that only runs and jobs still name.

    Attributes:
        id: Its id.
        folder: Where it stands, or stood.
        info: What it is; None where that cannot be read.
        entry: The entry of the trash that holds it; None where it was not removed.
        told: What runs that learned from it tell; empty where it can be read itself.
        is_gone: Only runs and jobs name it.
    """

    id: str
    folder: DatasetFolder
    info: DatasetInfo | None
    entry: Path | None = None
    told: tuple[Told, ...] = ()
    is_gone: bool = False

    @property
    def name(self) -> str:
        """Return what the person calls it."""
        if self.info:
            return self.info.name
        return next((one.name for one in self.told if one.name), self.id)

    @property
    def source_sha256(self) -> set[str]:
        """Return the hashes of the files that its rows came from."""
        if self.info is None:
            return hashes_of(self.told)
        return {one.sha256 for one in self.info.sources if one.rows}


class KnownJob(msgspec.Struct, frozen=True, kw_only=True):
    """A job of the workspace or of its trash.

    Attributes:
        folder: Where it stands.
        info: What was asked for.
        links: What of that names other things.
        recipe: Of a run, where it can be read.
    """

    folder: JobFolder
    info: JobInfo
    links: _Links
    recipe: Recipe | None

    @property
    def datasets(self) -> set[str]:
        """Return the ids of the datasets that it reads, or makes."""
        read = self.recipe.read_datasets if self.recipe else ()
        links = self.links
        return {one.dataset_id for one in read} | _ids(
            links.dataset_id, links.dataset_ids, links.new_id, links.further_ids
        )

    @property
    def made(self) -> set[str]:
        """Return the ids of the datasets that it makes of others."""
        return _ids(self.links.new_id)

    @property
    def run_id(self) -> str:
        """Return the run that it takes weights of; empty where there is none."""
        return self.links.run_id or ""

    @property
    def out(self) -> str:
        """Return the folder that it writes; empty where there is none."""
        return self.links.out or ""

    @property
    def shows_prompts(self) -> bool:
        """Return whether it keeps prompts."""
        return bool(_ids(self.links.prompts))

    @property
    def is_learner(self) -> bool:
        """Return whether it learned from rows, as far as its recipe can be read."""
        return self.info.kind in _LEARNERS and self.recipe is not None

    @property
    def trained(self) -> list[tuple[str, Told]]:
        """Return the ids of the datasets that it learned from, each with what it tells of it."""
        ids = self.recipe.dataset_ids if self.recipe else ()
        told = self.links.data or ()
        if len(told) != len(ids):
            # Nothing tells which is which.
            every = Told(source_sha256=tuple(sorted(hashes_of(told))))
            told = (every,) * len(ids)
        return list(zip(ids, told, strict=True))

    @property
    def line(self) -> list[Forebear]:
        """Return the adapters that it goes on from, each made of the one before."""
        start = self.recipe.start if self.recipe else None
        found = list(self.links.descent or ())
        if start is not None:
            held_out = tuple(one.dataset_id for one in start.held_out)
            found.append(Forebear(run_id=start.run_id, sha256=start.sha256, held_out=held_out))
        return found


def _ids(*options: str | list[str] | None) -> set[str]:
    """Return options that are texts or lists of texts."""
    return {
        text
        for option in options
        for text in ([option] if isinstance(option, str) else option or ())
    }


def hashes_of(told: Iterable[Told]) -> set[str]:
    """Return the hashes of all source files that are told of."""
    return {sha256 for one in told for sha256 in one.source_sha256}


def known_datasets(layout: Layout) -> list[KnownDataset]:
    """Return every dataset, those in the trash last."""
    here = [
        KnownDataset(
            id=one.name,
            folder=DatasetFolder(one),
            info=read_or_none(DatasetFolder(one).info, DatasetInfo),
        )
        for one in visible_folders(layout.datasets)
    ]
    thrown = [
        KnownDataset(id=info.id, folder=DatasetFolder(part), info=info, entry=part.parent)
        for part in _thrown(layout)
        if (info := read_or_none(DatasetFolder(part).info, DatasetInfo)) is not None
    ]
    return [*here, *thrown]


def named_datasets(layout: Layout) -> list[KnownDataset]:
    """Return every dataset, those in the trash after the others, and last those that are gone."""
    known, jobs = known_datasets(layout), known_jobs(layout)
    here = {one.id for one in known}
    told: dict[str, list[Told]] = {}
    for job in jobs:
        for dataset_id, one in job.trained:
            told.setdefault(dataset_id, []).append(one)
    gone = sorted({one for job in jobs for one in job.datasets if one not in here})
    return [
        *(one if one.info else replace(one, told=tuple(told.get(one.id, ()))) for one in known),
        *(
            KnownDataset(
                id=one,
                folder=layout.dataset(one),
                info=None,
                told=tuple(told.get(one, ())),
                is_gone=True,
            )
            for one in gone
        ),
    ]


def known_jobs(layout: Layout) -> list[KnownJob]:
    """Return every job that can be read, those in the trash last."""
    return [
        KnownJob(folder=folder, info=info, links=links, recipe=read_or_none(folder.recipe, Recipe))
        for folder in _job_folders(layout)
        if (info := read_or_none(folder.info, JobInfo)) is not None
        if (links := _links(info)) is not None
    ]


def _job_folders(layout: Layout) -> list[JobFolder]:
    return [JobFolder(one) for one in (*visible_folders(layout.jobs), *_thrown(layout))]


def _links(info: JobInfo) -> _Links | None:
    """Return what a job names; None where that is not what any Burnish wrote."""
    try:
        return msgspec.json.decode(msgspec.json.encode(info.options), type=_Links)
    except msgspec.DecodeError:
        return None


def visible_folders(folder: Path) -> list[Path]:
    """Return the folders in a folder, without those that are being made or deleted."""
    return sorted(one for one in folder.iterdir() if one.is_dir() and one.name[0] != ".")


def _thrown(layout: Layout) -> list[Path]:
    return [part for entry in trash.folders(layout) for part in sorted(entry.glob("part-*"))]


def read_or_none(path: Path, kind: type[Document]) -> Document | None:
    """Return a document; None where there is none, or none that can be understood.

    Raises:
        DiskFailed: The disk does not give it: nobody knows then whether it is about some dataset.
        NotWritable: The place does not let it be read.
    """
    try:
        return read_document(path, kind)
    except DocumentDamaged as damaged:
        match damaged.__cause__:
            case FileNotFoundError() | NotADirectoryError():
                pass
            case OSError() as error:
                with naming_disk_errors(path):
                    raise error from damaged
            case _:
                pass
        return None


def damaged_folders(layout: Layout) -> list[Path]:
    """Return the folders of which a damaged document does not say whose rows they may hold."""
    return list(dict.fromkeys(path.parent for path in _damaged(layout)))


def _damaged(layout: Layout) -> Iterator[Path]:
    """Yield the documents that are there and cannot be understood."""
    for folder in (*visible_folders(layout.datasets), *_thrown(layout)):
        path = DatasetFolder(folder).info
        if path.exists() and read_or_none(path, DatasetInfo) is None:
            yield path
    jobs = _job_folders(layout)
    for job in jobs:
        if job.info.exists():
            info = read_or_none(job.info, JobInfo)
            if info is None or _links(info) is None:
                yield job.info
    for job in jobs:
        if job.recipe.exists() and read_or_none(job.recipe, Recipe) is None:
            yield job.recipe
