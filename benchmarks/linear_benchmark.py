# SPDX-License-Identifier: Apache-2.0
"""One frozen linear with a low-rank update, forward and backward: Burnish against peft.

    python benchmarks/linear_benchmark.py [--tokens N] [--repeats N]

The same weights, the same A and B in 32 bits, the same input. peft runs its own `Linear4bit` over
that of bitsandbytes, or its `Linear` over torch's. The systems run in turn, on one thread; time is
processor time of forward and backward together. Bytes are those of the tensors that the graph keeps
between forward and backward, counted by torch's hooks, each storage once, without weights.
On a processor that has AVX512-BF16, bitsandbytes repacks its weight for answering and then loses
the gradient; that is switched off, as its own documentation of the flag says.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from engine.domain.adapter import AdapterShape
from engine.train.linear import LowRankLinear

SHAPES = ((2048, 2048), (2048, 5632))
RANK, ALPHA = 16, 32
Forward = Callable[[torch.Tensor], torch.Tensor]


def ours(weight: torch.Tensor, dtype: torch.dtype, *, packed: bool) -> LowRankLinear:
    """Return Burnish's layer."""
    linear = LowRankLinear(weight.shape[1], weight.shape[0], bias=False)
    linear.weight = nn.Parameter(weight.to(dtype), requires_grad=False)
    if packed:
        linear.hold_packed(weight, dtype=dtype)
    shape = AdapterShape(rank=RANK, alpha=ALPHA, dropout_ratio=0.0, targets=("x",))
    linear.add_adapter(shape, seed=1, device=torch.device("cpu"))
    for name, values in linear.named_parameters():
        if name == "lora_B":
            nn.init.normal_(values, std=0.02)
    # A run casts A and B once for all layers and passes of a step.
    linear.hold_cast(dtype)
    return linear


def theirs(
    weight: torch.Tensor, dtype: torch.dtype, twin: LowRankLinear, *, packed: bool
) -> nn.Module:
    """Return peft's layer with the same numbers."""
    from bitsandbytes.nn import modules
    from peft import LoraConfig, get_peft_model

    rows, columns = weight.shape
    base: Any
    if packed:
        base = modules.Linear4bit(columns, rows, bias=False, compute_dtype=dtype, quant_type="nf4")
        packing: dict[str, Any] = {"quant_type": "nf4", "compress_statistics": True}
        base.weight = modules.Params4bit(weight.clone(), requires_grad=False, **packing)
        base = base.to("cpu")
        base.support_avx512bf16_for_cpu = False
    else:
        base = nn.Linear(columns, rows, bias=False, dtype=dtype)
        base.weight.data = weight.to(dtype)
    config = LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules=["x"])
    root: Any = nn.ModuleDict({"x": base})
    tuned: Any = get_peft_model(root, config).train()
    layer = tuned.base_model.model["x"]
    with torch.no_grad():
        layer.lora_A["default"].weight.copy_(twin.lora_A)
        layer.lora_B["default"].weight.copy_(twin.lora_B)
    return layer


def kept_bytes(forward: nn.Module, x: torch.Tensor) -> int:
    """Return the bytes that the graph keeps, beside the layer's own weights."""
    own = {one.untyped_storage().data_ptr() for one in forward.parameters()}
    found: dict[int, int] = {}

    def keep(one: torch.Tensor) -> torch.Tensor:
        storage = one.untyped_storage()
        if storage.data_ptr() not in own and one.dim() > 1:
            found[storage.data_ptr()] = storage.nbytes()
        return one

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda one: one):
        forward(x)
    return sum(found.values())


def one_pass(forward: nn.Module, x: torch.Tensor, gradient: torch.Tensor) -> float:
    """Return the processor time of one forward and backward pass, seconds."""
    x.grad = None
    started = time.process_time()
    forward(x).backward(gradient)
    return time.process_time() - started


def compare(
    shape: tuple[int, int], dtype: torch.dtype, *, packed: bool, tokens: int, repeats: int
) -> None:
    """Measure one case and print a row of the table."""
    torch.manual_seed(0)
    columns, rows = shape
    weight = torch.randn(rows, columns) / columns**0.5
    mine = ours(weight, dtype, packed=packed).train()
    peft = theirs(weight, dtype, mine, packed=packed)
    x = torch.randn(1, tokens, columns).to(dtype).requires_grad_()
    gradient = torch.randn(1, tokens, rows).to(dtype)
    times: dict[str, list[float]] = {"mine": [], "peft": []}
    grads: dict[str, torch.Tensor] = {}
    for repeat in range(repeats + 1):
        for name, layer in (("mine", mine), ("peft", peft)):
            seconds = one_pass(layer, x, gradient)
            if repeat:
                times[name].append(seconds)
            grads[name] = x.grad.float() if x.grad is not None else torch.zeros(1)
    gap = float((grads["mine"] - grads["peft"]).norm() / grads["peft"].norm())
    kept = [kept_bytes(one, x) / 2**20 for one in (mine, peft)]
    ms = {name: [1000 * one for one in each] for name, each in times.items()}
    told = [
        f"{statistics.median(each):.1f} ({min(each):.1f} to {max(each):.1f})"
        for each in (ms["mine"], ms["peft"])
    ]
    ratio = statistics.median(times["peft"]) / statistics.median(times["mine"])
    form = ("nf4" if packed else "dense") + ", " + str(dtype).removeprefix("torch.")
    tell(
        f"| {columns} x {rows}, {form} | {told[0]} | {told[1]} | {ratio:.2f}x "
        f"| {kept[0]:.2f} | {kept[1]:.2f} | {gap:.1e} |"
    )


def tell(line: str) -> None:
    """Write a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", type=int, default=512)
    parser.add_argument("--repeats", type=int, default=7)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    names = ("torch", "peft", "bitsandbytes")
    tell(f"Python {platform.python_version()}, " + ", ".join(f"{n} {version(n)}" for n in names))
    tell(f"{asked.tokens} tokens, rank {RANK}, {asked.repeats} runs each, one thread\n")
    tell("| layer | Burnish, ms | peft, ms | peft / Burnish | kept, MiB | peft, MiB | dx apart |")
    tell("|---|---|---|---|---|---|---|")
    for packed in (True, False):
        for dtype in (torch.bfloat16, torch.float32):
            for shape in SHAPES:
                compare(shape, dtype, packed=packed, tokens=asked.tokens, repeats=asked.repeats)


if __name__ == "__main__":
    main()
