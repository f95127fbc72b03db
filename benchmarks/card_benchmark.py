# SPDX-License-Identifier: Apache-2.0
"""Speed and memory of the trainer on a graphics card, on random models; one call does everything.

Usage: python benchmarks/card_benchmark.py [--only-figures] [--cases NAME ...] [--out FILE]

First runs the tests marked `gpu`, then each case in a process of its own, ended after 150 seconds:
a random Llama is written, held in NF4 with an adapter of rank 16 on all linears, and trained for a
few steps of packed rows. Two cases come with and without fused kernels. Printed are real tokens a
second, the share of the card's peak (MFU with 4 FLOPs for each parameter and token, since the base
is frozen; recomputing does not count), the peak of reserved memory with the context, and what the
plan predicted. Cases of several cards deal the layers out; memory is then that of all of them.
A case is run where there are so many cards, and said not to have been run elsewhere. Only those of
the tiny model also run on a processor: they show that this script does.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from apart import say
from msgspec.structs import replace

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from engine.domain.model import ModelShape

if TYPE_CHECKING:
    import torch

    from engine.domain.plan import CardShare
    from engine.domain.recipe import Recipe
    from engine.train.model import LanguageModel
    from engine.train.spread import Spread

ROOT = Path(__file__).resolve().parents[1]
WARM_STEPS, STEPS, RANK, SEED = 2, 5, 16, 0
LONGEST_CASE_S = 150
PEAK_FLOPS = {"H100": 989e12, "H200": 989e12, "A100": 312e12, "4090": 165e12, "3090": 71e12}
"""Dense bf16 peak of a card by a part of its name."""

SHAPES: dict[str, dict[str, int]] = {
    "tiny": {
        "vocab_size": 4096, "hidden_size": 256, "intermediate_size": 704,
        "num_hidden_layers": 4, "num_attention_heads": 4, "num_key_value_heads": 2,
    },
    "1b": {
        "vocab_size": 128_256, "hidden_size": 2048, "intermediate_size": 8192,
        "num_hidden_layers": 16, "num_attention_heads": 32, "num_key_value_heads": 8,
    },
    "7b": {
        "vocab_size": 32_000, "hidden_size": 4096, "intermediate_size": 11_008,
        "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 32,
    },
}  # fmt: skip
HEAD_WIDTHS = {"tiny": 64, "1b": 64, "7b": 128}


@dataclass(frozen=True)
class Case:
    """One measurement.

    Attributes:
        shape: Name in SHAPES.
        tokens: Capacity of a packed sequence.
        data: `ragged` rows as in conversations, or `uniform` ones of a whole sequence each.
        way: `fused` with liger-kernel where it is installed, `plain` without it, or `compiled`.
        cards: How many graphics cards hold the layers together.
    """

    shape: str
    tokens: int
    data: str
    way: str = "fused"
    cards: int = 1

    @property
    def name(self) -> str:
        """Return its name on the command line."""
        way = "" if self.way == "fused" else f"-{self.way}"
        cards = "" if self.cards == 1 else f"-{self.cards}-cards"
        return f"{self.shape}-{self.data}-{self.tokens}{way}{cards}"


CASES = (
    Case("tiny", 512, "ragged"),
    Case("tiny", 512, "ragged", way="plain"),
    Case("1b", 4096, "ragged"),
    Case("1b", 4096, "uniform"),
    Case("1b", 4096, "uniform", way="plain"),
    Case("1b", 4096, "uniform", way="compiled"),
    Case("1b", 16_384, "uniform"),
    Case("7b", 4096, "ragged"),
    Case("7b", 4096, "uniform"),
    Case("7b", 4096, "uniform", way="plain"),
    Case("7b", 16_384, "uniform"),
    Case("1b", 4096, "ragged", cards=2),
    Case("7b", 4096, "uniform", cards=2),
    Case("7b", 16_384, "uniform", cards=2),
    Case("7b", 4096, "uniform", cards=4),
)


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What one case took.

    Attributes:
        tokens_per_s: Real tokens a second, median over the steps.
        slowest: Lowest over the steps.
        fastest: Highest over the steps.
        mfu: Share of the card's peak, or -1 where that is not known.
        peak_bytes: Peak of reserved memory and the context.
        planned_bytes: What the plan said, its high estimate.
        load_s: Seconds to load and quantise.
        attention: What the kernel of packed rows came to.
        kernels: What the fused kernels of norms, angles and MLPs came to.
        first_loss: Of the first step.
        last_loss: Of the last step.
    """

    tokens_per_s: float
    slowest: float
    fastest: float
    mfu: float
    peak_bytes: int
    planned_bytes: int
    load_s: float
    attention: str
    kernels: str
    first_loss: float
    last_loss: float


def write_model(shape: str, folder: Path) -> None:
    """Write a random Llama in bf16, a shard for each layer, never all of it in memory."""
    import torch
    from safetensors.torch import save_file
    from transformers import LlamaConfig, LlamaForCausalLM

    values: dict[str, Any] = {
        **SHAPES[shape], "head_dim": HEAD_WIDTHS[shape], "tie_word_embeddings": shape != "7b",
        "max_position_embeddings": 32_768, "bos_token_id": None, "dtype": "bfloat16",
        "architectures": ["LlamaForCausalLM"],
    }  # fmt: skip
    config = LlamaConfig(**values)
    config.save_pretrained(folder)
    with torch.device("meta"):
        net = LlamaForCausalLM(config)
    shards: dict[str, dict[str, torch.Tensor]] = {}
    torch.manual_seed(SEED)
    pool = torch.randn(1 << 24, dtype=torch.float32).bfloat16() * 0.02
    state: dict[str, torch.Tensor] = dict(net.named_parameters())
    for name, weights in state.items():
        if name == "lm_head.weight" and config.tie_word_embeddings:
            continue
        part = name.split(".")[2] if ".layers." in name else "rest"
        made = torch.ones(weights.shape, dtype=torch.bfloat16)
        if weights.dim() > 1:
            repeats = -(-weights.numel() // pool.numel())
            made = pool.repeat(repeats)[: weights.numel()].view(weights.shape).clone()
        shards.setdefault(part, {})[name] = made
        if len(shards) > 2:
            _save_first(shards, folder, save_file)
    while shards:
        _save_first(shards, folder, save_file)
    files = sorted(folder.glob("part-*.safetensors"))
    index = {name: one.name for one in files for name in _names(one)}
    (folder / "model.safetensors.index.json").write_text(
        json.dumps({"metadata": {}, "weight_map": index}), encoding="utf-8"
    )


def _save_first(shards: dict[str, dict[str, Any]], folder: Path, save: Any) -> None:
    part = next(iter(shards))
    place = folder / f"part-{part}.safetensors"
    tensors = shards.pop(part)
    while place.exists():
        place = place.with_stem(place.stem + "x")
    save(tensors, place)


def _names(file: Path) -> list[str]:
    from safetensors import safe_open

    with safe_open(file, framework="pt") as tensors:
        return list(tensors.keys())


def make_rows(case: Case, vocabulary: int) -> list[list[tuple[list[int], list[bool]]]]:
    """Return the random rows of each step: about four sequences full, half of each row trained."""
    generator = np.random.default_rng(SEED)
    steps: list[list[tuple[list[int], list[bool]]]] = []
    for _ in range(WARM_STEPS + STEPS):
        rows: list[tuple[list[int], list[bool]]] = []
        left = 4 * case.tokens
        while left > 16:
            drawn = case.tokens
            if case.data == "ragged":
                drawn = int(np.clip(generator.lognormal(5.5, 0.8), 16, case.tokens))
            length = min(drawn, left)
            ids = generator.integers(0, vocabulary, length).tolist()
            rows.append((ids, [place >= length // 2 for place in range(length)]))
            left -= length
        steps.append(rows)
    return steps


def shape_of(name: str) -> ModelShape:
    """Return the sizes of a shape as the plan takes them."""
    one = SHAPES[name]
    hidden, heads, kv_heads = (
        one["hidden_size"], one["num_attention_heads"], one["num_key_value_heads"]
    )  # fmt: skip
    width = HEAD_WIDTHS[name]
    attention = 2 * hidden * width * (heads + kv_heads)
    return ModelShape(
        layers=one["num_hidden_layers"],
        hidden=hidden,
        intermediate=one["intermediate_size"],
        heads=heads,
        kv_heads=kv_heads,
        head_dim=width,
        vocabulary=one["vocab_size"],
        tied=name != "7b",
        linear_parameters=one["num_hidden_layers"]
        * (attention + 3 * hidden * one["intermediate_size"]),
    )


def measure(case: Case) -> Figures:
    """Train one case in this process."""
    import torch

    from engine.train.device import free_memory_bytes, peak_memory_bytes

    is_card = torch.cuda.is_available()
    device = torch.device("cuda" if is_card else "cpu")
    shares = card_shares(case)
    devices = [torch.device("cuda", one.place) for one in shares] or [device]
    free_before = [free_memory_bytes(one) for one in devices]
    planned = sum(one.need.high_bytes for one in shares) or planned_bytes(case)
    model, load_s, attention, kernels = ready_model(case, devices[0], shares)
    speeds, losses = train(case, model)
    taken = sum(peak_memory_bytes(one) for one in devices)
    if is_card:
        # The context is what is gone beside what torch reserved.
        taken += sum(
            before - free_memory_bytes(one) - torch.cuda.memory_reserved(one)
            for one, before in zip(devices, free_before, strict=True)
        )
    speed = statistics.median(speeds)
    return Figures(
        tokens_per_s=speed,
        slowest=min(speeds),
        fastest=max(speeds),
        mfu=share_of_peak(speed, shape_of(case.shape)) if is_card else -1.0,
        peak_bytes=taken,
        planned_bytes=planned,
        load_s=load_s,
        attention=attention,
        kernels=kernels,
        first_loss=losses[0],
        last_loss=losses[-1],
    )


def recipe_of(case: Case) -> Recipe:
    """Return the recipe that the plan of a case is made from."""
    from engine.domain.recipe import Recipe

    return Recipe(
        dataset_id="d", model_id="m", max_length=case.tokens, lora_rank=RANK, cards=case.cards
    )


def card_shares(case: Case) -> tuple[CardShare, ...]:
    """Return what each of several cards holds, as a run deals it; nothing for one card."""
    if case.cards == 1:
        return ()
    from engine.hardware.dealing import Burden, deal
    from engine.train.cards import visible_cards

    burden = Burden(
        shape=shape_of(case.shape), model_type="llama", recipe=recipe_of(case), quantised=True
    )
    return deal(burden, visible_cards())


def planned_bytes(case: Case) -> int:
    """Return what the plan says of the memory of a case on one device, its high estimate."""
    import psutil

    from engine.hardware.gpu import read_gpus
    from engine.hardware.memory import MainMemory, estimate

    gpus, memory = read_gpus().gpus, psutil.virtual_memory()
    need = estimate(
        shape_of(case.shape),
        recipe_of(case),
        quantised=True,
        gpu=gpus[0] if gpus else None,
        host=MainMemory(total_bytes=memory.total, free_bytes=memory.available),
    )
    return need.high_bytes


def ready_model(
    case: Case, device: torch.device, shares: tuple[CardShare, ...]
) -> tuple[LanguageModel, float, str, str]:
    """Return a model that is ready to train, the seconds to load it, its attention and kernels."""
    import torch

    from engine.train.kernels import choose_kernels
    from engine.train.kernels_compile import compile_layers
    from engine.train.load import load_model, with_adapter
    from engine.train.varlen import choose_kernel

    with tempfile.TemporaryDirectory(prefix="burnish-benchmark-") as place:
        write_model(case.shape, Path(place))
        begun = time.perf_counter()
        model = load_model(
            Path(place),
            dtype=torch.bfloat16,
            device=device,
            quantised=True,
            spread=spread_of(shares),
        )
        load_s = time.perf_counter() - begun
    model = with_adapter(model, rank=RANK, alpha=2.0 * RANK, dropout_ratio=0.0, seed=SEED)
    kernel, choice = choose_kernel(device, torch.bfloat16, head_width=HEAD_WIDTHS[case.shape])
    model = replace(model, varlen=kernel)
    is_compiled = case.way == "compiled"
    fused = (
        compile_layers(model)
        if is_compiled
        else choose_kernels(model, is_wanted=case.way == "fused")
    )
    model.recompute_activations()
    model.net.train()
    told = [f"{one.value}: {one.reason}" for one in (choice, fused)]
    return model, load_s, told[0], told[1]


def spread_of(shares: tuple[CardShare, ...]) -> Spread | None:
    """Return where the layers go, or None where one device has them all."""
    if not shares:
        return None
    import torch

    from engine.train.spread import Spread, choose_send

    devices = [torch.device("cuda", one.place) for one in shares]
    dealt = zip(devices, shares, strict=True)
    layers = tuple(one for one, share in dealt for _layer in range(share.layers))
    return Spread(layers=layers, send=choose_send(devices)[0])


def train(case: Case, model: LanguageModel) -> tuple[list[float], list[float]]:
    """Train some steps; return tokens a second behind the warm-up, and all losses."""
    import torch

    from engine.train.batches import join_examples
    from engine.train.optimizer import AdapterOptimizer
    from engine.train.stepping import Stepper

    steps = make_rows(case, SHAPES[case.shape]["vocab_size"])
    examples = join_examples(row for rows in steps for row in rows)
    stepper = Stepper(
        model=model,
        optimizer=AdapterOptimizer(model.trainable(), weight_decay=0.0),
        examples=examples,
        lengths=examples.lengths,
        supervised=examples.supervised,
        capacity=case.tokens,
        micro_batch_size=1,
        max_grad_norm=1.0,
        seed=SEED,
    )
    speeds: list[float] = []
    losses: list[float] = []
    first = 0
    for number, rows in enumerate(steps):
        members = np.arange(first, first + len(rows))
        first += len(rows)
        begun = time.perf_counter()
        outcome = stepper.run(number + 1, members, learning_rate=1e-4)
        for one in model.devices:
            if one.type == "cuda":
                torch.cuda.synchronize(one)
        losses.append(outcome.loss)
        if number >= WARM_STEPS:
            speeds.append(outcome.tokens / (time.perf_counter() - begun))
    return speeds, losses


def share_of_peak(tokens_per_s: float, shape: ModelShape) -> float:
    """Return the MFU: 4 FLOPs for each linear weight and token, and for half of the head's."""
    import torch

    name = torch.cuda.get_device_name()
    peak = next((one for part, one in PEAK_FLOPS.items() if part in name), 0.0)
    work = 4 * (shape.linear_parameters + 0.5 * shape.vocabulary * shape.hidden)
    return tokens_per_s * work / peak if peak else -1.0


def run_tests() -> int:
    """Run the tests that need a card."""
    command = [sys.executable, "-m", "pytest", "-q", "-m", "gpu", "-p", "no:xdist", "tests/gpu"]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


def told(one: Figures) -> str:
    """Return figures as a line."""
    gap = one.planned_bytes / one.peak_bytes - 1
    share = "" if one.mfu < 0 else f"MFU {one.mfu:.1%}, "
    return (
        f"{one.tokens_per_s:,.0f} tokens/s ({one.slowest:,.0f} to {one.fastest:,.0f}), {share}"
        f"peak {one.peak_bytes / 1e9:.2f} GB, plan {one.planned_bytes / 1e9:.2f} GB ({gap:+.1%}), "
        f"loaded in {one.load_s:.1f} s, loss {one.first_loss:.3f} to {one.last_loss:.3f}; "
        f"{one.attention} {one.kernels}"
    )


def runnable(names: list[str]) -> list[str]:
    """Return the cases that this computer has cards enough for; say which are not run."""
    import torch

    seen = torch.cuda.device_count()  # which wakes no card up
    found: list[str] = []
    for name in names:
        case = next(one for one in CASES if one.name == name)
        if case.cards <= seen or case.shape == "tiny":
            found.append(name)
        else:
            say(f"{name}: not run; graphics cards needed: {case.cards}, seen: {seen}")
    return found


def main() -> int:
    """Run everything and print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--only-figures", action="store_true", help="leave the tests out")
    names = [one.name for one in CASES]
    parser.add_argument("--cases", nargs="*", choices=names, default=names[2:])
    parser.add_argument("--out", type=Path, help="file for the figures as JSON")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        found = measure(next(one for one in CASES if one.name == given.one))
        say(json.dumps(asdict(found)))
        return 0
    status = 0 if given.only_figures else run_tests()
    figures: dict[str, dict[str, Any]] = {}
    for name in runnable(given.cases):
        command = [sys.executable, __file__, "--one", name]
        try:
            done = subprocess.run(
                command, stdout=subprocess.PIPE, encoding="utf-8", check=True,
                timeout=LONGEST_CASE_S,
            )  # fmt: skip
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            say(f"{name}: {type(error).__name__}")
            status = 1
            continue
        one = figures[name] = json.loads(done.stdout.splitlines()[-1])
        say(f"{name}: {told(Figures(**one))}")
        if given.out:
            given.out.write_text(json.dumps(figures, indent=1), encoding="utf-8")
    return status


if __name__ == "__main__":
    sys.exit(main())
