# SPDX-License-Identifier: Apache-2.0
"""Rows of an imported dataset, shown as tokens of a model."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from engine.api.jobs import Jobs
from engine.api.models import Models
from engine.api.preview import preview
from engine.domain.split import EVAL
from engine.errors import DatasetNotFound, ModelNotFound, NoChatTemplate
from engine.store.layout import Layout
from tests.builders.conversations import template_text
from tests.builders.dataset_import import ImportRun, new_workspace
from tests.builders.model_folder import tiny_model_folder


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """Return a workspace with the dataset d1: ten rows, none held out."""
    source = tmp_path / "rows.jsonl"
    lines = [
        msgspec.json.encode({"prompt": f"Question {number}", "completion": f"Answer {number}"})
        for number in range(10)
    ]
    source.write_bytes(b"\n".join(lines))
    made = new_workspace(tmp_path / "workspace")
    ImportRun(made, [source], name="Rows", eval_ratio=0.0).run()
    return made


@pytest.fixture
def models(layout: Layout) -> Models:
    return Models(layout, Jobs(layout))


def test_rows_are_shown_from_the_asked_place(
    layout: Layout, models: Models, tmp_path: Path
) -> None:
    model_id = models.add(tiny_model_folder(tmp_path / "m")).id
    found = preview(layout, "d1", model_id, start=8, rows=5)
    assert len(found) == 2
    trained = ["".join(one.text for one in row.tokens if one.trained) for row in found]
    assert trained == ["Answer 8<|im_end|>", "Answer 9<|im_end|>"]
    assert len({row.row_hash for row in found}) == 2
    assert found[0] == models.preview("d1", model_id, start=8)[0]
    assert preview(layout, "d1", model_id, start=10) == []


def test_length_and_clock_reach_the_tokenizer(
    layout: Layout, models: Models, tmp_path: Path
) -> None:
    path = tiny_model_folder(
        tmp_path / "m",
        template=template_text("dated"),
        end_of_turn="<|eot_id|>",
        bos="<|begin_of_text|>",
    )
    model_id = models.add(path).id
    (row,) = preview(layout, "d1", model_id, clock=datetime(1999, 12, 31, tzinfo=UTC))
    assert "Today Date: 31 Dec 1999" in "".join(one.text for one in row.tokens)
    (short,) = preview(layout, "d1", model_id, max_length=16)
    assert (len(short.tokens), short.truncated) == (16, True)


def test_what_is_not_there_is_named(layout: Layout, models: Models, tmp_path: Path) -> None:
    model_id = models.add(tiny_model_folder(tmp_path / "m")).id
    with pytest.raises(DatasetNotFound, match="d2"):
        preview(layout, "d2", model_id)
    with pytest.raises(DatasetNotFound, match="test"):
        preview(layout, "d1", model_id, split="test")
    with pytest.raises(ModelNotFound, match="m2"):
        preview(layout, "d1", "m2")
    assert preview(layout, "d1", model_id, split=EVAL) == []


def test_model_without_a_template_cannot_show_conversations(
    layout: Layout, models: Models, tmp_path: Path
) -> None:
    model_id = models.add(tiny_model_folder(tmp_path / "m", template=None)).id
    with pytest.raises(NoChatTemplate):
        preview(layout, "d1", model_id)
