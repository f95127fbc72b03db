# SPDX-License-Identifier: Apache-2.0
"""The export target adapter: the run's adapter in peft's own file format, cleaned and proven."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from safetensors import safe_open

from engine.export import stock
from engine.export.base import ModelTensors, check_fit, content_of, read_model_tensors
from engine.export.companions import base_name, cleaned, write_json
from engine.export.comparison import Comparison
from engine.export.delivery import deliver
from engine.export.lora import CONFIG, WEIGHTS, LoraAdapter, read_adapter
from engine.export.options import ExportOptions, read_options
from engine.export.progress import Progress
from engine.export.verify import verify_adapter
from engine.protocol.job import JobContext
from engine.store.safetensors_writer import TensorEntry, write_tensors


def export(context: JobContext) -> None:
    """Write the adapter of a run into a folder that stock peft loads.

    Raises:
        TargetExists: `out` holds something.
        AdapterUnusable: The adapter is damaged or does not fit the base model.
        ExportNotEqual: The written files do not answer as the adapter; nothing is kept.
        NotEnoughMemory: The base model cannot be held for the check.
        DiskFull: No room.
    """
    options = read_options(context.info.options)
    adapter = read_adapter(options.source)
    base = read_model_tensors(options.model_path)
    check_fit(adapter, base)
    stock.check_memory(base)
    deliver(context, options, adapter, partial(_build, context, options, adapter, base))


def _build(
    context: JobContext,
    options: ExportOptions,
    adapter: LoraAdapter,
    base: ModelTensors,
    folder: Path,
) -> Comparison:
    copying = Progress(context, "copying", total=2 * len(adapter.shapes), unit="tensors")
    copy_adapter(adapter, base.folder, folder, copying)
    checking = Progress(context, "verifying", total=2, unit="checks")
    return verify_adapter(folder, adapter, base, prompts=options.prompts, progress=checking)


def copy_adapter(adapter: LoraAdapter, base_folder: Path, folder: Path, progress: Progress) -> None:
    """Write the adapter anew, so that nothing of its file but the tensors comes along.

    Raises:
        DiskFull: No room.
    """
    with safe_open(adapter.folder / WEIGHTS, framework="pt") as source:
        slices = {name: source.get_slice(name) for name in sorted(source.keys())}
        entries = [
            TensorEntry(
                name=name,
                dtype=one.get_dtype(),
                shape=tuple(one.get_shape()),
                size_bytes=len(content_of(source.get_tensor(name))),
            )
            for name, one in slices.items()
        ]

        def blocks_of(entry: TensorEntry) -> list[memoryview]:
            """Return one tensor whole: those of an adapter are small."""
            progress.add(1)
            return [content_of(source.get_tensor(entry.name))]

        write_tensors(folder / WEIGHTS, entries, blocks_of)
    config = {**cleaned(adapter.config), "base_model_name_or_path": base_name(base_folder)}
    write_json(folder / CONFIG, config)
