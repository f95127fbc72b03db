# SPDX-License-Identifier: Apache-2.0
"""The report for help says what is there, and nothing of what a person called it or put in it."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from engine.api.diagnosis import Diagnosis
from engine.api.jobs import JobView
from engine.api.machine import Machine, MachineFacts
from engine.api.paper import Paper, Section, as_markdown
from engine.api.redaction import Redaction
from engine.api.runs import RunView
from engine.domain.recipe import Recipe
from engine.domain.run import Failure, JobInfo, JobKind, JobSnapshot, JobState
from engine.store import atomicfs
from engine.store.layout import Layout
from engine.store.workspace import open_workspace

if TYPE_CHECKING:
    from engine.api.runs import Runs

SECRET = "Mrs Grimaldi owes 900"
FACTS = MachineFacts(
    processor="CPU X",
    cores=4,
    memory_total_bytes=16 * 10**9,
    memory_free_bytes=8 * 10**9,
    disk_free_bytes=90 * 10**9,
    gpu_reason="No driver.",
)
VIEW = RunView(
    job=JobView(
        info=JobInfo(
            id="r1",
            kind=JobKind.TRAIN,
            name="Debts of Grimaldi",
            entry="engine.train.sft_qlora:train",
            created_at="2026-11-21T10:00:00.000Z",
        ),
        snapshot=JobSnapshot(
            step=7,
            failure=Failure(code="unforeseen", message=SECRET, remedy=SECRET, detail=SECRET),
        ),
        state=JobState.FAILED,
    ),
    recipe=Recipe(dataset_id="d1", model_id="m1", lora_rank=12),
    dataset_name="Debtors",
    model_name="Our model",
    checkpoints=(),
    has_adapter=False,
)


class OneRun:
    """The runs of a workspace that has had one."""

    def __init__(self, *views: RunView) -> None:
        self._views = views

    def list(self) -> list[RunView]:
        return list(self._views)

    def get(self, key: str) -> RunView:
        del key
        return self._views[0]


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = open_workspace(tmp_path / "space of ada", now=datetime.now(UTC))
    folder = made.job("r1")
    atomicfs.make_folder(folder.root)
    with atomicfs.open_for_append(folder.log) as log:
        log.write(f"ValueError: {SECRET}\n{SECRET}\n".encode())
    return made


def report(layout: Layout, *views: RunView) -> str:
    redaction = Redaction(workspace=layout.root, home=Path("/home/ada"), user="ada", computer="pc7")
    machine = Machine(layout, read=lambda _path: FACTS)
    runs = cast("Runs", OneRun(*views))
    return as_markdown(Diagnosis(layout, machine=machine, runs=runs, redaction=redaction).report())


def test_report_tells_versions_computer_recipe_and_where_the_run_stands(layout: Layout) -> None:
    text = re.sub(" +", " ", report(layout, VIEW))
    for one in ("| torch |", "| Processor | CPU X |", "| lora_rank | 12 |", "| step | 7 |"):
        assert one in text
    assert "| state | failed |" in text
    assert "| failure | unforeseen |" in text
    assert "\n ValueError" in text


def test_first_columns_of_a_report_stand_below_each_other(layout: Layout) -> None:
    tables = report(layout, VIEW).split("## ")[1:]
    lines = [[line for line in one.splitlines() if line.startswith("|")] for one in tables]
    places = [{line.index(" | ") for line in one} for one in lines if one]
    assert places
    assert all(len(one) == 1 for one in places)


def test_long_cell_of_a_report_does_not_push_the_others_away() -> None:
    rows = (("a", "1"), ("b" * 90, "2"), ("c" * 12, "3"))
    section = Section(title="T", columns=("Part", "Value"), rows=rows)
    lines = as_markdown(Paper(title="P", sections=(section,))).splitlines()
    assert f"| a{' ' * 11} | 1 |" in lines
    assert f"| {'-' * 12} | --- |" in lines
    assert f"| {'b' * 90} | 2 |" in lines


def test_report_holds_no_row_no_name_and_no_path(layout: Layout) -> None:
    text = report(layout, VIEW)
    for one in (SECRET, "Grimaldi", "Debtors", "Our model", str(layout.root), "of ada"):
        assert one not in text


def test_report_of_a_workspace_without_runs_has_no_run(layout: Layout) -> None:
    text = report(layout)
    assert "## Computer" in text
    assert "## Run" not in text
