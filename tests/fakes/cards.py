# SPDX-License-Identifier: Apache-2.0
"""Pretended graphics cards: real numbers on a processor, torch's rule about devices on top.

Under `pretended_cards`, a tensor that is put on `card(1)` computes on the processor, but says that
it is on another device. As with real cards, an operation on tensors of two of them is an error,
numbers without dimensions excepted, and only a copy gets from one to the other. torch's own code
of modules, autograd and checkpointing runs on them unchanged. Memory, streams and time are not
pretended.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

_KIND = "meta"
_COPIES = (torch.ops.aten._to_copy.default, torch.ops.aten.copy_.default)
_PLAIN = {torch.Tensor.tolist: "tolist", torch.Tensor.numpy: "numpy"}


def card(number: int) -> torch.device:
    """Return a pretended card; torch knows no number but this one behind the name of the type."""
    return torch.device(_KIND, number)


_CARDS = (card(0), card(1), card(2))


@dataclass
class Traffic:
    """What went from one device to another.

    Attributes:
        hops: Pretended device before, device behind, and shape of each copy.
    """

    hops: list[tuple[str, str, tuple[int, ...]]] = field(
        default_factory=list[tuple[str, str, tuple[int, ...]]]
    )


class CardTensor(torch.Tensor):
    """A tensor that says that it is on a card."""

    held: torch.Tensor

    @staticmethod
    def __new__(cls: type[CardTensor], held: torch.Tensor, device: torch.device) -> CardTensor:
        """Return what stands for a tensor of the processor."""
        made = torch.Tensor._make_wrapper_subclass(
            cls,
            held.size(),
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            device=device,
        )
        made.held = held
        return made

    def __repr__(self, *, tensor_contents: str | None = None) -> str:
        """Name card and numbers."""
        return f"CardTensor({self.device}, {self.held})"

    @classmethod
    def __torch_function__(
        cls, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Let those read the numbers that torch refuses for classes such as this."""
        if func in _PLAIN:
            return getattr(args[0].detach().cpu(), _PLAIN[func])()
        with torch._C.DisableTorchFunctionSubclass():
            return func(*args, **(kwargs or {}))

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Compute outside of the mode too, as a backward pass may."""
        return _computed(func, args, kwargs or {}, None)


class _Cards(TorchDispatchMode):
    def __init__(self, traffic: Traffic) -> None:
        super().__init__()
        self._traffic = traffic

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _computed(func, args, kwargs or {}, self._traffic)


class _Lists(TorchFunctionMode):
    """Makes tensors of lists where torch would forget the number of a device of this type."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        options = kwargs or {}
        if func is torch.Tensor.backward:
            # Layers that are computed again index by lists too.
            with self:
                return torch.autograd.backward(args[0])
        if func is torch.tensor and _is_card(options.get("device")):
            return func(*args, **options | {"device": "cpu"}).to(options["device"])
        if func is torch.Tensor.__getitem__ and isinstance(args[0], CardTensor):
            args = (args[0], _as_places(args[1], args[0].device))
        return func(*args, **options)


def _computed(func: Any, args: Any, kwargs: dict[str, Any], traffic: Traffic | None) -> Any:
    asked = kwargs.get("device")
    given: list[torch.Tensor] = []
    _gather((args, kwargs), given)
    if not any(isinstance(one, CardTensor) for one in given) and not _is_card(asked):
        return func(*args, **kwargs)
    device = torch.device(asked) if asked is not None else _common(func, given)
    if func in _COPIES and traffic is not None:
        ends = (given[1], given[0]) if func is _COPIES[1] else (given[0], given[0])
        after = device if func is _COPIES[0] else given[0].device
        if ends[0].device != after:
            shape = tuple(ends[0].shape)
            traffic.hops.append((_name(ends[0].device), _name(after), shape))
    found = func(*_mapped(_held, args), **_mapped(_held, kwargs))
    if not _is_card(device):
        return found
    known = {id(one.held): one for one in given if isinstance(one, CardTensor)}

    def on_card(one: Any) -> Any:
        """Return a result on the card; what was changed in place is the same tensor as before."""
        if not isinstance(one, torch.Tensor):
            return one
        return known[id(one)] if id(one) in known else CardTensor(one, device)

    return _mapped(on_card, found)


def _gather(value: Any, found: list[torch.Tensor]) -> None:
    """Add the tensors of what an operation is given; torch's own walk through trees is slow."""
    if isinstance(value, torch.Tensor):
        found.append(value)
    elif isinstance(value, list | tuple):
        for one in value:
            _gather(one, found)
    elif isinstance(value, dict):
        for one in value.values():
            _gather(one, found)


def _mapped(change: Callable[[Any], Any], value: Any) -> Any:
    """Return the same tree with each leaf changed."""
    if isinstance(value, list | tuple):
        return type(value)([_mapped(change, one) for one in value])
    if isinstance(value, dict):
        return {name: _mapped(change, one) for name, one in value.items()}
    return change(value)


def _common(func: Any, given: list[torch.Tensor]) -> torch.device:
    """Return the one device of an operation.

    Raises:
        RuntimeError: There are several, as torch says it of real ones.
    """
    if func is _COPIES[1]:
        return given[0].device
    wide = {one.device for one in given if one.dim()}
    if len(wide) > 1:
        raise RuntimeError(
            f"Expected all tensors to be on the same device, but found at least two devices, "
            f"{' and '.join(sorted(map(str, wide)))} ({func})"
        )
    cards = [one.device for one in given if isinstance(one, CardTensor)]
    return wide.pop() if wide else cards[0]


def _as_places(index: Any, device: torch.device) -> Any:
    """Return an index whose lists are tensors on a device."""
    parts = index if isinstance(index, tuple) else (index,)
    found = [torch.tensor(one).to(device) if isinstance(one, list) else one for one in parts]
    return tuple(found) if isinstance(index, tuple) else found[0]


def _is_card(device: Any) -> bool:
    return device is not None and torch.device(device) in _CARDS


def _name(device: torch.device) -> str:
    return f"card {device.index}" if _is_card(device) else device.type


def _held(value: Any) -> Any:
    if isinstance(value, CardTensor):
        return value.held
    return torch.device("cpu") if isinstance(value, torch.device) and _is_card(value) else value


@contextmanager
def pretended_cards() -> Generator[Traffic, None, None]:
    """Let cards 0 to 2 be there; yield what is copied between devices meanwhile."""
    traffic = Traffic()
    with _Cards(traffic), _Lists():
        yield traffic
