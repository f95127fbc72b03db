# SPDX-License-Identifier: Apache-2.0
"""The export target merged: base + adapter as a complete model, streamed from disk to disk.

The base is read in blocks of rows and written in the order of its own files, so that the memory in
use does not grow with the model. It is never quantised on the way: a 4-bit merge erases most of a
fine-tune (peft issue 2321).
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from functools import partial
from gettext import gettext as _
from pathlib import Path

from engine.errors import DiskFull
from engine.export import stock
from engine.export.base import (
    ModelTensors,
    check_fit,
    content_of,
    one_thread,
    read_blocks,
    read_model_tensors,
    read_row_blocks,
    size_bytes,
)
from engine.export.companions import copy_companions, write_json
from engine.export.comparison import Comparison
from engine.export.delivery import deliver
from engine.export.lora import LoraAdapter, column_factors, merged_rows, read_adapter
from engine.export.options import ExportOptions, read_options
from engine.export.packed_base import refuse_packed
from engine.export.progress import Progress
from engine.export.verify import verify_merged
from engine.protocol.job import JobContext
from engine.store.modelfolder_weights import INDEX
from engine.store.safetensors_writer import TensorEntry, write_tensors

_ROOM_RATIO = 1.01
"""Free space asked for, of the base's size: the tokenizer and the headers come on top."""


def export(context: JobContext) -> None:
    """Write base + adapter into a folder that stock transformers loads.

    Raises:
        TargetExists: `out` holds something.
        AdapterUnusable: The adapter is damaged or does not fit the base model.
        ModelInvalid: The base model is incomplete or stored in fewer than 16 bits.
        ExportNotEqual: The written files do not answer as base + adapter; nothing is kept.
        NotEnoughMemory: The model cannot be held for the check.
        DiskFull: No room; nothing was written.
    """
    options = read_options(context.info.options)
    adapter = read_adapter(options.source)
    base = read_model_tensors(options.model_path)
    refuse_packed(base)
    check_fit(adapter, base)
    stock.check_memory(base)
    check_room(options.out, base)
    deliver(context, options, adapter, partial(_build, context, options, adapter, base))


def check_room(out: Path, base: ModelTensors) -> None:
    """Check that the disk of the target holds another model of this size.

    Raises:
        DiskFull: It does not.
    """
    needed = int(base.size_bytes * _ROOM_RATIO)
    place = next(one for one in (out, *out.parents) if one.exists())
    free = shutil.disk_usage(place).free
    if free < needed:
        raise DiskFull(
            _(
                "The merged model needs {needed} MB, but the disk of {path} has {free} MB free. "
                "Nothing was written."
            ).format(needed=needed >> 20, path=out, free=free >> 20)
        )


def _build(
    context: JobContext,
    options: ExportOptions,
    adapter: LoraAdapter,
    base: ModelTensors,
    folder: Path,
) -> Comparison:
    merging = Progress(context, "merging", total=base.size_bytes, unit="bytes")
    merge(base, adapter, folder, merging)
    copy_companions(base.folder, folder)
    checking = Progress(context, "verifying", total=4, unit="checks")
    return verify_merged(folder, adapter, base, prompts=options.prompts, progress=checking)


def merge(base: ModelTensors, adapter: LoraAdapter, folder: Path, progress: Progress) -> None:
    """Write every weight file of the base anew, with the adapter summed into its weights.

    Args:
        base: Where the weights come from.
        adapter: Fits the base.
        folder: Where the files are written, under the names of the base's.
        progress: Counts bytes.

    Raises:
        DiskFull: No room.
        Cancelled: The user asked to stop.
    """

    def blocks_of(entry: TensorEntry) -> Iterator[memoryview]:
        """Yield one tensor in merged blocks, and count them."""
        for block in _blocks(base, entry.name, adapter):
            yield block
            progress.add(len(block))

    for file in base.files:
        entries = [
            TensorEntry(name=name, dtype=one.dtype, shape=one.shape, size_bytes=size_bytes(one))
            for name, one in base.in_file(file).items()
        ]
        with one_thread():
            write_tensors(folder / file, entries, blocks_of)
    if base.has_index:
        _write_index(base, folder)


def _blocks(base: ModelTensors, name: str, adapter: LoraAdapter) -> Iterator[memoryview]:
    """Yield the content of one merged tensor."""
    header = base.headers[name]
    module = base.module_of(name)
    with (base.folder / header.file).open("rb") as stream:
        if module not in adapter.shapes:
            yield from read_blocks(stream, header)
            return
        b, a = adapter.matrices(module)
        lengths, scale = adapter.row_lengths(module), adapter.scale(module)
        wanted, factors = adapter.column_lengths(module), None
        if wanted is not None:
            # Columns are known when all rows were read, so that the weight is read twice.
            sums = (
                merged_rows(rows.float(), b[first : first + len(rows)], a, scale=scale)
                for first, rows in read_row_blocks(stream, header)
            )
            factors = column_factors(wanted, sums)
        for first, rows in read_row_blocks(stream, header):
            some = slice(first, first + len(rows))
            own = None if lengths is None else lengths[some]
            yield content_of(
                merged_rows(rows, b[some], a, scale=scale, lengths=own, factors=factors)
            )


def _write_index(base: ModelTensors, folder: Path) -> None:
    index = {
        "metadata": {"total_size": base.size_bytes},
        "weight_map": {name: one.file for name, one in base.headers.items()},
    }
    write_json(folder / INDEX, index)
