# SPDX-License-Identifier: Apache-2.0
"""How long loading takes and how much memory, against transformers' from_pretrained.

    python benchmarks/load_benchmark.py [--layers N] [--repeat N] [--folder PLACE]

Builds a random Llama in bf16. Both sides load it in bf16 on the processor, each time in a process
of its own whose libraries are loaded before the clock starts, the two in turn. The clock stops when
every weight was read once, so that a side that maps the file into memory pays for reading it, too;
the sums of the bits of all weights must agree. Beside seconds on the clock stands the time that the
processors worked for it, which other programs on the machine disturb less. Memory is the peak of
resident memory above what the process held before. The file is in the system's cache, so this says
nothing about a disk.
"""

from __future__ import annotations

import argparse
import importlib
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

import psutil
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

PART_VALUES = 1 << 20
"""Summed at once: a sum of 16-bit numbers makes a copy in 64 bits."""

SIDES = {"ours": "Burnish", "theirs": "from_pretrained"}


def build(folder: Path, layers: int) -> None:
    """Write a model with random weights."""
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        hidden_size=1024,
        intermediate_size=4096,
        num_hidden_layers=layers,
        num_attention_heads=16,
        num_key_value_heads=8,
        vocab_size=32_000,
        tie_word_embeddings=False,
    )
    LlamaForCausalLM(config).bfloat16().save_pretrained(str(folder))


def ours(folder: Path) -> Callable[[], torch.nn.Module]:
    """Return what loads with Burnish."""
    from engine.train.load import load_model

    device = torch.device("cpu")
    importlib.import_module("transformers.models.llama.modeling_llama")
    return lambda: load_model(folder, dtype=torch.bfloat16, device=device, quantised=False).net


def theirs(folder: Path) -> Callable[[], torch.nn.Module]:
    """Return what loads with transformers."""
    from transformers import LlamaForCausalLM

    return lambda: LlamaForCausalLM.from_pretrained(
        str(folder), dtype=torch.bfloat16, local_files_only=True
    )


def measure(load: Callable[[], torch.nn.Module]) -> dict[str, float]:
    """Load and read everything once; return both times, growth in bytes and the sum of all bits."""
    process, is_over = psutil.Process(), threading.Event()
    before = process.memory_info().rss
    seen = [before]

    def watch() -> None:
        while not is_over.wait(0.005):
            seen.append(process.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    started, worked = time.perf_counter(), time.process_time()
    try:
        model = load()
        total = sum(
            int(part.sum())
            for one in model.parameters()
            for part in one.detach().view(torch.int16).view(-1).split(PART_VALUES)
        )
        seconds, work = time.perf_counter() - started, time.process_time() - worked
    finally:
        is_over.set()
        watcher.join()
    return {"seconds": seconds, "work_s": work, "grown_bytes": max(seen) - before, "sum": total}


def run_side(side: str, folder: Path) -> dict[str, float]:
    """Measure one side in a process of its own."""
    command = [sys.executable, __file__, "--side", side, "--folder", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, encoding="utf-8")
    return json.loads(done.stdout.splitlines()[-1])


def spread(values: Sequence[float], form: str) -> str:
    """Return the median with the lowest and the highest."""
    low, high = form.format(min(values)), form.format(max(values))
    return f"{form.format(statistics.median(values))} ({low} to {high})"


def report(folder: Path, layers: int, repeat: int) -> None:
    """Build, measure both sides in turn, and print the ratios."""
    build(folder, layers)
    size = (folder / "model.safetensors").stat().st_size
    libraries = ", ".join(f"{one} {version(one)}" for one in ("torch", "transformers"))
    sys.stdout.write(f"model: {size / 1e6:.0f} MB, bf16; {repeat} runs each; {libraries}\n")
    for side in SIDES:
        run_side(side, folder)  # Fills the cache of the system.
    results = {side: list[dict[str, float]]() for side in SIDES}
    for _number in range(repeat):
        for side, runs in results.items():
            runs.append(run_side(side, folder))
    if len({one["sum"] for runs in results.values() for one in runs}) != 1:
        raise SystemExit("The two sides do not hold the same weights.")
    for side, name in SIDES.items():
        seconds = [one["seconds"] for one in results[side]]
        work = [one["work_s"] for one in results[side]]
        grown = [one["grown_bytes"] / 1e6 for one in results[side]]
        sys.stdout.write(
            f"{name}: {spread(seconds, '{:.2f}')} s, of processors {spread(work, '{:.2f}')} s, "
            f"memory +{spread(grown, '{:.0f}')} MB\n"
        )
    pairs = list(zip(results["ours"], results["theirs"], strict=True))
    faster = [theirs["seconds"] / ours["seconds"] for ours, theirs in pairs]
    less = [theirs["work_s"] / ours["work_s"] for ours, theirs in pairs]
    share = [ours["grown_bytes"] / theirs["grown_bytes"] for ours, theirs in pairs]
    sys.stdout.write(f"ratio: {spread(faster, '{:.2f}')}x as fast, ")
    sys.stdout.write(f"{spread(less, '{:.2f}')}x by the time of processors, ")
    sys.stdout.write(f"{spread(share, '{:.2f}')} of the memory\n")


def main() -> None:
    """Run the benchmark, or one side of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--layers", type=int, default=10)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--side", choices=tuple(SIDES))
    given = parser.parse_args()
    if given.side:
        load = (ours if given.side == "ours" else theirs)(given.folder)
        sys.stdout.write(json.dumps(measure(load)) + "\n")
        return
    folder = Path(tempfile.mkdtemp(prefix="load-", dir=given.folder))
    try:
        report(folder, given.layers, given.repeat)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
