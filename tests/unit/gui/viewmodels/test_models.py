# SPDX-License-Identifier: Apache-2.0
"""Base models: the list, the facts of one, and why a folder was refused."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from engine.errors import UnsafeWeights
from gui.viewmodels.models import (
    describe_folders,
    fact_groups,
    list_meta,
    model_header,
    model_lines,
    notes,
    refusal_view,
    removal_question,
)
from tests.fakes.api import a_model

NOW = datetime(2026, 11, 3, 18, 0).astimezone()


def test_lines_have_the_facts_that_decide() -> None:
    (line,) = model_lines([a_model()], query="")
    assert (line.name, line.architecture, line.parameters) == ("Qwen3-4B", "Qwen3", "4.0 billion")
    assert (line.size, line.context, line.licence) == ("8.0 GB", "40,960", "Apache-2.0")
    assert line.has_chat


def test_lines_with_a_search_look_at_path_and_architecture() -> None:
    other = a_model(id="m2", name="Starter", path="/x/starter", architecture="LlamaForCausalLM")
    models = [a_model(), other]
    assert [one.id for one in model_lines(models, query="llama start")] == ["m2"]
    assert [one.id for one in model_lines(models, query="/MODELS")] == ["m1"]
    assert model_lines(models, query="gpt") == ()


def test_list_meta_counts_models() -> None:
    assert list_meta([]) == ""
    assert list_meta([a_model()]) == "1 model, linked where it is"


@pytest.mark.parametrize(
    ("changes", "is_there", "words", "kind"),
    [
        ({}, True, "Ready", "success"),
        ({"has_chat_template": False}, True, "Ready for plain text", "warning"),
        ({}, False, "Folder not found", "danger"),
    ],
)
def test_header_tells_the_state(
    changes: dict[str, object], is_there: bool, words: str, kind: str
) -> None:
    shown = model_header(a_model(**changes), is_there=is_there, now=NOW)
    assert (shown.chip.text, shown.chip.kind) == (words, kind)
    assert bool(shown.train_reason) is not is_there


def test_header_of_the_bundled_model_says_where_it_came_from() -> None:
    assert "came with Burnish" in model_header(a_model(bundled=True), is_there=True, now=NOW).meta


def test_facts_are_complete_and_have_units() -> None:
    use, build = fact_groups(a_model(licence=""))
    assert ("Longest text", "40,960", "tokens") in use.rows
    assert ("Licence", "Not stated", "") in use.rows
    assert ("Attention heads", "32, sharing 8", "") in build.rows
    assert ("Parameters", "4,022,468,096", "") in build.rows


def test_notes_of_a_model_without_template_begin_with_what_it_cannot_learn() -> None:
    model = a_model(has_chat_template=False, notes=("More.",))
    first, second = notes(model)
    assert "plain text, not from conversations" in first
    assert second == "More."
    assert notes(a_model()) == ()


def test_refusal_keeps_cause_remedy_code_and_path() -> None:
    error = UnsafeWeights("Only pickle.", detail="pytorch_model.bin")
    shown = refusal_view(Path("/models/old"), error)
    assert shown.title == "old was not added"
    assert (shown.cause, shown.code) == ("Only pickle.", "unsafe_weights")
    assert shown.remedy == "Get the safetensors version of this model."
    assert shown.details.endswith("pytorch_model.bin")
    assert "Nothing in it was run" in shown.safe


def test_removal_question_says_that_the_folder_stays() -> None:
    asked = removal_question(a_model(), runs=1)
    assert "stay untouched" in asked.consequence
    assert "1 run was trained on it" in asked.consequence
    assert "run" not in removal_question(a_model(), runs=0).consequence


def test_drop_of_folders_says_what_will_happen() -> None:
    assert describe_folders([Path("/m/qwen")]) == "Add the model qwen"
    assert describe_folders([Path("a"), Path("b")]) == "Add 2 models"
