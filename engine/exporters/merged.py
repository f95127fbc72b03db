# SPDX-License-Identifier: Apache-2.0
"""Specification of the export target merged; its torch code is engine.export.merged."""

from __future__ import annotations

from engine.errors import mark
from engine.exporters.target import Target

TARGET = Target(
    id="merged",
    title=mark("Merged model"),
    summary=mark("A complete 16-bit model, for programs that open Hugging Face folders."),
    entry="engine.export.merged:export",
    has_base=True,
)
