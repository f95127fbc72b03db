# SPDX-License-Identifier: Apache-2.0
"""The plan on the page Train as values: memory, what will happen, and what can be changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from gettext import gettext as _
from typing import Any

import msgspec

from engine.domain.model import ModelInfo
from engine.domain.plan import Change, DiskNeed, LearningAdvice, MemoryNeed, Plan, TimeNeed
from engine.domain.problem import Problem, Severity
from engine.domain.recipe import Recipe
from gui.viewmodels import numbers
from gui.viewmodels.train import form_fields

_QUANTISED_METHOD = "sft_qlora"
_SMALL_NEED_BYTES = 2**29
_SYMBOLS = {
    "weights": "WE",
    "adapter": "A",
    "optimizer": "M",
    "activations": "CUBDV",
    "head": "G",
    "context": "K",
}
"""Which terms of the estimate a part of the bar is made of."""


class PartView(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the memory bar, in GB, with what it is made of."""

    key: str
    name: str
    low_gb: float
    high_gb: float
    note: str = ""


class FixView(msgspec.Struct, frozen=True, kw_only=True):
    """A change at one press: the values that it sets, and its words."""

    values: Mapping[str, Any]
    text: str


class ProblemView(msgspec.Struct, frozen=True, kw_only=True):
    """A finding about the draft, with what can be done about it.

    Attributes:
        kind: `danger` forbids the start, `warning` and `accent` do not.
        field: Setting to show, or "".
        fixes: What solves it, the least harmful first.
    """

    kind: str
    strong: str
    text: str
    field: str = ""
    fixes: tuple[FixView, ...] = ()


class PlanView(msgspec.Struct, frozen=True, kw_only=True):
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
        device: Name of the graphics card, or "" for the processor; of several that hold the model
            together, the one with least to spare is shown.
    """
    need = plan.memory
    spare = need.spare_bytes
    if plan.cards:
        device = min(plan.cards, key=lambda one: one.need.spare_bytes).name
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
        statement=(*plan.statement, *_effort_sentences(plan)),
        problems=problem_views(plan.problems, model, plan.fixes, plan.advice) + _offers(plan),
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
    if plan.memory.is_too_much:
        return _("Will hardly fit")
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
        ("head", _("Output head"), need.head, need.head),
        ("context", _("Driver and libraries"), need.context, need.context),
        ("reserve", _("Safety margin"), need.reserve, need.reserve),
    )
    return tuple(
        PartView(
            key=key,
            name=name,
            low_gb=numbers.gigabytes(low),
            high_gb=numbers.gigabytes(high),
            note=_note(need, key),
        )
        for key, name, low, high in rows
        if high > 0
    )


def _note(need: MemoryNeed, key: str) -> str:
    """Return what a part is made of, term by term."""
    symbols = _SYMBOLS.get(key, "")
    if key == "activations" and not need.head:
        symbols += _SYMBOLS["head"]
    made_of = [one for one in need.terms if one.symbol in symbols and one.high]
    return "\n".join(
        (
            _("{name}: {size} ({reason})")
            if one.at_peak
            else _("{name}: {size}, but at another moment ({reason})")
        ).format(name=_(one.name), size=numbers.memory(one.high), reason=_(one.reason))
        for one in made_of
    )


def _effort_sentences(plan: Plan) -> tuple[str, ...]:
    """Return how sure the memory is, how long it takes, and what it writes."""
    found = [_memory_sentence(plan.memory)] if plan.memory.terms else []
    if plan.time is not None:
        found.append(_time_sentence(plan.time))
    elif plan.memory.terms:
        found.append(_("How long it takes is not known before the first run on this computer."))
    if plan.disk is not None:
        found.append(_disk_sentence(plan.disk))
    return tuple(found)


def _disk_sentence(need: DiskNeed) -> str:
    kept = need.total - need.required
    text = (
        _(
            "On the disk it takes up to {size}: {count} checkpoints and the adapter, and {kept} of "
            "4-bit weights and tokenised rows, kept so that the next run starts sooner."
        )
        if kept
        else _("On the disk it takes up to {size}: {count} checkpoints and the adapter.")
    )
    return text.format(
        size=numbers.size(need.total), count=need.checkpoints, kept=numbers.size(kept)
    )


def _memory_sentence(need: MemoryNeed) -> str:
    widest = {
        "layers": _("while a layer is worked on"),
        "head": _("while answers are scored"),
        "checks": _("while held-out rows are checked"),
        "loading": _("while the model is loaded"),
    }[need.phase]
    if need.is_calibrated:
        return _("Memory was measured on this card. It is widest {moment}.").format(moment=widest)
    return _("Memory is estimated from the model's sizes. It is widest {moment}.").format(
        moment=widest
    )


def _time_sentence(need: TimeNeed) -> str:
    low, high = numbers.rough_duration(need.low_s), numbers.rough_duration(need.high_s)
    if low == high:
        return _("It takes about {time}. {reason}").format(time=high, reason=need.reason)
    return _("It takes about {low} to {high}. {reason}").format(
        low=low, high=high, reason=need.reason
    )


def _offers(plan: Plan) -> tuple[ProblemView, ...]:
    """Return what could be done with memory that stays free."""
    use = plan.spare_use
    if use is None:
        return ()
    return (
        ProblemView(
            kind="accent",
            strong=_("There is memory to spare."),
            text=_("With {change} it is faster, and the result is the same.").format(
                change=use.words
            ),
            fixes=(FixView(values=use.values, text=_("Use it")),),
        ),
    )


_KINDS = {Severity.ERROR: "danger", Severity.WARNING: "warning", Severity.NOTE: "accent"}
_ORDER = tuple(Severity)


def problem_views(
    problems: Sequence[Problem],
    model: ModelInfo | None,
    changes: Sequence[Change] = (),
    advice: LearningAdvice | None = None,
) -> tuple[ProblemView, ...]:
    """Return the findings, errors first, each with its remedy.

    Args:
        problems: What the plan found.
        model: The base model, for fixes that depend on it.
        changes: What makes a run fit its device.
        advice: What is usual, for values that are far from it.
    """
    ordered = sorted(problems, key=lambda one: _ORDER.index(one.severity))
    return tuple(_problem_view(one, model, changes, advice) for one in ordered)


def _problem_view(
    problem: Problem,
    model: ModelInfo | None,
    changes: Sequence[Change],
    advice: LearningAdvice | None,
) -> ProblemView:
    names = {one.name for one in form_fields()}
    return ProblemView(
        kind=_KINDS[problem.severity],
        strong=problem.message,
        text=problem.remedy,
        field=problem.field if problem.field in names else "",
        fixes=_fixes_of(problem, model, changes) or _advised(problem, advice),
    )


def _advised(problem: Problem, advice: LearningAdvice | None) -> tuple[FixView, ...]:
    """Return the usual value for one that is far from it."""
    if advice is None or problem.code not in ("learning_rate_far", "passes_far"):
        return ()
    value = advice.learning_rate if problem.field == "learning_rate" else advice.epochs
    text = _("Use {value}").format(value=numbers.plain(value))
    return (FixView(values={problem.field: value}, text=text),)


def _fixes_of(
    problem: Problem, model: ModelInfo | None, changes: Sequence[Change]
) -> tuple[FixView, ...]:
    if problem.code == "longer_than_context" and model is not None:
        text = _("Set it to {value}").format(value=numbers.count(model.context_tokens))
        return (FixView(values={"max_length": model.context_tokens}, text=text),)
    if problem.code == "device_unavailable":
        return (FixView(values={"device": "auto"}, text=_("Use what is there")),)
    if problem.code == "memory_tight":
        names = {one.name for one in form_fields()}
        settable = (one for one in changes if one.values.keys() <= names)
        return tuple(FixView(values=one.values, text=_change_text(one)) for one in settable)[:2]
    return ()


def _change_text(change: Change) -> str:
    """Return a change on a button: `Use 3,072`."""
    if len(change.values) > 1:
        return _("Change both")
    ((name, value),) = change.values.items()
    texts = {
        "activation_offload": _("Offload"),
        "gradient_checkpointing": _("Recompute"),
        "optimizer": _("Use 8 bits"),
        "uncheckpointed_layers": _("Keep {value}"),
        "micro_batch_size": _("One at once"),
        "max_length": _("Use {value}"),
        "lora_rank": _("Use rank {value}"),
    }
    shown = numbers.count(value) if type(value) is int else ""
    return texts[name].format(value=shown)
