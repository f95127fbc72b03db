# SPDX-License-Identifier: Apache-2.0
"""A recipe that leaves its workspace: what it names by id, it also names by content."""

from __future__ import annotations

from gettext import gettext as _
from typing import Any

import msgspec

from engine.domain.recipe import Recipe
from engine.domain.recipe_values import problems_of
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
        datasets: Those of the recipe's `dataset_ids`, in that order.
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
    if [one.id for one in read.datasets] != list(read.recipe.dataset_ids):
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
        places = [one for one in self.datasets if one]
        mix = tuple(
            msgspec.structs.replace(one, dataset_id=place[0], dataset_version=place[1])
            for one, place in zip(self.file.recipe.mix, places[1:], strict=False)
        )
        replay = self.file.recipe.replay
        if replay is not None:
            last = places[-1]
            replay = msgspec.structs.replace(replay, dataset_id=last[0], dataset_version=last[1])
        return msgspec.structs.replace(
            self.file.recipe,
            dataset_id=places[0][0],
            dataset_version=places[0][1],
            model_id=self.model_id,
            mix=mix,
            replay=replay,
        )
