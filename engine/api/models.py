# SPDX-License-Identifier: Apache-2.0
"""Base models of a workspace: local folders, checked and linked, never copied or changed."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from gettext import gettext as _
from pathlib import Path

import msgspec

from engine.api.clock import utc_now
from engine.api.ids import new_id
from engine.api.jobs import Jobs, JobView
from engine.api.lookup import matching
from engine.api.preview import RowTokens, preview
from engine.api.starter import starter_folder
from engine.api.trash import Trash
from engine.domain.model import ModelInfo
from engine.domain.recipe import Recipe
from engine.domain.run import JobKind
from engine.domain.split import TRAIN
from engine.domain.timestamp import timestamp
from engine.domain.trash import TrashKind
from engine.errors import DocumentDamaged, InUse, ModelNotFound
from engine.store import atomicfs
from engine.store.documents import read_document, read_own_document, write_document
from engine.store.layout import Layout
from engine.store.modelfolder import inspect_model

_HUB_CACHE = re.compile(r"models--(?:.+--)?(.+)")


class Models:
    """All base models of one workspace."""

    def __init__(
        self,
        layout: Layout,
        jobs: Jobs,
        *,
        make_id: Callable[[], str] = new_id,
        now: Callable[[], datetime] = utc_now,
        starter: Path | None = None,
    ) -> None:
        """Work on one workspace; `starter` is the folder of the bundled model."""
        self._layout = layout
        self._jobs = jobs
        self._make_id = make_id
        self._now = now
        self._starter = starter or starter_folder()

    def add(self, path: Path, *, name: str = "") -> ModelInfo:
        """Check a local model folder and remember it; the folder is not copied.

        A folder that is known already is checked anew and keeps its id.

        Args:
            path: The folder.
            name: Name for people; by default that of the folder.

        Raises:
            FileMissing: The folder or one of its files is not there.
            ModelInvalid: Something in it is not sound.
            UnsafeWeights: The weights are in a form that can run code.
            RemoteCodeRefused: The model asks for program code.
            ArchitectureUnsupported: The architecture is not trained, or the model is quantised.
            TokenizerInvalid: tokenizer.json is missing or not sound.
            TemplateInvalid: The chat template is not text.
        """
        return self._add(path, name=name, bundled=False)

    def add_starter(self) -> ModelInfo:
        """Add the model that ships with Burnish, or return it where it is added already.

        Raises:
            FileMissing: Burnish was installed without it.
        """
        return self._add(self._starter, name=_("Burnish starter"), bundled=True)

    def _add(self, path: Path, *, name: str, bundled: bool) -> ModelInfo:
        place = path.expanduser().absolute()
        known = next((one for one in self.list() if _is_same(Path(one.path), place)), None)
        found = inspect_model(
            place,
            model_id=known.id if known else self._make_id(),
            name=name.strip() or (known.name if known else self._free_name(place)),
            added_at=known.added_at if known else timestamp(self._now()),
            bundled=bundled or (known is not None and known.bundled),
        )
        if found != known:
            document = self._layout.model(found.id)
            atomicfs.make_folder(document.parent)
            write_document(document, found)
        return found

    def _free_name(self, path: Path) -> str:
        """Return a name from the folder's, with a number where another model has it already.

        In the Hugging Face cache the model's name stands further up in the path.
        """
        hub = [found[1] for part in path.parts if (found := _HUB_CACHE.fullmatch(part))]
        base = hub[-1] if hub else path.name or str(path)
        taken = {one.name for one in self.list()}
        name, number = base, 1
        while name in taken:
            number += 1
            name = f"{base} {number}"
        return name

    def list(self) -> list[ModelInfo]:
        """Return all models that can be read, newest first."""
        found = [one for one in self._read_all().values() if isinstance(one, ModelInfo)]
        return sorted(found, key=lambda one: (one.added_at, one.id), reverse=True)

    def damaged(self) -> list[tuple[str, str]]:
        """Return the id of each model that cannot be read, and why."""
        return [(key, one) for key, one in self._read_all().items() if isinstance(one, str)]

    def _read_all(self) -> dict[str, ModelInfo | str]:
        """Return each model, or why it cannot be read, by folder name."""
        found: dict[str, ModelInfo | str] = {}
        for folder in sorted(self._layout.models.iterdir()):
            if folder.is_dir() and not folder.name.startswith("."):
                try:
                    found[folder.name] = read_own_document(
                        self._layout.model(folder.name), ModelInfo
                    )
                except DocumentDamaged as error:
                    found[folder.name] = error.message
        return found

    def get(self, key: str) -> ModelInfo:
        """Return the model with this id, beginning of an id (4 characters or more) or name.

        Raises:
            ModelNotFound: There is none, or more than one.
        """
        found = matching(self.list(), key)
        if len(found) > 1:
            ids = ", ".join(one.id for one in found)
            raise ModelNotFound(
                _("More than one model is called {name}: {ids}.").format(name=key, ids=ids),
                remedy=_("Use the id of one of them."),
            )
        if not found:
            raise ModelNotFound(_("There is no model {name} here.").format(name=key))
        return found[0]

    def name_of(self, model_id: str) -> str:
        """Return the name of a model, or its id where it is gone or damaged."""
        try:
            return read_document(self._layout.model(model_id), ModelInfo).name
        except DocumentDamaged:
            return model_id

    def remove(self, model_id: str) -> str:
        """Move what is known of a model into the trash; its folder with the weights stays.

        Returns:
            The id of the entry in the trash, which can put it back.

        Raises:
            ModelNotFound: There is none of this id.
            InUse: A run is training on it, or it is answering.
        """
        is_damaged = any(one == model_id for one, _reason in self.damaged())
        found = model_id if is_damaged else self.get(model_id).id
        for job in self._jobs.list():
            if not job.state.is_over and self._uses(job, found):
                raise InUse(
                    _("{job} is using this model, so it was not removed.").format(job=job.info.name)
                )
        folder = self._layout.model(found).parent
        return Trash(self._layout).throw_away(TrashKind.MODEL, self.name_of(found), [folder])

    def _uses(self, job: JobView, model_id: str) -> bool:
        if job.info.kind in (JobKind.TRAIN, JobKind.RATE, JobKind.MEMORISATION):
            try:
                recipe = read_document(self._layout.job(job.info.id).recipe, Recipe)
            except DocumentDamaged:
                return False
            return recipe.model_id == model_id
        option = job.info.options.get("model_id")
        return option is not None and msgspec.json.decode(option) == model_id

    def preview(
        self,
        dataset_id: str,
        model_id: str,
        *,
        split: str = TRAIN,
        start: int = 0,
        rows: int = 1,
        max_length: int = 2048,
    ) -> list[RowTokens]:
        """Return rows of a dataset as tokens of a model; see `engine.api.preview.preview`."""
        return preview(
            self._layout,
            dataset_id,
            model_id,
            split=split,
            start=start,
            rows=rows,
            max_length=max_length,
            clock=self._now(),
        )


def _is_same(known: Path, place: Path) -> bool:
    if known == place:
        return True
    try:
        return known.samefile(place)
    except OSError:
        return False
