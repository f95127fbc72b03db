# SPDX-License-Identifier: Apache-2.0
"""The adapter that a new run begins with: where its numbers stand, and what it was made of."""

from __future__ import annotations

from collections.abc import Iterator
from gettext import gettext as _
from pathlib import Path
from typing import Any

import msgspec

from engine.domain.provenance import Provenance
from engine.domain.recipe import Recipe
from engine.domain.run import JobInfo, JobKind
from engine.domain.start import USUAL_REPLAY_RATIO, AdapterStart, Ancestor
from engine.errors import DocumentDamaged, StartUnusable
from engine.protocol.codec import VersionUnknown
from engine.store import atomicfs
from engine.store.adapterfolder import weights_in
from engine.store.documents import read_document
from engine.store.layout import JobFolder, Layout


class Beginning(msgspec.Struct, frozen=True, kw_only=True):
    """An adapter that a new run can go on with.

    Attributes:
        start: What the recipe of the new run names.
        taken: Recipe fields that follow from it, by name.
        weights: Where its numbers stand now.
        descent: What it was made of, oldest first, itself last.
        model_id: The base model here that it was trained on; empty where it must be chosen.
        recipe: Of the run that it comes from; None for a folder from outside.
        base: What a folder from outside says that it was trained on.
    """

    start: AdapterStart
    taken: dict[str, Any]
    weights: Path
    descent: tuple[Ancestor, ...]
    model_id: str = ""
    recipe: Recipe | None = None
    base: str = ""

    @property
    def former_dataset_id(self) -> str:
        """Return the dataset of the run that it comes from; empty where that is not here."""
        here = {one.dataset_id for one in self.start.held_out}
        return self.recipe.dataset_id if self.recipe and self.recipe.dataset_id in here else ""


def usual_replay(beginning: Beginning, dataset_id: str) -> tuple[str, float] | None:
    """Return the former data and its share in a pass, as it is mixed into other data by default.

    None where there is nothing to mix: the former data is trained itself, or is not here.

    Args:
        beginning: The adapter.
        dataset_id: What the new run trains.
    """
    former = beginning.former_dataset_id
    return None if former in ("", dataset_id) else (former, USUAL_REPLAY_RATIO)


def descent_of(info: JobInfo) -> tuple[Ancestor, ...]:
    """Return what the adapter that a run began with was made of, oldest first."""
    raw = info.options.get("descent")
    return msgspec.json.decode(raw, type=tuple[Ancestor, ...]) if raw else ()


def ancestor_of(info: JobInfo, start: AdapterStart) -> Ancestor:
    """Return what is told of an adapter of a run."""
    raw = info.options.get("data")
    return Ancestor(
        name=info.name,
        run_id=info.id,
        sha256=start.sha256,
        checkpoint=start.checkpoint,
        step=start.step,
        data=msgspec.json.decode(raw, type=tuple[Provenance, ...]) if raw else (),
    )


def find_start(layout: Layout, start: AdapterStart) -> tuple[Path, tuple[Ancestor, ...]]:
    """Return where the numbers of a start stand in a workspace, and what they were made of.

    They are known by their hash alone: the run that they come from may be gone, where another one
    that began with them keeps a copy.

    Raises:
        StartUnusable: Nothing here has them.
    """
    for folder in _folders(layout, start.run_id):
        try:
            info = read_document(folder.info, JobInfo)
            if info.kind is not JobKind.TRAIN:
                continue
            recipe = read_document(folder.recipe, Recipe)
        except (DocumentDamaged, VersionUnknown):
            continue
        own = recipe.start
        if own is not None and own.sha256 == start.sha256 and folder.start.is_file():
            return folder.start, descent_of(info)
        for weights in weights_in(folder):
            if _listed_sha256(weights) == start.sha256:
                return weights, (*descent_of(info), ancestor_of(info, start))
    raise StartUnusable(
        _("Nothing in this workspace has the adapter that {name} left.").format(name=start.name),
        remedy=_("Import that run, or name the folder of its adapter."),
        detail=f"SHA-256 {start.sha256}",
    )


def _folders(layout: Layout, first: str) -> Iterator[JobFolder]:
    """Yield the jobs of a workspace, the likely one first."""
    names = [one.name for one in layout.jobs.iterdir() if not one.name.startswith(".")]
    for name in sorted(names, key=lambda one: (one != first, one)):
        yield layout.job(name)


def _listed_sha256(path: Path) -> str:
    """Return the hash that a folder's list states for a file of it, or nothing."""
    try:
        entry = atomicfs.read_manifest(path.parent).files.get(path.name)
    except DocumentDamaged:
        return ""
    return entry.sha256 if entry is not None and path.is_file() else ""
