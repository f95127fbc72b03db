# SPDX-License-Identifier: Apache-2.0
"""Mappings of a workspace: tried on files, saved, offered again, and imported with."""

from __future__ import annotations

import json
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from engine.api.datasets import Datasets
from engine.api.jobs import Jobs
from engine.api.mappings import Mappings
from engine.domain.dataset import ChatRow, DatasetInfo, Mapping, Part, RowKind
from engine.errors import FileMissing, WrongUsage
from engine.store.documents import read_document
from engine.store.layout import Layout
from tests.builders.dataset_import import ImportRun, new_workspace

NOW = datetime(2026, 1, 2, tzinfo=UTC)
GERMAN = Mapping(
    kind=RowKind.CHAT,
    parts=(
        Part(target="system", value="Sei kurz."),
        Part(target="user", value="{frage}"),
        Part(target="assistant", value="{antwort}"),
    ),
)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return new_workspace(tmp_path / "workspace")


@pytest.fixture
def mappings(layout: Layout) -> Mappings:
    return Mappings(layout, now=lambda: NOW)


def german(tmp_path: Path, name: str = "a.jsonl", **more: object) -> Path:
    """Write rows whose columns nobody knows; the last has no answer."""
    rows = [
        {"Frage": f"Wie alt ist Stadt {n}?", "Antwort": f"Etwa {n * 100} Jahre.", **more}
        for n in range(1, 30)
    ]
    rows.append({"Frage": "Und diese?", "Antwort": " "})
    path = tmp_path / name
    path.write_text("".join(json.dumps(one) + "\n" for one in rows), encoding="utf-8")
    return path


def test_sample_of_unknown_columns_proposes_and_shows_them(
    mappings: Mappings, tmp_path: Path
) -> None:
    sample = mappings.sample([german(tmp_path)])
    assert sample.is_unclear
    assert [(one.file, one.guess.shape) for one in sample.files] == [("a.jsonl", "")]
    assert [one.expression for one in sample.columns] == ["{Frage}", "{Antwort}"]
    assert sample.names == ("antwort", "frage")
    assert [one.target for one in sample.proposal.parts] == ["user", "assistant"]


def test_preview_shows_rows_and_rejects_with_their_reasons(
    mappings: Mappings, tmp_path: Path
) -> None:
    path = german(tmp_path)
    with path.open("a", encoding="utf-8") as stream:
        stream.write("{broken\n")
    sample = mappings.sample([path])
    found = mappings.preview(sample, GERMAN, limit=50)
    assert [(one.line, one.reason) for one in found if one.row is None] == [
        (30, "empty_text"),
        (31, "broken_json"),
    ]
    assert all(one.message for one in found if one.row is None)
    assert isinstance(found[0].row, ChatRow)
    assert [turn.content for turn in found[0].row.messages][:2] == [
        "Sei kurz.",
        "Wie alt ist Stadt 1?",
    ]
    assert len(mappings.preview(sample, GERMAN)) == 20
    assert mappings.problems(sample, GERMAN) == []


def test_sample_of_a_known_shape_is_sure_also_in_an_archive(
    mappings: Mappings, tmp_path: Path
) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.jsonl", '{"question": "Q", "answer": "A"}\n' * 3)
        archive.writestr("y.csv", "prompt,completion\na,b\nc,d\n")
    sample = mappings.sample([path])
    assert not sample.is_unclear
    assert [one.guess.shape for one in sample.files] == ["question_answer", "prompt_completion"]
    assert [one.value for one in sample.proposal.parts] == ["{question}", "{answer}"]


def test_sample_of_broken_rows_asks_nothing(mappings: Mappings, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"frage": "a", \n' * 5)
    sample = mappings.sample([path])
    assert sample.columns == ()
    assert not sample.is_unclear


def test_preview_of_many_files_shows_rows_of_each(mappings: Mappings, tmp_path: Path) -> None:
    for number in range(25):
        german(tmp_path, f"{number:02}.jsonl")
    sample = mappings.sample([tmp_path])
    assert len(sample.files) == 20
    found = mappings.preview(sample, GERMAN)
    assert len({one.file for one in found}) == len(found) == 20


def test_sample_of_nothing_or_of_a_missing_file_is_refused(
    mappings: Mappings, tmp_path: Path
) -> None:
    with pytest.raises(WrongUsage):
        mappings.sample([])
    with pytest.raises(FileMissing):
        mappings.sample([tmp_path / "gone.jsonl"])


def test_saved_mapping_is_listed_found_replaced_and_removed(mappings: Mappings) -> None:
    mappings.save("  My\n columns ", GERMAN, ["Frage", "Antwort", "frage"])
    (one,) = mappings.list()
    assert (one.name, one.columns, one.mapping) == ("My columns", ("antwort", "frage"), GERMAN)
    assert one.schema_version == 1
    assert mappings.get("my COLUMNS") == one
    changed = msgspec.structs.replace(GERMAN, parts=GERMAN.parts[1:])
    mappings.save("MY columns", changed, ["frage", "antwort"])
    assert [(one.name, one.mapping) for one in mappings.list()] == [("MY columns", changed)]
    mappings.remove("My columns")
    assert mappings.list() == []
    with pytest.raises(WrongUsage, match="My columns"):
        mappings.remove("My columns")


@pytest.mark.parametrize("name", ["", "  ", "x" * 81])
def test_save_without_a_fit_name_is_refused(mappings: Mappings, name: str) -> None:
    with pytest.raises(WrongUsage):
        mappings.save(name, GERMAN, [])


def test_save_of_a_mapping_that_cannot_be_used_is_refused(mappings: Mappings) -> None:
    with pytest.raises(WrongUsage):
        mappings.save("x", Mapping(kind=RowKind.TEXT, parts=()), [])
    assert mappings.list() == []


def test_matching_offers_what_fits_the_same_columns_first(
    mappings: Mappings, tmp_path: Path
) -> None:
    text = Mapping(kind=RowKind.TEXT, parts=(Part(target="text", value="{antwort}"),))
    mappings.save("answers only", text, ["antwort"])
    mappings.save("german", GERMAN, ["frage", "antwort"])
    other = Mapping(kind=RowKind.TEXT, parts=(Part(target="text", value="{colour}"),))
    mappings.save("colours", other, ["colour"])
    sample = mappings.sample([german(tmp_path)])
    assert [one.name for one in mappings.matching(sample)] == ["german", "answers only"]


def test_list_passes_over_what_is_no_mapping_or_of_a_newer_version(
    mappings: Mappings, layout: Layout
) -> None:
    saved = mappings.save("good", GERMAN, ["frage"])
    (layout.mappings / "bad.json").write_bytes(b"{")
    newer = msgspec.structs.replace(saved, schema_version=2, name="newer")
    (layout.mappings / "newer.json").write_bytes(msgspec.json.encode(newer))
    assert [one.name for one in mappings.list()] == ["good"]


def test_import_with_a_mapping_keeps_it_with_its_rejects(layout: Layout, tmp_path: Path) -> None:
    path = german(tmp_path, topic="towns")
    ImportRun(layout, [path], eval_ratio=0.0, mapping=GERMAN).run()
    info = read_document(layout.dataset("d1").info, DatasetInfo)
    assert (info.kind, info.rows, info.rejects) == (RowKind.CHAT, 29, 1)
    assert info.sources[0].mapping == GERMAN
    assert info.sources[0].shape == "mapping"
    assert info.sources[0].confidence == pytest.approx(29 / 30, abs=1e-4)
    datasets = Datasets(layout, Jobs(layout))
    (reject,) = datasets.rejects("d1")
    assert (reject.line, reject.reason) == (30, "empty_text")
    table = datasets.open_rows("d1")
    assert table.place(0).fields == '{"topic":"towns"}'
    table.close()


def test_start_import_with_a_mapping_that_cannot_be_used_is_refused(
    layout: Layout, tmp_path: Path
) -> None:
    datasets = Datasets(layout, Jobs(layout))
    with pytest.raises(WrongUsage):
        datasets.start_import([german(tmp_path)], mapping=Mapping(kind=RowKind.TEXT, parts=()))
