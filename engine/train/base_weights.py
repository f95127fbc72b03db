# SPDX-License-Identifier: Apache-2.0
"""Loads a base model of the workspace, from its kept 4-bit weights where there are any.

The kept weights are a convenience: nothing that is wrong with them ends a run. They are computed
anew from the model's own files, and the plan says so.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from gettext import gettext as _
from pathlib import Path

import msgspec

from engine.domain.decision import Decision
from engine.domain.model import ModelInfo
from engine.domain.phase import Phase
from engine.errors import Cancelled, DocumentDamaged, EngineError
from engine.protocol.events import PhaseChanged, Warned
from engine.protocol.job import JobContext
from engine.store import modelfolder
from engine.store.layout import Layout
from engine.train.device import Placement
from engine.train.load import load_model
from engine.train.model import LanguageModel
from engine.train.nf4_cache import Nf4Cache, key_of
from engine.train.progress import byte_progress

CACHE_REBUILT = "nf4_cache_rebuilt"
"""Code of the warning that kept weights could not be used."""

FROM_CACHE, FROM_SOURCE, FROM_FOLDER = "cache", "16-bit files", "4-bit files"
_MB = 1_000_000


class BaseWeights(msgspec.Struct, frozen=True, kw_only=True):
    """A base model and where its weights came from.

    Attributes:
        model: Frozen and without an adapter.
        decisions: Where the 4-bit weights came from; none for dense ones.
    """

    model: LanguageModel
    decisions: dict[str, Decision] = msgspec.field(default_factory=dict[str, Decision])


def load_base(
    context: JobContext,
    info: ModelInfo,
    placement: Placement,
    *,
    quantised: bool,
    keeps: bool = True,
) -> BaseWeights:
    """Load a base model; 4-bit weights are read from the cache, or kept there for the next time.

    Args:
        context: The job that needs it; is told phases, progress, and that kept weights could not be
            used.
        info: The model, as `find_model` returned it.
        placement: Where and in which format to compute.
        quantised: Hold the decoder linears in 4 bits.
        keeps: False leaves the cache as it is, for processes that only help.

    Raises:
        Cancelled: A stop was asked for on the way.
        ModelInvalid: Weights are missing, or of another shape than the configuration says.
        ArchitectureUnsupported: Its layers hold weights that are not plain linears.
        FileUnreadable: A file of the model cannot be read.
    """
    context.emit(PhaseChanged(phase=Phase.LOADING_MODEL))
    folder = Path(info.path)
    load = partial(
        load_model,
        folder,
        dtype=placement.dtype,
        device=placement.device,
        spread=placement.spread,
        quantised=quantised,
        on_progress=byte_progress(context),
    )
    if not quantised:
        return BaseWeights(model=load())
    if any(one.parts for one in modelfolder.read_weights(folder).values()):
        reason = _("The model's own files are in 4 bits already; they are used as they are.")
        return BaseWeights(model=load(), decisions=_decision(FROM_FOLDER, reason))
    key = key_of(folder, fingerprint=info.fingerprint, device=placement.device)
    cache = Nf4Cache(Layout(context.workspace).nf4_cache(info.id), key)
    found = _load_kept(context, load, cache) if cache.exists else None
    if found is not None:
        reason = _("An earlier job kept them: {size:,.1f} MB, read and verified.").format(
            size=cache.size_bytes / _MB
        )
        return BaseWeights(model=found, decisions=_decision(FROM_CACHE, reason))
    model = load()
    return BaseWeights(model=model, decisions=_keep(context, cache, model) if keeps else {})


def _load_kept(
    context: JobContext, load: Callable[..., LanguageModel], cache: Nf4Cache
) -> LanguageModel | None:
    try:
        return load(cache=cache)
    except DocumentDamaged as damage:
        message = _("The kept 4-bit weights of the model are computed anew. {reason}")
        context.emit(Warned(code=CACHE_REBUILT, message=message.format(reason=damage.message)))
    return None


def _keep(context: JobContext, cache: Nf4Cache, model: LanguageModel) -> dict[str, Decision]:
    """Keep the weights for the next time, and say whether that was possible."""
    context.emit(PhaseChanged(phase=Phase.KEEPING_WEIGHTS))
    try:
        if cache.exists:
            cache.discard()
        cache.write(model.linears, on_progress=byte_progress(context))
    except Cancelled:
        raise
    except EngineError as error:
        reason = _("They were computed from the model's files and not kept. {reason}")
        return _decision(FROM_SOURCE, reason.format(reason=error.message))
    reason = _("They were computed from the model's files, and {size:,.1f} MB kept for next time.")
    return _decision(FROM_SOURCE, reason.format(size=cache.size_bytes / _MB))


def _decision(value: str, reason: str) -> dict[str, Decision]:
    return {"packed_weights": Decision(value=value, reason=reason, source="model")}
