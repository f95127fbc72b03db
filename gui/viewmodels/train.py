# SPDX-License-Identifier: Apache-2.0
"""The page Train as values: a draft of a recipe, and the plan that follows from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache, cached_property
from gettext import gettext as _
from gettext import ngettext
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace

from engine.domain.dataset import DatasetInfo, RowKind
from engine.domain.model import ModelInfo
from engine.domain.plan import Plan
from engine.domain.problem import Severity
from engine.domain.recipe import Recipe, recipe_fields
from engine.domain.recipe_field import RecipeField
from gui.viewmodels import numbers
from gui.viewmodels.datasets import untrainable
from gui.viewmodels.extra_data import ExtraData

if TYPE_CHECKING:
    from engine.api.beginning import Beginning
    from engine.api.presets import Preset
    from engine.api.runs import RunView

PASSES = (0.5, 1.0, 2.0, 3.0, 5.0, 8.0, 12.0)
"""The stops of the effort slider, in passes over the data."""
USUAL_METHOD = "sft_qlora"


@cache
def form_fields() -> tuple[RecipeField, ...]:
    """Return the fields of the form; they are the same as long as the process lives."""
    return recipe_fields()


class TrainArgument(msgspec.Struct, frozen=True, kw_only=True):
    """What the page can be opened with: things that are already chosen.

    Attributes:
        values: Recipe fields to start from, such as those of an earlier run.
        method: Training method.
        beginning: The adapter to go on with.
        is_exact: What is not named stays open, instead of taking what is newest.
    """

    dataset_id: str = ""
    model_id: str = ""
    preset: str = ""
    values: Mapping[str, Any] = msgspec.field(default_factory=dict[str, Any])
    extra: tuple[ExtraData, ...] = ()
    method: str = USUAL_METHOD
    beginning: Beginning | None = None
    is_exact: bool = False


# ---------------------------------------------------------------------- the draft


class Draft(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """The choices of a person, before they become a recipe.

    Attributes:
        preset_values: Values of the chosen preset.
        values: Fields that the person set, by name.
        extra: Further datasets.
        method: Training method.
        beginning: The adapter that it goes on with; None begins anew.
    """

    dataset_id: str = ""
    model_id: str = ""
    preset: str = ""
    preset_values: Mapping[str, Any] = msgspec.field(default_factory=dict[str, Any])
    values: Mapping[str, Any] = msgspec.field(default_factory=dict[str, Any])
    extra: tuple[ExtraData, ...] = ()
    method: str = USUAL_METHOD
    beginning: Beginning | None = None

    @property
    def mix(self) -> dict[str, float]:
        """Return the weight of each further dataset that is chosen."""
        return {
            one.dataset_id: one.weight for one in self.extra if one.dataset_id and not one.is_replay
        }

    @property
    def replay(self) -> tuple[str, float] | None:
        """Return the dataset that is replayed and its share, if one is chosen."""
        chosen = [one for one in self.extra if one.dataset_id and one.is_replay]
        return (chosen[0].dataset_id, chosen[0].ratio) if chosen else None

    @property
    def former_dataset_id(self) -> str:
        """Return what the adapter that goes on has learned from; empty where there is none."""
        former = self.beginning.recipe if self.beginning else None
        return former.dataset_id if former else ""

    @property
    def is_complete(self) -> bool:
        """Return whether there is enough to plan."""
        return bool(self.dataset_id and self.model_id)

    @cached_property
    def suggested(self) -> dict[str, Any]:
        """Return the value of every field before the person changed it."""
        usual = {one.name: one.default for one in form_fields()} | dict(self.preset_values)
        return usual | (self.beginning.taken if self.beginning else {})

    @cached_property
    def effective(self) -> dict[str, Any]:
        """Return the value of every field."""
        return self.suggested | dict(self.values)

    @cached_property
    def changed(self) -> frozenset[str]:
        """Return the names of the fields that differ from what is suggested."""
        suggested = self.suggested
        return frozenset(name for name, one in self.values.items() if one != suggested.get(name))

    def with_preset(self, preset: Preset) -> Draft:
        """Return the draft with another goal; what the person set stays."""
        return replace(self, preset=preset.id, preset_values=dict(preset.values))

    def with_value(self, name: str, value: Any) -> Draft:
        """Return the draft with one field set; the suggested value counts as not set.

        A field that follows from the adapter which goes on stays as it is.
        """
        if self.beginning is not None and name in self.beginning.taken:
            return self
        values = {key: one for key, one in self.values.items() if key != name}
        if value != self.suggested.get(name):
            values[name] = value
        return replace(self, values=values)

    def with_values(self, values: Mapping[str, Any]) -> Draft:
        """Return the draft with several fields set."""
        draft = self
        for name, value in values.items():
            draft = draft.with_value(name, value)
        return draft

    def put_back(self, name: str) -> Draft:
        """Return the draft with the suggested value of one field."""
        return self.with_value(name, self.suggested.get(name))

    def put_all_back(self) -> Draft:
        """Return the draft with every suggested value."""
        return replace(self, values={})


def values_of(recipe: Recipe) -> dict[str, Any]:
    """Return the settings of a recipe by name, as a draft holds them."""
    found: dict[str, Any] = {}
    for one in form_fields():
        value = getattr(recipe, one.name)
        found[one.name] = value.value if one.type == "choice" else value
    return found


def same_again(run: RunView) -> TrainArgument:
    """Return what opens the page with the choices of an earlier run."""
    recipe = run.recipe
    extra = [ExtraData(dataset_id=one.dataset_id, weight=one.weight) for one in recipe.mix]
    if recipe.replay is not None:
        replay = recipe.replay
        extra.append(ExtraData(dataset_id=replay.dataset_id, ratio=replay.ratio, is_replay=True))
    return TrainArgument(
        dataset_id=recipe.dataset_id,
        model_id=recipe.model_id,
        values=values_of(recipe),
        extra=tuple(extra),
        method=recipe.method,
    )


# ---------------------------------------------------------------------- the choices


class PickerView(msgspec.Struct, frozen=True, kw_only=True):
    """A dataset or a model to choose; a reason says why not."""

    key: str
    name: str
    facts: str
    reason: str = ""


def dataset_choices(datasets: Sequence[DatasetInfo]) -> tuple[PickerView, ...]:
    """Return the datasets as choices."""
    return tuple(
        PickerView(
            key=one.id, name=one.name, facts=_dataset_facts(one), reason=untrainable(one.kind)
        )
        for one in datasets
    )


def _dataset_facts(dataset: DatasetInfo) -> str:
    kinds = {
        RowKind.CHAT: _("conversations"),
        RowKind.TEXT: _("text"),
        RowKind.PREFERENCE: _("preferences"),
        RowKind.RATED: _("rated answers"),
        RowKind.LABEL: _("labelled rows"),
    }
    rows = ngettext("{count} row", "{count} rows", dataset.rows).format(
        count=numbers.count(dataset.rows)
    )
    held = _("{count} held out").format(count=numbers.count(dataset.splits.get("eval", 0)))
    return " · ".join((rows, kinds[dataset.kind], held))


def model_choices(models: Sequence[ModelInfo]) -> tuple[PickerView, ...]:
    """Return the models as choices."""
    return tuple(
        PickerView(key=one.id, name=one.name, facts=model_facts(one), reason="") for one in models
    )


def model_facts(model: ModelInfo) -> str:
    """Return the facts of a model in one line."""
    parts = [
        _("{number} parameters").format(number=numbers.big(model.parameters)),
        model.licence,
        _("{size} on disk").format(size=numbers.size(model.size_bytes)),
    ]
    return " · ".join(one for one in parts if one)


def first_draft(
    argument: TrainArgument | None,
    *,
    datasets: Sequence[DatasetInfo],
    models: Sequence[ModelInfo],
    presets: Sequence[Preset],
) -> Draft:
    """Return the draft to begin with: what was asked for, else the newest of each.

    Where values are given without their goal, as by a recipe file, it is the nearest goal.
    """
    given = argument or TrainArgument()
    suited = [one for one in datasets if not untrainable(one.kind)]
    dataset_id, model_id = given.dataset_id, given.model_id
    if not given.is_exact:
        dataset_id = dataset_id or (suited[0].id if suited else "")
        model_id = model_id or (models[0].id if models else "")
    draft = Draft(
        dataset_id=dataset_id,
        model_id=model_id,
        extra=given.extra,
        method=given.method,
        beginning=given.beginning,
    )
    is_starter = any(one.id == model_id and one.bundled for one in models)
    offered = [one for one in presets if is_starter or not one.starter_only]
    named = [one for one in presets if one.id == given.preset] or offered
    drafts = [draft.with_preset(one).with_values(given.values) for one in named]
    if not drafts:
        return draft.with_values(given.values)
    # Without values of its own every goal is as near as the first.
    return min(drafts, key=lambda one: len(one.changed))


def effort_stop(epochs: float) -> int:
    """Return the stop of the slider nearest to so many passes."""
    return min(range(len(PASSES)), key=lambda i: abs(PASSES[i] - epochs))


def passes_words(passes: float) -> str:
    """Return a number of passes in words."""
    text = numbers.plain(passes)
    if passes == 1:
        return _("1 pass")
    return _("{number} passes").format(number=text)


def effort_words(draft: Draft, plan: Plan | None) -> str:
    """Return what the chosen effort means; how long it takes stands in the plan."""
    values = draft.effective
    words = passes_words(values["epochs"])
    if plan is None:
        return words
    steps = ngettext("{count} step", "{count} steps", plan.total_steps).format(
        count=numbers.count(plan.total_steps)
    )
    if values["max_steps"] and plan.total_steps == values["max_steps"]:
        return _("{passes}, ends after {steps}").format(passes=words, steps=steps)
    return _("{passes}, {steps}").format(passes=words, steps=steps)


# ---------------------------------------------------------------------- starting


def start_reason(
    draft: Draft,
    plan: Plan | None,
    error: str,
    *,
    has_datasets: bool,
    has_models: bool,
) -> str:
    """Return why the run cannot start now, or "" where it can."""
    if not draft.dataset_id:
        return _("Choose a dataset.") if has_datasets else _("Import a dataset first.")
    if not draft.model_id:
        return _("Choose a model.") if has_models else _("Add a model first.")
    if error:
        return error
    if plan is not None and not plan.is_possible:
        return next(one.message for one in plan.problems if one.severity is Severity.ERROR)
    return ""


def choice_line(draft: Draft, *, dataset: str, model: str, goal: str) -> str:
    """Return the four choices in one line."""
    parts = (dataset, model, goal, passes_words(draft.effective["epochs"]))
    return " · ".join(one for one in parts if one)
