# SPDX-License-Identifier: Apache-2.0
"""The plan of the page Train: what fits, of what the memory is made, and which change helps."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from engine.domain.plan import Change, DiskNeed, Plan, TimeNeed
from engine.domain.problem import Problem, Severity
from engine.domain.recipe import Recipe
from gui.viewmodels.plan import FixView, plan_view, problem_views
from tests.fakes.api import GB, FakeApi, a_model
from tests.unit.hardware.test_memory import need

RECIPE = Recipe(dataset_id="d1", model_id="m1")


def plan(*problems: Problem, **memory: int) -> Plan:
    api = FakeApi()
    api.runs.problems = problems
    made = api.runs.plan(RECIPE)
    return replace(made, memory=replace(made.memory, **memory))


def problem(severity: Severity = Severity.ERROR, code: str = "bad", field: str = "") -> Problem:
    return Problem(field=field, severity=severity, code=code, message="Bad.", remedy="Do.")


def test_plan_that_fits_says_what_stays_free() -> None:
    view = plan_view(plan(), RECIPE, model=a_model(), device="NVIDIA RTX 4090")
    assert view.chip_kind == "success"
    assert view.free == "11.2 GB stays free"
    assert view.over == ""
    assert view.need == "This run needs 8.4 to 11.7 GB"
    assert view.parts[0].key == "other"


def test_plan_whose_low_estimate_fits_may_not_fit() -> None:
    view = plan_view(plan(capacity=10 * GB), RECIPE, model=None, device="")
    assert (view.chip, view.chip_kind) == ("May not fit", "warning")


def test_plan_that_does_not_fit_says_what_is_missing() -> None:
    view = plan_view(plan(capacity=8 * GB), RECIPE, model=None, device="")
    assert (view.chip, view.chip_kind) == ("Will hardly fit", "warning")
    assert view.over == "+4.8 GB"
    assert view.total == "8.0 GB in this computer"


def test_plan_with_an_error_is_not_possible() -> None:
    view = plan_view(plan(problem()), RECIPE, model=None, device="")
    assert view.chip_kind == "danger"


def test_plan_of_a_tiny_model_is_small_and_said_in_megabytes() -> None:
    names = "other weights adapter optimizer activations_low activations_high reserve"
    tiny = dict.fromkeys(names.split(), 2**20)
    view = plan_view(plan(**tiny), RECIPE, model=None, device="")
    assert view.is_small
    assert view.need == "This run needs 4 MB to 5 MB"


def test_problems_stand_with_errors_first() -> None:
    views = problem_views([problem(Severity.NOTE), problem(), problem(Severity.WARNING)], None)
    assert [one.kind for one in views] == ["danger", "warning", "accent"]


def test_problem_with_a_plain_solution_offers_it() -> None:
    found = problem(code="longer_than_context", field="max_length")
    (view,) = problem_views([found], a_model(context_tokens=1024))
    assert view.fixes == (FixView(values={"max_length": 1024}, text="Set it to 1,024"),)
    assert view.field == "max_length"


def test_problem_about_no_setting_shows_none() -> None:
    (view,) = problem_views([problem(field="dataset_id")], None)
    assert (view.field, view.fixes) == ("", ())


def full(**changes: Any) -> Plan:
    return replace(plan(), memory=need(), **changes)


def test_parts_name_their_terms_with_reasons() -> None:
    view = plan_view(full(), RECIPE, model=None, device="RTX 4090")
    parts = {one.key: one for one in view.parts}
    assert list(parts) == [
        *("other", "weights", "adapter", "optimizer", "activations", "context", "reserve")
    ]
    assert "Base weights: 3.4 GB (4 bits and their scales)" in parts["weights"].note
    assert "Embedding and head" in parts["weights"].note
    assert "Layer in work" in parts["activations"].note


def test_statement_ends_with_memory_time_and_disk() -> None:
    time = TimeNeed(low_s=600, high_s=1500, tokens=10, is_measured=False, reason="Rough.")
    disk = DiskNeed(checkpoints=5, checkpoint_bytes=10**9, adapter=10**8)
    view = plan_view(full(time=time, disk=disk), RECIPE, model=None, device="RTX 4090")
    memory, takes, writes = view.statement[-3:]
    assert memory.startswith("Memory is estimated")
    assert takes == "It takes about 10 min to 25 min. Rough."
    assert writes.startswith("On the disk it takes up to 5.1 GB: 5 checkpoints")


def test_time_that_nobody_knows_is_said_to_be_unknown() -> None:
    view = plan_view(full(), RECIPE, model=None, device="RTX 4090")
    assert "not known before the first run" in " ".join(view.statement)


def test_changes_that_make_it_fit_become_buttons_and_only_settable_ones() -> None:
    tight = problem(Severity.WARNING, code="memory_tight", field="max_length")
    changes = (
        Change(values={"method": "sft_qlora"}, words="", high_bytes=1),
        Change(values={"max_length": 3072}, words="", high_bytes=1),
        Change(values={"lora_rank": 16, "max_length": 2048}, words="", high_bytes=1),
    )
    view = plan_view(replace(plan(tight), fixes=changes), RECIPE, model=None, device="RTX 4090")
    (row,) = view.problems
    assert [one.text for one in row.fixes] == ["Use 3,072", "Change both"]
    assert row.fixes[1].values == {"lora_rank": 16, "max_length": 2048}


def test_spare_memory_is_offered_at_one_press() -> None:
    use = Change(values={"uncheckpointed_layers": 9}, words="layers kept whole 0 → 9", high_bytes=1)
    view = plan_view(replace(plan(), spare_use=use), RECIPE, model=None, device="RTX 4090")
    (row,) = view.problems
    assert row.kind == "accent"
    assert "layers kept whole 0 → 9" in row.text
    assert row.fixes[0].values == {"uncheckpointed_layers": 9}
