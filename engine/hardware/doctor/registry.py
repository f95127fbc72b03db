# SPDX-License-Identifier: Apache-2.0
"""All rules of the doctor, with the words for what each one looks at."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from engine.domain.problem import Severity
from engine.errors import mark
from engine.hardware.doctor import (
    card_rules,
    library_rules,
    memory_rules,
    place_rules,
    sleep_rules,
)
from engine.hardware.doctor.snapshot import Finding, Snapshot


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One rule.

    Attributes:
        id: Stable name.
        looks_at: What it looks at, in words for people.
        judge: Returns what it finds; empty where all is well.
    """

    id: str
    looks_at: str
    judge: Callable[[Snapshot], list[Finding]]


RULES = (
    Rule(id="libraries", looks_at=mark("training libraries"), judge=library_rules.libraries),
    Rule(id="rights", looks_at=mark("rights of the workspace"), judge=place_rules.rights),
    Rule(id="disk", looks_at=mark("free disk space"), judge=place_rules.disk),
    Rule(id="network", looks_at=mark("network folders"), judge=place_rules.network),
    Rule(id="driver", looks_at=mark("graphics driver"), judge=card_rules.driver),
    Rule(id="build", looks_at=mark("PyTorch and the card"), judge=card_rules.build),
    Rule(id="hidden", looks_at=mark("hidden cards"), judge=card_rules.hidden),
    Rule(id="cards", looks_at=mark("age, bf16 and memory of the cards"), judge=card_rules.cards),
    Rule(id="memory", looks_at=mark("main memory"), judge=memory_rules.memory),
    Rule(id="models", looks_at=mark("room for your models"), judge=memory_rules.models),
    Rule(id="sleep", looks_at=mark("sleep settings"), judge=sleep_rules.sleep),
)


def judge(seen: Snapshot) -> list[Finding]:
    """Return everything that hinders training, the gravest first; empty where all is well."""
    found = [one for rule in RULES for one in rule.judge(seen)]
    return sorted(found, key=lambda one: list(Severity).index(one.severity))
