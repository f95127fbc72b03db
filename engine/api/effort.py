# SPDX-License-Identifier: Apache-2.0
"""How long a run will take, and what it writes to the disk."""

from __future__ import annotations

from collections.abc import Sequence
from gettext import gettext as _
from gettext import ngettext

import msgspec

from engine.api.row_lengths import RowLengths
from engine.domain.dataset import DatasetInfo
from engine.domain.decision import Decision
from engine.domain.mix import Part
from engine.domain.model import ModelInfo
from engine.domain.plan import DiskNeed, MemoryNeed, TimeNeed
from engine.domain.recipe import Recipe
from engine.domain.split import TRAIN
from engine.hardware.adapter_form import AdapterForm
from engine.hardware.calibration import Measurements
from engine.hardware.families import family
from engine.hardware.gpu import Gpu
from engine.hardware.held import adapter_parameters, linear_bytes
from engine.hardware.reach import Reach
from engine.hardware.speed import rough_speed, token_operations
from engine.methods.registry import method

_CHARACTERS_PER_TOKEN = 4
"""Of running English text; other languages and code have fewer."""

_BYTES_PER_TOKEN, _BYTES_PER_ROW = 4 + 1, 32
"""A token's number and whether it is trained; where a row begins, its place and what is odd of it
(engine.train.token_cache)."""

_KEPT_BESIDE = 2
"""The best checkpoint, and the one that is being written."""

_MEASURED_SPREAD = 0.15
"""An earlier run's speed is met within this share, as a rule."""


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """What one dataset gives to a run.

    Attributes:
        info: The dataset.
        part: Rows of it in a pass.
        lengths: Of its rows, where they were counted for just this training.
    """

    info: DatasetInfo
    part: Part
    lengths: RowLengths | None = None


def disk_need(
    recipe: Recipe,
    model: ModelInfo,
    memory: MemoryNeed,
    *,
    datasets: Sequence[DatasetInfo] = (),
    measured: Measurements | None = None,
) -> DiskNeed:
    """Return what a run writes at most; the adapter is written in 32 bits.

    Args:
        recipe: The recipe.
        model: The base model.
        memory: What the run holds.
        datasets: Those whose rows are tokenised.
        measured: What earlier runs measured.
    """
    weights = adapter_parameters(model.shape, AdapterForm.of(recipe), family(model.model_type))
    adapter = 4 * weights
    is_packed = model.size_bytes < model.shape.linear_parameters
    keeps_copy = method(recipe.method).quantised and not is_packed
    known = measured or Measurements()
    return DiskNeed(
        checkpoints=recipe.keep_checkpoints + _KEPT_BESIDE,
        checkpoint_bytes=adapter + memory.optimizer,
        adapter=adapter,
        cache=linear_bytes(model.shape, quantised=True, item=2) if keeps_copy else 0,
        tokens=sum(_token_bytes(recipe, one, model, known) for one in datasets),
        export=model.size_bytes,
    )


def _token_bytes(
    recipe: Recipe, info: DatasetInfo, model: ModelInfo, measured: Measurements
) -> int:
    rows = info.splits.get(TRAIN, 0)
    counted = measured.row_tokens(
        model.fingerprint, dataset_id=info.id, dataset_version=info.version
    )
    tokens = min(counted or _guessed(info), recipe.max_length)
    return round(rows * (_BYTES_PER_TOKEN * tokens + _BYTES_PER_ROW))


def time_need(
    recipe: Recipe,
    *,
    data: Sequence[Share],
    model: ModelInfo,
    steps: int,
    device: str,
    gpu: Gpu | None,
    measured: Measurements,
) -> TimeNeed | None:
    """Return how long the steps will take, or None where nothing is known of this device.

    Args:
        recipe: The recipe.
        data: Its datasets.
        model: The base model.
        steps: Optimizer steps.
        device: Name of what computes.
        gpu: The card, or None.
        measured: What earlier runs measured.
    """
    rows = sum(one.part.per_pass for one in data)
    if not rows or not steps:
        return None
    each, is_counted = _row_tokens(recipe, data, model, measured)
    tokens = round(each * steps * min(recipe.effective_batch_size, rows))
    if len(data) == 1 and data[0].lengths is not None:
        tokens = data[0].lengths.run_tokens(recipe, steps=steps)
    known = measured.speed(device, fingerprint=model.fingerprint, method=recipe.method)
    if known is not None and known.max_length == recipe.max_length and is_counted:
        seconds = tokens / known.tokens_per_s
        return TimeNeed(
            low_s=seconds * (1 - _MEASURED_SPREAD),
            high_s=seconds * (1 + _MEASURED_SPREAD),
            tokens=tokens,
            is_measured=True,
            reason=_("An earlier run of this model went through {speed} tokens a second.").format(
                speed=f"{known.tokens_per_s:,.0f}"
            ),
        )
    if known is not None:
        return TimeNeed(
            low_s=tokens / known.tokens_per_s / 2,
            high_s=tokens / known.tokens_per_s * 2,
            tokens=tokens,
            is_measured=False,
            reason=_("Rough: from the speed of an earlier run with other rows or lengths."),
        )
    return _by_card(recipe, model, tokens, each, gpu)


def _by_card(
    recipe: Recipe, model: ModelInfo, tokens: int, row_tokens: float, gpu: Gpu | None
) -> TimeNeed | None:
    operations = token_operations(
        model.shape,
        sequence_tokens=round(row_tokens),
        adapter_parameters=adapter_parameters(
            model.shape, AdapterForm.of(recipe), family(model.model_type)
        ),
        recomputed=recipe.gradient_checkpointing,
    )
    found = rough_speed(gpu, operations)
    if found is None:
        return None
    slow, fast = found
    return TimeNeed(
        low_s=tokens / fast,
        high_s=2 * tokens / slow,
        tokens=tokens,
        is_measured=False,
        reason=_("Rough: from what this kind of card can compute; the first run measures it."),
    )


def _row_tokens(
    recipe: Recipe,
    data: Sequence[Share],
    model: ModelInfo,
    measured: Measurements,
) -> tuple[float, bool]:
    """Return the mean tokens of a row, and whether a job or an earlier run counted all of them."""
    total, rows, is_counted = 0.0, 0, True
    for one in data:
        counted = (
            one.lengths.mean
            if one.lengths
            else measured.row_tokens(
                model.fingerprint, dataset_id=one.info.id, dataset_version=one.info.version
            )
        )
        is_counted = is_counted and bool(counted)
        total += one.part.per_pass * min(counted or _guessed(one.info), recipe.max_length)
        rows += one.part.per_pass
    return total / max(1, rows), is_counted


def token_decision(counted: Sequence[RowLengths | None], time: TimeNeed | None) -> Decision:
    """Return the tokens of a run, with whether its rows were counted for this model.

    Args:
        counted: Lengths of the rows of each dataset, None where they were not counted.
        time: What they take; None where that is not known.
    """
    value = time.tokens if time else None
    known = [one for one in counted if one is not None]
    if len(known) < len(counted):
        reason = _(
            "Rough, because the rows were not counted for this model and length yet. Counting them "
            "(What will be trained) makes it exact."
        )
        return Decision(value=value, reason=reason, source="estimate")
    rows = sum(one.coverage.trained_rows for one in known)
    text = ngettext("Measured on {rows} row.", "Measured on {rows} rows.", rows)
    return Decision(value=value, reason=text.format(rows=f"{rows:,}"), source="measurement")


def reach_decision(recipe: Recipe, reach: Reach | None) -> Decision:
    """Return the tokens that memory is planned for, with where the figure comes from.

    Args:
        recipe: The recipe.
        reach: What its rows come to; None where that is not used.
    """
    asked = recipe.micro_batch_size * recipe.max_length
    found = reach.together(recipe) if reach else asked
    if reach is None or found == asked:
        reason = (
            _("As many as the settings allow; the rows fill them.")
            if reach
            else _("As many as the settings allow; counting the rows may show that it is less.")
        )
        return Decision(value=asked, reason=reason, source="recipe")
    text = _(
        "The {rows} longest rows that a step can see have no more; the longest has {longest} "
        "tokens. The settings allow {asked}."
    )
    reason = text.format(
        rows=f"{len(reach.longest):,}", longest=f"{reach.row(recipe):,}", asked=f"{asked:,}"
    )
    return Decision(value=found, reason=reason, source="measurement")


def _guessed(info: DatasetInfo) -> float:
    size = sum(one.size_bytes for one in info.sources)
    return max(1.0, size / _CHARACTERS_PER_TOKEN / max(1, info.rows))
