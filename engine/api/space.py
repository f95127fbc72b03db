# SPDX-License-Identifier: Apache-2.0
"""Disk use: what takes how much in a workspace, and removing what can go without a loss.

Caches are made again when they are needed. Of the checkpoints of a finished run the newest and the
one of the lowest held-out loss stay. Trash and backups go when a person says so. Compiled code lies
in the user's cache folder and serves every workspace; it is counted and removed here too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from gettext import gettext as _
from pathlib import Path

from engine.api.datasets import Datasets
from engine.api.jobs import Jobs, JobView
from engine.api.models import Models
from engine.api.trash import Trash
from engine.domain.run import JobKind, JobState
from engine.domain.space import Place, SpaceItem, SpaceKind, SpaceReport
from engine.errors import InUse, WrongUsage
from engine.launcher.identity import find_worker
from engine.store import atomicfs
from engine.store.caches import compile_cache
from engine.store.disk_use import size_of
from engine.store.layout import Layout
from engine.store.place import place_of

Tell = Callable[[int, int], None]
_CHECKPOINT = "ck-"
_CACHES = (SpaceKind.TOKENS, SpaceKind.WEIGHTS, SpaceKind.COMPILED)
_ALL = "all"
_FREEABLE = (*_CACHES, SpaceKind.CHECKPOINTS, SpaceKind.TRASH, SpaceKind.BACKUP)


class Space:
    """The disk use of one workspace."""

    def __init__(self, layout: Layout, *, datasets: Datasets, models: Models, trash: Trash) -> None:
        """Work on one workspace with its other services.

        The window adds up in a thread of its own, so the jobs are read by readers of its own too.
        """
        self._layout = layout
        self._datasets = datasets
        self._models = models
        self._trash = trash

    def place(self) -> Place:
        """Return where the workspace lies: read-only, on a network, and how much room is left."""
        return place_of(self._layout.root)

    def report(self, tell: Tell | None = None) -> SpaceReport:
        """Add up what takes room; this reads every folder of the workspace.

        Args:
            tell: Is told how many objects of how many were looked at.
        """
        measures = [
            *self._dataset_measures(),
            *self._model_measures(),
            *self._job_measures(),
            *self._other_measures(),
        ]
        items: list[SpaceItem] = []
        for number, measure in enumerate(measures, 1):
            items.extend(measure())
            if tell is not None:
                tell(number, len(measures))
        rest = size_of(self._layout.root) - sum(one.size_bytes for one in items)
        items.append(_item(SpaceKind.OTHER, "", "", max(0, rest)))
        items.append(_all_freeable(SpaceKind.COMPILED, _ALL, "", compile_cache()))
        return SpaceReport(
            items=tuple(
                sorted((one for one in items if one.size_bytes), key=lambda one: -one.size_bytes)
            ),
            free_bytes=self.place().free_bytes,
        )

    def free(self, key: str) -> int:
        """Remove what can go of one thing, and return how many bytes that were.

        Args:
            key: `SpaceItem.key`.

        Raises:
            WrongUsage: Nothing of it can go.
            InUse: A job is running that may be using it, of compiled code in any workspace.
            NotWritable: The place refuses, or another program holds a file open.
        """
        kind, _joint, owner = key.partition(":")
        if kind not in _FREEABLE or not owner.replace("-", "").isalnum():
            raise WrongUsage(_("Nothing of {key} can be removed here.").format(key=key))
        if kind in _CACHES:
            self._check_idle()
        if kind == SpaceKind.COMPILED:  # which all workspaces share
            _require_no_worker()
        folders = [one for one in self._freeable(SpaceKind(kind), owner) if one.is_dir()]
        freed = sum(size_of(one) for one in folders)
        if kind == SpaceKind.TRASH:
            self._trash.delete(owner)
        else:
            for one in folders:
                atomicfs.remove_folder(one)
        return freed

    def _freeable(self, kind: SpaceKind, owner: str) -> list[Path]:
        """Return the folders that can go of one thing."""
        match kind:
            case SpaceKind.TOKENS:
                return [self._layout.dataset(owner).tokens]
            case SpaceKind.WEIGHTS:
                return [self._layout.nf4_cache(owner)]
            case SpaceKind.CHECKPOINTS:
                return _older_checkpoints(self._layout, Jobs(self._layout).get(owner))
            case SpaceKind.BACKUP:
                return [self._layout.backups / owner]
            case SpaceKind.COMPILED:
                return [compile_cache()]
            case _:
                return [self._layout.trash / owner]

    def _check_idle(self) -> None:
        """Refuse while a job may be reading a cache.

        Raises:
            InUse: One is running.
        """
        for job in Jobs(self._layout).list():
            if not job.state.is_over:
                raise InUse(
                    _("{job} is running and may be using this, so it was not removed.").format(
                        job=job.info.name
                    )
                )

    # ------------------------------------------------------------------ what is looked at

    def _dataset_measures(self) -> Iterator[Callable[[], list[SpaceItem]]]:
        for info in self._datasets.list():
            yield lambda one=info: _dataset_items(self._layout, one.id, one.name)

    def _model_measures(self) -> Iterator[Callable[[], list[SpaceItem]]]:
        for info in self._models.list():
            yield lambda one=info: [_weights(self._layout, one.id, one.name)]

    def _job_measures(self) -> Iterator[Callable[[], list[SpaceItem]]]:
        for job in Jobs(self._layout).list():
            if job.info.kind is JobKind.TRAIN:
                yield lambda one=job: _run_items(self._layout, one)
            elif job.info.kind is JobKind.EXPORT:
                yield lambda one=job: _export_items(self._layout, one)

    def _other_measures(self) -> Iterator[Callable[[], list[SpaceItem]]]:
        for entry in self._trash.list():
            place = self._layout.trash / entry.id
            yield lambda one=entry, folder=place: [
                _all_freeable(SpaceKind.TRASH, one.id, one.name, folder)
            ]
        backups = self._layout.backups
        for folder in backups.iterdir() if backups.is_dir() else ():
            yield lambda one=folder: [_all_freeable(SpaceKind.BACKUP, one.name, one.name, one)]


def _require_no_worker() -> None:
    """Refuse while a worker of any workspace may be reading what all of them share.

    Raises:
        InUse: One lives.
    """
    pid = find_worker()
    if pid is not None:
        raise InUse(
            _(
                "Something is being trained or prepared, perhaps in another workspace (process "
                "{pid}), and may be using this, so it was not removed."
            ).format(pid=pid)
        )


def _item(kind: SpaceKind, owner: str, name: str, size: int, freeable: int = 0) -> SpaceItem:
    return SpaceItem(kind=kind, id=owner, name=name, size_bytes=size, freeable_bytes=freeable)


def _all_freeable(kind: SpaceKind, owner: str, name: str, folder: Path) -> SpaceItem:
    size = size_of(folder)
    return _item(kind, owner, name, size, size)


def _dataset_items(layout: Layout, owner: str, name: str) -> list[SpaceItem]:
    folder = layout.dataset(owner)
    tokens = _all_freeable(SpaceKind.TOKENS, owner, name, folder.tokens)
    versions = _item(SpaceKind.VERSIONS, owner, name, size_of(folder.versions))
    rest = size_of(folder.root) - tokens.size_bytes - versions.size_bytes
    return [_item(SpaceKind.DATASET, owner, name, max(0, rest)), versions, tokens]


def _weights(layout: Layout, owner: str, name: str) -> SpaceItem:
    return _all_freeable(SpaceKind.WEIGHTS, owner, name, layout.nf4_cache(owner))


def _run_items(layout: Layout, job: JobView) -> list[SpaceItem]:
    folder, owner, name = layout.job(job.info.id), job.info.id, job.info.name
    kept = size_of(folder.checkpoints)
    older = sum(size_of(one) for one in _older_checkpoints(layout, job))
    return [
        _item(SpaceKind.RUN, owner, name, max(0, size_of(folder.root) - kept)),
        _item(SpaceKind.CHECKPOINTS, owner, name, kept, older),
    ]


def _export_items(layout: Layout, job: JobView) -> list[SpaceItem]:
    place = export_folder(layout, job)
    size = size_of(place) if place is not None else 0
    return [_item(SpaceKind.EXPORT, job.info.id, job.info.name, size)]


def export_folder(layout: Layout, job: JobView) -> Path | None:
    """Return the folder of an export that lies in the workspace; None where it lies elsewhere."""
    place = Path(job.info.text_option("out"))
    inside = layout.exports / place.name
    return inside if place.parent == layout.exports and inside.is_dir() else None


def _older_checkpoints(layout: Layout, job: JobView) -> list[Path]:
    """Return the checkpoints of a finished run but the newest and the best."""
    folder = layout.job(job.info.id).checkpoints
    if job.state is not JobState.FINISHED or not folder.is_dir():
        return []
    found = sorted((one for one in folder.iterdir() if one.name.startswith(_CHECKPOINT)), key=_step)
    return [one for one in found[:-1] if _step(one) != job.snapshot.eval_best_step]


def _step(checkpoint: Path) -> int:
    return int(checkpoint.name.removeprefix(_CHECKPOINT))
