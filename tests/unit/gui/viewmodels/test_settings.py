# SPDX-License-Identifier: Apache-2.0
"""Settings as values: what is said of workspace, computer and network is what was looked up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from engine.api.machine import Gpu, MachineFacts
from engine.domain.problem import Problem, Severity
from gui.viewmodels.settings import (
    TEXT_SCALES,
    about_facts,
    findings,
    machine_facts,
    scale_stop,
    scale_words,
    scheme_choices,
    use_size_words,
    workspace_view,
)
from gui.widgets.theme.theme import SCALES
from gui.widgets.theme.tokens import Scheme

GB = 2**30
ROOT = Path("/workspace")


def facts(**changes: Any) -> MachineFacts:
    values: dict[str, Any] = {
        "processor": "A processor",
        "cores": 16,
        "memory_total_bytes": 64 * GB,
        "memory_free_bytes": 50 * GB,
        "disk_free_bytes": 212 * 10**9,
    }
    return MachineFacts(**{**values, **changes})


def card(name: str = "RTX 4090") -> Gpu:
    return Gpu(
        name=name,
        driver="560.35",
        total_bytes=24 * GB,
        free_bytes=23 * GB,
        used_bytes=GB,
        temperature_c=None,
        compute_capability=(8, 9),
    )


def test_schemes_are_those_of_the_theme_and_the_systems() -> None:
    assert [key for key, _text in scheme_choices()] == ["system", *Scheme]


def test_text_sizes_are_those_that_keys_step_through() -> None:
    assert TEXT_SCALES == SCALES
    assert [scale_words(one) for one in (TEXT_SCALES[0], TEXT_SCALES[-1])] == ["80 %", "200 %"]


def test_scale_stop_takes_the_nearest() -> None:
    assert TEXT_SCALES[scale_stop(1.3)] == 1.25
    assert use_size_words(1.5) == "Use 150 %"


def test_workspace_that_stays_says_nothing_of_the_next_start() -> None:
    view = workspace_view(ROOT, free_bytes=212 * 10**9, kept="", before="")
    assert (view.path, view.free, view.pending) == (str(ROOT), "212 GB", "")


def test_workspace_that_was_changed_says_what_happens_at_the_next_start() -> None:
    view = workspace_view(ROOT, free_bytes=None, kept="/other", before="")
    assert view.pending.startswith("Burnish then uses /other. Nothing is moved")
    assert view.free == ""


def test_workspace_that_was_changed_to_the_open_one_is_no_change() -> None:
    assert workspace_view(ROOT, free_bytes=None, kept=str(ROOT), before="").pending == ""


def test_workspace_that_goes_back_to_the_usual_place_says_so() -> None:
    view = workspace_view(ROOT, free_bytes=None, kept="", before="/other")
    assert view.pending == "Burnish then uses its usual folder."


def test_machine_facts_without_a_card_say_so() -> None:
    assert ("Graphics card", "None found", "") in machine_facts(facts())


def test_machine_facts_of_two_cards_have_names_of_their_own() -> None:
    names = [name for name, _v, _u in machine_facts(facts(gpus=(card(), card("RTX 3090"))))]
    assert "Graphics card 1" in names
    assert "Graphics card 2" in names
    assert names.count("Its driver") == 2


def test_findings_keep_order_and_remedy() -> None:
    problems = [
        Problem(field="", severity=one, code="c", message=f"m {one}", remedy="r")
        for one in (Severity.ERROR, Severity.WARNING, Severity.NOTE)
    ]
    found = findings(problems)
    assert [one.kind for one in found] == ["danger", "warning", "info"]
    assert found[0].text == "r"


def test_about_names_version_and_licence() -> None:
    assert [name for name, _v, _u in about_facts()] == ["Version", "Licence"]
    assert all(value for _name, value, _u in about_facts())
