# SPDX-License-Identifier: Apache-2.0
"""Plans as the engine makes them, of a model with 8 billion weights on a card of any size."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from engine.api.fitting import fixes, spare_use
from engine.domain.plan import DiskNeed, MemoryNeed, Plan, TimeNeed
from engine.domain.problem import Problem, Severity
from engine.domain.recipe import Recipe
from engine.hardware.memory import MainMemory, estimate
from engine.methods.registry import method
from tests.unit.hardware.test_memory import CARD, LLAMA_8B

RECIPE = Recipe(dataset_id="d1", model_id="m1", lora_rank=32, max_length=4096)


def plan_on_card(plan: Plan, *, gigabytes: int) -> Plan:
    """Return a plan with the memory, the changes, the time and the disk that the engine finds."""
    used = 2**30
    gpu = msgspec.structs.replace(
        CARD,
        total_bytes=gigabytes * 2**30,
        used_bytes=used,
        free_bytes=gigabytes * 2**30 - used,
    )

    def need(recipe: Recipe) -> MemoryNeed:
        return estimate(
            LLAMA_8B,
            recipe,
            quantised=method(recipe.method).quantised,
            gpu=gpu,
            host=MainMemory(total_bytes=1, free_bytes=1),
        )

    memory = need(RECIPE)
    fits = memory.spare_bytes >= 0
    found = () if fits else fixes(RECIPE, need, layers=32, quantised=True)
    tight = Problem(
        field="max_length",
        severity=Severity.WARNING,
        code="memory_tight",
        message="It may need more memory than is free.",
        remedy=f"This makes it fit: {found[0].words}." if found else "No setting helps.",
    )
    return replace(
        plan,
        memory=memory,
        problems=() if fits else (tight,),
        fixes=found,
        spare_use=spare_use(RECIPE, need, layers=32) if fits else None,
        disk=DiskNeed(checkpoints=5, checkpoint_bytes=10**9, adapter=3 * 10**8),
        time=TimeNeed(
            low_s=1500,
            high_s=4800,
            tokens=1_200_000,
            is_measured=False,
            reason="Rough: from what this kind of card can compute; the first run measures it.",
        ),
    )
