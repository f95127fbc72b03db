# SPDX-License-Identifier: Apache-2.0
"""A recipe that leaves its workspace: what it names by id, it also names by content."""

from __future__ import annotations

from collections.abc import Mapping
from gettext import gettext as _
from typing import Any, TypeVar

import msgspec

from engine.domain.mix import MixedDataset, Replay
from engine.domain.recipe import Recipe
from engine.domain.recipe_values import problems_of
from engine.domain.start import HeldOutData
from engine.errors import RecipeFileInvalid, RecipeFileTooNew

VERSION = 1
"""The newest form of the file that is understood."""

SUFFIX = ".recipe.json"


class DatasetMark(msgspec.Struct, frozen=True, kw_only=True):
    """What a dataset of a recipe is known by.

    Attributes:
        id: Folder name in the workspace that it comes from.
        version: Which version.
        name: Name for people.
        splits: Rows by split name.
        fingerprint: SHA-256 of its rows in their order.
    """

    id: str
    version: int
    name: str
    splits: dict[str, int]
    fingerprint: str


class ModelMark(msgspec.Struct, frozen=True, kw_only=True):
    """What the base model of a recipe is known by.

    Attributes:
        id: Folder name in the workspace that it comes from.
        name: Name for people.
        fingerprint: SHA-256 over config, tokenizer, template and safetensors headers.
        weights: SHA-256 over pieces of its weight files.
    """

    id: str
    name: str
    fingerprint: str
    weights: str


class RecipeFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The file.

    Attributes:
        burnish_recipe: Version of its form.
        recipe: The full recipe, with the ids of the workspace that it comes from.
        datasets: The recipe's `read_datasets`, in that order.
        model: Its base model.
    """

    burnish_recipe: int = VERSION
    recipe: Recipe
    datasets: tuple[DatasetMark, ...]
    model: ModelMark


def decode_recipe_file(content: bytes, *, name: str) -> RecipeFile:
    """Read a recipe file strictly.

    Args:
        content: Its bytes.
        name: How errors call it.

    Raises:
        RecipeFileTooNew: It has a newer form, or settings that this Burnish does not know; all of
            them are named.
        RecipeFileInvalid: It is no recipe file, or some of its values are not possible; all of
            them are named.
    """
    try:
        found: Any = msgspec.json.decode(content, type=dict[str, Any])
        version = found["burnish_recipe"]
        values = msgspec.convert(found["recipe"], dict[str, Any])
    except (msgspec.DecodeError, msgspec.ValidationError, KeyError) as error:
        raise _invalid(name, str(error)) from error
    _refuse_newer(name, version, values)
    problems = problems_of(values)
    if problems:
        raise RecipeFileInvalid(
            _("{name} has values that are not possible: {reasons}").format(
                name=name, reasons=" ".join(one.message for one in problems)
            )
        )
    try:
        read = msgspec.convert(found, RecipeFile)
    except msgspec.ValidationError as error:
        raise _invalid(name, str(error)) from error
    named = [one.dataset_id for one in read.recipe.read_datasets]
    if [one.id for one in read.datasets] != named:
        raise _invalid(name, "datasets")
    return read


def _refuse_newer(name: str, version: object, values: dict[str, Any]) -> None:
    known = {field.name: field.default for field in msgspec.structs.fields(Recipe)}
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise RecipeFileTooNew(
            _("{name} has settings that this Burnish does not know: {fields}.").format(
                name=name, fields=", ".join(unknown)
            )
        )
    newest = known["schema_version"]
    is_newer = isinstance(version, int) and version > VERSION
    if is_newer or values.get("schema_version", newest) != newest:
        raise RecipeFileTooNew(
            _("{name} has a newer form than this Burnish reads.").format(name=name)
        )


def _invalid(name: str, detail: str) -> RecipeFileInvalid:
    return RecipeFileInvalid(
        _("{name} is not a recipe file of Burnish.").format(name=name), detail=detail
    )


class Matched(msgspec.Struct, frozen=True, kw_only=True):
    """What a recipe file stands for in a workspace.

    Attributes:
        file: The file.
        datasets: Id and version of each of its datasets, None where no dataset has its rows.
        model_id: Id of its model, "" where there is none.
    """

    file: RecipeFile
    datasets: tuple[tuple[str, int] | None, ...]
    model_id: str

    @property
    def missing_datasets(self) -> tuple[DatasetMark, ...]:
        """Return the datasets that nothing here stands for."""
        return tuple(
            one for one, found in zip(self.file.datasets, self.datasets, strict=True) if not found
        )

    @property
    def is_complete(self) -> bool:
        """Return whether everything was found."""
        return bool(self.model_id) and all(self.datasets)

    def recipe(self) -> Recipe:
        """Return the recipe with the ids of this workspace; everything must have been found."""
        recipe = self.file.recipe
        named = [(one.dataset_id, one.dataset_version) for one in recipe.read_datasets]
        places = dict(zip(named, self.datasets, strict=True))
        start = recipe.start
        if start is not None:
            held_out = tuple(_moved(one, places) for one in start.held_out)
            start = msgspec.structs.replace(start, held_out=held_out)
        main = _moved(recipe.datasets[0], places)
        return msgspec.structs.replace(
            recipe,
            dataset_id=main.dataset_id,
            dataset_version=main.dataset_version,
            model_id=self.model_id,
            mix=tuple(_moved(one, places) for one in recipe.mix),
            replay=_moved(recipe.replay, places) if recipe.replay is not None else None,
            start=start,
        )


_Named = TypeVar("_Named", MixedDataset, Replay, HeldOutData)


def _moved(named: _Named, places: Mapping[tuple[str, int], tuple[str, int] | None]) -> _Named:
    """Return what names a dataset with its id and version of this workspace."""
    place = places[named.dataset_id, named.dataset_version]
    if place is None:
        raise ValueError(f"nothing stands for the dataset {named.dataset_id}")
    return msgspec.structs.replace(named, dataset_id=place[0], dataset_version=place[1])
