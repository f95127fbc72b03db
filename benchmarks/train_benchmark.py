# SPDX-License-Identifier: Apache-2.0
"""Compares the trainer with transformers' Trainer and TRL's SFTTrainer on the CPU.

Run `python benchmarks/train_benchmark.py --check --at-once 2` on an otherwise idle machine of two
cores or more, each table on one of them; it exits with 1 where a bar is missed. TRL is no part of
Burnish: install it beside it by `pip install -c packaging/constraints.txt ".[benchmark]"`; without
it, its rows are left out and said to be missing.

The same random Llama, the same rows, the same first adapter weights and the same optimizer steps
for all; each figure comes from a process of its own, the systems in turn. Tokens are real ones
(padding does not count), and time is processor time of one thread, so that other programs on the
machine change it little. Ratios are of runs of the same turn.

What it does not show: speed or memory of a graphics card. On a CPU, TRL scores every position with
the head, which its GPU path does not.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import json
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from apart import ask_apart, say
from train_peers import (
    ALPHA,
    RANK,
    SEED,
    TARGETS,
    Job,
    Meter,
    Row,
    Stock,
    burnish_stepper,
    train_burnish,
    train_stock,
    write_first_adapter,
)

from engine.worker.surroundings import prepare

WARM_STEPS, ROWS_PER_STEP, RATE = 1, 8, 1e-3
STEPS = {"ragged": 5, "uniform": 3}
LONGEST, UNIFORM = 512, 256
SPEED_BARS = {"ragged": 2.0, "uniform": 0.98}
MEMORY_BAR, LOSS_BAR, PADDED_BAR, HEAD_BAR = 0.60, 1e-3, 2.2, 0.15
LIBRARIES = ("torch", "transformers", "peft", "trl", "bitsandbytes", "accelerate", "datasets")
SHAPES: dict[str, dict[str, int]] = {
    # 15 M parameters. As in a large model, nearly all of the work is in the layers.
    "body": {
        "vocab_size": 4096, "hidden_size": 384, "intermediate_size": 1024,
        "num_hidden_layers": 8, "num_attention_heads": 6, "num_key_value_heads": 3,
    },
    # 36 M parameters, with the same shares.
    "small": {
        "vocab_size": 8192, "hidden_size": 512, "intermediate_size": 1536,
        "num_hidden_layers": 10, "num_attention_heads": 8, "num_key_value_heads": 4,
    },
}  # fmt: skip
HEAD_WIDTH = 64


@dataclass(frozen=True, kw_only=True)
class System:
    """One side of the comparison.

    Attributes:
        settings: What it is given, for the reader.
        stock: How transformers or TRL does it; None is Burnish.
        quantised: Burnish holds the linears in 4 bits.
        mixed: Take bf16 by autocast where the weights are bf16.
        cells: Kinds of rows that it is measured on.
        same_steps: Every step sees the same rows as Burnish's.
    """

    settings: str
    stock: Stock | None = None
    quantised: bool = False
    mixed: bool = False
    cells: tuple[str, ...] = ("ragged", "uniform")
    same_steps: bool = True


_NO_PADDING: dict[str, Any] = {
    "completion_only_loss": True, "gradient_checkpointing": False, "max_length": None,
    "padding_free": True,
}  # fmt: skip
SYSTEMS: dict[str, System] = {
    "burnish": System(
        settings=f"packed into at most {LONGEST} tokens, no checkpointing; the process is set up "
        "as a worker sets up its own"
    ),
    "burnish-nf4": System(
        settings="the same, linears in 4 bits", quantised=True, cells=("ragged",)
    ),
    "trainer": System(
        settings="Trainer, defaults: 8 rows padded to the longest",
        stock=Stock(rows_at_once=8, micro_steps=1),
    ),
    "trainer-grouped": System(
        settings="Trainer, group_by_length, 2 x 4 micro-steps, bf16 by autocast",
        stock=Stock(
            rows_at_once=2, micro_steps=4, in_order=False,
            values={"train_sampling_strategy": "group_by_length"},
        ),
        mixed=True, cells=("ragged",), same_steps=False,
    ),
    "trainer-single": System(
        settings="Trainer, one row at a time (no padding), bf16 by autocast",
        stock=Stock(rows_at_once=1, micro_steps=8), mixed=True,
    ),
    "trl": System(
        settings="SFTTrainer, defaults: 8 rows padded, checkpointing, bf16 by autocast",
        stock=Stock(
            rows_at_once=8, micro_steps=1, is_trl=True, values={"completion_only_loss": True}
        ),
        mixed=True,
    ),
    "trl-free": System(
        settings="SFTTrainer, padding_free, 2 x 4 micro-steps, no checkpointing, autocast",
        stock=Stock(rows_at_once=2, micro_steps=4, is_trl=True, values=_NO_PADDING),
        mixed=True,
    ),
    "trl-packed": System(
        settings=f"SFTTrainer, packing bfd of {LONGEST} tokens, 1 x 2, no checkpointing, autocast",
        stock=Stock(
            rows_at_once=1, micro_steps=2, is_trl=True, in_order=False,
            values=_NO_PADDING | {"max_length": LONGEST, "packing": True},
        ),
        mixed=True, cells=("ragged",), same_steps=False,
    ),
}  # fmt: skip


def make_rows(data: str, vocabulary: int) -> list[Row]:
    """Return rows of `ragged` lengths as in conversations, or `uniform`; half of each is trained.

    Tokens are drawn with the third power, so that some are frequent and there is a thing to learn.
    """
    generator = np.random.default_rng(SEED)
    count = (WARM_STEPS + STEPS[data]) * ROWS_PER_STEP
    if data == "uniform":
        lengths = np.full(count, UNIFORM)
    else:
        lengths = np.clip(generator.lognormal(4.3, 0.9, count).astype(int), 16, LONGEST)
    return [
        ((vocabulary * generator.random(length) ** 3).astype(int).tolist(),
         [place >= length // 2 for place in range(length)])
        for length in lengths
    ]  # fmt: skip


def make_model(shape: str, folder: Path) -> None:
    """Write a random Llama of a shape, and the adapter weights that every system starts from."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(SEED)
    values: dict[str, Any] = {
        **SHAPES[shape], "head_dim": HEAD_WIDTH, "tie_word_embeddings": True,
        "max_position_embeddings": 4096, "bos_token_id": None, "dtype": "bfloat16",
    }  # fmt: skip
    net = LlamaForCausalLM(LlamaConfig(**values))
    net.bfloat16()
    net.save_pretrained(folder)
    write_first_adapter(folder, seed=SEED)


def head_share(shape: str, rows: list[Row], *, everywhere: bool) -> float:
    """Return the head's part of the multiplications of a training step, 0 to 1.

    Forward and the backward pass to the activations; the frozen weights have no gradient. A causal
    attention takes 2 a d s^2 a layer forward and 2.5 times that backward, and the update of rank r
    three times 2 r (in + out).

    Args:
        shape: Name of the shape.
        rows: Rows of the run.
        everywhere: The head runs on every position, not on trained ones only.
    """
    one = SHAPES[shape]
    hidden, inner = one["hidden_size"], one["intermediate_size"]
    wide, narrow = (HEAD_WIDTH * one[f"num_{kind}_heads"] for kind in ("attention", "key_value"))
    pairs = [(hidden, wide), (hidden, narrow), (hidden, narrow), (wide, hidden)]
    pairs += [(hidden, inner), (hidden, inner), (inner, hidden)]
    layers = one["num_hidden_layers"]
    tokens = sum(len(ids) for ids, _marks in rows)
    scored = tokens if everywhere else sum(sum(marks) for _ids, marks in rows)
    body = 4 * tokens * layers * sum(a * b for a, b in pairs)
    update = 6 * tokens * layers * RANK * sum(a + b for a, b in pairs)
    attention = 3.5 * 2 * layers * wide * sum(len(ids) ** 2 for ids, _marks in rows)
    head = 4 * one["vocab_size"] * hidden * scored
    return head / (body + update + attention + head)


def padded_ratio(rows: list[Row]) -> float:
    """Return tokens with padding by tokens without, 8 rows at a time."""
    lengths = [len(ids) for ids, _marks in rows]
    padded = sum(8 * max(lengths[at : at + 8]) for at in range(0, len(lengths), 8))
    return padded / sum(lengths)


def measure_one(name: str, folder: Path, data: str, dtype: str) -> dict[str, Any]:
    """Measure one system in this process."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    steps = WARM_STEPS + STEPS[data]
    job = Job(
        folder=folder, rows=make_rows(data, config["vocab_size"]), dtype=dtype,
        rows_per_step=ROWS_PER_STEP, steps=steps, rates=[RATE] * steps,
    )  # fmt: skip
    system, meter = SYSTEMS[name], Meter(warm_steps=WARM_STEPS)
    if system.stock is None:
        prepare(folder)
        stepper = burnish_stepper(job, capacity=LONGEST, quantised=system.quantised)
        train_burnish(job, stepper, meter)
    else:
        is_mixed = system.mixed and dtype == "bfloat16"
        # TRL takes bf16 unless it is told otherwise, Trainer does not; both are told.
        train_stock(
            job, replace(system.stock, values=system.stock.values | {"bf16": is_mixed}), meter
        )
    tokens = sum(len(ids) for ids, _marks in job.rows[WARM_STEPS * ROWS_PER_STEP :])
    if not system.same_steps and meter.counted_tokens:
        tokens = meter.counted_tokens[steps - 1] - meter.counted_tokens[WARM_STEPS - 1]
    return {
        "tokens_per_cpu_s": tokens / meter.cpu_s,
        "tokens_per_s": tokens / meter.wall_s,
        "peak_mib": meter.peak_mib,
        "growth_mib": meter.growth_mib,
        "losses": meter.losses[:steps],
    }


def measure_apart(system: str, folder: Path, data: str, dtype: str) -> dict[str, Any]:
    """Measure one system in a process of its own, with one thread."""
    return ask_apart(__file__, system, str(folder), data, dtype, OMP_NUM_THREADS="1")


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One table: every system on the same rows, in the same number format.

    Attributes:
        shape: Name of the shape.
        data: Kind of rows.
        dtype: Number format of the frozen weights.
        found: What each system measured, a run for each turn.
    """

    shape: str
    data: str
    dtype: str
    found: dict[str, list[dict[str, Any]]]

    def middle(self, name: str, key: str) -> float:
        """Return the median of a figure over the turns."""
        return statistics.median(one[key] for one in self.found[name])

    def ratios(self, name: str, key: str) -> list[float]:
        """Return Burnish's figure divided by that of a system, for each turn, in order of size."""
        pairs = zip(self.found["burnish"], self.found[name], strict=True)
        return sorted(ours[key] / theirs[key] for ours, theirs in pairs)

    def loss_apart(self, name: str) -> float | None:
        """Return the largest difference of a step's loss, nats; None where steps see other rows."""
        if not SYSTEMS[name].same_steps:
            return None
        pairs = zip(self.found["burnish"], self.found[name], strict=True)
        steps = [
            abs(a - b)
            for ours, theirs in pairs
            for a, b in zip(ours["losses"], theirs["losses"], strict=True)
        ]
        return max(steps)

    def bars(self) -> list[tuple[str, float, bool]]:
        """Return what is asked of this cell, what was found, and whether it is met."""
        rows = make_rows(self.data, SHAPES[self.shape]["vocab_size"])
        share = head_share(self.shape, rows, everywhere=True)
        checks = [(f"head's share of the work <= {HEAD_BAR}", share, share <= HEAD_BAR)]
        if self.data == "ragged":
            padded = padded_ratio(rows)
            checks.append((f"padded/real tokens >= {PADDED_BAR}", padded, padded >= PADDED_BAR))
        # Where nothing is padded there is no easy part: nobody may be faster, at its best either.
        everybody = [one for one in self.found if SYSTEMS[one].stock is not None]
        named = ["trainer"] if self.data == "ragged" else everybody
        return checks + self._measured_bars(named)

    def _measured_bars(self, named: list[str]) -> list[tuple[str, float, bool]]:
        bar = SPEED_BARS[self.data]
        speeds = [(one, statistics.median(self.ratios(one, "tokens_per_cpu_s"))) for one in named]
        checks = [(f"tokens/s against {one} >= {bar}", got, got >= bar) for one, got in speeds]
        memory = statistics.median(self.ratios("trainer", "peak_mib"))
        checks.append(
            (f"peak memory against trainer <= {MEMORY_BAR}", memory, memory <= MEMORY_BAR)
        )
        if self.dtype == "float32":
            apart = [(one, self.loss_apart(one)) for one in self.found if _is_exact(one)]
            checks += [
                (f"largest difference of a loss from {one} <= {LOSS_BAR}", got, got <= LOSS_BAR)
                for one, got in apart
                if got is not None
            ]
        return checks


def _is_exact(name: str) -> bool:
    return name != "burnish" and not SYSTEMS[name].quantised


def measure_cell(shape: str, folder: Path, data: str, dtype: str, repeats: int) -> Cell:
    """Measure all systems in turn, several times, on the model in a folder."""
    names = [one for one, system in SYSTEMS.items() if data in system.cells and _is_there(system)]
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for _turn in range(repeats):
        for name in names:
            found[name].append(measure_apart(name, folder, data, dtype))
    return Cell(shape=shape, data=data, dtype=dtype, found=found)


def _is_there(system: System) -> bool:
    is_trl = system.stock is not None and system.stock.is_trl
    return not is_trl or importlib.util.find_spec("trl") is not None


def report(cell: Cell) -> None:
    """Write the table of a cell."""
    rows = make_rows(cell.data, SHAPES[cell.shape]["vocab_size"])
    shares = [head_share(cell.shape, rows, everywhere=one) for one in (False, True)]
    say(
        f"\n### {cell.shape}, {cell.data} rows, {cell.dtype}: padded/real tokens "
        f"{padded_ratio(rows):.2f}; the head is {shares[0]:.1%} of the work on trained positions, "
        f"{shares[1]:.1%} on all\n"
    )
    say(
        "| system | real tokens per CPU second | Burnish / it | peak memory, whole process | "
        "growth while training | loss, first to last step | largest difference of a step |"
    )
    say("|---|---|---|---|---|---|---|")
    for name in cell.found:
        say(_line(cell, name))


def _line(cell: Cell, name: str) -> str:
    runs = cell.found[name]
    speeds = [one["tokens_per_cpu_s"] for one in runs]
    ratios = cell.ratios(name, "tokens_per_cpu_s")
    apart, losses = cell.loss_apart(name), runs[0]["losses"]
    memory = [
        f"{cell.middle(name, key):,.0f} MiB ({statistics.median(cell.ratios(name, key)):.0%})"
        for key in ("peak_mib", "growth_mib")
    ]
    return (
        f"| {name} | {statistics.median(speeds):,.0f} ({min(speeds):,.0f} to {max(speeds):,.0f}) | "
        f"{statistics.median(ratios):.2f}x ({ratios[0]:.2f} to {ratios[-1]:.2f}) | "
        f"{memory[0]} | {memory[1]} | {losses[0]:.4f} to {losses[-1]:.4f} | "
        f"{'other steps' if apart is None else format(apart, '.1e')} |"
    )


def introduce(repeats: int) -> None:
    """Write what is compared, and on what."""
    found = {one for one in LIBRARIES if importlib.util.find_spec(one) is not None}
    versions = [f"{one} {importlib.metadata.version(one)}" for one in LIBRARIES if one in found]
    say(f"{_processor()}, one thread; Python {sys.version.split()[0]}, {', '.join(versions)}.")
    counts = ", ".join(f"{STEPS[one]} of {one} rows" for one in STEPS)
    say(
        f"{repeats} turns; steps of {ROWS_PER_STEP} rows, {counts}, behind {WARM_STEPS} to warm "
        f"up; AdamW at {RATE}, no decay, gradients cut at 1.0; rank {RANK}, alpha {ALPHA:.0f} on "
        f"{', '.join(TARGETS)}. Median (lowest to highest); a share in brackets is Burnish's "
        "figure by this one's."
    )
    if "trl" not in found:
        say("**TRL is not installed: its rows are missing.**")
    for name, system in SYSTEMS.items():
        say(f"- `{name}`: {system.settings}")


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    names = {line.partition(":")[2].strip() for line in lines if line.startswith("model name")}
    return ", ".join(sorted(names)) or "unknown processor"


def judge(cells: list[Cell]) -> bool:
    """Write every bar with what was found; return whether all are met and could be measured."""
    say("\n| cell | bar | found | |")
    say("|---|---|---|---|")
    good = importlib.util.find_spec("trl") is not None
    for cell in cells:
        for text, found, is_met in cell.bars():
            where = f"{cell.data}, {cell.dtype}"
            say(f"| {where} | {text} | {found:.3g} | {'met' if is_met else '**missed**'} |")
            good = good and is_met
    return good


def main() -> int:
    """Measure one system for the parent, or all of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--one", nargs=4, metavar=("SYSTEM", "MODEL", "ROWS", "DTYPE"))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--shape", choices=SHAPES, default="body")
    parser.add_argument("--rows", choices=("ragged", "uniform"), action="append")
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), action="append")
    parser.add_argument("--at-once", type=int, default=1, help="tables measured side by side")
    parser.add_argument("--check", action="store_true", help="exit with 1 where a bar is missed")
    chosen = parser.parse_args()
    if chosen.one:
        system, folder, data, dtype = chosen.one
        say(json.dumps(measure_one(system, Path(folder), data, dtype)))
        return 0
    began = time.monotonic()
    introduce(chosen.repeats)
    wanted = [
        (data, dtype)
        for data in chosen.rows or ("ragged", "uniform")
        for dtype in chosen.dtype or ("float32", "bfloat16")
    ]

    cells: list[Cell] = []
    with tempfile.TemporaryDirectory() as place, ThreadPoolExecutor(chosen.at_once) as pool:
        folder = Path(place)
        make_model(chosen.shape, folder)
        running = [
            pool.submit(measure_cell, chosen.shape, folder, *one, chosen.repeats) for one in wanted
        ]
        for one in running:
            cells.append(one.result())
            report(cells[-1])
    is_good = judge(cells)
    say(f"\nMeasured in {(time.monotonic() - began) / 60:.1f} minutes.")
    return 1 if chosen.check and not is_good else 0


if __name__ == "__main__":
    sys.exit(main())
