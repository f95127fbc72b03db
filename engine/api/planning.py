# SPDX-License-Identifier: Apache-2.0
"""The plan of a run: every fault at once, what it needs, and what will happen in plain words."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from gettext import gettext as _
from gettext import ngettext

from engine.api.dealing import dealing_decisions, dealing_problems, dealing_sentences
from engine.api.effort import Share, disk_need, reach_decision, time_need, token_decision
from engine.api.planning_desk import Desk
from engine.api.row_lengths import RowLengths, reach_of
from engine.api.sharing import (
    shared_time,
    sharing_decisions,
    sharing_problems,
    sharing_sentences,
)
from engine.api.starting import start_problems, start_sentences
from engine.domain.dataset import DatasetInfo, RowKind
from engine.domain.decision import Decision
from engine.domain.learning_advice import advise, far_off
from engine.domain.mix import Part, parts_of
from engine.domain.model import ModelInfo
from engine.domain.plan import Change, DiskNeed, MemoryNeed, Plan, TimeNeed, steps_of
from engine.domain.problem import Problem, Severity
from engine.domain.recipe import Recipe
from engine.domain.recipe_choices import Device
from engine.domain.split import EVAL, TRAIN
from engine.domain.start_account import start_decisions
from engine.hardware.calibration import Measurements
from engine.hardware.machine import MachineFacts
from engine.methods.method import Method

_FEW_EVAL_ROWS = 20


def make_plan(
    recipe: Recipe,
    *,
    datasets: Sequence[DatasetInfo],
    model: ModelInfo,
    method: Method,
    facts: MachineFacts,
    measured: Measurements | None = None,
    counted: Sequence[RowLengths | None] = (),
) -> Plan:
    """Return the plan of a recipe on this computer; a function of its arguments alone.

    Args:
        recipe: What is asked for.
        datasets: Those of the recipe's `dataset_ids`, in that order.
        model: Its base model.
        method: Its method.
        facts: The computer.
        measured: What earlier runs measured of it; None where nothing is known.
        counted: Lengths of the rows of each dataset, None where they were not counted.
    """
    lengths = tuple(counted) or (None,) * len(datasets)
    known = measured or Measurements()
    parts = _parts(recipe, datasets, lengths)
    held = sum(one.splits.get(EVAL, 0) for one in datasets[: len(recipe.datasets)])
    eval_rows = min(recipe.eval_rows, held)
    reach = reach_of(recipe, parts, lengths, is_checked=eval_rows > 0)
    desk = Desk.of(recipe, facts, model, known, reach)
    memory, cards = desk.need(recipe), desk.cards(recipe)
    rows = sum(one.per_pass for one in parts)
    steps = steps_of(
        rows=rows,
        effective_batch_size=recipe.effective_batch_size,
        epochs=recipe.epochs,
        max_steps=recipe.max_steps,
    )
    disk = disk_need(recipe, model, memory, datasets=datasets, measured=known)
    time = _time(recipe, desk, _shares(datasets, parts, lengths), steps)
    found = desk.fixes(recipe) if memory.spare_bytes < 0 else ()
    smaller = desk.smaller_model(recipe) if memory.spare_bytes < 0 and not found else ""
    advice = advise(recipe, rows=rows, hidden=model.shape.hidden)
    return Plan(
        decisions=_decisions(recipe, facts, memory, disk, time)
        | {"train_tokens": token_decision(lengths, time)}
        | {"tokens_together": reach_decision(recipe, None if cards else reach)}
        | dealing_decisions(recipe, facts, cards),
        memory=memory,
        disk_bytes=disk.total,
        train_rows=rows,
        eval_rows=eval_rows,
        total_steps=steps,
        problems=(
            *_dataset_problems(recipe, datasets, model, method, parts),
            *_problems(recipe, model, facts, disk.required, eval_rows),
            *_fit(memory, found, smaller, facts),
            *sharing_problems(recipe, facts),
            *dealing_problems(recipe, facts),
            *far_off(recipe, advice),
        ),
        statement=(
            *_statement(recipe, datasets, model, method, parts, steps, eval_rows),
            *sharing_sentences(recipe, facts),
            *dealing_sentences(cards),
        ),
        disk=disk,
        time=time,
        fixes=found,
        smaller_model=smaller,
        spare_use=desk.spare_use(recipe) if memory.spare_bytes > 0 else None,
        advice=advice,
        cards=cards,
    )


def _parts(
    recipe: Recipe, datasets: Sequence[DatasetInfo], lengths: Sequence[RowLengths | None]
) -> tuple[Part, ...]:
    """Return what each dataset gives to a pass; without the rows that are known to be left out."""
    return parts_of(
        [
            own.coverage.trained_rows if own else one.splits.get(TRAIN, 0)
            for one, own in zip(datasets, lengths, strict=True)
        ],
        [one.weight for one in recipe.datasets],
        replay=recipe.replay,
    )


def _shares(
    datasets: Sequence[DatasetInfo], parts: Sequence[Part], lengths: Sequence[RowLengths | None]
) -> list[Share]:
    return [
        Share(info=one, part=part, lengths=own)
        for one, part, own in zip(datasets, parts, lengths, strict=True)
    ]


def _time(recipe: Recipe, desk: Desk, data: list[Share], steps: int) -> TimeNeed | None:
    alone = partial(
        time_need,
        recipe,
        data=data,
        model=desk.model,
        steps=steps,
        device=desk.device,
        gpu=desk.gpu,
    )
    return shared_time(alone, desk.measured, recipe, desk.facts)


def _decisions(
    recipe: Recipe,
    facts: MachineFacts,
    memory: MemoryNeed,
    disk: DiskNeed,
    time: TimeNeed | None,
) -> dict[str, Decision]:
    found = {"device": _device(recipe, facts)} | start_decisions(recipe)
    found |= sharing_decisions(recipe, facts)
    for term in memory.terms:
        found[f"memory_{term.symbol}"] = Decision(
            value=term.high, reason=f"{_(term.name)}: {_(term.reason)}", source="estimate"
        )
    how = (
        _("A run on this card measured what a layer takes.")
        if memory.is_calibrated
        else _("Counted from the model's sizes; the first run on a card measures it.")
    )
    found["memory"] = Decision(
        value=memory.high_bytes,
        reason=how,
        source="measurement" if memory.is_calibrated else "estimate",
    )
    found["disk"] = Decision(
        value=disk.total,
        reason=_(
            "At most {count} checkpoints and the adapter; a 4-bit copy of the model and the "
            "tokenised rows are kept for the next run where there is room."
        ).format(count=disk.checkpoints),
        source="estimate",
    )
    if time is not None:
        source = "measurement" if time.is_measured else "estimate"
        found["time"] = Decision(value=round(time.high_s), reason=time.reason, source=source)
    return found


def _device(recipe: Recipe, facts: MachineFacts) -> Decision:
    if recipe.device is not Device.AUTO:
        return Decision(value=recipe.device.value, reason=_("You chose it."), source="recipe")
    if facts.used_card is not None:
        return Decision(
            value="cuda",
            reason=_("This computer has {name}.").format(name=facts.used_card.name),
            source="hardware",
        )
    return Decision(value="cpu", reason=_("No NVIDIA graphics card was found."), source="hardware")


def _dataset_problems(
    recipe: Recipe,
    datasets: Sequence[DatasetInfo],
    model: ModelInfo,
    method: Method,
    parts: Sequence[Part],
) -> list[Problem]:
    found: list[Problem | None] = []
    for one in datasets:
        found += [_kind(one, method), _template(one, model), _rows(one)]
    found += [_twice(recipe, datasets), _repeated(recipe, datasets, parts)]
    found += start_problems(recipe, datasets, model)
    return list(dict.fromkeys(one for one in found if one is not None))


def _problems(
    recipe: Recipe,
    model: ModelInfo,
    facts: MachineFacts,
    disk_bytes: int,
    eval_rows: int,
) -> list[Problem]:
    found: list[Problem | None] = [
        _length(recipe, model),
        _device_there(recipe, facts),
        _disk(disk_bytes, facts),
        _held_out(eval_rows),
        _early_stopping(recipe, eval_rows),
    ]
    return [one for one in found if one is not None]


def _kind(dataset: DatasetInfo, method: Method) -> Problem | None:
    if dataset.kind in method.kinds:
        return None
    return Problem(
        field="method",
        severity=Severity.ERROR,
        code="kind_unsuitable",
        message=_("{dataset} holds {kind} rows, which {method} cannot learn from.").format(
            dataset=dataset.name, kind=dataset.kind.value, method=_(method.title)
        ),
        remedy=_(
            "Choose a dataset of conversations or text, or import the files again with a mapping "
            "that makes conversations of them."
        ),
    )


def _template(dataset: DatasetInfo, model: ModelInfo) -> Problem | None:
    if dataset.kind is not RowKind.CHAT or model.has_chat_template:
        return None
    return Problem(
        field="model_id",
        severity=Severity.ERROR,
        code="no_chat_template",
        message=_(
            "{model} has no chat template, so conversations cannot be written for it."
        ).format(model=model.name),
        remedy=_("Choose an instruction-tuned version of the model."),
    )


def _length(recipe: Recipe, model: ModelInfo) -> Problem | None:
    if recipe.max_length <= model.context_tokens:
        return None
    return Problem(
        field="max_length",
        severity=Severity.ERROR,
        code="longer_than_context",
        message=_(
            "{model} reads at most {context} tokens; the longest row is set to {length}."
        ).format(model=model.name, context=model.context_tokens, length=recipe.max_length),
        remedy=_("Set max_length to {context} or less.").format(context=model.context_tokens),
    )


def _rows(dataset: DatasetInfo) -> Problem | None:
    if dataset.splits.get(TRAIN, 0):
        return None
    return Problem(
        field="dataset_id",
        severity=Severity.ERROR,
        code="no_rows",
        message=_("{dataset} has no rows to train on.").format(dataset=dataset.name),
        remedy=_("Import more rows."),
    )


def _twice(recipe: Recipe, datasets: Sequence[DatasetInfo]) -> Problem | None:
    doubled = [one.name for one in datasets if recipe.dataset_ids.count(one.id) > 1]
    if not doubled:
        return None
    return Problem(
        field="mix",
        severity=Severity.ERROR,
        code="dataset_twice",
        message=_("{dataset} is in this training more than once.").format(dataset=doubled[0]),
        remedy=_("Take it once, and give it more weight."),
    )


def _repeated(
    recipe: Recipe, datasets: Sequence[DatasetInfo], parts: Sequence[Part]
) -> Problem | None:
    """Tell where a replayed dataset is too small for its share, so that its rows come again."""
    if recipe.replay is None or parts[-1].per_pass <= parts[-1].rows:
        return None
    return Problem(
        field="replay",
        severity=Severity.NOTE,
        code="replay_repeated",
        message=_(
            "{dataset} has {rows} rows, so a pass sees each of them about {times} times to make up "
            "its share."
        ).format(
            dataset=datasets[-1].name,
            rows=f"{parts[-1].rows:,}",
            times=f"{parts[-1].per_pass / max(1, parts[-1].rows):.1f}",
        ),
        remedy=_("Take a larger general dataset, or a smaller share."),
    )


def _device_there(recipe: Recipe, facts: MachineFacts) -> Problem | None:
    if recipe.device is not Device.CUDA or facts.gpus:
        return None
    return Problem(
        field="device",
        severity=Severity.ERROR,
        code="device_unavailable",
        message=_("No NVIDIA graphics card was found on this computer."),
        remedy=_("Set the device to auto."),
    )


def _fit(
    memory: MemoryNeed, found: Sequence[Change], smaller: str, facts: MachineFacts
) -> list[Problem]:
    if memory.spare_bytes >= 0:
        return []
    words = (
        _("It needs {least} to {most} GB of memory by the estimate; {free} GB are free.")
        if memory.is_too_much
        else _("It may need up to {most} GB of memory; {free} GB are free.")
    )
    message = words.format(
        least=f"{memory.low_bytes / 2**30:.1f}",
        most=f"{memory.high_bytes / 2**30:.1f}",
        free=f"{(memory.capacity - memory.other) / 2**30:.1f}",
    )
    field = next(iter(found[0].values)) if found else "max_length"
    return [
        Problem(
            field=field,
            severity=Severity.WARNING,
            code="memory_tight",
            message=message,
            remedy=_remedy(found, smaller, facts),
        )
    ]


def _remedy(found: Sequence[Change], smaller: str, facts: MachineFacts) -> str:
    if found:
        return _("This makes it fit: {change}.").format(change=found[0].words)
    if smaller:
        text = _("No setting helps. A model of about {size} billion weights fits.")
        return text.format(size=smaller)
    if facts.gpus:
        return _("No setting helps. Close other programs, or use a card with more memory.")
    return _("No setting helps. Close other programs, or use a smaller model.")


def _disk(need_bytes: int, facts: MachineFacts) -> Problem | None:
    if facts.disk_free_bytes > need_bytes:
        return None
    return Problem(
        field="",
        severity=Severity.ERROR,
        code="disk_full",
        message=_("Checkpoints need about {need} GB; the disk has {free} GB free.").format(
            need=f"{need_bytes / 1e9:.1f}", free=f"{facts.disk_free_bytes / 1e9:.1f}"
        ),
        remedy=_("Free some space on that disk, or keep fewer checkpoints."),
    )


def _held_out(eval_rows: int) -> Problem | None:
    if eval_rows >= _FEW_EVAL_ROWS:
        return None
    return Problem(
        field="eval_rows",
        severity=Severity.NOTE,
        code="few_held_out_rows",
        message=ngettext(
            "Only {count} held-out row can be checked, so the held-out loss is rough.",
            "Only {count} held-out rows can be checked, so the held-out loss is rough.",
            eval_rows,
        ).format(count=eval_rows),
        remedy=_("Import more rows, or a larger held-out share."),
    )


def _early_stopping(recipe: Recipe, eval_rows: int) -> Problem | None:
    """Refuse a patience that no check on the way could ever use up."""
    if not recipe.early_stopping_patience or (recipe.eval_every_steps and eval_rows):
        return None
    if eval_rows:
        field, remedy = "eval_every_steps", _("Set eval_every_steps, for example to 50.")
        message = _("Stopping early needs held-out checks on the way, but none is set.")
    else:
        field, remedy = "early_stopping_patience", _("Import more rows, or set it to 0.")
        message = _("Stopping early needs held-out rows, but there are none.")
    return Problem(
        field=field,
        severity=Severity.ERROR,
        code="early_stopping_blind",
        message=message,
        remedy=remedy,
    )


def _statement(
    recipe: Recipe,
    datasets: Sequence[DatasetInfo],
    model: ModelInfo,
    method: Method,
    parts: Sequence[Part],
    steps: int,
    eval_rows: int,
) -> tuple[str, ...]:
    mixed = () if len(datasets) == 1 else (_mix(recipe, datasets, parts),)
    return (
        _("{model} learns from {rows} rows of {dataset} in {steps} steps of {batch} rows.").format(
            model=model.name,
            rows=f"{sum(one.per_pass for one in parts):,}",
            dataset=_("{count} datasets").format(count=len(datasets))
            if mixed
            else datasets[0].name,
            steps=f"{steps:,}",
            batch=recipe.effective_batch_size,
        ),
        *mixed,
        *start_sentences(recipe),
        _("Method: {method}. The model's own files are never changed.").format(
            method=_(method.title)
        ),
        _("{rows} rows are held out: they are never trained, and show what was learned.").format(
            rows=f"{eval_rows:,}"
        ),
        _("Closing the window does not stop it. A checkpoint is kept at the end and on the way."),
    )


def _mix(recipe: Recipe, datasets: Sequence[DatasetInfo], parts: Sequence[Part]) -> str:
    total = max(1, sum(one.per_pass for one in parts))
    named = ", ".join(
        _("{rows} of {dataset} ({share} %)").format(
            rows=f"{part.per_pass:,}", dataset=one.name, share=round(100 * part.per_pass / total)
        )
        for one, part in zip(datasets, parts, strict=True)
    )
    told = [
        _("A pass sees {parts}.").format(parts=named),
        _("Rows that are equal or near to held-out rows of another are left out."),
    ]
    if recipe.replay is not None:
        told.append(
            _("{dataset} is replayed to keep general ability.").format(dataset=datasets[-1].name)
        )
    return " ".join(told)
