# SPDX-License-Identifier: Apache-2.0
"""Compares what is learned: Burnish, a plain loop on peft, and TRL, on the starter task.

Run `python benchmarks/quality_benchmark.py --check`; it takes some minutes and exits with 1 where a
bar is missed. The starter model learns the sample tickets, several times with other seeds: of the
first adapter weights and of the order of rows. All take the same rows in the same steps at the same
rates, in fp32, each in a process of its own. The plain loop makes tokens, marks, batches, loss and
held-out loss by itself, from transformers and peft alone; its tokens and marks must be Burnish's.

TRL is given these tokens and marks. Its own would be of prompt and completion, which ends behind
the line break that follows the end of a turn: one token more per row.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import shutil
import sys
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from apart import ask_apart, say
from train_peers import (
    IGNORED,
    Job,
    Meter,
    Row,
    Stock,
    burnish_stepper,
    labelled,
    pad,
    stock_model,
    train_burnish,
    train_stock,
    write_first_adapter,
)

from engine.chat.packing import StepOrder, whole

ROOT = Path(__file__).resolve().parents[1]
STARTER = ROOT / "resources" / "starter" / "model"
TICKETS = ROOT / "resources" / "samples" / "support_tickets.jsonl"
STEPS, ROWS_PER_STEP, RATE, LONGEST = 90, 4, 3e-3, 256
HELD_OUT_EVERY, BAR = 10, 1e-3
SYSTEMS = {
    "plain": "peft and a plain loop, padded",
    "burnish": "packed",
    "trl": "SFTTrainer, padded, no checkpointing, fp32",
    "burnish-nf4": "packed, linears in 4 bits (another model: no bar)",
}
EXACT = ("burnish", "trl")


@dataclass(frozen=True, kw_only=True)
class Task:
    """What one seed asks of everybody.

    Attributes:
        job: Rows of all steps, in order.
        held_out: Rows that are never trained.
    """

    job: Job
    held_out: list[Row]


def conversations() -> list[list[dict[str, str]]]:
    """Return the messages of the sample tickets."""
    lines = TICKETS.read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["messages"] for line in lines]


def rows_by_burnish() -> list[Row]:
    """Return the tickets as Burnish makes them: tokens, and which of them are trained."""
    from engine.chat.tokenizer import load_tokenizer
    from engine.domain.dataset import ChatRow, Role, Turn
    from engine.train.examples import encode

    tokenizer = load_tokenizer(STARTER, clock=datetime(2026, 1, 1, tzinfo=UTC))
    rows = [
        ChatRow(
            messages=tuple(Turn(role=Role(one["role"]), content=one["content"]) for one in turns)
        )
        for turns in conversations()
    ]
    found = encode(rows, tokenizer, max_length=LONGEST, on_rows=lambda _count: None).examples
    spans = [slice(int(a), int(b)) for a, b in zip(found.edges, found.edges[1:], strict=False)]
    return [(found.ids[one].tolist(), found.trained[one].tolist()) for one in spans]


def rows_by_transformers() -> list[Row]:
    """Return the tickets by transformers alone: answers are trained up to the end of their turn."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(STARTER)
    rows: list[Row] = []
    for turns in conversations():
        ids = tokenizer.apply_chat_template(turns, return_dict=True)["input_ids"]
        asked = tokenizer.apply_chat_template(
            turns[:-1], add_generation_prompt=True, return_dict=True
        )["input_ids"]
        end = len(ids) - ids[::-1].index(tokenizer.convert_tokens_to_ids("<|im_end|>"))
        rows.append((ids, [len(asked) <= place < end for place in range(len(ids))]))
    return rows


def make_task(folder: Path, rows: list[Row], *, seed: int, steps: int) -> Task:
    """Choose the rows of every step, as Burnish would, of those that are not held out."""
    train = [row for at, row in enumerate(rows) if at % HELD_OUT_EVERY]
    order = StepOrder(parts=whole(len(train)), effective_batch_size=ROWS_PER_STEP, seed=seed)
    chosen = [int(one) for step in range(1, steps + 1) for one in order.members(step)]
    job = Job(
        folder=folder,
        rows=[train[one] for one in chosen],
        dtype="float32",
        rows_per_step=ROWS_PER_STEP,
        steps=steps,
        rates=[RATE * (1 - step / steps) for step in range(steps)],
    )
    return Task(job=job, held_out=rows[::HELD_OUT_EVERY])


def summed(model: Any, rows: list[Row]) -> tuple[Any, int]:
    """Return the summed loss of padded rows, nats, and the number of trained tokens."""
    import torch
    from torch.nn import functional

    batch = pad(labelled(rows))
    labels = batch.pop("labels")[:, 1:]
    logits = model(**batch).logits[:, :-1].float()
    loss = functional.cross_entropy(
        logits.reshape(-1, logits.shape[-1]),
        labels.reshape(-1),
        ignore_index=IGNORED,
        reduction="sum",
    )
    return loss, int(torch.count_nonzero(labels != IGNORED))


def held_out_loss(model: Any, rows: list[Row]) -> float:
    """Return the mean loss of held-out tokens, nats, row by row."""
    import torch

    model.eval()
    with torch.no_grad():
        found = [summed(model, [row]) for row in rows]
    model.train()
    return sum(float(loss) for loss, _tokens in found) / sum(tokens for _loss, tokens in found)


def learn_plainly(task: Task) -> dict[str, Any]:
    """Train by a loop of a dozen lines on peft."""
    import torch

    job = task.job
    model = stock_model(job.folder, job.dtype)
    before = held_out_loss(model, task.held_out)
    parameters = [one for one in model.parameters() if one.requires_grad]
    adam = torch.optim.AdamW(parameters, lr=RATE, weight_decay=0.0)
    losses: list[float] = []
    for step, rate in enumerate(job.rates):
        rows = job.rows[step * ROWS_PER_STEP : (step + 1) * ROWS_PER_STEP]
        total, tokens = summed(model, rows)
        loss = total / tokens
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        adam.param_groups[0]["lr"] = rate
        adam.step()
        adam.zero_grad()
        losses.append(float(loss.detach()))
    return {"losses": losses, "before": before, "after": held_out_loss(model, task.held_out)}


def learn_by_burnish(task: Task, *, quantised: bool) -> dict[str, Any]:
    """Train and check by Burnish."""
    from engine.train import heldout
    from engine.train.batches import join_examples

    stepper, meter = burnish_stepper(task.job, capacity=LONGEST, quantised=quantised), Meter()
    held_out = join_examples(task.held_out)

    def checked() -> float:
        """Return the held-out loss now."""
        found = heldout.held_out_loss(stepper.model, held_out, capacity=LONGEST)
        return found.loss if found is not None else float("nan")

    before = checked()
    train_burnish(task.job, stepper, meter)
    return {"losses": meter.losses, "before": before, "after": checked()}


def learn_by_trl(task: Task) -> dict[str, Any]:
    """Train by TRL; the held-out loss is the plain one."""
    stock = Stock(
        rows_at_once=ROWS_PER_STEP,
        micro_steps=1,
        is_trl=True,
        values={"completion_only_loss": True, "bf16": False, "gradient_checkpointing": False},
    )
    before = held_out_loss(stock_model(task.job.folder, task.job.dtype), task.held_out)
    meter = Meter()
    model = train_stock(task.job, stock, meter)
    losses = meter.losses[: task.job.steps]
    return {"losses": losses, "before": before, "after": held_out_loss(model, task.held_out)}


def learn(system: str, folder: Path, seed: int, steps: int) -> dict[str, Any]:
    """Train one system in this process.

    Raises:
        ValueError: Burnish's tokens or marks are not those of transformers.
    """
    rows = rows_by_burnish()
    if rows != rows_by_transformers():
        raise ValueError("Burnish and transformers make other tokens or marks of the tickets")
    task = make_task(folder, rows, seed=seed, steps=steps)
    if system == "plain":
        return learn_plainly(task)
    if system == "trl":
        return learn_by_trl(task)
    return learn_by_burnish(task, quantised=system == "burnish-nf4")


def learn_apart(system: str, folder: Path, seed: int, steps: int) -> dict[str, Any]:
    """Train one system in a process of its own."""
    return ask_apart(__file__, system, str(folder), str(seed), str(steps))


def report(seed: int, found: dict[str, dict[str, Any]]) -> bool:
    """Write the table of a seed; return whether every bar is met."""
    steps = len(found["plain"]["losses"])
    shown = sorted({0, steps // 9, steps // 3, 2 * steps // 3, steps - 1})
    say(f"\n### Seed {seed}\n")
    curve = " | ".join(f"step {one + 1}" for one in shown)
    say(f"| system | held-out before | after | {curve} | largest difference of a step |")
    say("|---" * (len(shown) + 4) + "|")
    good = True
    plain = found["plain"]
    for name, one in found.items():
        apart = float(np.max(np.abs(np.subtract(one["losses"], plain["losses"]))))
        losses = " | ".join(f"{one['losses'][at]:.4f}" for at in shown)
        say(f"| {name} | {one['before']:.4f} | {one['after']:.4f} | {losses} | {apart:.1e} |")
        if name in EXACT:
            off = max(apart, *(abs(one[key] - plain[key]) for key in ("before", "after")))
            good = good and off <= BAR and one["after"] < one["before"]
    return good


def main() -> int:
    """Train one system for the parent, or all of them with every seed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--one", nargs=4, metavar=("SYSTEM", "MODEL", "SEED", "STEPS"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--check", action="store_true", help="exit with 1 where a bar is missed")
    chosen = parser.parse_args()
    if chosen.one:
        system, folder, seed, steps = chosen.one
        say(json.dumps(learn(system, Path(folder), int(seed), int(steps))))
        return 0
    has_trl = importlib.util.find_spec("trl") is not None
    names = [one for one in SYSTEMS if one != "trl" or has_trl]
    for name in names:
        say(f"- `{name}`: {SYSTEMS[name]}")
    if not has_trl:
        say("**TRL is not installed: its rows are missing.**")
    good = has_trl
    for seed in range(chosen.seeds):
        with tempfile.TemporaryDirectory() as place:
            folder = Path(shutil.copytree(STARTER, Path(place) / "model"))
            write_first_adapter(folder, seed=seed)
            found = {name: learn_apart(name, folder, seed, chosen.steps) for name in names}
        good = report(seed, found) and good
    say(f"\nBars (differences <= {BAR}, held-out loss lower): {'met' if good else '**missed**'}.")
    return 1 if chosen.check and not good else 0


if __name__ == "__main__":
    sys.exit(main())
