# SPDX-License-Identifier: Apache-2.0
"""The command line from a pile of files to a checked, repaired, split and exported dataset."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.command_line import STARTER, CommandLine

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def pile(folder: Path) -> Path:
    """Write files of several kinds with copies, personal data and blanks among their rows."""
    folder.mkdir()
    rows = [
        {"prompt": f"Question {one}?", "completion": f"Answer {one}.", "customer": f"c{one % 7}"}
        for one in range(60)
    ]
    lines = [json.dumps(one) for one in rows]
    (folder / "a.jsonl").write_text("\n".join(lines[:30]), encoding="utf-8")
    (folder / "b.json").write_text(json.dumps(rows[25:50]), encoding="utf-8")
    table = (
        "prompt;completion;customer\nMail?;Write to jo@kontor-mueller.de.;c1\nEnd?;Here.   ;c2\n"
    )
    (folder / "c.csv").write_bytes(table.encode("utf-16"))
    with zipfile.ZipFile(folder / "d.zip", "w") as archive:
        archive.writestr("inner/e.jsonl", "\n".join(lines[50:]))
    return folder


def assert_groups_and_languages(line: CommandLine, report: dict[str, Any]) -> None:
    """Copies are named and shown as groups; every row was sorted by language."""
    results = {one["check"]: one for one in report["results"]}
    assert [len(one) for one in results["exact_copies"]["example_groups"]] == [2] * 5
    copies = line.do("dataset", "show", "all", "--check", "exact_copies", "--rows", "4")
    assert [one["group"] for one in copies["rows_shown"]] == [1, 1, 2, 2]
    assert sum(results["language"]["tally"].values()) == 67


def test_pile_becomes_a_checked_repaired_split_and_exported_dataset(tmp_path: Path) -> None:
    line = CommandLine(tmp_path / "w")
    made = line.do("import", pile(tmp_path / "pile"), "--name", "all")
    assert (made["rows"], made["rejects"], made["duplicates"]) == (67, 0, 5)

    report = line.do("dataset", "check", "all")
    found = {one["check"]: one for one in report["results"] if one["rows"]}
    assert found["exact_copies"]["rows"] == 10
    assert_groups_and_languages(line, report)
    assert found["personal_data"]["labels"] == {"email": 1}
    assert found["exact_copies"]["is_safe"]
    assert report["advice"]

    fixed = line.do("dataset", "fix", "all")
    assert (fixed["removed"], fixed["edited"], fixed["rows"]) == (5, 1, 62)
    assert line.do("dataset", "undo", "all")["version"] == 1
    assert line.do("dataset", "redo", "all")["version"] == 2

    words = ("--by", "group", "--column", "customer", "--eval-ratio", "0.3", "--part-near")
    split = line.do("dataset", "split", "all", *words)
    assert split["splits"]["train"] + split["splits"]["eval"] == 62
    history = line.do("dataset", "history", "all")
    assert [one["action"] for one in history["versions"]] == ["imported", "fixed", "split"]

    sample = line.do("dataset", "sample", "all", "--rows", "9", "--name", "few")
    assert sample["rows"] == 9
    merged = line.do("dataset", "merge", "all", "few", "--name", "both")
    assert merged["rows"] == 71
    out = tmp_path / "out"
    exported = line.do("dataset", "export", "all", "--out", out)
    assert {"train.jsonl", "eval.jsonl", "README.md"} <= set(exported["files"])
    customers = [
        {json.loads(one)["customer"] for one in (out / name).read_text("utf-8").splitlines()}
        for name in ("train.jsonl", "eval.jsonl")
    ]
    assert not customers[0] & customers[1]


def test_tokens_of_a_dataset_are_counted_as_the_trainer_reads_them(tmp_path: Path) -> None:
    line = CommandLine(tmp_path / "w")
    line.do("import", pile(tmp_path / "pile"), "--name", "all")
    line.do("model", "add", STARTER, "--name", "starter")
    trained = line.do("dataset", "tokens", "all", "--model", "starter")
    assert 0 < trained["trained_ratio"] < 1
    assert trained["end_of_turn_ratio"] == 1


def reviews(path: Path) -> Path:
    """Write texts with their classes, of which one is rare and one text is in two."""
    labels = ["praise"] * 30 + ["complaint"] * 20 + ["question"]
    lines = [f"Review number {n} of the shop,{label}" for n, label in enumerate(labels)]
    rows = ["text,label", *lines, "Review number 3 of the shop,complaint"]
    path.write_text("\n".join(rows), encoding="utf-8")
    return path


def test_labelled_rows_are_checked_refused_for_training_and_mapped_to_conversations(
    tmp_path: Path,
) -> None:
    line = CommandLine(tmp_path / "w")
    path = reviews(tmp_path / "reviews.csv")
    shown = line.do("columns", path)
    assert shown["files"][0]["guess"]["shape"] == "labelled_text"
    assert shown["mapping"]["kind"] == "label"
    made = line.do("import", path, "--name", "classes")
    assert (made["kind"], made["rows"]) == ("label", 52)
    report = line.do("dataset", "check", "classes")
    found = {one["check"]: one["rows"] for one in report["results"] if one["rows"]}
    assert found["rare_classes"] == 1
    assert found["contradicting_classes"] == 2

    line.do("model", "add", STARTER, "--name", "starter")
    plan = line.ask("plan", "--dataset", "classes", "--model", "starter")
    assert "kind_unsuitable" in json.dumps(plan.values)

    words = ("--map", "system=Name the kind of the review.", "--map", "user={text}",
             "--map", "assistant={label}")  # fmt: skip
    talks = line.do("import", path, "--name", "talks", *words, "--save-mapping", "Reviews")
    assert (talks["kind"], talks["rows"]) == ("chat", 52)
    again = line.do("import", path, "--name", "again", "--mapping", "reviews")
    assert again["rows"] == 52
    (source,) = line.do("dataset", "show", "again")["sources"]
    assert [one["target"] for one in source["mapping"]["parts"]] == ["system", "user", "assistant"]
    assert source["confidence"] == 1.0

    out = tmp_path / "out"
    line.do("dataset", "export", "classes", "--out", out)
    back = line.do("import", out / "train.jsonl", "--name", "back", "--eval-ratio", "0")
    assert (back["kind"], back["rows"]) == ("label", made["splits"]["train"])
