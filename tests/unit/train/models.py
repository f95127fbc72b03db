# SPDX-License-Identifier: Apache-2.0
"""Tiny models as Burnish loads them and as stock transformers does, and examples for them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from transformers import AutoModelForCausalLM, PreTrainedModel

from engine.train.batches import Batch, Examples, join_examples, make_batch
from engine.train.load import load_model, with_adapter
from engine.train.model import LanguageModel

CPU = torch.device("cpu")


def edit_config(folder: Path, **values: Any) -> Path:
    """Change values of a tiny model's config.json."""
    path = folder / "config.json"
    config = json.loads(path.read_text(encoding="utf-8")) | values
    path.write_text(json.dumps(config), encoding="utf-8")
    return folder


def load_ours(
    folder: Path, *, dtype: torch.dtype = torch.float32, quantised: bool = False
) -> LanguageModel:
    """Load without an adapter."""
    return load_model(folder, dtype=dtype, device=CPU, quantised=quantised)


def load_adapted(
    folder: Path,
    *,
    dtype: torch.dtype = torch.float32,
    quantised: bool = False,
    dropout: float = 0.0,
    fill: bool = True,
) -> LanguageModel:
    """Load with an adapter whose B is not zero unless `fill` is False."""
    model = load_ours(folder, dtype=dtype, quantised=quantised)
    model = with_adapter(model, rank=4, alpha=8.0, dropout_ratio=dropout, seed=1)
    generator = torch.Generator().manual_seed(5)
    for name, values in model.trainable().items():
        if fill and name.endswith("lora_B"):
            nn.init.normal_(values, std=0.05, generator=generator)
    return model


def load_stock(folder: Path, **options: Any) -> PreTrainedModel:
    """Load as anybody would."""
    return AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager", local_files_only=True, **options
    ).eval()


def random_examples(
    lengths: list[int], *, vocabulary: int = 400, seed: int = 0, share: float = 0.5
) -> Examples:
    """Return examples of random tokens of which about a share is trained, at least one each."""
    generator = np.random.default_rng(seed)
    rows: list[tuple[list[int], list[bool]]] = []
    for length in lengths:
        marks = generator.random(length) < share
        marks[-1] = True
        rows.append((generator.integers(0, vocabulary, length).tolist(), marks.tolist()))
    return join_examples(rows)


def pack(examples: Examples, *members: int) -> Batch:
    """Return some or all examples side by side."""
    chosen = members or range(len(examples))
    return make_batch(examples, np.asarray(list(chosen), np.int64), CPU)


def packed_logits(model: LanguageModel, batch: Batch) -> torch.Tensor:
    """Return logits [T, vocabulary] of a packed row."""
    with torch.no_grad():
        return model.logits(model.hidden(batch.ids, batch.positions, segments=batch.segments))


def alone_logits(stock: nn.Module, examples: Examples) -> torch.Tensor:
    """Return stock logits of each example by itself, one behind the other."""
    parts: list[torch.Tensor] = []
    with torch.no_grad():
        for start, stop in zip(examples.edges[:-1], examples.edges[1:], strict=True):
            ids = torch.from_numpy(examples.ids[start:stop].astype(np.int64))[None]
            parts.append(stock(input_ids=ids).logits[0])
    return torch.cat(parts)
