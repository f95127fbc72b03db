# SPDX-License-Identifier: Apache-2.0
"""The choices of a recipe that are made by name: each a closed set of words, as on disk."""

from __future__ import annotations

from enum import StrEnum


class Schedule(StrEnum):
    """How the learning rate moves after the warm-up."""

    COSINE = "cosine"
    LINEAR = "linear"
    CONSTANT = "constant"
    STABLE_DECAY = "stable_decay"


class Dtype(StrEnum):
    """Number format of the computation; `auto` takes bf16 where the device has it."""

    AUTO = "auto"
    BF16 = "bf16"
    FP32 = "fp32"


class Device(StrEnum):
    """Where the run computes; `auto` takes the graphics card where there is one."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


class Optimizer(StrEnum):
    """How the numbers are held that AdamW keeps for each weight of the adapter."""

    ADAMW = "adamw"
    ADAMW_8BIT = "adamw_8bit"
    PAGED_ADAMW_8BIT = "paged_adamw_8bit"
