# SPDX-License-Identifier: Apache-2.0
"""Documents cut by the tokens of a model: what is shown is what is imported and what is kept."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.api.datasets import Datasets
from engine.api.documents import MOST_CHARACTERS, Documents
from engine.api.jobs import Jobs
from engine.api.models import Models
from engine.api.starter import starter_folder
from engine.api.versions import Versions
from engine.chat.tokenizer import load_tokenizer
from engine.domain.chunking import Chunking, cutting_text
from engine.domain.dataset import ChatRow, DatasetInfo, TextRow
from engine.domain.provenance import provenance_lines, provenance_of
from engine.errors import ModelChanged, ModelNotFound
from engine.store.documents import read_document
from engine.store.layout import Layout
from tests.builders.dataset_import import ImportRun, new_workspace
from tests.builders.model_folder import tiny_model_folder

CLOCK = datetime(2026, 11, 21, tzinfo=UTC)
PAGE = "# Printer\n\n" + " ".join(f"Step {one}: hold the button, then wait." for one in range(200))


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return new_workspace(tmp_path / "w")


@pytest.fixture
def models(layout: Layout) -> Models:
    return Models(layout, Jobs(layout))


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "page.md"
    path.write_text(PAGE, encoding="utf-8")
    return path


def imported(layout: Layout, path: Path, chunking: Chunking | None) -> DatasetInfo:
    """Import a document."""
    ImportRun(layout, [path], eval_ratio=0.0, chunking=chunking).run()
    return read_document(layout.dataset("d1").info, DatasetInfo)


def test_rows_have_as_many_tokens_as_shown_and_never_more_than_asked(
    layout: Layout, models: Models, page: Path
) -> None:
    model = models.add_starter()
    chunking = Chunking(tokens=100, overlap_tokens=20, model_id=model.id)
    shown = Documents(layout).preview([page], chunking, limit=1000)
    info = imported(layout, page, chunking)
    tokenizer = load_tokenizer(starter_folder(), clock=CLOCK)
    table = Datasets(layout, Jobs(layout)).open_rows("d1", None)
    rows = [row for _hash, row in table.rows()]
    table.close()
    lengths = [one.length_tokens for one in tokenizer.encode_rows(rows, max_length=9999)]
    assert shown.is_exact
    assert info.rows == shown.rows > 10
    assert [row.text for row in rows if isinstance(row, TextRow)] == [
        one.text for one in shown.chunks
    ]
    assert lengths == [one.tokens for one in shown.chunks]
    assert max(lengths) == shown.tokens_max <= 100
    estimated = Documents(layout).preview([page], Chunking(tokens=100, overlap_tokens=20))
    assert estimated.rows != shown.rows


def test_what_counted_is_kept_and_told(layout: Layout, models: Models, page: Path) -> None:
    model = models.add_starter()
    chunking = Chunking(tokens=100, overlap_tokens=20, model_id=model.id)
    info = imported(layout, page, chunking)
    cutting = info.sources[0].cutting
    assert cutting is not None
    assert (cutting.chunking, cutting.fingerprint) == (chunking, model.fingerprint)
    words = (
        "Cut into pieces of at most 100 tokens, up to 20 of them repeated. "
        f"Tokens were counted by the tokenizer of {model.name}."
    )
    assert cutting_text(cutting) == words
    history = Versions(layout, Datasets(layout, Jobs(layout))).history("d1")
    provenance = provenance_of(info, history, 1)
    assert f"- Documents: {words}" in provenance_lines(provenance)


def test_an_estimate_is_told_as_such(layout: Layout, page: Path) -> None:
    info = imported(layout, page, Chunking(tokens=100))
    cutting = info.sources[0].cutting
    assert cutting is not None
    assert "Tokens were estimated" in cutting_text(cutting)


def test_what_was_not_cut_has_no_cutting(layout: Layout, tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"text": "one"}\n{"text": "two"}\n', encoding="utf-8")
    info = imported(layout, rows, Chunking())
    assert info.sources[0].cutting is None


def test_questions_are_counted_as_the_conversations_they_become(
    layout: Layout, models: Models, tmp_path: Path
) -> None:
    path = tmp_path / "faq.txt"
    path.write_text("".join(f"Q: How {one}?\n\nA: So {one}.\n\n" for one in range(4)))
    chunking = Chunking(model_id=models.add_starter().id)
    shown = Documents(layout).preview([path], chunking)
    imported(layout, path, chunking)
    table = Datasets(layout, Jobs(layout)).open_rows("d1", None)
    row = table.row(0)
    table.close()
    assert isinstance(row, ChatRow)
    tokenizer = load_tokenizer(starter_folder(), clock=CLOCK)
    assert shown.chunks[0].tokens == tokenizer.encode_row(row, max_length=99).length_tokens
    plain = models.add(tiny_model_folder(tmp_path / "plain", template=None))
    without = Documents(layout).preview([path], Chunking(model_id=plain.id))
    assert without.rows == 4
    assert without.is_exact


def test_a_model_that_is_gone_or_changed_is_said_before_anything_starts(
    layout: Layout, models: Models, page: Path, tmp_path: Path
) -> None:
    datasets = Datasets(layout, Jobs(layout))
    with pytest.raises(ModelNotFound):
        Documents(layout).preview([page], Chunking(model_id="none"))
    with pytest.raises(ModelNotFound):
        datasets.start_import([page], chunking=Chunking(model_id="none"))
    folder = tiny_model_folder(tmp_path / "tiny")
    documents = Documents(layout)
    chunking = Chunking(tokens=64, model_id=models.add(folder).id)
    assert documents.preview([page], chunking).is_exact
    (folder / "tokenizer.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ModelChanged):
        documents.preview([page], chunking)
    with pytest.raises(ModelChanged):
        datasets.start_import([page], chunking=chunking)


def test_other_lengths_read_the_tokenizer_once(
    layout: Layout, models: Models, page: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[Path] = []

    def load(folder: Path, *, clock: datetime) -> object:
        loaded.append(folder)
        return load_tokenizer(folder, clock=clock)

    monkeypatch.setattr("engine.chat.tokenizer.load_tokenizer", load)
    documents, model = Documents(layout), models.add_starter()
    found = [
        documents.preview([page], Chunking(tokens=one, model_id=chosen))
        for one, chosen in ((64, model.id), (128, model.id), (128, ""), (256, model.id))
    ]
    assert [one.is_exact for one in found] == [True, True, False, True]
    assert len(loaded) == 1


def test_a_long_document_is_shown_in_part_and_that_is_said(layout: Layout, tmp_path: Path) -> None:
    path = tmp_path / "long.txt"
    path.write_text(f"{PAGE}\n\n" * (MOST_CHARACTERS // len(PAGE) + 2), encoding="utf-8")
    documents = Documents(layout)
    assert documents.preview([path], Chunking()).is_partial
    path.write_text(PAGE, encoding="utf-8")
    assert not documents.preview([path], Chunking()).is_partial
