# SPDX-License-Identifier: Apache-2.0
"""The presets that ship, and files that are none."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from engine.api.presets import Presets
from engine.api.starter import RESOURCES, SAMPLE_PRESET
from engine.domain.learning_advice import advise, far_off
from engine.domain.recipe import Recipe
from engine.errors import DocumentDamaged, WrongUsage


def test_shipped_presets_are_complete_and_possible_recipes() -> None:
    presets = Presets().list()
    assert [one.id for one in presets] == [
        "style",
        "instructions",
        "domain_knowledge",
        "long_documents",
        "small_card",
        "quick_try",
        SAMPLE_PRESET,
    ]
    for one in presets:
        assert one.title
        assert one.summary.startswith("Take it ")
        assert one.summary.endswith(".")
        assert ". " not in one.summary
        assert len(one.summary) <= 100
        assert list(one.reasons) == list(one.values), "each value says why"
        assert all(reason.endswith(".") for reason in one.reasons.values())
        assert (RESOURCES / "icons" / f"{one.icon}.svg").is_file()
        msgspec.convert({**one.values, "dataset_id": "d", "model_id": "m"}, Recipe)


def test_preset_is_found_by_its_id() -> None:
    assert Presets().get("style").title == "Learn a style or form"


def test_unknown_preset_names_those_that_exist() -> None:
    with pytest.raises(WrongUsage) as caught:
        Presets().get("magic")
    assert "style, instructions, domain_knowledge" in caught.value.remedy


def test_only_the_preset_of_the_sample_is_for_the_starter_model_alone() -> None:
    assert [one.id for one in Presets().list() if one.starter_only] == [SAMPLE_PRESET]


def test_rates_of_presets_are_near_what_is_usual() -> None:
    for one in Presets().list():
        recipe = msgspec.convert({**one.values, "dataset_id": "d", "model_id": "m"}, Recipe)
        advice = advise(recipe, rows=800, hidden=256 if one.starter_only else 4096)
        assert far_off(recipe, advice) == []


PARTS = 'id = "x"\ntitle = "X"\nsummary = "X."\nicon = "form"\norder = 1\nreasons = {}\n'


@pytest.mark.parametrize(
    "text",
    [
        "no toml",
        PARTS,
        f"{PARTS}[values]\nlearning_rate = 5\n",
        f"{PARTS}[values]\nrank = 1\n",
        f"{PARTS}more = 1\n[values]\n",
    ],
)
def test_file_that_is_no_preset_is_named(text: str, tmp_path: Path) -> None:
    (tmp_path / "odd.toml").write_text(text, encoding="utf-8")
    with pytest.raises(DocumentDamaged, match=r"odd\.toml"):
        Presets(tmp_path).list()
