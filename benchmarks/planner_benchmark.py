# SPDX-License-Identifier: Apache-2.0
"""The plan of a run against the memory that the run then took, on a processor.

Usage: python benchmarks/planner_benchmark.py [--points NAME ...] [--repeat N] [--out FILE]

For each point a random model of its family is written, added to a new workspace, and trained for
three steps by the worker itself, in a process of its own: the same code, imports included, that
trains for a user. Held against the plan's upper figure is the peak of that process's resident
memory. A positive error means that the plan asked for more than was used. Where a point computes
layers again, both sides are told that little memory is free, since a processor with plenty of it
stores everything. What holds for a graphics card is measured by card_benchmark.py.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from apart import say

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

ROOT = Path(__file__).resolve().parents[1]
STARTER = ROOT / "resources" / "starter" / "model"
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja")
WORDS = "gate bay room light printer door line belt fan pump valve sensor shelf truck box key"
STEPS, SEED = 2, 0
LITTLE_FREE_BYTES = 1 << 20
LONGEST_POINT_S = 900

SIZES: dict[str, dict[str, int]] = {
    "tiny": {
        "vocab_size": 4096, "hidden_size": 256, "intermediate_size": 704,
        "num_hidden_layers": 4, "num_attention_heads": 4, "num_key_value_heads": 2,
    },
    "small": {
        "vocab_size": 8192, "hidden_size": 512, "intermediate_size": 1408,
        "num_hidden_layers": 8, "num_attention_heads": 8, "num_key_value_heads": 4,
    },
    "wide": {
        "vocab_size": 32_000, "hidden_size": 1024, "intermediate_size": 2816,
        "num_hidden_layers": 6, "num_attention_heads": 16, "num_key_value_heads": 8,
    },
    "deep": {
        "vocab_size": 16_384, "hidden_size": 384, "intermediate_size": 1536,
        "num_hidden_layers": 20, "num_attention_heads": 6, "num_key_value_heads": 2,
    },
}  # fmt: skip
HEAD_WIDTH = 64
TIED = {"gemma2", "gemma3_text", "llama"}


@dataclass(frozen=True, kw_only=True)
class Point:
    """One run.

    Attributes:
        family: `model_type` of the model.
        size: Name in SIZES.
        length: Longest row, which every row reaches.
        rows: Rows of a step, all of which go through the processor together.
        method: Training method.
        recomputes: Layers are computed again, but for those that the values keep.
        values: Further fields of the recipe.
    """

    family: str
    size: str
    length: int
    rows: int = 1
    method: str = "sft_qlora"
    recomputes: bool = False
    values: dict[str, Any] = field(default_factory=dict[str, Any])

    @property
    def name(self) -> str:
        """Return its name on the command line."""
        parts = [self.family, self.size, f"{self.rows}x{self.length}", self.method[4:]]
        parts += ["again"] if self.recomputes else []
        return "-".join([*parts, *(f"{key}={value}" for key, value in self.values.items())])


POINTS = (
    Point(family="llama", size="tiny", length=512),
    Point(family="llama", size="tiny", length=2048, method="sft_lora"),
    Point(family="llama", size="small", length=1024),
    Point(family="llama", size="small", length=4096),
    Point(family="llama", size="small", length=4096, recomputes=True),
    Point(
        family="llama", size="small", length=4096, recomputes=True,
        values={"uncheckpointed_layers": 4},
    ),
    Point(family="llama", size="small", length=2048, rows=4, values={"lora_rank": 64}),
    Point(family="llama", size="small", length=2048, method="sft_lora", values={"dtype": "fp32"}),
    Point(
        family="llama", size="deep", length=4096, recomputes=True,
        values={"activation_offload": True},
    ),
    Point(family="llama", size="deep", length=2048, values={"optimizer": "adamw_8bit"}),
    Point(family="qwen3", size="small", length=4096),
    Point(family="qwen2", size="wide", length=4096, recomputes=True, values={"lora_rank": 64}),
    Point(family="gemma2", size="small", length=1024),
    Point(family="gemma2", size="small", length=2048, recomputes=True),
    Point(family="gemma3_text", size="small", length=4096),
    Point(family="gemma3_text", size="wide", length=2048, rows=2, method="sft_lora"),
    Point(family="phi3", size="small", length=4096, recomputes=True),
    Point(family="gpt_neox", size="small", length=4096),
    Point(family="starcoder2", size="deep", length=2048, values={"lora_targets": "attention"}),
    Point(family="granite", size="wide", length=8192, recomputes=True),
)  # fmt: skip


def write_model(point: Point, folder: Path) -> None:
    """Write a random model of the point's family with the starter model's tokenizer."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    sizes = {**SIZES[point.size], "head_dim": HEAD_WIDTH}
    if point.family in ("gpt_neox", "starcoder2", "phi3", "qwen2"):
        del sizes["head_dim"]
    config = AutoConfig.for_model(
        point.family, **sizes, max_position_embeddings=16_384, bos_token_id=1, eos_token_id=2,
        pad_token_id=0, tie_word_embeddings=point.family in TIED, dtype="bfloat16",
    )  # fmt: skip
    torch.manual_seed(SEED)
    model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    model.save_pretrained(folder)
    for name in TOKENIZER_FILES:
        shutil.copy(STARTER / name, folder / name)


def write_rows(point: Point, file: Path) -> None:
    """Write rows that are all longer than the longest that is trained."""
    import random

    words, chance = WORDS.split(), random.Random(SEED)
    lines: list[str] = []
    for number in range(2 * point.rows + 2):
        text = " ".join(chance.choices(words, k=point.length + 64))
        answer = {"role": "assistant", "content": f"{number} {text}"}
        turns = [{"role": "user", "content": f"Question {number}"}, answer]
        lines.append(json.dumps({"messages": turns}))
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")


def prepare(point: Point, place: Path) -> tuple[Path, int, int]:
    """Make the job of a point; return its folder, and what the plan says: low and high, bytes."""
    import msgspec

    from engine.api.facade import open_api
    from engine.api.planning import make_plan
    from engine.domain.run import JobKind
    from engine.methods.registry import method

    api = open_api(place / "workspace")
    write_rows(point, place / "rows.jsonl")
    job = api.datasets.start_import([place / "rows.jsonl"], name="rows")
    while not api.jobs.get(job).state.is_over:
        _wait()
    dataset = api.datasets.get(api.jobs.get(job).snapshot.result["dataset_id"])
    model = api.models.add(place / "model", name="model")
    values = {
        "max_length": point.length, "effective_batch_size": point.rows,
        "micro_batch_size": point.rows, "max_steps": STEPS, "eval_rows": 1, "sample_rows": 0,
        "device": "cpu", **point.values,
    }  # fmt: skip
    recipe = api.runs.make_recipe(
        dataset=dataset.id, model=model.id, method_id=point.method, values=values
    )
    facts = api.machine.facts()
    if point.recomputes:
        facts = msgspec.structs.replace(facts, memory_free_bytes=LITTLE_FREE_BYTES)
    plan = make_plan(
        recipe, datasets=[dataset], model=model, method=method(point.method), facts=facts
    )
    run = api.jobs.create(
        JobKind.TRAIN, "run", method(point.method).entry,
        {"model_fingerprint": model.fingerprint}, recipe,
    )  # fmt: skip
    return api.layout.job(run).root, plan.memory.low_bytes, plan.memory.high_bytes


def _wait() -> None:
    import time

    time.sleep(0.1)


def work(point: Point, job: Path) -> int:
    """Do the job in this process; return the peak of its resident memory, bytes."""
    from engine.worker.main import run_worker

    status = run_worker(job, "benchmark")
    if status:
        raise SystemExit(f"{point.name}: the worker ended with {status}")

    import torch

    from engine.train.device import peak_memory_bytes

    return peak_memory_bytes(torch.device("cpu"))


def _pretend_little_is_free(job: Path) -> None:
    from engine.worker.surroundings import prepare as prepare_process

    prepare_process(job)

    from engine.train import resolve

    resolve.free_memory_bytes = lambda device: LITTLE_FREE_BYTES


def own(*words: str) -> str:
    """Run a part of this script in a process of its own; return the last line it printed."""
    done = subprocess.run(
        [sys.executable, __file__, *words], stdout=subprocess.PIPE, encoding="utf-8", check=True,
        timeout=LONGEST_POINT_S,
    )  # fmt: skip
    return done.stdout.splitlines()[-1] if done.stdout else ""


def measure(point: Point) -> dict[str, int]:
    """Return plan and peak of one point."""
    with tempfile.TemporaryDirectory(prefix="burnish-benchmark-") as name:
        place = Path(name)
        own("--write", str(place / "model"), "--one", point.name)
        job, low, high = prepare(point, place)
        peak = int(own("--job", str(job), "--one", point.name))
    return {"low_bytes": low, "high_bytes": high, "peak_bytes": peak}


def told(figures: dict[str, int]) -> str:
    """Return the figures of a point as the cells of a table."""
    low, high, peak = (figures[one] / 2**20 for one in ("low_bytes", "high_bytes", "peak_bytes"))
    return f"{low:,.0f} to {high:,.0f} | {peak:,.0f} | {high / peak - 1:+.1%}"


def middle(runs: list[dict[str, int]]) -> dict[str, int]:
    """Return the run whose peak is the median."""
    wanted = statistics.median_low([one["peak_bytes"] for one in runs])
    return next(one for one in runs if one["peak_bytes"] == wanted)


def main() -> int:
    """Run every point and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--points", nargs="*", default=[one.name for one in POINTS])
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--out", type=Path, help="file for the figures as JSON")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--write", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--job", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    chosen = {one.name: one for one in POINTS}
    if given.write:
        write_model(chosen[given.one], given.write)
        return 0
    if given.job:
        if chosen[given.one].recomputes:
            _pretend_little_is_free(given.job)
        say(str(work(chosen[given.one], given.job)))
        return 0
    found: dict[str, dict[str, int]] = {}
    say("| point | plan, MiB | peak, MiB | error |")
    say("|---|---|---|---|")
    for name in given.points:
        found[name] = middle([measure(chosen[name]) for _ in range(given.repeat)])
        say(f"| {name} | {told(found[name])} |")
        if given.out:
            given.out.write_text(json.dumps(found, indent=1), encoding="utf-8")
    errors = [one["high_bytes"] / one["peak_bytes"] - 1 for one in found.values()]
    within = sum(abs(one) <= 0.05 for one in errors)
    say(f"{within} of {len(errors)} within 5 %; {min(errors):+.1%} to {max(errors):+.1%}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
