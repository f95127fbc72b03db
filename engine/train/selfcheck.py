# SPDX-License-Identifier: Apache-2.0
"""Whether the training libraries work: each of them, and what is fragile in a packaged program.

A runtime is tried by this before it is installed, and a built program before it is given away.
Each check is small, and its outcome a line that a person can read. What needs a compiler or a card
says that it is not available, which is no failure.
"""

from __future__ import annotations

import importlib
import inspect
import json
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import datasets
import peft
import torch
import transformers
from bitsandbytes.functional import dequantize_nf4, quantize_nf4

from engine.train import loss

_LIBRARIES = ("torch", "transformers", "peft", "bitsandbytes", "datasets", "tokenizers", "numpy")
_FAMILIES = (
    *("llama", "mistral", "mixtral", "qwen2", "qwen3", "qwen3_moe", "gemma2", "gemma3_text"),
    *("phi3", "gpt2", "gpt_neox", "falcon", "olmo2", "granite", "smollm3"),
)
_WIDTH = 64
_PROCESS_LIMIT_S = 300  # a child imports all libraries anew


def run_selfcheck() -> int:
    """Run every check, print one line of JSON with all outcomes, and return the exit status."""
    outcomes: dict[str, str] = {}
    for name, check in CHECKS.items():
        try:
            outcomes[name] = check()
        except Exception as error:  # noqa: BLE001 - whatever is broken is what is looked for
            outcomes[name] = f"failed: {type(error).__name__}: {error}"
    failed = [name for name, text in outcomes.items() if text.startswith("failed")]
    report = {"executable": sys.executable, "failed": failed, "outcomes": outcomes}
    sys.stdout.write(json.dumps(report) + "\n")
    sys.stdout.flush()
    return 1 if failed else 0


def _metadata() -> str:
    return ", ".join(f"{name} {version(name)}" for name in _LIBRARIES)


def _sources() -> str:
    for one in (loss, transformers.LlamaForCausalLM, peft.LoraConfig):
        inspect.getsource(one)
    return "readable"


def _script() -> str:
    def doubled(x: torch.Tensor) -> torch.Tensor:
        """Be compiled."""
        return x * 2

    scripted = torch.jit.script(doubled)
    return "compiled" if float(scripted(torch.ones(1))) == 2 else "failed: wrong result"


def _four_bits() -> str:
    weights = torch.randn(_WIDTH, _WIDTH, generator=torch.Generator().manual_seed(1))
    packed, state = quantize_nf4(weights)
    back = dequantize_nf4(packed, state)
    error = float((back - weights).abs().mean())
    return f"mean error {error:.3f}" if error < 0.2 else f"failed: mean error {error}"


def _families() -> str:
    for family in _FAMILIES:
        config = transformers.AutoConfig.for_model(family)
        if family not in transformers.models.auto.modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES:
            return f"failed: {family} has no model"
        transformers.AutoModelForCausalLM._model_mapping[type(config)]
    return f"{len(_FAMILIES)} known"


def _adapter() -> str:
    config = transformers.LlamaConfig(
        vocab_size=32, hidden_size=16, intermediate_size=32, num_hidden_layers=1,
        num_attention_heads=2,
    )  # fmt: skip
    model = peft.get_peft_model(
        transformers.LlamaForCausalLM(config), peft.LoraConfig(r=2, target_modules=["q_proj"])
    )
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        names = sorted(path.name for path in Path(folder).iterdir())
    return ", ".join(names)


def _rows() -> str:
    with tempfile.TemporaryDirectory() as folder:
        rows = datasets.Dataset.from_dict({"text": ["a", "b"]})
        rows.save_to_disk(folder)
        count = len(datasets.load_from_disk(folder))
    return f"{count} rows" if count == 2 else f"failed: {count} rows"


def _processes() -> str:
    methods = [
        one for one in ("spawn", "forkserver") if one in multiprocessing.get_all_start_methods()
    ]
    for method in methods:
        context: Any = multiprocessing.get_context(method)
        process = context.Process(target=_leave, args=(torch.ones(2),))
        process.start()
        process.join(_PROCESS_LIMIT_S)
        if process.exitcode != 7:
            return f"failed: {method} ended with {process.exitcode}"
    return ", ".join(methods)


def _leave(given: torch.Tensor) -> None:
    os._exit(5 + int(given.sum()))


def _kernels() -> str:
    if find_spec("triton") is None:
        return "not available: no Triton"
    triton = importlib.import_module("triton")
    target = importlib.import_module("triton.backends.compiler").GPUTarget("cuda", 90, 32)
    source = triton.compiler.ASTSource(fn=triton.jit(_nothing), signature={}, constexprs={})
    made = triton.compile(source, target=target)
    return f"{len(made.asm['cubin'])} bytes for a card"


def _nothing() -> None:
    """Be compiled for a card, and do nothing there."""


CHECKS: dict[str, Callable[[], str]] = {
    "metadata": _metadata,
    "sources": _sources,
    "script": _script,
    "four bits": _four_bits,
    "families": _families,
    "adapter": _adapter,
    "rows": _rows,
    "processes": _processes,
    "kernels": _kernels,
}
