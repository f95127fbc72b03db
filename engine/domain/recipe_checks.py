# SPDX-License-Identifier: Apache-2.0
"""The fields of a recipe that say what is checked on the way, and what follows from it."""

from __future__ import annotations

from typing import Annotated

from engine.domain.recipe_field import NO_MEMORY, Group, about

EvalEverySteps = Annotated[
    int,
    about(
        "Held-out check every",
        "Shows early when it begins to copy, for some time; 0 checks at both ends only.",
        Group.CHECKS,
        "steps",
        memory=NO_MEMORY,
        ge=0,
        le=1_000_000,
    ),
]

EvalRows = Annotated[
    int,
    about(
        "Rows in a held-out check",
        "At most this many held-out rows are used: more is more exact and slower.",
        Group.CHECKS,
        "rows",
        memory=NO_MEMORY,
        rare=True,
        ge=1,
        le=1_000_000,
    ),
]

SampleRows = Annotated[
    int,
    about(
        "Sample answers",
        "Held-out prompts answered at every check, to read what was learned; it takes time.",
        Group.CHECKS,
        "prompts",
        memory="Needs a little memory during the check.",
        rare=True,
        ge=0,
        le=8,
    ),
]

EarlyStoppingPatience = Annotated[
    int,
    about(
        "Stop early after",
        "So many held-out checks without a new best end the run, which keeps the best.",
        Group.CHECKS,
        "checks",
        memory=NO_MEMORY,
        ge=0,
        le=1_000,
    ),
]

EarlyStoppingThreshold = Annotated[
    float,
    about(
        "Smallest gain",
        "A held-out loss this little below the best does not put off stopping early.",
        Group.CHECKS,
        "nats",
        memory=NO_MEMORY,
        rare=True,
        ge=0,
        le=10,
    ),
]

DeliverBest = Annotated[
    bool,
    about(
        "Deliver the best",
        "The adapter is that of the lowest held-out loss, not that of the last step.",
        Group.CHECKS,
        memory=NO_MEMORY,
    ),
]

DivergenceGuard = Annotated[
    bool,
    about(
        "Go back when it diverges",
        "A loss that leaps up and stays there halves the learning rate from a sound step on.",
        Group.CHECKS,
        memory="Main memory keeps one copy of the adapter at first.",
        rare=True,
    ),
]
