# SPDX-License-Identifier: Apache-2.0
"""What is removed by name can be put back by name, and its name is free at once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from engine.api.datasets import Datasets
from engine.api.facade import Api, open_api
from engine.api.trash import Trash
from engine.domain.run import JobKind
from engine.domain.trash import KEEP_DAYS, TrashKind
from engine.errors import DatasetNotFound, NotInTrash
from tests.builders.dataset_import import ImportRun
from tests.builders.model_folder import tiny_model_folder

NOW = datetime(2026, 11, 20, tzinfo=UTC)
ROWS = '{"text":"one"}\n{"text":"two"}\n{"text":"three"}\n'


@pytest.fixture
def api(tmp_path: Path) -> Api:
    return open_api(tmp_path / "w")


def add_dataset(api: Api, tmp_path: Path, dataset_id: str = "d1") -> None:
    (tmp_path / "rows.jsonl").write_text(ROWS, encoding="utf-8")
    ImportRun(api.layout, [tmp_path / "rows.jsonl"], dataset_id=dataset_id, name="Rows").run()


def test_removed_dataset_frees_its_name_and_comes_back(api: Api, tmp_path: Path) -> None:
    add_dataset(api, tmp_path)
    before = api.datasets.get("Rows")
    entry_id = api.datasets.remove("d1")
    with pytest.raises(DatasetNotFound):
        api.datasets.get("Rows")
    add_dataset(api, tmp_path, "d2")
    assert api.datasets.get("Rows").id == "d2"
    entry = api.trash.restore("Rows")
    assert (entry.id, entry.kind, entry.name) == (entry_id, TrashKind.DATASET, "Rows")
    assert api.datasets.get("d1") == before
    assert len(api.datasets.open_rows("d1", None)) == 3


def test_removed_model_comes_back(api: Api, tmp_path: Path) -> None:
    info = api.models.add(tiny_model_folder(tmp_path / "tiny"), name="Tiny")
    api.models.remove(info.id)
    assert api.models.list() == []
    api.trash.restore("Tiny")
    assert api.models.get("Tiny") == info


def test_removed_export_takes_its_files_in_the_workspace_along(api: Api) -> None:
    inside = api.layout.exports / "one"
    inside.mkdir()
    (inside / "weights").write_bytes(b"w")
    job_id = api.jobs.create(JobKind.EXPORT, "Run 1", "", {"out": str(inside)})
    api.exports.remove(job_id)
    assert not inside.exists()
    assert api.exports.list() == []
    api.trash.restore("Run 1")
    assert (inside / "weights").read_bytes() == b"w"
    assert [one.info.id for one in api.exports.list()] == [job_id]


def test_removed_export_leaves_files_elsewhere(api: Api, tmp_path: Path) -> None:
    outside = tmp_path / "mine"
    outside.mkdir()
    job_id = api.jobs.create(JobKind.EXPORT, "Run 1", "", {"out": str(outside)})
    api.exports.remove(job_id)
    assert outside.is_dir()


def test_two_of_a_name_are_told_apart_by_id(api: Api, tmp_path: Path) -> None:
    found: list[str] = []
    for dataset_id in ("d1", "d2"):
        add_dataset(api, tmp_path, dataset_id)
        found.append(api.datasets.remove(dataset_id))
    with pytest.raises(NotInTrash, match="More than one"):
        api.trash.restore("Rows")
    api.trash.restore(found[1][:6])
    assert api.datasets.get("Rows").id == "d2"


def test_tidy_deletes_only_what_is_old(api: Api, tmp_path: Path) -> None:
    add_dataset(api, tmp_path)
    add_dataset(api, tmp_path, "d2")
    Datasets(api.layout, api.jobs).remove("d1")
    later = datetime.now(UTC) + timedelta(days=KEEP_DAYS, hours=1)
    assert api.trash.tidy() == 0
    Trash(api.layout, now=lambda: later).throw_away(
        TrashKind.DATASET, "New", [api.layout.dataset("d2").root]
    )
    assert Trash(api.layout, now=lambda: later).tidy() == 1
    assert [one.name for one in api.trash.list()] == ["New"]
    assert api.trash.empty() == 1
    assert api.trash.list() == []
