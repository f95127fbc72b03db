# SPDX-License-Identifier: Apache-2.0
"""Runs side by side: what differs between their recipes, and what came of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from gettext import gettext as _
from typing import Any

import msgspec

from engine.api.runs import RunView
from engine.domain.mix import MixedDataset, Replay, use_text
from engine.domain.recipe import recipe_fields
from engine.domain.run import JobState
from engine.domain.start import start_words
from engine.errors import WrongUsage


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is not the same in all the recipes.

    Attributes:
        name: Name of the recipe field, or of what no field says: `dataset`, `model`, `method`,
            `further_data`, `replayed_data`, `start`.
        title: Plain name.
        unit: Word behind a number, or empty.
        values: The value in each run, in their order.
    """

    name: str
    title: str
    unit: str = ""
    values: tuple[Any, ...]


class RunResult(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one run; losses are mean nats per supervised token, or None."""

    run_id: str
    name: str
    state: JobState
    steps: int
    total_steps: int
    train_loss: float | None
    held_out_before: float | None
    held_out_after: float | None
    held_out_best: float | None


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Two or more runs side by side, in the order in which they were named."""

    runs: tuple[RunResult, ...]
    differences: tuple[Difference, ...]


def compare_runs(runs: Sequence[RunView], *, name_of: Callable[[str], str]) -> Comparison:
    """Compare runs.

    Args:
        runs: The runs, in the order in which they are to stand.
        name_of: Returns the name of a dataset by its id.

    Raises:
        WrongUsage: There are fewer than two different ones.
    """
    if len({one.id for one in runs}) < 2:
        raise WrongUsage(
            _("A comparison needs two or more different runs."),
            remedy=_("Name at least two runs."),
        )
    return Comparison(
        runs=tuple(_result(one) for one in runs), differences=recipe_differences(runs, name_of)
    )


def recipe_differences(
    runs: Sequence[RunView], name_of: Callable[[str], str]
) -> tuple[Difference, ...]:
    """Return what differs between the recipes of runs: data and model first, then the fields."""
    found = [
        Difference(name=name, title=title, values=values)
        for name, title, values in _subjects(runs, name_of)
    ]
    for one in recipe_fields():
        values = tuple(getattr(run.recipe, one.name) for run in runs)
        found.append(Difference(name=one.name, title=one.title, unit=one.unit, values=values))
    return tuple(one for one in found if any(value != one.values[0] for value in one.values))


def _subjects(
    runs: Sequence[RunView], name_of: Callable[[str], str]
) -> list[tuple[str, str, tuple[str, ...]]]:
    used = [(one.recipe.mix, one.recipe.replay) for one in runs]
    return [
        ("model", _("Base model"), tuple(one.model_name for one in runs)),
        ("dataset", _("Dataset"), tuple(_dataset(one) for one in runs)),
        ("further_data", _("Further data"), tuple(_uses(mix, name_of) for mix, _replay in used)),
        (
            "replayed_data",
            _("Replayed data"),
            tuple(_uses((replay,) if replay else (), name_of) for _mix, replay in used),
        ),
        ("start", _("Goes on with"), tuple(_start(one) for one in runs)),
        ("method", _("Method"), tuple(one.recipe.method for one in runs)),
    ]


def _dataset(run: RunView) -> str:
    words = _("{name}, version {version}")
    return words.format(name=run.dataset_name, version=run.recipe.dataset_version)


def _start(run: RunView) -> str:
    return start_words(run.recipe.start) if run.recipe.start else ""


def _uses(used: Sequence[MixedDataset | Replay], name_of: Callable[[str], str]) -> str:
    words = _("{name}: {use}")
    return "; ".join(words.format(name=name_of(one.dataset_id), use=use_text(one)) for one in used)


def _result(run: RunView) -> RunResult:
    snapshot = run.job.snapshot
    return RunResult(
        run_id=run.id,
        name=run.job.info.name,
        state=run.state,
        steps=snapshot.step,
        total_steps=snapshot.total_steps,
        train_loss=snapshot.loss,
        held_out_before=snapshot.eval_before,
        held_out_after=snapshot.eval_last,
        held_out_best=snapshot.eval_best,
    )
