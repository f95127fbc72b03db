# SPDX-License-Identifier: Apache-2.0
"""Specification of the method sft_lora; its torch code is engine.train.sft_lora."""

from __future__ import annotations

from engine.domain.dataset import RowKind
from engine.errors import mark
from engine.methods.method import Method

METHOD = Method(
    id="sft_lora",
    title=mark("16-bit adapter (LoRA)"),
    summary=mark(
        "Learns from your examples with the base model held in full: more memory, no rounding."
    ),
    entry="engine.train.sft_lora:train",
    peer_entry="engine.train.sft_lora:assist",
    kinds=(RowKind.CHAT, RowKind.TEXT),
    quantised=False,
)
