# SPDX-License-Identifier: Apache-2.0
"""The tensors of a model folder, read from their files in pieces; nothing is ever mapped.

A mapped file shows what stands on disk at that moment, and counts as memory of the process; plain
reads through a fresh handle do neither.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from gettext import gettext as _
from io import BufferedReader
from pathlib import Path

import msgspec
import torch

from engine.errors import AdapterUnusable, ModelInvalid
from engine.export.lora import LoraAdapter
from engine.store.decoders import left_out_prefix
from engine.store.modelfolder_packed import read_weights
from engine.store.modelfolder_weights import (
    INDEX,
    WEIGHT_DTYPES,
    TensorHeader,
    weight_files,
)

FLOATS: Mapping[str, torch.dtype] = {
    code: getattr(torch, name) for code, name in WEIGHT_DTYPES.items()
}
"""Types that a weight may have, by their name in a safetensors header."""

BLOCK_BYTES = 2 << 20
"""Read and summed at once. Measured on a 200 MB model: larger blocks leave the caches, and take
longer and more memory; smaller ones gain nothing."""


class ModelTensors(msgspec.Struct, frozen=True, kw_only=True):
    """All tensors of a model folder.

    Attributes:
        folder: The folder.
        files: Names of the safetensors files, in order.
        has_index: The files are shards, named by an index.
        headers: By tensor name; a weight in 4 bits is one tensor with parts.
    """

    folder: Path
    files: tuple[str, ...]
    has_index: bool
    headers: Mapping[str, TensorHeader]

    @property
    def left_out_prefix(self) -> str:
        """Return what the names in the files lack of the modules' paths."""
        return left_out_prefix(self.headers)

    def module_of(self, name: str) -> str:
        """Return the path of the module that a weight of the files belongs to."""
        return self.left_out_prefix + name.removesuffix(".weight")

    def weight_of(self, module: str) -> str:
        """Return the name in the files of a module's weight."""
        return f"{module.removeprefix(self.left_out_prefix)}.weight"

    @property
    def size_bytes(self) -> int:
        """Return the length of all contents."""
        return sum(size_bytes(header) for header in self.headers.values())

    @property
    def is_packed(self) -> bool:
        """Return whether weights are in 4 bits in the files themselves."""
        return any(header.parts for header in self.headers.values())

    @property
    def dtype(self) -> torch.dtype:
        """Return the one float type of all weights, or fp32 where there are several."""
        kinds = {header.dtype for header in self.headers.values()} & FLOATS.keys()
        return FLOATS[kinds.pop()] if len(kinds) == 1 else torch.float32

    def in_file(self, file: str) -> dict[str, TensorHeader]:
        """Return the tensors of one file in their order."""
        mine = {name: one for name, one in self.headers.items() if one.file == file}
        return dict(sorted(mine.items(), key=lambda item: item[1].offsets))


def size_bytes(header: TensorHeader) -> int:
    """Return the length of a tensor's content."""
    return header.offsets[1] - header.offsets[0]


def read_model_tensors(folder: Path) -> ModelTensors:
    """Read and check the headers of all weight files of a folder.

    Raises:
        ModelInvalid: A file is not a whole safetensors file.
        FileMissing: A shard is missing.
    """
    return ModelTensors(
        folder=folder,
        files=weight_files(folder),
        has_index=(folder / INDEX).exists(),
        headers=read_weights(folder),
    )


def read_exactly(stream: BufferedReader, count: int) -> memoryview:
    """Read bytes from where a file stands; the buffer is writable and belongs to the caller.

    Raises:
        ModelInvalid: The file ends before.
    """
    block = memoryview(bytearray(count))
    filled = 0
    while filled < count:
        got = stream.readinto(block[filled:])
        if not got:
            raise ModelInvalid(
                _("{path} became shorter while it was read.").format(path=stream.name),
                remedy=_("Leave the model's folder alone while it is exported."),
            )
        filled += got
    return block


def read_blocks(stream: BufferedReader, header: TensorHeader) -> Iterator[memoryview]:
    """Yield the content of a tensor as it stands, in blocks."""
    stream.seek(header.offsets[0])
    left = size_bytes(header)
    while left:
        size = min(left, BLOCK_BYTES)
        yield read_exactly(stream, size)
        left -= size


def read_row_blocks(
    stream: BufferedReader, header: TensorHeader
) -> Iterator[tuple[int, torch.Tensor]]:
    """Yield a weight [rows, columns] in blocks of whole rows, each with its first row's number.

    The blocks are of even size: a single row left over would be multiplied by another routine,
    whose sums may end in another last digit.
    """
    rows, columns = header.shape
    row_bytes = columns * FLOATS[header.dtype].itemsize
    blocks = max(1, min(rows, -(-rows * row_bytes // BLOCK_BYTES)))
    stream.seek(header.offsets[0])
    for number in range(blocks):
        first, end = rows * number // blocks, rows * (number + 1) // blocks
        block = read_exactly(stream, (end - first) * row_bytes)
        yield first, torch.frombuffer(block, dtype=FLOATS[header.dtype]).view(end - first, columns)


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute on one thread for a while.

    The sums of small blocks end before several threads have met; on a busy machine, waiting for
    each other made a merge fifteen times slower. One thread is about as fast as a disk.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def content_of(rows: torch.Tensor) -> memoryview:
    """Return the bytes of a contiguous tensor without copying them."""
    return rows.reshape(-1).view(torch.uint8).numpy().data


def check_fit(adapter: LoraAdapter, base: ModelTensors) -> None:
    """Check that every matrix of the adapter has a 16- or 32-bit weight of its shape in the base.

    Raises:
        AdapterUnusable: The adapter was made for another model.
        ModelInvalid: A weight is stored in fewer bits.
    """
    for module, shape in adapter.shapes.items():
        header = base.headers.get(base.weight_of(module))
        if header is None or header.shape != shape:
            raise AdapterUnusable(
                _("The adapter does not fit the base model, so nothing was exported."),
                remedy=_("Choose the base model that the run was trained on."),
                detail=f"{module}: {shape} against {header.shape if header else None}",
            )
        if header.dtype not in FLOATS:
            raise ModelInvalid(
                _("The base model is stored in fewer than 16 bits, so nothing can be merged."),
                remedy=_("Choose the 16-bit version of this model."),
                detail=f"{module}: {header.dtype}",
            )
