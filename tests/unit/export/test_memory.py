# SPDX-License-Identifier: Apache-2.0
"""A merge takes the memory of a few blocks, however large the model is."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import psutil
import torch
from safetensors.torch import save_file

from engine.export.base import content_of, read_model_tensors
from engine.export.lora import LoraAdapter
from engine.export.merged import merge
from engine.export.progress import Progress
from engine.store.safetensors_writer import TensorEntry, write_tensors
from tests.unit.export.exporting import MakeJob, shape_of

LAYERS, WIDTH, RANK = 4, 5120, 16
WEIGHT_BYTES = 2 * WIDTH * WIDTH
MEBIBYTE = 1 << 20


def big_base(folder: Path) -> Path:
    """Write a model of 200 MB in one file, by 1 MB that is repeated."""
    noise = content_of(torch.randn(MEBIBYTE // 2).bfloat16())
    entries = [
        TensorEntry(
            name=f"layer.{n}.weight", dtype="BF16", shape=(WIDTH, WIDTH), size_bytes=WEIGHT_BYTES
        )
        for n in range(LAYERS)
    ]
    folder.mkdir()
    write_tensors(
        folder / "model.safetensors", entries, lambda _entry: [noise] * (WEIGHT_BYTES // MEBIBYTE)
    )
    return folder


def big_adapter(folder: Path) -> LoraAdapter:
    folder.mkdir()
    tensors = {}
    for n in range(LAYERS):
        tensors[f"base_model.model.layer.{n}.lora_A.weight"] = torch.randn(RANK, WIDTH)
        tensors[f"base_model.model.layer.{n}.lora_B.weight"] = torch.randn(WIDTH, RANK)
    save_file(tensors, folder / "adapter_model.safetensors")
    shapes = {f"layer.{n}": (WIDTH, WIDTH) for n in range(LAYERS)}
    return LoraAdapter(folder=folder, config={}, shape=shape_of(RANK, 0.01), shapes=shapes)


def growth_bytes(work: Callable[[], None]) -> int:
    """Return by how much the memory of this process grew at most while it worked."""
    process, is_over = psutil.Process(), threading.Event()
    before = process.memory_info().rss
    seen = [before]

    def watch() -> None:
        while not is_over.wait(0.002):
            seen.append(process.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        work()
    finally:
        is_over.set()
        watcher.join()
    return max(seen) - before


def test_merge_of_a_big_model_holds_less_than_two_of_its_tensors(
    make_job: MakeJob, tmp_path: Path
) -> None:
    base, adapter = read_model_tensors(big_base(tmp_path / "base")), big_adapter(tmp_path / "lora")
    (tmp_path / "merged").mkdir()
    context = make_job(base.folder, adapter.folder).context()
    progress = Progress(context, "merging", total=base.size_bytes, unit="bytes")
    grown = growth_bytes(lambda: merge(base, adapter, tmp_path / "merged", progress))
    assert grown < 2 * WEIGHT_BYTES
    assert (tmp_path / "merged" / "model.safetensors").stat().st_size > LAYERS * WEIGHT_BYTES
