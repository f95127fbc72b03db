# SPDX-License-Identifier: Apache-2.0
"""What the plan of a run says that goes on with an adapter: what is so, and what stands against."""

from __future__ import annotations

from collections.abc import Sequence
from gettext import gettext as _

from engine.domain.dataset import DatasetInfo
from engine.domain.model import ModelInfo
from engine.domain.problem import Problem, Severity
from engine.domain.recipe import Recipe
from engine.domain.start import AdapterStart, start_words


def start_problems(
    recipe: Recipe, datasets: Sequence[DatasetInfo], model: ModelInfo
) -> tuple[Problem, ...]:
    """Return every problem of what a run begins with, and notes on what it may cost.

    Args:
        recipe: What is asked for.
        datasets: Those of the recipe's `dataset_ids`, in that order.
        model: Its base model.
    """
    start = recipe.start
    if start is None:
        return ()
    found = (
        _other_base(start, model),
        _nothing_repeated(start, datasets),
        _nothing_held_out(start),
    )
    return tuple(one for one in found if one is not None)


def start_sentences(recipe: Recipe) -> tuple[str, ...]:
    """Return what a plan states of the adapter that goes on; nothing where the run begins anew."""
    if recipe.start is None:
        return ()
    return (
        _(
            "It goes on with {start}, of which the run keeps a copy; rank and layers are those of "
            "that adapter. The optimizer begins anew."
        ).format(start=start_words(recipe.start)),
        _("The held-out check before the first step tells what that adapter can do already."),
    )


def _other_base(start: AdapterStart, model: ModelInfo) -> Problem | None:
    if start.model_fingerprint in ("", model.fingerprint):
        return None
    return Problem(
        field="model_id",
        severity=Severity.ERROR,
        code="start_other_base",
        message=_("{name} was trained on another model than {model}.").format(
            name=start.name, model=model.name
        ),
        remedy=_("Choose the model that it was trained on, with unchanged files."),
    )


def _nothing_repeated(start: AdapterStart, datasets: Sequence[DatasetInfo]) -> Problem | None:
    """Tell where a run sees other rows alone, so that what was learned before may be lost."""
    former = {one.dataset_id for one in start.held_out}
    if not former or former & {one.id for one in datasets}:
        return None
    return Problem(
        field="replay",
        severity=Severity.NOTE,
        code="start_not_replayed",
        message=_("No row of what {name} learned from is seen again.").format(name=start.name),
        remedy=_("Mix a tenth of the former data in, so that less of it is forgotten."),
    )


def _nothing_held_out(start: AdapterStart) -> Problem | None:
    if start.held_out:
        return None
    return Problem(
        field="dataset_id",
        severity=Severity.NOTE,
        code="start_data_unknown",
        message=_(
            "The data of {name} is not here, so its held-out rows cannot be kept out of training."
        ).format(name=start.name),
        remedy="",
    )
