# SPDX-License-Identifier: Apache-2.0
"""Recipe files in the window: what an opened one fills in, and what a person is asked."""

from __future__ import annotations

from collections.abc import Sequence
from gettext import gettext as _
from gettext import ngettext
from typing import TYPE_CHECKING

import msgspec

from engine.domain.dataset import DatasetInfo
from engine.domain.recipe_file import SUFFIX, DatasetMark, Matched
from gui.viewmodels import numbers
from gui.viewmodels.extra_data import ExtraData
from gui.viewmodels.file_names import file_stem
from gui.viewmodels.train import TrainArgument, values_of

if TYPE_CHECKING:
    from engine.api.beginning import Beginning


class OpenedRecipe(msgspec.Struct, frozen=True, kw_only=True):
    """A recipe file as the page Train takes it.

    Attributes:
        argument: The choices; what was not found here is left open.
        kind: Kind of the note: `success` where everything was found.
        cause: What is so.
        question: What is asked, or "".
    """

    argument: TrainArgument
    kind: str
    cause: str
    question: str


def opened_recipe(
    matched: Matched,
    name: str,
    datasets: Sequence[DatasetInfo],
    beginning: Beginning | None = None,
) -> OpenedRecipe:
    """Return what a recipe file fills in, and what a person must still say.

    Args:
        matched: What of it was found here.
        name: Name of the file.
        datasets: Those of the workspace, at their present versions.
        beginning: The adapter that the recipe goes on with, where it names one.
    """
    recipe = matched.file.recipe
    places = [one[0] if one else "" for one in matched.datasets]
    extra = [
        ExtraData(dataset_id=place, weight=one.weight)
        for place, one in zip(places[1:], recipe.mix, strict=False)
    ]
    if recipe.replay is not None:
        at = len(recipe.datasets)
        replayed = ExtraData(dataset_id=places[at], ratio=recipe.replay.ratio, is_replay=True)
        extra.append(replayed)
    question = _question(matched) or _older(matched, datasets)
    return OpenedRecipe(
        argument=TrainArgument(
            dataset_id=places[0],
            model_id=matched.model_id,
            method=recipe.method,
            values=values_of(recipe),
            extra=tuple(extra),
            beginning=beginning,
            is_exact=True,
        ),
        kind="warning" if question else "success",
        cause=_("{name} is opened.").format(name=name),
        question=question or _("Its data and its model are here, found by their content."),
    )


def _question(matched: Matched) -> str:
    missing = [_dataset_words(one) for one in matched.missing_datasets]
    parts: list[str] = []
    if missing:
        parts.append(
            ngettext(
                "Choose which dataset stands for {names}.",
                "Choose which datasets stand for {names}.",
                len(missing),
            ).format(names=", ".join(missing))
        )
    if not matched.model_id:
        parts.append(
            _("Choose which model stands for {name}.").format(name=matched.file.model.name)
        )
    return " ".join(parts)


def _dataset_words(mark: DatasetMark) -> str:
    rows = sum(mark.splits.values())
    return ngettext("{name} ({count} row)", "{name} ({count} rows)", rows).format(
        name=mark.name, count=numbers.count(rows)
    )


def _older(matched: Matched, datasets: Sequence[DatasetInfo]) -> str:
    """Tell of a dataset whose rows were changed since, because a draft takes the present ones."""
    present = {one.id: one for one in datasets}
    for place in matched.datasets:
        info = present.get(place[0]) if place else None
        if place and info is not None and info.version != place[1]:
            return _(
                "{name} was changed since: go back to its version {number}, or train other rows."
            ).format(name=info.name, number=place[1])
    return ""


def file_name(dataset: str, goal: str) -> str:
    """Return a name for a recipe file that every system takes."""
    return f"{file_stem(f'{dataset} {goal}', 'recipe')}{SUFFIX}"
