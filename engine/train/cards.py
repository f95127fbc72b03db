# SPDX-License-Identifier: Apache-2.0
"""Chooses the graphics cards that hold a model together, by the estimate of the plan."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from gettext import gettext as _

import torch
from msgspec.structs import replace

from engine.domain.decision import Decision
from engine.domain.model import ModelInfo
from engine.domain.plan import CardShare
from engine.domain.recipe import Recipe
from engine.hardware.calibration import Measurements
from engine.hardware.dealing import Burden, deal
from engine.hardware.gpu import Gpu, read_gpus
from engine.train.device import Placement
from engine.train.spread import Spread, choose_send

_GIB = 1 << 30
_UUID_MARK = "GPU-"


def visible_cards() -> list[Gpu]:
    """Return the cards that torch sees, in its order; as the driver tells of them, if it does.

    Asking torch for free memory wakes a card up, which takes some of it.
    """
    known = {one.uuid.removeprefix(_UUID_MARK): one for one in read_gpus().gpus if one.uuid}
    return [
        known.get(str(torch.cuda.get_device_properties(number).uuid)) or _as_torch_tells(number)
        for number in range(torch.cuda.device_count())
    ]


def _as_torch_tells(number: int) -> Gpu:
    free, total = torch.cuda.mem_get_info(number)
    return Gpu(
        name=torch.cuda.get_device_name(number),
        driver="",
        total_bytes=total,
        free_bytes=free,
        used_bytes=total - free,
        temperature_c=None,
        compute_capability=torch.cuda.get_device_capability(number),
    )


def deal_out(
    placement: Placement,
    recipe: Recipe,
    info: ModelInfo,
    *,
    quantised: bool,
    measured: Measurements,
    cards: Callable[[], Sequence[Gpu]] = visible_cards,
) -> Placement:
    """Deal the layers of a model out where it does not fit one card, or where that is asked for.

    Args:
        placement: On one device.
        recipe: What is asked for.
        info: The model.
        quantised: It is held in 4 bits.
        measured: What earlier runs measured.
        cards: Returns the cards that there are, in the order in which torch numbers them.
    """
    if placement.device.type == "cpu" or recipe.cards == 1:
        return placement
    burden = Burden(
        shape=info.shape,
        model_type=info.model_type,
        recipe=recipe,
        quantised=quantised,
        calibration=lambda gpu: measured.on_card(
            gpu.name,
            gpu.driver,
            model_type=info.model_type,
            item=placement.dtype.itemsize,
            quantised=quantised,
        ),
    )
    shares = deal(burden, cards())
    if len(shares) < 2:
        return placement
    return _dealt(placement, recipe, shares)


def _dealt(placement: Placement, recipe: Recipe, shares: Sequence[CardShare]) -> Placement:
    kind = placement.device.type
    devices = [torch.device(kind, one.place) for one in shares]
    layers = tuple(
        device for device, one in zip(devices, shares, strict=True) for _number in range(one.layers)
    )
    send, way = choose_send(devices)
    told = "; ".join(
        _("{layers} layers, up to {need:.1f} GiB, on {name}").format(
            layers=one.layers, need=one.need.high_bytes / _GIB, name=one.name
        )
        for one in shares
    )
    why = _("Asked for.") if recipe.cards else _("One card has too little room for the model.")
    chosen = Decision(
        value=len(shares),
        reason=_("{why} They take turns: {told}.").format(why=why, told=told),
        source="recipe" if recipe.cards else "hardware",
    )
    return replace(
        placement,
        device=devices[0],
        spread=Spread(layers=layers, send=send),
        decisions=placement.decisions | {"cards": chosen, "card_copies": way},
    )
