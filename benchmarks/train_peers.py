# SPDX-License-Identifier: Apache-2.0
"""The trainers that `train_benchmark.py` and `quality_benchmark.py` compare, each in one function.

Every one of them starts from the same model folder with the same adapter weights, and tells a
meter of its steps and losses.
"""

from __future__ import annotations

import importlib
import resource
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

Row = tuple[list[int], list[bool]]
"""Token ids of an example, and whether each of them is trained."""

RANK, ALPHA, SEED, IGNORED = 16, 32.0, 0, -100
TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
FIRST = "first_adapter.safetensors"


@dataclass(frozen=True, kw_only=True)
class Job:
    """What every system has to do.

    Attributes:
        folder: The model, with the first adapter weights beside it.
        rows: All rows, in the order in which the steps take them.
        dtype: Number format of the frozen weights.
        rows_per_step: Rows of an optimizer step.
        steps: Optimizer steps.
        rates: Learning rate of each step.
    """

    folder: Path
    rows: list[Row]
    dtype: str
    rows_per_step: int
    steps: int
    rates: list[float]


@dataclass(frozen=True, kw_only=True)
class Stock:
    """Settings of transformers' Trainer, or of TRL's SFTTrainer, that differ from its defaults.

    Attributes:
        rows_at_once: Rows, or packed sequences, of a micro-step.
        micro_steps: Micro-steps of a step.
        is_trl: SFTTrainer instead of Trainer.
        in_order: Takes the rows as they come, so that every step sees what ours sees.
        values: Other arguments, by name.
    """

    rows_at_once: int
    micro_steps: int
    is_trl: bool = False
    in_order: bool = True
    values: dict[str, Any] = field(default_factory=dict)


@dataclass
class Meter:
    """Time of the steps behind the warm-up, memory, losses, and real tokens as TRL counts them."""

    warm_steps: int = 0
    cpu_s: float = 0.0
    wall_s: float = 0.0
    losses: list[float] = field(default_factory=list)
    counted_tokens: list[int] = field(default_factory=list)
    loaded_mib: float = 0.0
    loading_peak_mib: float = 0.0
    _started: tuple[float, float] | None = None

    def loaded(self) -> None:
        """Note the memory once libraries and model are there, and forget the peak until then."""
        self.loading_peak_mib = _peak_mib()
        self.loaded_mib = _status_mib("VmRSS")
        # Linux: 5 sets the peak (VmHWM) back to what is resident now; see proc(5).
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")

    def start(self, step: int) -> None:
        """Begin to count where the warm-up is over."""
        if step == self.warm_steps:
            self._started = (time.process_time(), time.perf_counter())

    def stop(self) -> None:
        """Note the time since the warm-up."""
        if self._started is not None:
            self.cpu_s = time.process_time() - self._started[0]
            self.wall_s = time.perf_counter() - self._started[1]

    @property
    def growth_mib(self) -> float:
        """Return how far memory rose while training, above libraries and model."""
        return _status_mib("VmHWM") - self.loaded_mib

    @property
    def peak_mib(self) -> float:
        """Return the most memory that the whole process ever held."""
        return max(self.loading_peak_mib, _status_mib("VmHWM"))


def _status_mib(name: str) -> float:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    (found,) = [one for one in lines if one.startswith(f"{name}:")]
    return int(found.split()[1]) / 1024


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def write_first_adapter(folder: Path, *, seed: int) -> None:
    """Write the adapter weights that every system starts from beside a model."""
    import torch
    from safetensors.torch import save_file

    from engine.train.adapter import saved_tensors
    from engine.train.load import load_model, with_adapter

    model = load_model(folder, dtype=torch.float32, device=torch.device("cpu"), quantised=False)
    model = with_adapter(model, rank=RANK, alpha=ALPHA, dropout_ratio=0.0, seed=seed)
    save_file(saved_tensors(model), folder / FIRST)


def burnish_stepper(job: Job, *, capacity: int, quantised: bool, recomputes: bool = False) -> Any:
    """Return Burnish's own stepper over the rows of a job, from the common first weights."""
    import torch
    from safetensors.torch import load_file

    from engine.train.adapter import put_tensors
    from engine.train.batches import join_examples
    from engine.train.load import load_model, with_adapter
    from engine.train.optimizer import AdapterOptimizer
    from engine.train.stepping import Stepper

    model = load_model(
        job.folder,
        dtype=getattr(torch, job.dtype),
        device=torch.device("cpu"),
        quantised=quantised,
    )
    model = with_adapter(model, rank=RANK, alpha=ALPHA, dropout_ratio=0.0, seed=SEED)
    put_tensors(model, load_file(job.folder / FIRST))
    model.net.train()
    if recomputes:
        model.recompute_activations()
    examples = join_examples(job.rows)
    return Stepper(
        model=model,
        optimizer=AdapterOptimizer(model.trainable(), weight_decay=0.0),
        examples=examples,
        lengths=examples.lengths,
        supervised=examples.supervised,
        capacity=capacity,
        micro_batch_size=1,
        max_grad_norm=1.0,
        seed=SEED,
    )


def train_burnish(job: Job, stepper: Any, meter: Meter) -> None:
    """Train by Burnish's own steps."""
    meter.loaded()
    for step, rate in enumerate(job.rates):
        meter.start(step)
        members = np.arange(step * job.rows_per_step, (step + 1) * job.rows_per_step)
        meter.losses.append(stepper.run(step + 1, members, learning_rate=rate).loss)
    meter.stop()


def pad(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return rows padded to the longest of them, as a stock collator does."""
    import torch

    longest = max(len(row["input_ids"]) for row in rows)

    def filled(columns: list[list[int]], value: int) -> torch.Tensor:
        """Return one column, padded with a value."""
        return torch.tensor([one + [value] * (longest - len(one)) for one in columns])

    return {
        "input_ids": filled([row["input_ids"] for row in rows], 0),
        "attention_mask": filled([[1] * len(row["input_ids"]) for row in rows], 0),
        "labels": filled([row["labels"] for row in rows], IGNORED),
    }


def labelled(rows: list[Row]) -> list[dict[str, Any]]:
    """Return rows as transformers' Trainer takes them."""
    return [
        {
            "input_ids": ids,
            "labels": [one if kept else IGNORED for one, kept in zip(ids, marks, strict=True)],
        }
        for ids, marks in rows
    ]


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


def train_stock(job: Job, stock: Stock, meter: Meter) -> Any:
    """Train by transformers' Trainer or TRL's SFTTrainer with peft; return the trained model."""
    kind, settings = _trainer_class(stock)
    model = stock_model(job.folder, job.dtype)
    meter.loaded()
    with tempfile.TemporaryDirectory() as output:
        arguments = settings(
            output_dir=output,
            per_device_train_batch_size=stock.rows_at_once,
            gradient_accumulation_steps=stock.micro_steps,
            max_steps=job.steps,
            learning_rate=job.rates[0],
            weight_decay=0.0,
            lr_scheduler_type=_schedule(job.rates),
            max_grad_norm=1.0,
            logging_steps=1,
            logging_nan_inf_filter=False,
            save_strategy="no",
            report_to=[],
            use_cpu=True,
            disable_tqdm=True,
            dataloader_pin_memory=False,
            **({} if stock.is_trl else {"remove_unused_columns": False}),
            **stock.values,
        )
        kind(
            model=model,
            args=arguments,
            callbacks=[_listener(meter)],
            **(_trl_data(job) if stock.is_trl else _trainer_data(job)),
        ).train()
    return model


def _schedule(rates: list[float]) -> str:
    return "constant" if len(set(rates)) == 1 else "linear"


def _trainer_class(stock: Stock) -> tuple[Any, Any]:
    """Return the trainer, which takes rows in their order if it should, and its settings."""
    from torch.utils.data import SequentialSampler

    names = ("SFTTrainer", "SFTConfig") if stock.is_trl else ("Trainer", "TrainingArguments")
    library: Any = importlib.import_module("trl" if stock.is_trl else "transformers")
    plain, settings = (getattr(library, one) for one in names)
    if not stock.in_order:
        return plain, settings

    class InOrder(plain):
        """Takes rows in their order."""

        def _get_train_sampler(self, train_dataset: Any = None) -> Any:
            return SequentialSampler(self.train_dataset if train_dataset is None else train_dataset)

    return InOrder, settings


def _listener(meter: Meter) -> Any:
    from transformers import TrainerCallback

    class Listener(TrainerCallback):
        """Passes steps and losses on to the meter."""

        def on_step_begin(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
            """Begin to count behind the warm-up."""
            meter.start(state.global_step)

        def on_log(
            self, args: Any, state: Any, control: Any, logs: Any = None, **rest: Any
        ) -> None:
            """Note the loss of a step, and how many real tokens were seen until then."""
            if "loss" in logs:
                meter.losses.append(float(logs["loss"]))
                meter.counted_tokens.extend(
                    [int(logs["num_tokens"])] if "num_tokens" in logs else []
                )

        def on_step_end(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
            """Note the time."""
            meter.stop()

    return Listener()


def _trainer_data(job: Job) -> dict[str, Any]:
    return {"train_dataset": labelled(job.rows), "data_collator": pad}


def _trl_data(job: Job) -> dict[str, Any]:
    """Return rows with the completion marked, and a tokenizer that is only asked for padding."""
    from datasets import Dataset
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from transformers import PreTrainedTokenizerFast

    padding, end = "<pad>", "<eos>"
    words = Tokenizer(WordLevel({padding: 0, end: 1}, unk_token=padding))
    dataset = Dataset.from_dict(
        {
            "input_ids": [ids for ids, _marks in job.rows],
            "completion_mask": [[int(one) for one in marks] for _ids, marks in job.rows],
        }
    )
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, pad_token=padding, eos_token=end)
    return {"train_dataset": dataset, "processing_class": tokenizer}
