# SPDX-License-Identifier: Apache-2.0
"""The fields of a recipe that say what the adapter is: their limits and what is said of them."""

from __future__ import annotations

from typing import Annotated

from engine.domain.adapter import LoraTargets
from engine.domain.recipe_field import NO_MEMORY, Group, about, about_text

_LAYERS = r"\s*[A-Za-z0-9_.|]+\s*=\s*"
_RANK, _ALPHA = r"([1-9]\d?|[1-4]\d\d|50\d|51[0-2])", r"[1-9]\d{0,3}(\.\d{1,4})?"
_PATTERN = r"^({layers}{value}\s*(,{layers}{value}\s*)*)?$"
_RANKS = _PATTERN.format(layers=_LAYERS, value=_RANK)
_ALPHAS = _PATTERN.format(layers=_LAYERS, value=_ALPHA)

Rank = Annotated[
    int,
    about(
        "Rank",
        "How much the adapter can hold: more learns more from many rows, a little slower.",
        Group.ADAPTER,
        memory="Four times the rank takes four times the adapter's memory.",
        ge=1,
        le=512,
    ),
]

Alpha = Annotated[
    float,
    about(
        "Alpha",
        "How strongly the adapter counts (alpha by rank); more acts like a higher rate.",
        Group.ADAPTER,
        memory=NO_MEMORY,
        gt=0,
        le=4096,
    ),
]

Dropout = Annotated[
    float,
    about(
        "Dropout",
        "Leaves out a part of the input at random, against copying from few rows.",
        Group.ADAPTER,
        memory="Needs a little more memory where it is above 0.",
        rare=True,
        ge=0,
        le=0.9,
    ),
]

Targets = Annotated[
    LoraTargets,
    about(
        "Adapted layers",
        "All learns best; attention or MLP alone is a little faster and learns less.",
        Group.ADAPTER,
        memory="Attention alone needs a third of the adapter's memory or less.",
        rare=True,
    ),
]

RankPattern = Annotated[
    str,
    about_text(
        "Rank of single layers",
        "Other ranks for layers named by the end of their path: down_proj=32, q_proj=8.",
        Group.ADAPTER,
        memory="Grows with the ranks, as the rank does.",
        pattern=_RANKS,
        max_length=1000,
    ),
]

AlphaPattern = Annotated[
    str,
    about_text(
        "Alpha of single layers",
        "Other alphas for layers named by the end of their path: down_proj=64.",
        Group.ADAPTER,
        memory=NO_MEMORY,
        pattern=_ALPHAS,
        max_length=1000,
    ),
]

UseRslora = Annotated[
    bool,
    about(
        "Steady at high rank (rsLoRA)",
        "Divides alpha by the root of the rank, so that ranks above 32 learn more.",
        Group.ADAPTER,
        memory=NO_MEMORY,
        rare=True,
    ),
]

UseDora = Annotated[
    bool,
    about(
        "Train row lengths too (DoRA)",
        "Can learn more at low rank, and is slower.",
        Group.ADAPTER,
        memory="Keeps one more output of every layer.",
        rare=True,
    ),
]
