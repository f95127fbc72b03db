# SPDX-License-Identifier: Apache-2.0
"""Recipe files: written from a run or a draft, and matched by content where they are opened."""

from __future__ import annotations

from collections.abc import Sequence
from gettext import gettext as _
from pathlib import Path

import msgspec

from engine.api.datasets import Datasets
from engine.api.models import Models
from engine.api.runs import Runs
from engine.domain.dataset import DatasetInfo
from engine.domain.model import ModelInfo
from engine.domain.recipe import Recipe
from engine.domain.recipe_file import (
    DatasetMark,
    Matched,
    ModelMark,
    RecipeFile,
    decode_recipe_file,
)
from engine.errors import EngineError, FileMissing, RecipeUnmatched
from engine.formats.dataset_fingerprint import dataset_fingerprint
from engine.formats.versions import read_version
from engine.store import atomicfs
from engine.store.layout import Layout
from engine.store.weights_sample import weights_sample


class Recipes:
    """Saves, opens and matches recipe files of one workspace."""

    def __init__(self, layout: Layout, *, runs: Runs, datasets: Datasets, models: Models) -> None:
        """Work on one workspace with its other services."""
        self._layout = layout
        self._runs = runs
        self._datasets = datasets
        self._models = models

    def export(self, run: str, path: Path) -> Path:
        """Write the recipe of a run to a file; return its path.

        Raises:
            RunNotFound: No such run.
            DatasetNotFound: A dataset of it is gone, so that its content cannot be named.
            ModelNotFound: Its model is gone.
            DiskFull: No room.
        """
        return self.save(self._runs.get(run).recipe, path)

    def save(self, recipe: Recipe, path: Path) -> Path:
        """Write a recipe to a file; return its path.

        Raises:
            DatasetNotFound: A dataset is gone, so that its content cannot be named.
            ModelNotFound: The model is gone.
            NotWritable: The place refuses to be written.
        """
        marks = [
            self._dataset_mark(self._datasets.get(one.dataset_id), one.dataset_version)
            for one in recipe.read_datasets
        ]
        model = _model_mark(self._models.get(recipe.model_id))
        file = RecipeFile(recipe=recipe, datasets=tuple(marks), model=model)
        # Without a checksum, unlike the documents of a workspace: people may change it by hand.
        atomicfs.write_file(path, msgspec.json.format(msgspec.json.encode(file)) + b"\n")
        return path

    def read(self, path: Path) -> RecipeFile:
        """Read a recipe file.

        Raises:
            FileMissing: It is not there, or cannot be read.
            RecipeFileInvalid: It is no recipe file, or has impossible values.
            RecipeFileTooNew: It needs a newer Burnish.
        """
        try:
            content = path.read_bytes()
        except OSError as error:
            raise FileMissing(
                _("{path} cannot be read.").format(path=path), detail=str(error)
            ) from error
        return decode_recipe_file(content, name=path.name)

    def match(self, file: RecipeFile) -> Matched:
        """Find each dataset and the model of a recipe file here, by content.

        What has the id of the file is looked at first. A name alone is never enough.
        """
        return Matched(
            file=file,
            datasets=tuple(self._find_dataset(one) for one in file.datasets),
            model_id=self._find_model(file.model),
        )

    def open(self, path: Path, *, datasets: Sequence[str] = (), model: str = "") -> Recipe:
        """Return the recipe of a file with the ids of this workspace.

        Args:
            path: The file.
            datasets: What stands for its datasets, in their order; the rest is matched by content.
            model: What stands for its model; else it is matched by content.

        Raises:
            RecipeUnmatched: Nothing here has the content of some; the message names all of them.
            RecipeFileInvalid: It is no recipe file, or has impossible values.
            RecipeFileTooNew: It needs a newer Burnish.
            DatasetNotFound: There is no dataset that is to stand for another.
            ModelNotFound: There is no such model.
        """
        found = self.match(self.read(path))
        given = [self._datasets.get(one) for one in datasets[: len(found.datasets)]]
        places = ((one.id, one.version) for one in given)
        matched = msgspec.structs.replace(
            found,
            datasets=(*places, *found.datasets[len(given) :]),
            model_id=self._models.get(model).id if model else found.model_id,
        )
        if not matched.is_complete:
            raise _unmatched(matched)
        return matched.recipe()

    def _dataset_mark(self, info: DatasetInfo, version: int) -> DatasetMark:
        folder = self._layout.dataset(info.id)
        return DatasetMark(
            id=info.id,
            version=version,
            name=info.name,
            splits=read_version(folder, info, version).splits,
            fingerprint=dataset_fingerprint(folder, info, version),
        )

    def _find_dataset(self, mark: DatasetMark) -> tuple[str, int] | None:
        known = sorted(self._datasets.list(), key=lambda one: one.id != mark.id)
        for info in known:
            for version in dict.fromkeys((mark.version, info.version)):
                if self._is_same(info, version, mark):
                    return info.id, version
        return None

    def _is_same(self, info: DatasetInfo, version: int, mark: DatasetMark) -> bool:
        folder = self._layout.dataset(info.id)
        try:
            # Most others have other counts, so that their rows need not be read.
            if read_version(folder, info, version).splits != mark.splits:
                return False
            return dataset_fingerprint(folder, info, version) == mark.fingerprint
        except EngineError:
            # It has no such version, or is damaged: then it is not the one.
            return False

    def _find_model(self, mark: ModelMark) -> str:
        known = sorted(self._models.list(), key=lambda one: one.id != mark.id)
        for info in known:
            if info.fingerprint != mark.fingerprint:
                continue
            try:
                if _model_mark(info).weights == mark.weights:
                    return info.id
            except FileMissing:
                continue
        return ""


def _model_mark(info: ModelInfo) -> ModelMark:
    return ModelMark(
        id=info.id,
        name=info.name,
        fingerprint=info.fingerprint,
        weights=weights_sample(Path(info.path), info.files),
    )


def _unmatched(matched: Matched) -> RecipeUnmatched:
    missing = [
        _("the dataset {name} ({rows} rows)").format(
            name=one.name, rows=f"{sum(one.splits.values()):,}"
        )
        for one in matched.missing_datasets
    ]
    if not matched.model_id:
        missing.append(_("the model {name}").format(name=matched.file.model.name))
    return RecipeUnmatched(
        _("Nothing in this workspace has the content of {things}.").format(
            things=", ".join(missing)
        )
    )
