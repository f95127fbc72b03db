# SPDX-License-Identifier: Apache-2.0
"""The page Train as values: a draft of a recipe, and the plan that follows from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from gettext import gettext as _
from gettext import ngettext
from typing import TYPE_CHECKING, Any

from engine.domain.dataset import DatasetInfo, RowKind
from engine.domain.model import ModelInfo
from engine.domain.plan import MemoryNeed, Plan
from engine.domain.problem import Problem, Severity
from engine.domain.recipe import Recipe, recipe_fields
from engine.domain.recipe_field import RecipeField
from gui.viewmodels import numbers
from gui.viewmodels.datasets import untrainable
from gui.viewmodels.extra_data import ExtraData

if TYPE_CHECKING:
    from engine.api.presets import Preset
    from engine.api.runs import RunView

PASSES = (0.5, 1.0, 2.0, 3.0, 5.0, 8.0, 12.0)
"""The stops of the effort slider, in passes over the data."""
_QUANTISED_METHOD = "sft_qlora"
_SMALL_NEED_BYTES = 2**29


@cache
def form_fields() -> tuple[RecipeField, ...]:
    """Return the fields of the form; they are the same as long as the process lives."""
    return recipe_fields()


@dataclass(frozen=True, kw_only=True)
class TrainArgument:
    """What the page can be opened with: things that are already chosen.

    Attributes:
        values: Recipe fields to start from, such as those of an earlier run.
    """

    dataset_id: str = ""
    model_id: str = ""
    preset: str = ""
    values: Mapping[str, Any] = field(default_factory=dict[str, Any])
    extra: tuple[ExtraData, ...] = ()


# ---------------------------------------------------------------------- the draft


@dataclass(frozen=True, kw_only=True)
class Draft:
    """The choices of a person, before they become a recipe.

    Attributes:
        preset_values: Values of the chosen preset.
        values: Fields that the person set, by name.
        extra: Further datasets.
    """

    dataset_id: str = ""
    model_id: str = ""
    preset: str = ""
    preset_values: Mapping[str, Any] = field(default_factory=dict[str, Any])
    values: Mapping[str, Any] = field(default_factory=dict[str, Any])
    extra: tuple[ExtraData, ...] = ()

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
    def is_complete(self) -> bool:
        """Return whether there is enough to plan."""
        return bool(self.dataset_id and self.model_id)

    @cached_property
    def suggested(self) -> dict[str, Any]:
        """Return the value of every field before the person changed it."""
        return {one.name: one.default for one in form_fields()} | dict(self.preset_values)

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
        """Return the draft with one field set; the suggested value counts as not set."""
        values = {key: one for key, one in self.values.items() if key != name}
        if value != self.suggested.get(name):
            values[name] = value
        return replace(self, values=values)

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
    )


# ---------------------------------------------------------------------- the choices


@dataclass(frozen=True, kw_only=True)
class PickerView:
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
    """Return the draft to begin with: what was asked for, else the newest of each."""
    given = argument or TrainArgument()
    suited = [one for one in datasets if not untrainable(one.kind)]
    dataset_id = given.dataset_id or (suited[0].id if suited else "")
    model_id = given.model_id or (models[0].id if models else "")
    draft = Draft(dataset_id=dataset_id, model_id=model_id, extra=given.extra)
    preset = next((one for one in presets if one.id == given.preset), None)
    if preset is None and presets:
        preset = presets[0]
    if preset is not None:
        draft = draft.with_preset(preset)
    for name, value in given.values.items():
        draft = draft.with_value(name, value)
    return draft


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
    """Return what the chosen effort means; no time is named, since none was measured."""
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


# ---------------------------------------------------------------------- the plan


@dataclass(frozen=True, kw_only=True)
class PartView:
    """A part of the memory bar, in GB."""

    key: str
    name: str
    low_gb: float
    high_gb: float


@dataclass(frozen=True, kw_only=True)
class ProblemView:
    """A finding about the draft, with what can be done about it.

    Attributes:
        kind: `danger` forbids the start, `warning` and `accent` do not.
        fix: Field and value that would solve it, or None.
        fix_text: Word for the fix.
        field: Setting to show, or "".
    """

    kind: str
    strong: str
    text: str
    field: str = ""
    fix: tuple[str, Any] | None = None
    fix_text: str = ""


@dataclass(frozen=True, kw_only=True)
class PlanView:
    """The plan as the page shows it.

    Attributes:
        chip, chip_kind: Whether it fits, in words.
        device: What computes, and how much of its memory is free.
        is_small: It needs so little that a bar of the device's memory would show nothing.
        need: What the run needs, in words.
        total: What the device has, in words.
        free: What stays free, in words; "" where it does not fit.
        over: What is missing, in words.
        total_gb: Memory of the device.
        parts: Who takes how much.
        statement: What will happen, sentence by sentence.
        problems: Findings, errors first.
    """

    chip: str
    chip_kind: str
    device: str
    is_small: bool
    need: str
    total: str
    free: str
    over: str
    total_gb: float
    parts: tuple[PartView, ...]
    statement: tuple[str, ...]
    problems: tuple[ProblemView, ...]


def plan_view(plan: Plan, recipe: Recipe, *, model: ModelInfo | None, device: str) -> PlanView:
    """Return the plan in words and lengths.

    Args:
        plan: What the engine worked out.
        recipe: The recipe it is for.
        model: The base model, for fixes that depend on it.
        device: Name of the graphics card, or "" for the processor.
    """
    need = plan.memory
    spare = need.spare_bytes
    return PlanView(
        chip=_fit_words(plan),
        chip_kind="danger" if not plan.is_possible else "success" if spare >= 0 else "warning",
        device=_device_words(need, device),
        is_small=need.high_bytes < _SMALL_NEED_BYTES,
        need=_("This run needs {need}").format(need=need_words(need)),
        total=_total_words(need, device),
        free=_("{size} stays free").format(size=numbers.memory(spare)) if spare >= 0 else "",
        over="" if spare >= 0 else f"+{numbers.memory(-spare)}",
        total_gb=numbers.gigabytes(need.capacity),
        parts=_parts(need, recipe),
        statement=plan.statement,
        problems=problem_views(plan.problems, model),
    )


def need_words(need: MemoryNeed) -> str:
    """Return the range of memory that a run needs: `9.4 to 11.7 GB`, or `about 60 MB`."""
    low, high = numbers.memory(need.low_bytes), numbers.memory(need.high_bytes)
    if low == high:
        return _("about {size}").format(size=high)
    if low.endswith("GB") and high.endswith("GB"):
        low = low.removesuffix(" GB")
    return _("{low} to {high}").format(low=low, high=high)


def _fit_words(plan: Plan) -> str:
    spare = plan.memory.spare_bytes
    if not plan.is_possible:
        return _("Not possible like this")
    if spare < 0:
        return _("May not fit")
    return _("Fits with {size} to spare").format(size=numbers.memory(spare))


def _device_words(need: MemoryNeed, device: str) -> str:
    free = numbers.decimal(numbers.gigabytes(need.capacity - need.other))
    total = numbers.memory(need.capacity)
    return _("{device}, {free} of {total} free").format(
        device=device or _("Processor"), free=free, total=total
    )


def _total_words(need: MemoryNeed, device: str) -> str:
    total = numbers.memory(need.capacity)
    if device:
        return _("{size} on the card").format(size=total)
    return _("{size} in this computer").format(size=total)


def _parts(need: MemoryNeed, recipe: Recipe) -> tuple[PartView, ...]:
    is_quantised = recipe.method == _QUANTISED_METHOD
    weights = _("Model, 4-bit") if is_quantised else _("Model, 16-bit")
    rows = (
        ("other", _("Other programs"), need.other, need.other),
        ("weights", weights, need.weights, need.weights),
        ("adapter", _("Adapter"), need.adapter, need.adapter),
        ("optimizer", _("Optimizer"), need.optimizer, need.optimizer),
        ("activations", _("Working memory"), need.activations_low, need.activations_high),
        ("reserve", _("Safety margin"), need.reserve, need.reserve),
    )
    return tuple(
        PartView(key=key, name=name, low_gb=numbers.gigabytes(low), high_gb=numbers.gigabytes(high))
        for key, name, low, high in rows
        if high > 0
    )


_KINDS = {Severity.ERROR: "danger", Severity.WARNING: "warning", Severity.NOTE: "accent"}
_ORDER = tuple(Severity)


def problem_views(problems: Sequence[Problem], model: ModelInfo | None) -> tuple[ProblemView, ...]:
    """Return the findings, errors first, each with its remedy."""
    ordered = sorted(problems, key=lambda one: _ORDER.index(one.severity))
    return tuple(_problem_view(one, model) for one in ordered)


def _problem_view(problem: Problem, model: ModelInfo | None) -> ProblemView:
    names = {one.name for one in form_fields()}
    fix = _fix_of(problem, model)
    return ProblemView(
        kind=_KINDS[problem.severity],
        strong=problem.message,
        text=problem.remedy,
        field=problem.field if problem.field in names else "",
        fix=fix,
        fix_text=_fix_words(fix),
    )


def _fix_of(problem: Problem, model: ModelInfo | None) -> tuple[str, Any] | None:
    if problem.code == "longer_than_context" and model is not None:
        return ("max_length", model.context_tokens)
    if problem.code == "device_unavailable":
        return ("device", "auto")
    return None


def _fix_words(fix: tuple[str, Any] | None) -> str:
    if fix is None:
        return ""
    name, value = fix
    if name == "max_length":
        return _("Set it to {value}").format(value=numbers.count(value))
    return _("Use what is there")


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
