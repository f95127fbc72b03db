# SPDX-License-Identifier: Apache-2.0
"""Compares the trainer with transformers' Trainer and peft on the CPU: same rows, same steps.

Run `python benchmarks/train_benchmark.py`. Every figure comes from a process of its own; a table
goes to standard output. Tokens are real ones (padding does not count), and time is processor time
of one thread, so that other programs on the machine change it little.

What it does not show: speed or memory of a graphics card, and TRL, which is not installed. On a CPU
TRL scores every position with the head, which its GPU path does not; a ratio against it from here
would say nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

WARM_STEPS, STEPS, ROWS_PER_STEP = 1, 5, 16
RATE, RANK, ALPHA, CAPACITY, SEED = 1e-3, 16, 32.0, 2048, 0
TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
SHAPES: dict[str, dict[str, int]] = {
    # As the bundled starter model: 5 M parameters, the head is an eighth of Burnish's work.
    "tiny": {
        "vocab_size": 4096, "hidden_size": 256, "intermediate_size": 704,
        "num_hidden_layers": 5, "num_attention_heads": 4, "num_key_value_heads": 2,
    },
    # Like a large model in that the head is a small part: 36 M parameters, 6 % of the work.
    "small": {
        "vocab_size": 8192, "hidden_size": 512, "intermediate_size": 1536,
        "num_hidden_layers": 10, "num_attention_heads": 8, "num_key_value_heads": 4,
    },
}  # fmt: skip
TABLES = (
    ("tiny", "ragged", "bfloat16"),
    ("tiny", "ragged", "float32"),
    ("tiny", "uniform", "bfloat16"),
    ("small", "ragged", "bfloat16"),
    ("small", "uniform", "bfloat16"),
)
FIRST = "first_adapter.safetensors"
SYSTEMS = ("burnish", "burnish-nf4", "trainer", "trainer-grouped")


@dataclass
class Meter:
    """Processor and wall time of the steps behind the warm-up, and their losses."""

    cpu_s: float = 0.0
    wall_s: float = 0.0
    losses: list[float] = field(default_factory=list)
    _started: tuple[float, float] | None = None

    def start(self, step: int) -> None:
        """Begin to count where the warm-up is over."""
        if step == WARM_STEPS:
            self._started = (time.process_time(), time.perf_counter())

    def stop(self) -> None:
        """Note the time since the warm-up."""
        if self._started is not None:
            self.cpu_s = time.process_time() - self._started[0]
            self.wall_s = time.perf_counter() - self._started[1]


def make_rows(data: str, vocabulary: int) -> list[tuple[list[int], list[bool]]]:
    """Return random rows: `ragged` lengths as in conversations, or `uniform`; half is trained."""
    generator = np.random.default_rng(SEED)
    count = (WARM_STEPS + STEPS) * ROWS_PER_STEP
    if data == "uniform":
        lengths = np.full(count, 256)
    else:
        lengths = np.clip(generator.lognormal(4.4, 0.8, count).astype(int), 16, 512)
    return [
        (generator.integers(0, vocabulary, length).tolist(),
         [place >= length // 2 for place in range(length)])
        for length in lengths
    ]  # fmt: skip


def make_model(shape: str, folder: Path) -> None:
    """Write a random Llama of a shape, and the adapter weights that every system starts from."""
    import torch
    from safetensors.torch import save_file
    from transformers import LlamaConfig, LlamaForCausalLM

    from engine.train.adapter import saved_tensors
    from engine.train.load import load_model, with_adapter

    torch.manual_seed(SEED)
    values: dict[str, Any] = {
        **SHAPES[shape], "head_dim": 64, "tie_word_embeddings": True,
        "max_position_embeddings": 4096, "bos_token_id": None, "dtype": "bfloat16",
    }  # fmt: skip
    net = LlamaForCausalLM(LlamaConfig(**values))
    net.bfloat16()
    net.save_pretrained(folder)
    ours = load_model(folder, dtype=torch.float32, device=torch.device("cpu"), quantised=False)
    ours = with_adapter(ours, rank=RANK, alpha=ALPHA, dropout_ratio=0.0, seed=SEED)
    save_file(saved_tensors(ours), folder / FIRST)


def measure_burnish(
    folder: Path, rows: list[tuple[list[int], list[bool]]], dtype: str, *, quantised: bool
) -> Meter:
    """Train by Burnish's own loop."""
    import torch

    from engine.train.batches import join_examples
    from engine.train.load import load_model, with_adapter
    from engine.train.optimizer import AdapterOptimizer
    from engine.train.stepping import Stepper

    model = load_model(
        folder, dtype=getattr(torch, dtype), device=torch.device("cpu"), quantised=quantised
    )
    model = with_adapter(model, rank=RANK, alpha=ALPHA, dropout_ratio=0.0, seed=SEED)
    model.net.train()
    examples = join_examples(rows)
    stepper = Stepper(
        model=model,
        optimizer=AdapterOptimizer(model.trainable(), weight_decay=0.0),
        examples=examples,
        lengths=examples.lengths,
        supervised=examples.supervised,
        capacity=CAPACITY,
        micro_batch_size=1,
        max_grad_norm=1.0,
        seed=SEED,
    )
    meter = Meter()
    for step in range(WARM_STEPS + STEPS):
        meter.start(step)
        members = np.arange(step * ROWS_PER_STEP, (step + 1) * ROWS_PER_STEP)
        meter.losses.append(stepper.run(step + 1, members, learning_rate=RATE).loss)
    meter.stop()
    return meter


def pad(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return rows padded to the longest of them, as a stock collator does."""
    import torch

    longest = max(len(row["input_ids"]) for row in rows)

    def filled(key: str, value: int) -> torch.Tensor:
        """Return one column, padded with a value."""
        return torch.tensor([row[key] + [value] * (longest - len(row[key])) for row in rows])

    ones = [{"mask": [1] * len(row["input_ids"])} for row in rows]
    mask = torch.tensor([one["mask"] + [0] * (longest - len(one["mask"])) for one in ones])
    return {"input_ids": filled("input_ids", 0), "attention_mask": mask,
            "labels": filled("labels", -100)}  # fmt: skip


def stock_model(folder: Path, dtype: str) -> Any:
    """Return the model with a peft adapter of the same shape and the same first weights."""
    import torch
    from peft import LoraConfig, get_peft_model
    from safetensors.torch import load_file
    from transformers import AutoModelForCausalLM

    base = AutoModelForCausalLM.from_pretrained(folder, dtype=getattr(torch, dtype))
    config = LoraConfig(
        r=RANK, lora_alpha=int(ALPHA), target_modules=TARGETS, task_type="CAUSAL_LM"
    )
    model = get_peft_model(base, config)
    places = dict(model.named_parameters())
    with torch.no_grad():
        for name, values in load_file(folder / FIRST).items():
            places[name.replace(".weight", ".default.weight")].copy_(values)
    return model


def measure_trainer(
    folder: Path, rows: list[tuple[list[int], list[bool]]], dtype: str, *, grouped: bool
) -> Meter:
    """Train by transformers' Trainer with padding, in order or grouped by length."""
    from torch.utils.data import SequentialSampler
    from transformers import Trainer, TrainerCallback, TrainingArguments

    meter = Meter()

    class Listener(TrainerCallback):
        """Passes steps and losses on to the meter."""

        def on_step_begin(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
            """Begin to count behind the warm-up."""
            meter.start(state.global_step)

        def on_log(
            self, args: Any, state: Any, control: Any, logs: Any = None, **rest: Any
        ) -> None:
            """Note the loss of a step."""
            meter.losses.extend([logs["loss"]] if "loss" in logs else [])

        def on_step_end(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
            """Note the time."""
            meter.stop()

    class InOrder(Trainer):
        """Takes rows in their order, unless it groups them."""

        def _get_train_sampler(self, train_dataset: Any = None) -> Any:
            if grouped:
                return super()._get_train_sampler(train_dataset)
            return SequentialSampler(train_dataset)

    with tempfile.TemporaryDirectory() as output:
        arguments = TrainingArguments(
            output_dir=output, per_device_train_batch_size=ROWS_PER_STEP // 2,
            gradient_accumulation_steps=2, max_steps=WARM_STEPS + STEPS, learning_rate=RATE,
            weight_decay=0.0, lr_scheduler_type="constant", max_grad_norm=1.0, logging_steps=1,
            save_strategy="no", report_to=[], use_cpu=True, disable_tqdm=True,
            remove_unused_columns=False, dataloader_pin_memory=False,
            train_sampling_strategy="group_by_length" if grouped else "random",
        )  # fmt: skip
        dataset: Any = [
            {"input_ids": ids,
             "labels": [one if kept else -100 for one, kept in zip(ids, marks, strict=True)]}
            for ids, marks in rows
        ]  # fmt: skip
        InOrder(
            model=stock_model(folder, dtype), args=arguments, train_dataset=dataset,
            callbacks=[Listener()], data_collator=pad,
        ).train()  # fmt: skip
    return meter


def measure_one(system: str, folder: Path, data: str, dtype: str) -> dict[str, float]:
    """Measure one system in this process."""
    import torch

    from engine.train.device import peak_memory_bytes

    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    rows = make_rows(data, config["vocab_size"])
    measures: dict[str, Callable[[], Meter]] = {
        "burnish": lambda: measure_burnish(folder, rows, dtype, quantised=False),
        "burnish-nf4": lambda: measure_burnish(folder, rows, dtype, quantised=True),
        "trainer": lambda: measure_trainer(folder, rows, dtype, grouped=False),
        "trainer-grouped": lambda: measure_trainer(folder, rows, dtype, grouped=True),
    }
    meter = measures[system]()
    lengths = [len(ids) for ids, _marks in rows]
    tokens = sum(lengths[WARM_STEPS * ROWS_PER_STEP :])
    half = ROWS_PER_STEP // 2
    padded = sum(half * max(lengths[at : at + half]) for at in range(0, len(lengths), half)) / sum(
        lengths
    )
    return {
        "tokens_per_cpu_s": tokens / meter.cpu_s,
        "tokens_per_s": tokens / meter.wall_s,
        "peak_mib": peak_memory_bytes(torch.device("cpu")) / (1 << 20),
        "first_loss": meter.losses[0],
        "last_loss": meter.losses[-1],
        "padded_ratio": padded,
    }


def measure_apart(system: str, folder: Path, data: str, dtype: str) -> dict[str, float]:
    """Measure one system in a process of its own, with one thread."""
    command = [sys.executable, __file__, "--one", system, str(folder), data, dtype]
    environment = os.environ | {
        "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }  # fmt: skip
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def report(shape: str, data: str, dtype: str, repeats: int) -> None:
    """Measure all systems in turn, several times, and write one table."""
    with tempfile.TemporaryDirectory() as folder:
        make_model(shape, Path(folder))
        found: dict[str, list[dict[str, float]]] = {system: [] for system in SYSTEMS}
        for _round in range(repeats):
            for system in SYSTEMS:
                found[system].append(measure_apart(system, Path(folder), data, dtype))
    padded = found["burnish"][0]["padded_ratio"]
    write(f"\n### {shape}, {data} rows, {dtype} (padded/real tokens {padded:.2f})\n")
    write("| system | tokens per CPU second (lowest to highest) | against trainer | peak memory | "
          "loss, first to last step |")  # fmt: skip
    write("|---|---|---|---|---|")
    speeds = {name: [one["tokens_per_cpu_s"] for one in runs] for name, runs in found.items()}
    plain = statistics.median(speeds["trainer"])
    for name, runs in found.items():
        middle = statistics.median(speeds[name])
        memory = statistics.median(one["peak_mib"] for one in runs)
        write(
            f"| {name} | {middle:,.0f} ({min(speeds[name]):,.0f} to {max(speeds[name]):,.0f}) | "
            f"{middle / plain:.2f}x | {memory:,.0f} MiB | "
            f"{runs[0]['first_loss']:.4f} to {runs[0]['last_loss']:.4f} |"
        )


def write(line: str) -> None:
    """Write a line to standard output at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    """Measure one system for the parent, or all of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--one", nargs=4, metavar=("SYSTEM", "MODEL", "ROWS", "DTYPE"))
    parser.add_argument("--repeats", type=int, default=3)
    chosen = parser.parse_args()
    if chosen.one:
        system, folder, data, dtype = chosen.one
        write(json.dumps(measure_one(system, Path(folder), data, dtype)))
        return
    for shape, data, dtype in TABLES:
        report(shape, data, dtype, chosen.repeats)


if __name__ == "__main__":
    main()
