# SPDX-License-Identifier: Apache-2.0
"""Checking a dataset, reading the report, and repairing what was found."""

from __future__ import annotations

import json
import tracemalloc
from contextlib import closing
from pathlib import Path
from typing import cast

import numpy as np
import pyarrow as pa
import pytest

from engine.api import checking, fixing
from engine.api.advice import advice
from engine.api.datasets import Datasets
from engine.api.jobs import Jobs
from engine.api.preparation import Preparation
from engine.api.reports import Reports
from engine.api.versions import Versions
from engine.domain.dataset import ChatRow
from engine.domain.report import Report
from engine.domain.split import EVAL, TRAIN
from engine.domain.version import Action
from engine.errors import WrongUsage
from engine.formats.findings import Findings, write_findings
from engine.protocol.events import Stopped
from engine.store.layout import Layout
from tests.builders.dataset_import import ImportRun, new_workspace
from tests.builders.jobs import JobRun

SETTINGS = {"near_similarity": 0.8, "eval_margin": 0.05}


def long_answer(number: int) -> str:
    """Return an answer of words that no other row has."""
    return " ".join(f"word{number}x{one}" for one in range(20))


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = new_workspace(tmp_path / "workspace")
    pairs = [(f"Question {one}?", long_answer(one)) for one in range(40)]
    pairs += [pairs[0], (pairs[1][0], f"{pairs[1][1]} indeed")]
    pairs += [
        ("Mail?", "Write to jane.doe@kontor-mueller.de please."),
        ("Blanks?", "Yes, always.  \n"),
    ]
    lines = [json.dumps({"prompt": one, "completion": other}) for one, other in pairs]
    source = tmp_path / "a.jsonl"
    source.write_text("\n".join(lines), encoding="utf-8")
    ImportRun(layout, [source], eval_ratio=0.0).run()
    return layout


@pytest.fixture
def datasets(layout: Layout) -> Datasets:
    return Datasets(layout, Jobs(layout))


@pytest.fixture
def reports(layout: Layout, datasets: Datasets) -> Reports:
    return Reports(layout, datasets)


def check(layout: Layout) -> JobRun:
    """Run the job that checks."""
    return JobRun(layout, checking.run, {"dataset_id": "d1", "settings": SETTINGS})


def fix(layout: Layout, *checks: str) -> JobRun:
    """Run the job that repairs."""
    return JobRun(layout, fixing.run, {"dataset_id": "d1", "checks": checks})


def report_of(reports: Reports) -> Report:
    """Return the report of the current version."""
    found = reports.get("d1")
    assert found is not None
    return found


def rows_found(reports: Reports) -> dict[str, int]:
    """Return how many rows each check found, where it found any."""
    return {one.check: one.rows for one in report_of(reports).results if one.rows}


def answers(datasets: Datasets) -> list[str]:
    """Return the last turn of every row."""
    table = datasets.open_rows("d1", None)
    found = [cast("ChatRow", row).messages[-1].content for _hash, row in table.rows()]
    table.close()
    return found


def test_the_report_counts_rows_and_names_them_by_id(layout: Layout, reports: Reports) -> None:
    assert reports.get("d1") is None
    check(layout)
    found = rows_found(reports)
    assert found["exact_copies"] == 2
    assert found["near_copies"] == 2
    assert found["contradicting_answers"] == 2
    assert found["personal_data"] == 1
    assert found["end_blanks"] == 1
    assert reports.found("d1", "exact_copies").ids.tolist() == [0, 40]
    assert reports.found("d1", "near_copies").ids.tolist() == [1, 41]
    assert reports.found("d1", "personal_data", label="email").ids.tolist() == [42]
    assert reports.found("d1", "personal_data", label="iban").ids.tolist() == []
    assert reports.found("d1", "mojibake").ids.tolist() == []
    report = report_of(reports)
    assert (report.version, report.rows, report.eval_rows_needed) == (1, 44, 385)
    languages = report.result("language")
    assert languages is not None
    assert sum(languages.tally.values()) == 44
    copies = report.result("exact_copies")
    assert copies is not None
    assert (copies.groups, copies.example_groups) == (1, ((0, 40),))


def test_a_changed_dataset_has_no_report_until_it_is_checked_again(
    layout: Layout, datasets: Datasets, reports: Reports
) -> None:
    check(layout)
    versions = Versions(layout, datasets)
    versions.remove_rows("d1", [40])
    assert reports.get("d1") is None
    with pytest.raises(WrongUsage, match="not checked"):
        reports.found("d1", "exact_copies")
    check(layout)
    assert "exact_copies" not in rows_found(reports)
    versions.undo("d1")
    assert rows_found(reports)["exact_copies"] == 2


def test_leakage_is_found_by_split_and_left_out_of_train(
    layout: Layout, datasets: Datasets, reports: Reports
) -> None:
    versions = Versions(layout, datasets)
    train = versions.order("d1").splits[TRAIN]
    versions.split_anew("d1", {TRAIN: train[:40], EVAL: train[40:]}, detail="by hand")
    check(layout)
    assert sorted(reports.found("d1", "leakage").ids.tolist()) == [0, 1, 40, 41]
    run = fix(layout, "leakage")
    assert (run.result["removed"], run.result["edited"]) == ("2", "0")
    order = versions.order("d1").splits
    assert order[TRAIN].tolist() == list(range(2, 40))
    assert order[EVAL].tolist() == [40, 41, 42, 43]


def test_fixes_are_one_version_that_can_be_undone(
    layout: Layout, datasets: Datasets, reports: Reports
) -> None:
    check(layout)
    before = answers(datasets)
    run = fix(layout, "exact_copies", "personal_data", "end_blanks")
    assert (run.result["removed"], run.result["edited"]) == ("1", "2")
    after = answers(datasets)
    assert len(after) == 43
    assert "Yes, always." in after
    masked = next(one for one in after if one.startswith("Write to"))
    assert "jane.doe@kontor-mueller.de" not in masked
    versions = Versions(layout, datasets)
    made = versions.history("d1")[-1]
    assert (made.action, made.parent) == (Action.FIXED, 1)
    assert made.detail.startswith("Exact copies, Personal data")
    with pytest.raises(WrongUsage, match="not checked"):
        fix(layout, "end_blanks")
    assert versions.removed("d1").tolist() == [40, 42, 43]
    check(layout)
    assert not {"exact_copies", "personal_data", "end_blanks"} & set(rows_found(reports))
    versions.undo("d1")
    assert answers(datasets) == before


def test_a_row_that_several_fixes_concern_is_repaired_by_all_of_them(
    layout: Layout, datasets: Datasets, tmp_path: Path
) -> None:
    source = tmp_path / "b.jsonl"
    record = {"prompt": "Mail?", "completion": "Write to jane.doe@kontor-mueller.de please. \n"}
    source.write_text(json.dumps(record) + "\n" + json.dumps({**record, "prompt": "Again?"}))
    ImportRun(layout, [source], dataset_id="d2", eval_ratio=0.0).run()
    JobRun(layout, checking.run, {"dataset_id": "d2", "settings": SETTINGS})
    options = {"dataset_id": "d2", "checks": ("personal_data", "end_blanks")}
    run = JobRun(layout, fixing.run, options)
    assert (run.result["removed"], run.result["edited"]) == ("0", "2")
    with closing(datasets.open_rows("d2", None)) as table:
        for _hash, row in table.rows():
            answer = cast("ChatRow", row).messages[-1].content
            assert "jane.doe" not in answer
            assert answer.endswith("please.")


def test_a_fix_of_many_rows_holds_few_of_them_in_memory(
    layout: Layout, tmp_path: Path, datasets: Datasets
) -> None:
    source = tmp_path / "many.jsonl"
    rows = 12_000
    with source.open("w", encoding="utf-8") as stream:
        for one in range(rows):
            record = {"prompt": f"Question {one}?", "completion": f"{one} {'abc ' * 400}  \n"}
            stream.write(json.dumps(record) + "\n")
    ImportRun(layout, [source], dataset_id="d2", eval_ratio=0.0).run()
    ids = np.arange(rows, dtype=np.int64)
    report = layout.dataset("d2").version(1).report
    report.mkdir(parents=True)
    found = Findings(ids=ids, groups=np.full(rows, -1, np.int64), labels=pa.array([""] * rows))
    write_findings(report, "end_blanks", found)
    tracemalloc.start()
    run = JobRun(layout, fixing.run, {"dataset_id": "d2", "checks": ("end_blanks",)})
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert run.result["edited"] == str(rows)
    assert datasets.get("d2").rows == rows
    assert peak < 32 << 20  # all rows together take three times as much


def test_a_stopped_fix_changes_nothing(layout: Layout, datasets: Datasets) -> None:
    check(layout)
    options = {"dataset_id": "d1", "checks": ("end_blanks",)}
    run = JobRun(layout, fixing.run, options, stop_requested=lambda: True)
    assert isinstance(run.events[-1], Stopped)
    assert datasets.get("d1").version == 1


def test_a_fix_with_nothing_to_do_is_refused_and_makes_no_version(
    layout: Layout, datasets: Datasets
) -> None:
    check(layout)
    with pytest.raises(WrongUsage, match="nothing to repair"):
        fix(layout, "mojibake")
    assert datasets.get("d1").version == 1


def test_a_stopped_check_leaves_no_report(layout: Layout, reports: Reports) -> None:
    options = {"dataset_id": "d1", "settings": SETTINGS}
    run = JobRun(layout, checking.run, options, stop_requested=lambda: True)
    assert isinstance(run.events[-1], Stopped)
    assert reports.get("d1") is None


def test_start_fix_takes_the_safe_ones_and_refuses_what_a_person_must_decide(
    datasets: Datasets,
) -> None:
    class Started:
        def __init__(self) -> None:
            self.options: dict[str, object] = {}

        def create(self, _kind: object, _name: str, _entry: str, options: dict[str, object]) -> str:
            self.options = options
            return "j1"

        def start(self, _job_id: str) -> None:
            return

    jobs = Started()
    preparation = Preparation(jobs=cast("Jobs", jobs), datasets=datasets)
    preparation.start_fix("d1")
    assert "exact_copies" in cast("list[str]", jobs.options["checks"])
    assert "near_copies" not in cast("list[str]", jobs.options["checks"])
    with pytest.raises(WrongUsage, match="only a person"):
        preparation.start_fix("d1", ["contradicting_answers"])
    with pytest.raises(WrongUsage, match="no check"):
        preparation.start_fix("d1", ["nothing"])


def test_advice_names_severe_findings_and_missing_rows(
    layout: Layout, datasets: Datasets, reports: Reports
) -> None:
    info = datasets.get("d1")
    assert advice(info, None)[0].startswith("Check the rows first")
    check(layout)
    lines = advice(info, report_of(reports))
    assert any("very few" in one for one in lines)
    assert any("No row is held out" in one for one in lines)
