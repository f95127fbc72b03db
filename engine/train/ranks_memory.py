# SPDX-License-Identifier: Apache-2.0
"""Memory that the processes of a run share: the adapter's weights, and the gradients of each peer.

One row holds the weights, written by the worker alone; one row for each peer holds its gradients,
written by that peer alone. Who may read what when follows from the messages between them, so that
no lock is needed. On Linux it has no name that anybody could find, and is
gone with the last process.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from collections.abc import Generator, Mapping
from pathlib import Path

import torch
from torch import nn

_SUFFIX = ".numbers"
_CLOSE_ON_EXEC = 1
"""MFD_CLOEXEC of linux/memfd.h."""


@contextlib.contextmanager
def file_of_numbers(folder: Path, *, size_bytes: int) -> Generator[Path, None, None]:
    """Yield a file for all processes to map; who has mapped it keeps the memory.

    Args:
        folder: The job's own; only where the system knows no files without a name, it lies there.
        size_bytes: What will be mapped.
    """
    if sys.platform == "linux":
        handle = _nameless_file()
        try:
            os.ftruncate(handle, size_bytes)
            yield Path(f"/proc/{os.getpid()}/fd/{handle}")
        finally:
            os.close(handle)
        return
    for old in folder.glob(f"*{_SUFFIX}"):
        _remove(old)
    path = folder / f"ranks-{os.getpid()}{_SUFFIX}"
    try:
        yield path
    finally:
        _remove(path)


def _nameless_file() -> int:
    """Return the descriptor of a file in memory that has no name.

    The C library is asked for it: Python's own call is missing where Python was built for an older
    one than runs here, as that of uv and that of conda are.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    handle = libc.memfd_create(b"burnish", _CLOSE_ON_EXEC)
    if handle < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return handle


def _remove(path: Path) -> None:
    """Remove a file, unless it is in use: then the next run removes it."""
    with contextlib.suppress(PermissionError):
        path.unlink(missing_ok=True)


class SharedNumbers:
    """Rows of numbers, each as long as all trained parameters together."""

    def __init__(
        self, path: Path, parameters: Mapping[str, nn.Parameter], *, processes: int
    ) -> None:
        """Map the file into memory.

        Args:
            path: The file, as `file_of_numbers` yields it.
            parameters: What is trained; the same names and shapes in every process.
            processes: How many share it.
        """
        self._parameters = dict(parameters)
        kind = next(iter(parameters.values())).dtype
        count = processes * sum(one.numel() for one in parameters.values())
        flat = torch.from_file(str(path), shared=True, size=count, dtype=kind)
        self._rows = flat.view(processes, -1)

    def reserve(self) -> None:
        """Take all of the memory now, so that none is missing later."""
        self._rows.zero_()

    def put_weights(self) -> None:
        """Show the weights to the peers."""
        for values, place in self._places(0):
            place.copy_(values.detach())

    def take_weights(self) -> None:
        """Take the weights that the worker shows."""
        with torch.no_grad():
            for values, place in self._places(0):
                values.copy_(place)

    def put_gradients(self, rank: int) -> None:
        """Show the gradients of a peer; a parameter without one shows zeros."""
        for values, place in self._places(rank):
            if values.grad is None:
                place.zero_()
            else:
                place.copy_(values.grad)

    def add_gradients(self, rank: int) -> None:
        """Add the gradients that a peer shows to the parameters' own."""
        for values, place in self._places(rank):
            found = place.to(values.device)
            if values.grad is None:
                values.grad = found.clone()
            else:
                values.grad.add_(found)

    def _places(self, row: int) -> list[tuple[nn.Parameter, torch.Tensor]]:
        held = list(self._parameters.values())
        parts = self._rows[row].split([one.numel() for one in held])
        return [(one, part.view(one.shape)) for one, part in zip(held, parts, strict=True)]


def size_bytes(parameters: Mapping[str, nn.Parameter], *, processes: int) -> int:
    """Return what so many processes share."""
    return processes * sum(one.numel() * one.element_size() for one in parameters.values())
