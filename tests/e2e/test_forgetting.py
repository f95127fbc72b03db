# SPDX-License-Identifier: Apache-2.0
"""A dataset lives a whole life, is forgotten, and no text of its rows is anywhere after that.

Every row carries a secret of 128 bits. The search knows it in all forms in which text stands in
files, and looks through the workspace, an own home, an own folder for temporary files and shared
memory. What may still hold a row afterwards is what the command named as remaining.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from engine.store import atomicfs
from engine.store.layout import Layout
from engine.store.migrations import Step
from engine.store.workspace import open_workspace
from tests.builders.dataset_import import START
from tests.e2e.command_line import STARTER, CommandLine

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

SECRET = "5eed" + "c0ffee42" * 3 + "5eed"
ROWS = 24


def forms() -> tuple[bytes, ...]:
    """Return the secret as it may stand in a file: plain, wide, for an address, in base64."""
    plain = SECRET.encode("ascii")
    shifted = (base64.b64encode(b"x" * shift + plain)[4:-4] for shift in range(3))
    wide = (SECRET.encode("utf-16-le"), SECRET.encode("utf-16-be"))
    return (plain, *wide, quote(SECRET).encode("ascii"), *shifted)


def holders(*folders: Path) -> list[Path]:
    """Return the files with the secret in any form."""
    return sorted(one for folder in folders for one in files_in(folder) if holds(one))


def files_in(folder: Path) -> Iterator[Path]:
    """Yield every file; folders of other tests in shared memory may go meanwhile."""
    for place, _folders, names in os.walk(folder):
        yield from (path for name in names if (path := Path(place, name)).is_file())


def holds(path: Path) -> bool:
    """Return whether a file has the secret in any form; one that is gone has not."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return False
    return any(form in content for form in forms())


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with a home and a folder for temporary files of its own."""
    for name in ("home", "tmp"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return tmp_path


def write_rows(path: Path, *, secret: str, rows: int = ROWS) -> Path:
    lines = [
        json.dumps({"prompt": f"Ticket {one}, case {secret}", "completion": f"{secret} is {one}."})
        for one in range(rows)
    ]
    # A row that is rejected: its beginning is kept, too.
    path.write_text("\n".join([*lines, json.dumps({"messages": secret})]), encoding="utf-8")
    return path


def back_up(layout: Layout, dataset_id: str) -> None:
    """Bring the workspace to a newer version by a step that changes the dataset, and back again."""

    def write(old: Layout, files: Path) -> None:
        target = files / "datasets" / dataset_id / "rejects.jsonl"
        target.parent.mkdir(parents=True)
        atomicfs.write_file(target, old.dataset(dataset_id).rejects.read_bytes(), durable=False)

    marker = layout.marker.read_bytes()
    open_workspace(layout.root, now=START, steps=(Step(write=write),))
    layout.marker.write_bytes(marker)


def live(line: CommandLine, place: Path) -> dict[str, Any]:
    """Do with a dataset whatever leaves text of rows somewhere; return the ids."""
    source = write_rows(place / "rows.jsonl", secret=SECRET)
    other = write_rows(place / "other.jsonl", secret="nothing", rows=6)
    data = line.do("import", source, "--name", "Secrets", "--eval-ratio", "0.3")["dataset_id"]
    line.do("import", other, "--name", "Others")
    model = line.do("model", "add", STARTER, "--name", "Starter")["model_id"]
    line.do("dataset", "check", data)
    line.do("dataset", "tokens", data, "--model", model)
    settings = ("max_steps=2", "eval_rows=4", "sample_rows=2", "eval_every_steps=1")
    words = [word for one in settings for word in ("--set", one)]
    training = ("train", "--model", model, "--preset", "starter", *words)
    run_id = line.do(*training, "--dataset", data)["run_id"]
    line.do("export", run_id, "--target", "adapter", "--out", place / "adapter")
    further = line.do(*training, "--dataset", "Others", "--from", place / "adapter")["run_id"]
    asked = ("generate", "--model", model, "--max-new-tokens", "4", "--prompt", f"case {SECRET}")
    line.do(*asked, "--run", run_id)
    line.do(*asked)
    line.do("dataset", "remove", data, "0")
    line.do("dataset", "split", data, "--eval-ratio", "0.2", "--part-near")
    line.do("dataset", "sample", data, "--rows", "5", "--name", "Few")
    line.do("dataset", "sample", data, "--rows", "8", "--name", "Gone")
    on_gone = line.do(*training, "--dataset", "Gone")["run_id"]
    line.do("remove", "dataset", "Gone")
    line.do("trash", "empty", "Gone")
    line.do("dataset", "merge", "Secrets", "Others", "--name", "Both")
    line.do("dataset", "sample", "Both", "--rows", "5", "--name", "Thrown")
    line.do("remove", "dataset", "Thrown")
    line.do("dataset", "export", data, "--out", place / "copy")
    back_up(Layout(line.workspace), data)
    return {"dataset": data, "run": run_id, "learned": {run_id, further, on_gone}}


@pytest.mark.timeout(900)
def test_after_a_whole_life_nothing_of_a_forgotten_dataset_is_left_but_what_is_named(
    place: Path,
) -> None:
    line = CommandLine(place / "workspace")
    ids = live(line, place)
    before = {one.relative_to(line.workspace).parts[0] for one in holders(line.workspace)}
    assert before == {"datasets", "jobs", "trash", "backups"}

    refused = line.ask("dataset", "forget", "Secrets")
    assert refused.values["error"]["code"] == "wrong_usage"
    plan = line.do("dataset", "forget", "Secrets", "--plan")
    assert {one["name"] for one in plan["related"]} == {"Few", "Both", "Thrown"}
    assert len(holders(line.workspace)) > len(before)

    done = line.do("dataset", "forget", "Secrets", "--yes")
    assert holders(line.workspace, place / "home", place / "tmp", Path("/dev/shm")) == []
    assert done["removed"] == plan["removed"]
    named = {Path(one["path"]) for one in done["remaining"] if one["path"]}
    assert named == {place / "adapter", place / "copy", place / "rows.jsonl"}
    left = {one.relative_to(place).parts[0] for one in holders(place)}
    assert left == {"copy", "rows.jsonl"}
    emptied = {one["id"] for one in done["rewritten"] if one["kind"] == "run"}
    assert emptied == ids["learned"]
    # Gone as it is, it is still known: what an older program left behind can be forgotten, too.
    assert line.do("dataset", "forget", ids["dataset"], "--plan")["name"] == "Secrets"

    shown = line.do("run", "show", ids["run"])
    assert (shown["state"], shown["steps"]) == ("finished", 2)
    assert [one["name"] for one in line.do("datasets")["datasets"]] == ["Others"]
    assert line.do("export", ids["run"], "--target", "adapter", "--out", place / "b")["verified"]
