# SPDX-License-Identifier: Apache-2.0
"""What the export tests start from: a tiny base with an adapter, and jobs in a workspace."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.domain.recipe import Recipe
from engine.store import atomicfs
from engine.store.documents import write_document
from engine.store.layout import Layout
from tests.builders.model_folder import tiny_model_folder
from tests.unit.export.exporting import RUN_ID, Job, MakeJob, Trained, make_adapter


@pytest.fixture
def make_job(tmp_path: Path) -> MakeJob:
    """Return a function that makes an export job in a workspace with a run."""
    layout = Layout(tmp_path / "workspace")

    def make(base: Path, source: Path, **values: object) -> Job:
        folder = layout.job(RUN_ID)
        atomicfs.make_folder(folder.root)
        write_document(folder.recipe, Recipe(dataset_id="private-tickets", model_id="m"))
        options: dict[str, object] = {
            "run_id": RUN_ID,
            "target": "merged",
            "out": str(tmp_path / "exports" / "one"),
            "source": str(source),
            "model_path": str(base),
            "prompts": ["Hello, where is my order?", "The printer does not work."],
        }
        return Job(workspace=layout.root, options=options | values)

    return make


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Return a tied bf16 base in one file, and an adapter on all of its linear layers."""
    folder = tmp_path_factory.mktemp("trained")
    base = tiny_model_folder(folder / "tiny-base")
    return Trained(base=base, adapter=make_adapter(base, folder / "adapter"))
