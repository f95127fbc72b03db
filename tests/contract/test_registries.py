# SPDX-License-Identifier: Apache-2.0
"""Methods and export targets: one file each for what they are and for what they do, one line."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

from engine.exporters.registry import TARGETS
from engine.exporters.target import Target
from engine.methods.method import Method
from engine.methods.registry import METHODS
from engine.protocol.job import JobContext

ENGINE = Path(__file__).resolve().parents[2] / "engine"
# Which folder holds the specifications, which the torch code, and the files that are neither.
PLACES = {
    Method: ("methods", "train", {"__init__", "registry", "method"}),
    Target: ("exporters", "export", {"__init__", "registry", "target"}),
}
SPECS: tuple[Method | Target, ...] = (*METHODS, *TARGETS)


def of_kind(kind: type[Method] | type[Target]) -> list[Method | Target]:
    return [one for one in SPECS if isinstance(one, kind)]


def specified(folder: str, others: set[str]) -> set[str]:
    """Return the names of the modules of a folder that specify something."""
    return {path.stem for path in (ENGINE / folder).glob("*.py")} - others


@pytest.mark.parametrize("kind", PLACES)
def test_every_specification_is_registered_once(kind: type[Method] | type[Target]) -> None:
    folder, _torch_folder, others = PLACES[kind]
    ids = [one.id for one in of_kind(kind)]
    assert len(ids) == len(set(ids)) == 2
    assert set(ids) == specified(folder, others)


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.id)
def test_specification_stands_in_the_module_of_its_name(spec: Method | Target) -> None:
    folder, torch_folder, _others = PLACES[type(spec)]
    module = importlib.import_module(f"engine.{folder}.{spec.id}")
    assert spec in vars(module).values()
    assert spec.entry.partition(":")[0] == f"engine.{torch_folder}.{spec.id}"


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.id)
def test_entry_resolves_to_a_job(spec: Method | Target) -> None:
    name, _colon, function = spec.entry.partition(":")
    entry = getattr(importlib.import_module(name), function)
    parameters = list(inspect.signature(entry, eval_str=True).parameters.values())
    assert [one.annotation for one in parameters] == [JobContext]
    assert inspect.getdoc(entry)


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.id)
def test_specification_has_words_for_people(spec: Method | Target) -> None:
    assert spec.title[:1].isupper() or spec.title[:1].isdigit()
    assert not spec.title.endswith(".")
    assert spec.summary.endswith(".")


def test_registries_are_read_without_the_libraries_that_train() -> None:
    code = (
        "import sys, engine.methods.registry, engine.exporters.registry;"
        "print([one for one in ('torch', 'transformers', 'peft') if one in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ENGINE.parent, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
