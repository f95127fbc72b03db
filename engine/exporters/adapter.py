# SPDX-License-Identifier: Apache-2.0
"""Specification of the export target adapter; its torch code is engine.export.adapter."""

from __future__ import annotations

from engine.errors import mark
from engine.exporters.target import Target

TARGET = Target(
    id="adapter",
    title=mark("Adapter"),
    summary=mark("Small files beside the base model, for programs that take PEFT adapters."),
    entry="engine.export.adapter:export",
    has_base=False,
)
