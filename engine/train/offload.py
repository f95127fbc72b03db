# SPDX-License-Identifier: Apache-2.0
"""Layer inputs in main memory between the forward and the backward pass, copied beside the work.

A layer that is computed again in the backward pass needs nothing but its input. With this, that
input leaves the card while the layer computes, and comes back while the layer behind it is worked
on. At most two of them are on the card at any moment: 2 * tokens * width * 2 bytes in place of
layers * tokens * width * 2 (research: limit model, term C).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Protocol

import msgspec
import torch
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.checkpoint import checkpoint

Ticket = Any
"""A copy that was started; only the passage that gave it knows more."""


class Passage(Protocol):
    """Copies between the device and main memory, one after the other, beside the computation."""

    def host_memory(self, size_bytes: int) -> torch.Tensor:
        """Return new bytes of main memory [size_bytes] that can be copied to without waiting."""
        ...

    def start(self, source: torch.Tensor, target: torch.Tensor) -> Ticket:
        """Start a copy behind all that is computed so far; neither tensor may be freed yet."""
        ...

    def wait(self, ticket: Ticket) -> None:
        """Let what is computed from now on begin after a copy; the caller itself goes on."""
        ...

    def settle(self) -> None:
        """Return when no copy is under way any more."""
        ...


class CardPassage:
    """Copies on CUDA streams of their own, one for each card."""

    def __init__(self) -> None:
        """Start without any."""
        self._streams: dict[torch.device, torch.cuda.Stream] = {}

    def host_memory(self, size_bytes: int) -> torch.Tensor:
        """Return pinned memory."""
        return torch.empty(size_bytes, dtype=torch.uint8, pin_memory=True)

    def start(
        self, source: torch.Tensor, target: torch.Tensor
    ) -> tuple[torch.device, torch.cuda.Event]:
        """Copy on the side stream of the card."""
        device = source.device if source.is_cuda else target.device
        if device not in self._streams:
            self._streams[device] = torch.cuda.Stream(device)
        stream = self._streams[device]
        stream.wait_stream(torch.cuda.current_stream(device))
        with torch.cuda.stream(stream):
            target.copy_(source, non_blocking=True)
            copied = torch.cuda.Event()
            copied.record(stream)
        return device, copied

    def wait(self, ticket: tuple[torch.device, torch.cuda.Event]) -> None:
        """Make the computing stream of the card wait."""
        device, copied = ticket
        torch.cuda.current_stream(device).wait_event(copied)

    def settle(self) -> None:
        """Wait for the side streams."""
        for stream in self._streams.values():
            stream.synchronize()


class _HostMemory:
    """Pieces of main memory that are used again and again; making pinned memory is slow."""

    def __init__(self, make: Callable[[int], torch.Tensor]) -> None:
        self._make = make
        self._free: list[torch.Tensor] = []

    def take(self, size_bytes: int) -> torch.Tensor:
        """Return the smallest free piece that is large enough, or make one."""
        self._free.sort(key=len)
        for number, piece in enumerate(self._free):
            if len(piece) >= size_bytes:
                return self._free.pop(number)
        if self._free:
            self._free.pop()  # too small for what comes now, and so not needed besides the new one
        return self._make(size_bytes)

    def give_back(self, piece: torch.Tensor) -> None:
        """Put a piece among the free ones."""
        self._free.append(piece)


class _Parcel(msgspec.Struct):
    """The input of one layer on its way.

    Attributes:
        shape, dtype, device: Of the input.
        before: Parcel of the layer before, which is needed next in the backward pass.
        host: Its bytes in main memory, or None once they are used.
        values: The input, while it is on the device on our account.
        ticket: The newest copy of it.
    """

    shape: torch.Size
    dtype: torch.dtype
    device: torch.device
    before: _Parcel | None
    host: torch.Tensor | None = None
    values: torch.Tensor | None = None
    ticket: Ticket | None = None

    def on_host(self) -> torch.Tensor:
        """Return its bytes in main memory in the form of the input.

        Raises:
            RuntimeError: They were used already.
        """
        if self.host is None:
            raise RuntimeError("the input of a layer was asked for twice")
        size = math.prod(self.shape) * self.dtype.itemsize
        return self.host[:size].view(self.dtype).view(self.shape)


class Offload:
    """Runs layers so that their inputs wait in main memory; one for all layers of a model.

    Layers are run in order, and each forward pass begins with the first one. Their backward passes
    follow in the opposite order, or not at all.
    """

    def __init__(self, passage: Passage) -> None:
        """Start with nothing under way."""
        self._passage = passage
        self._memory = _HostMemory(passage.host_memory)
        self._newest: _Parcel | None = None

    def run(self, function: Callable[..., Any], *args: Any, is_first: bool, is_last: bool) -> Any:
        """Compute a layer now, and again in the backward pass.

        Args:
            function: The layer.
            args: Its inputs; tensors on the device that need a gradient are sent away.
            is_first: Of the layers that are run like this in a forward pass.
            is_last: Likewise. Its input is needed at once in the backward pass, and so stays.
        """
        if is_first:
            self.forget()
        self._let_go(self._newest)
        with saved_tensors_hooks(self._keep if is_last else self._send, self._unpack):
            return checkpoint(function, *args, use_reentrant=False)

    def forget(self) -> None:
        """Drop what a pass left behind that was broken off."""
        parcel = self._newest
        if parcel is None:
            return
        self._passage.settle()
        while parcel is not None:
            parcel.values = None
            self._free_host(parcel)
            parcel = parcel.before
        self._newest = None

    def _keep(self, values: torch.Tensor) -> _Parcel | torch.Tensor:
        if not values.numel() or not values.is_contiguous() or not values.is_floating_point():
            return values
        self._newest = _Parcel(
            shape=values.shape,
            dtype=values.dtype,
            device=values.device,
            before=self._newest,
            values=values.detach(),
        )
        return self._newest

    def _send(self, values: torch.Tensor) -> _Parcel | torch.Tensor:
        parcel = self._keep(values)
        if isinstance(parcel, _Parcel):
            parcel.host = self._memory.take(values.numel() * values.element_size())
            parcel.ticket = self._passage.start(values.detach(), parcel.on_host())
        return parcel

    def _let_go(self, parcel: _Parcel | None) -> None:
        """Free the device's memory of inputs as soon as they have left."""
        while parcel is not None and parcel.values is not None and parcel.ticket is not None:
            self._passage.wait(parcel.ticket)
            parcel.values = parcel.ticket = None
            parcel = parcel.before

    def _unpack(self, parcel: _Parcel | torch.Tensor) -> torch.Tensor:
        if isinstance(parcel, torch.Tensor):
            return parcel
        self._bring(parcel)
        values, ticket = parcel.values, parcel.ticket
        parcel.values = parcel.ticket = None
        if values is None:
            raise RuntimeError("the input of a layer was asked for twice")
        if ticket is not None:
            self._passage.wait(ticket)
        self._free_host(parcel)
        self._newest = parcel.before
        if parcel.before is not None:
            self._bring(parcel.before)
        return values

    def _bring(self, parcel: _Parcel) -> None:
        """Start to copy an input back, unless it is on the device, on its way, or used."""
        if parcel.values is None and parcel.host is not None:
            parcel.values = torch.empty(parcel.shape, dtype=parcel.dtype, device=parcel.device)
            parcel.ticket = self._passage.start(parcel.on_host(), parcel.values)

    def _free_host(self, parcel: _Parcel) -> None:
        if parcel.host is not None:
            self._memory.give_back(parcel.host)
            parcel.host = None
