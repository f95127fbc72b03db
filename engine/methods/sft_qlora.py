# SPDX-License-Identifier: Apache-2.0
"""Specification of the method sft_qlora; its torch code is engine.train.sft_qlora."""

from __future__ import annotations

from engine.domain.dataset import RowKind
from engine.errors import mark
from engine.methods.method import Method

METHOD = Method(
    id="sft_qlora",
    title=mark("4-bit adapter (QLoRA)"),
    summary=mark("Learns from your examples with the base model held in 4 bits: least memory."),
    entry="engine.train.sft_qlora:train",
    peer_entry="engine.train.sft_qlora:assist",
    kinds=(RowKind.CHAT, RowKind.TEXT),
    quantised=True,
)
