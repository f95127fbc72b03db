# SPDX-License-Identifier: Apache-2.0
"""What a run measures of its device for later plans: the memory of a layer, and its own speed.

Memory is linear in the tokens, so that two short passes, over a quarter and half of a row, tell
what a token costs. They take seconds, come before the first step, change no weight and draw no
number that the run draws. What was measured is remembered in the workspace; nothing depends on it
but the plan.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from datetime import datetime
from gettext import gettext as _

import torch

from engine.chat.packing import Members, StepOrder
from engine.domain.decision import Decision
from engine.domain.model import ModelInfo
from engine.domain.phase import Phase
from engine.domain.recipe import Recipe
from engine.domain.timestamp import timestamp
from engine.errors import EngineError
from engine.hardware.adapter_form import AdapterForm
from engine.hardware.calibration import (
    Calibration,
    Speed,
    Surroundings,
    fit_layer,
    library_versions,
    measured_tokens,
    read_measurements,
    remember,
)
from engine.hardware.families import family, live_scores
from engine.hardware.gpu import process_bytes, read_gpus
from engine.hardware.held import handed_bytes, input_bytes
from engine.hardware.layer import flowing_per_token, kept_per_token
from engine.hardware.machine import processor_name
from engine.protocol.events import PhaseChanged
from engine.protocol.job import JobContext
from engine.store.layout import Layout
from engine.train.attention import Segments
from engine.train.batches import Batch
from engine.train.device import free_unused, is_out_of_memory
from engine.train.loss import batch_loss
from engine.train.model import LanguageModel

_LOG = logging.getLogger(__name__)
_SUPERVISED_TOKENS = 16
"""So few that the output head is never the widest moment."""

_MOST_CONTEXT_BYTES = 2 << 30

Measure = Callable[[int], int]
"""Returns the peak, in bytes, of a forward and a backward pass over so many tokens."""


def calibrate(
    model: LanguageModel,
    info: ModelInfo,
    recipe: Recipe,
    *,
    quantised: bool,
    surroundings: Surroundings,
    measure: Measure,
    context_bytes: Callable[[], int],
    now: datetime,
) -> Calibration | None:
    """Compare the memory of a layer with its count; None where the result is not plausible.

    Args:
        model: With an adapter; every layer is computed again, and nothing is moved away.
        info: The same as it is known in the workspace.
        recipe: Its recipe.
        quantised: It is held in 4 bits.
        surroundings: Where this is.
        measure: The measurement.
        context_bytes: Returns what driver and libraries hold; asked after the passes.
        now: The present time.
    """
    kind, item = family(info.model_type), model.dtype.itemsize
    form = AdapterForm.of(recipe)
    passes = measured_tokens(recipe.micro_batch_size * recipe.max_length)
    each = kept_per_token(info.shape, kind, item=item, form=form)
    each += flowing_per_token(info.shape, kind, item=item)

    def counted(count: int) -> int:
        """Return what the formula says of a layer that works on so many tokens."""
        sequence = min(count, info.context_tokens)
        return count * each + live_scores(info.shape, kind, tokens=count, sequence=sequence)

    inputs = input_bytes(info.shape, tokens=1, item=item, layers=info.shape.layers, offload=False)
    inputs += handed_bytes(info.shape, tokens=1, item=item)
    scale = fit_layer(measure, passes=passes, input_bytes=inputs, layer_bytes=counted)
    if scale is None:
        return None
    return Calibration(
        surroundings=surroundings,
        model_type=info.model_type,
        item=item,
        quantised=quantised,
        layer_scale=scale,
        context_bytes=context_bytes(),
        measured_at=timestamp(now),
    )


def calibrate_once(
    context: JobContext,
    model: LanguageModel,
    info: ModelInfo,
    recipe: Recipe,
    *,
    quantised: bool,
    recomputes: bool,
) -> Decision | None:
    """Measure the memory of a layer on a card where that is not known yet; say what came of it.

    Every layer is computed again for it, whatever the recipe keeps or moves away; whoever asks for
    anything else sets that up afterwards.

    Returns:
        The outcome with its reason; None where there is nothing to measure: on a processor, where
        it is known, where the recipe computes nothing again, or where the layers are on several
        cards, each of which would have to be measured.
    """
    card = _card(model.device)
    if card is None or not recomputes or len(model.devices) > 1:
        return None
    path = Layout(context.workspace).measurements
    known = read_measurements(path).calibration(
        card, model_type=info.model_type, item=model.dtype.itemsize, quantised=quantised
    )
    if known is not None:
        return None
    context.emit(PhaseChanged(phase=Phase.MEASURING_MEMORY))
    model.recompute_activations()
    try:
        found = calibrate(
            model,
            info,
            recipe,
            quantised=quantised,
            surroundings=card,
            measure=lambda count: peak_of_pass(model, count, longest=info.context_tokens),
            context_bytes=_context_bytes,
            now=context.now(),
        )
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        free_unused(model.device)
        reason = _("The card had too little free memory to measure a layer.")
        return Decision(value=None, reason=reason, source="measurement")
    if found is None:
        reason = _("What was measured of a layer is not plausible, so it is left out.")
        return Decision(value=None, reason=reason, source="measurement")
    _remember(context, calibration=found)
    reason = _("So much of what was counted does a layer take on this card; plans use it now.")
    return Decision(value=round(found.layer_scale, 3), reason=reason, source="measurement")


def peak_of_pass(model: LanguageModel, tokens: int, *, longest: int) -> int:
    """Return the most memory that torch reserves on the card for a pass over so many tokens.

    Args:
        model: With an adapter; its gradients are cleared.
        tokens: How many.
        longest: Most tokens that may attend to each other.
    """
    device = model.device
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats(device)
    was_training = model.net.training
    model.net.train()
    try:
        batch = plain_batch(tokens, vocabulary=model.net.config.vocab_size, longest=longest)
        batch_loss(model, _moved(batch, device)).backward()
    finally:
        model.net.train(was_training)
        for values in model.trainable().values():
            values.grad = None
    return torch.cuda.max_memory_reserved(device)


def plain_batch(tokens: int, *, vocabulary: int, longest: int) -> Batch:
    """Return a packed row of so many counted-up tokens, of which only the last few are trained."""
    edges = (*range(0, tokens, longest), tokens)
    places = torch.arange(tokens)
    rows = torch.arange(max(0, tokens - 1 - _SUPERVISED_TOKENS), tokens - 1)
    return Batch(
        ids=(places % vocabulary)[None],
        positions=(places % longest)[None],
        segments=Segments(edges),
        rows=rows,
        targets=(rows + 1) % vocabulary,
    )


def _moved(batch: Batch, device: torch.device) -> Batch:
    return Batch(
        ids=batch.ids.to(device),
        positions=batch.positions.to(device),
        segments=batch.segments,
        rows=batch.rows.to(device),
        targets=batch.targets.to(device),
    )


def _card(device: torch.device) -> Surroundings | None:
    """Return the card that computes, as plans know it, or None where there is none."""
    if device.type != "cuda":
        return None
    gpus = read_gpus().gpus
    name = torch.cuda.get_device_name(device)
    if all(one.name != name for one in gpus):
        return None
    return Surroundings(device=name, driver=gpus[0].driver, libraries=library_versions())


def _context_bytes() -> int:
    """Return what this process holds on the card beside torch's memory; 0 where nobody tells."""
    beside = process_bytes(os.getpid()) - torch.cuda.memory_reserved()
    return beside if 0 < beside < _MOST_CONTEXT_BYTES else 0


def remember_speed(
    context: JobContext,
    recipe: Recipe,
    *,
    device: torch.device,
    order: StepOrder,
    lengths: Members,
    step: int,
    step_times: Sequence[float],
) -> None:
    """Remember how fast the newest steps went, for the time that later plans name.

    Args:
        context: The surroundings of the job; without a fingerprint of its model nothing is kept.
        recipe: The recipe.
        device: Where it computed.
        order: Which examples each step saw.
        lengths: Tokens of each example.
        step: Steps done.
        step_times: Seconds of the newest of them.
    """
    fingerprint = context.info.text_option("model_fingerprint")
    first = step - len(step_times)
    own = lengths[: order.parts[0].rows]
    if not fingerprint or not step_times or first < 0 or not len(own):
        return
    tokens = order.total(lengths, steps=step) - order.total(lengths, steps=first)
    card = torch.cuda.get_device_name(device) if device.type == "cuda" else processor_name()
    speed = Speed(
        device=card,
        fingerprint=fingerprint,
        method=recipe.method,
        tokens_per_s=tokens / max(sum(step_times), 1e-9),
        dataset_id=recipe.dataset_id,
        dataset_version=recipe.dataset_version,
        max_length=recipe.max_length,
        tokens_per_row=float(own.mean()),
        measured_at=timestamp(context.now()),
        processes=1 + len(context.peers),
    )
    _remember(context, speed=speed)


def _remember(
    context: JobContext,
    *,
    calibration: Calibration | None = None,
    speed: Speed | None = None,
) -> None:
    """Write what was measured; a run goes on without it."""
    path = Layout(context.workspace).measurements
    try:
        remember(path, calibration=calibration, speed=speed)
    except EngineError as error:
        _LOG.info("what was measured could not be kept: %s", error.code)
