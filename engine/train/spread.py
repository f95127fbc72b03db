# SPDX-License-Identifier: Apache-2.0
"""A model whose layers are dealt out over several graphics cards, which work one after the other.

Contiguous blocks of layers lie on one card each. The hidden states hop from card to card, and come
home behind the last layer: embeddings, last norm, head and loss are all on the first card, which is
the model's device for everything that is not a layer. What trains a layer lies with it. No weight
ever moves.
"""

from __future__ import annotations

from collections import UserDict
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from gettext import gettext as _
from typing import Any

import msgspec
import torch
from msgspec.structs import replace
from torch import nn

from engine.domain.decision import Decision
from engine.train.attention import Segments

Send = Callable[[torch.Tensor, torch.device], torch.Tensor]
"""Returns a tensor on another device; its gradient goes back the same way."""

_TRIED_VALUES = 1 << 20


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """Where the layers of a model go.

    Attributes:
        layers: The card of each decoder layer, with its number.
        send: How hidden states get from one to the next.
    """

    layers: tuple[torch.device, ...]
    send: Send

    def devices(self, home: torch.device) -> tuple[torch.device, ...]:
        """Return every card once, the one where hidden states come from first."""
        return tuple(dict.fromkeys((home, *self.layers)))


def send_straight(values: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Return a tensor on another device, by the way that the driver chooses."""
    return values.to(device)


def send_through_memory(values: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Return a tensor on another device; the two never speak to each other."""
    return values.to("cpu").to(device)


def choose_send(
    devices: Sequence[torch.device], *, straight: Send = send_straight
) -> tuple[Send, Decision]:
    """Try whether cards get from each other what was sent, and choose how they send.

    On some boards, cards that read each other's memory get other numbers, without any error.

    Args:
        devices: The cards, in the order in which they work.
        straight: The way that is tried.
    """
    following = [*devices[1:], devices[0]]
    pairs = [*zip(devices, following, strict=True), *zip(following, devices, strict=True)]
    if all(_arrives(straight, one, other) for one, other in pairs):
        reason = _("Cards send to each other by the driver's way; tried at start.")
        return straight, Decision(value="direct", reason=reason, source="hardware")
    reason = _("What one card sent straight to another did not arrive as it was; tried at start.")
    return send_through_memory, Decision(value="main memory", reason=reason, source="hardware")


def _arrives(send: Send, one: torch.device, other: torch.device) -> bool:
    sent = torch.arange(_TRIED_VALUES, dtype=torch.int32)
    try:
        return torch.equal(send(sent.to(one), other).cpu(), sent)
    except RuntimeError:
        return False


class _Card:
    """One card, and what layers on it are given besides hidden states, brought over once a pass."""

    def __init__(self, device: torch.device, send: Send) -> None:
        self.device = device
        self._send = send
        self._brought: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

    def bring(
        self,
        _layer: nn.Module,
        arguments: tuple[Any, ...],
        options: dict[str, Any],
        *,
        is_first: bool,
    ) -> tuple[Any, Any]:
        """Bring everything that a layer is given; the hook before it runs.

        Angles, positions and edges are the same for all layers of a pass, and for their
        recomputation. The first layer of a card is the first of a pass, and the last of a backward
        pass, to need them.

        Args:
            arguments: Of the layer.
            options: Of the layer, by name.
            is_first: It is the first layer on this card.
        """
        if is_first:
            self._brought.clear()
        return self._all(arguments), self._all(options)

    def _all(self, values: Any) -> Any:
        """Return any nested values with their tensors on this card."""
        if isinstance(values, torch.Tensor):
            return self._one(values)
        if isinstance(values, tuple | list):
            return type(values)(self._all(one) for one in values)
        if isinstance(values, dict):
            return {name: self._all(one) for name, one in values.items()}
        if isinstance(values, UserDict):
            return _Shared(values, self._all)
        if isinstance(values, Segments) and values.packed is not None:
            edges = replace(values.packed, cumulative=self._one(values.packed.cumulative))
            return replace(values, packed=edges)
        return values

    def _one(self, values: torch.Tensor) -> torch.Tensor:
        if values.device == self.device:
            return values
        known = self._brought.get(id(values))
        if known is None:
            # The source is held too, so that nothing else gets its number meanwhile.
            known = self._brought[id(values)] = values, self._send(values, self.device)
        return known[1]


class _Shared(UserDict[str, Any]):
    """What layers leave to later ones, as it is seen from one card; it is held where it was left.

    Gemma 4's layers leave their keys and values there. A layer that is computed again must find
    them on its own card then as well, wherever a later layer took them to.
    """

    def __init__(self, held: UserDict[str, Any], bring: Callable[[Any], Any]) -> None:
        super().__init__()
        self._held = held
        self._bring = bring

    def __getitem__(self, key: str) -> Any:
        """Return what was left, on this card."""
        return self._bring(self._held[key])

    def __setitem__(self, key: str, value: Any) -> None:
        """Leave something."""
        self._held[key] = value


def connect(layers: nn.ModuleList, home: torch.device, spread: Spread) -> None:
    """Let layers that lie on several cards hand their hidden states on from card to card.

    Args:
        layers: All decoder layers.
        home: Where hidden states come from, and go to behind the last layer.
        spread: Where each layer is.
    """
    cards = {one: _Card(one, spread.send) for one in dict.fromkeys(spread.layers)}
    following = (*spread.layers[1:], home)
    before: torch.device | None = None
    for layer, here, after in zip(layers, spread.layers, following, strict=True):
        bring = partial(cards[here].bring, is_first=here != before)
        # Before all others, since some take from what a layer is given.
        layer.register_forward_pre_hook(bring, with_kwargs=True, prepend=True)
        hop = _hop(spread.send, after) if after != here else None
        vars(layer)["forward"] = partial(_on_card, layer.forward, _turn_to(here), hop)
        before = here


def _on_card(
    forward: Callable[..., Any],
    turn: Callable[[], AbstractContextManager[object]],
    hop: Callable[[torch.Tensor], torch.Tensor] | None,
    *arguments: Any,
    **options: Any,
) -> Any:
    """Run a layer while its card is the current one, and send on what comes out.

    The hop is behind the layer and not before the next one, so that a layer that is computed again
    keeps its input on its own card.
    """
    with turn():
        out = forward(*arguments, **options)
    if hop is None:
        return out
    if isinstance(out, tuple):
        return (hop(out[0]), *out[1:])
    return hop(out)


def _hop(send: Send, device: torch.device) -> Callable[[torch.Tensor], torch.Tensor]:
    return lambda hidden: send(hidden, device)


def _turn_to(device: torch.device) -> Callable[[], AbstractContextManager[object]]:
    """Return what makes a card the current one: some kernels run there, wherever their data is."""
    if device.type == "cuda":
        return partial(torch.cuda.device, device)
    return nullcontext
