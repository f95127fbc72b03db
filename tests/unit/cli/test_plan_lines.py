# SPDX-License-Identifier: Apache-2.0
"""The plan in the terminal shows every term, the free rest, and the arguments of each change."""

from __future__ import annotations

import json

from msgspec.structs import replace

from engine.cli.plan_lines import plan_lines, plan_values
from engine.domain.plan import Change, DiskNeed, TimeNeed
from tests.fakes.api import FakeApi
from tests.unit.hardware.test_memory import RECIPE, need

FIX = Change(
    values={"max_length": 3072, "gradient_checkpointing": True},
    words="length 4,096 → 3,072",
    high_bytes=5 * 2**30,
)
TIME = TimeNeed(low_s=60, high_s=150, tokens=12_345, is_measured=False, reason="Rough.")
PLAN = replace(
    FakeApi().runs.plan(RECIPE),
    memory=need(),
    disk=DiskNeed(checkpoints=5, checkpoint_bytes=10**9, adapter=10**8),
    time=TIME,
    fixes=(FIX,),
    spare_use=replace(FIX, values={"uncheckpointed_layers": 7}),
)


def test_lines_hold_every_term_the_margin_other_programs_and_the_free_rest() -> None:
    text = "\n".join(plan_lines(PLAN))
    for term in PLAN.memory.terms:
        assert (f"  {term.symbol} {term.name}" in text) == (term.high > 0)
    for words in ("Safety margin", "Other programs", "Free rest", "estimated", "another moment"):
        assert words in text


def test_memory_whose_estimates_are_equal_is_one_figure() -> None:
    sure = replace(PLAN.memory, activations_high=PLAN.memory.activations_low, reserve=0)
    assert sure.low_bytes == sure.high_bytes
    (line,) = (one for one in plan_lines(replace(PLAN, memory=sure)) if one.startswith("Memory"))
    assert " to " not in line
    assert line.endswith("estimated; the first run on a card measures it.")


def test_lines_name_time_disk_and_the_arguments_of_each_change() -> None:
    text = "\n".join(plan_lines(PLAN))
    assert "Time: 1 min 0 s to 2 min 30 s for about 12,345 tokens. Rough." in text
    assert "Disk: up to 5.10 GB: 5 checkpoints and the adapter 5.10" in text
    assert "--set max_length=3072 --set gradient_checkpointing=true" in text
    assert "--set uncheckpointed_layers=7" in text


def test_values_are_plain_json() -> None:
    values = json.loads(json.dumps(plan_values(PLAN)))
    assert [one["symbol"] for one in values["memory"]] == list("WEAMCUBDGVLK")
    assert values["memory_high_bytes"] >= values["memory_low_bytes"] > 0
    assert values["fixes"][0]["values"]["max_length"] == 3072
    assert values["time"]["tokens"] == 12_345
