# SPDX-License-Identifier: Apache-2.0
"""How long a merge takes and how much memory, against peft.merge_and_unload and save_pretrained.

    python benchmarks/merge_benchmark.py [--layers N] [--folder PLACE]

Builds a random model in the shape of Llama 3.2 1B (bf16) with a rank-16 adapter on all linear
layers. Each side runs in a process of its own that only merges and writes; memory is the peak of
resident memory above what the process held before, with its libraries loaded. Burnish waits until
its files are on the disk (fsync), peft does not. Then both results are compared with the sum
written out in fp32, tensor by tensor.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

RANK, ALPHA = 16, 32
LINEARS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def build(folder: Path, layers: int) -> None:
    """Write a base model and an adapter with random weights."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=32_000,
        hidden_size=2048,
        intermediate_size=8192,
        num_hidden_layers=layers,
        num_attention_heads=32,
        num_key_value_heads=8,
        dtype="bfloat16",
    )
    model: Any = LlamaForCausalLM(config)
    model = model.to(torch.bfloat16)
    model.save_pretrained(folder / "base", max_shard_size="1GB")
    tuned = get_peft_model(model, LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules=LINEARS))
    for name, parameter in tuned.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.01)
    tuned.save_pretrained(str(folder / "adapter"))


def ours(folder: Path) -> Callable[[], None]:
    """Return the merge of Burnish, libraries loaded."""
    from datetime import UTC, datetime

    from engine.domain.run import JobInfo, JobKind
    from engine.export.base import read_model_tensors
    from engine.export.lora import read_adapter
    from engine.export.merged import merge
    from engine.export.progress import Progress
    from engine.protocol.job import JobContext

    (folder / "ours").mkdir()
    base, adapter = read_model_tensors(folder / "base"), read_adapter(folder / "adapter")
    info = JobInfo(id="x", kind=JobKind.EXPORT, name="x", entry="x", created_at="")
    context = JobContext(
        workspace=folder,
        folder=folder,
        info=info,
        attempt=1,
        emit=lambda _event: None,
        stop_requested=lambda: False,
        now=lambda: datetime.now(UTC),
    )
    progress = Progress(context, "merging", total=base.size_bytes, unit="bytes")
    return lambda: merge(base, adapter, folder / "ours", progress)


def theirs(folder: Path) -> Callable[[], None]:
    """Return the merge of peft as its documentation shows it, libraries loaded."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    def merge() -> None:
        base = AutoModelForCausalLM.from_pretrained(folder / "base", dtype=torch.bfloat16)
        model = PeftModel.from_pretrained(base, str(folder / "adapter")).merge_and_unload()
        model.save_pretrained(folder / "theirs", max_shard_size="1GB")

    return merge


def measure(work: Callable[[], None]) -> dict[str, float]:
    """Run something; return its seconds and by how many bytes the process grew at most."""
    process, is_over = psutil.Process(), threading.Event()
    before = process.memory_info().rss
    seen = [before]

    def watch() -> None:
        while not is_over.wait(0.005):
            seen.append(process.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    started = time.perf_counter()
    try:
        work()
        seconds = time.perf_counter() - started
    finally:
        is_over.set()
        watcher.join()
    return {"seconds": seconds, "grown_bytes": max(seen) - before}


def compare(folder: Path) -> dict[str, tuple[int, int]]:
    """Return for each side how many of all values are not the fp32 sum rounded once."""
    from safetensors import safe_open

    from engine.export.base import read_model_tensors
    from engine.export.lora import read_adapter

    base, adapter = read_model_tensors(folder / "base"), read_adapter(folder / "adapter")
    found: dict[str, tuple[int, int]] = {}
    for side in ("ours", "theirs"):
        merged, wrong, values = read_model_tensors(folder / side), 0, 0
        for name, header in base.headers.items():
            with safe_open(folder / "base" / header.file, "pt") as file:
                expected = file.get_tensor(name)
            module = name.removesuffix(".weight")
            if module in adapter.shapes:
                expected = adapter.applied(module, expected).to(expected.dtype)
            with safe_open(folder / side / merged.headers[name].file, "pt") as file:
                wrong += int((file.get_tensor(name) != expected).sum())
            values += header.size
        found[side] = (wrong, values)
    return found


def run_side(side: str, folder: Path) -> dict[str, float]:
    """Measure one side in a process of its own."""
    command = [sys.executable, __file__, "--side", side, "--folder", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, encoding="utf-8")
    return json.loads(done.stdout.splitlines()[-1])


def report(folder: Path, layers: int) -> None:
    """Build, measure both sides in turn, and print the ratios."""
    build(folder, layers)
    size = sum(path.stat().st_size for path in (folder / "base").glob("*.safetensors"))
    sys.stdout.write(f"base model: {size / 1e9:.2f} GB, bf16, rank {RANK}\n")
    results = {side: run_side(side, folder) for side in ("theirs", "ours")}
    wrong = compare(folder)
    for side, name in (("ours", "Burnish"), ("theirs", "peft merge_and_unload + save")):
        one = results[side]
        sys.stdout.write(
            f"{name}: {one['seconds']:.1f} s ({size / one['seconds'] / 1e9:.2f} GB/s), memory "
            f"+{one['grown_bytes'] / 1e6:.0f} MB, {wrong[side][0]} of {wrong[side][1]} values "
            "differ from the fp32 sum rounded once\n"
        )
    faster = results["theirs"]["seconds"] / results["ours"]["seconds"]
    share = results["ours"]["grown_bytes"] / results["theirs"]["grown_bytes"]
    sys.stdout.write(f"ratio: {faster:.1f}x as fast, {share:.1%} of the memory\n")


def main() -> None:
    """Run the benchmark, or one side of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--layers", type=int, default=16)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--side", choices=("ours", "theirs"))
    given = parser.parse_args()
    if given.side:
        work = (ours if given.side == "ours" else theirs)(given.folder)
        sys.stdout.write(json.dumps(measure(work)) + "\n")
        return
    folder = Path(tempfile.mkdtemp(prefix="merge-", dir=given.folder))
    try:
        report(folder, given.layers)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
