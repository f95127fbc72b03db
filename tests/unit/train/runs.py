# SPDX-License-Identifier: Apache-2.0
"""Builds whole small training jobs in a workspace, and runs them in this process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from engine.domain.dataset import ChatRow, DatasetInfo, Role, Row, RowKind, TextRow, Turn
from engine.domain.recipe import Recipe
from engine.domain.run import JobInfo, JobKind
from engine.formats.dataset_writer import DatasetWriter
from engine.protocol.events import Event
from engine.protocol.job import JobContext
from engine.store import atomicfs
from engine.store.documents import write_document
from engine.store.layout import Layout
from engine.store.ledger import Ledger
from engine.store.modelfolder import inspect_model
from engine.store.workspace import open_workspace
from tests.builders.model_folder import tiny_model_folder

MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
CREATED = "2026-01-02T03:04:05.000Z"
DATASET, MODEL = "dataset-1", "model-1"
Kind = TypeVar("Kind", bound=msgspec.Struct)


def chat_row(question: str, answer: str) -> ChatRow:
    """Return a conversation of one question and one answer."""
    return ChatRow(
        messages=(
            Turn(role=Role.USER, content=question),
            Turn(role=Role.ASSISTANT, content=answer),
        )
    )


def chat_rows(count: int) -> list[Row]:
    """Return conversations of many lengths whose answers can be learned."""
    words = ("order", "ticket", "printer", "answer", "Monday", "Paris", "fox", "dog")
    return [
        chat_row(
            f"Where is my {words[one % 8]} number {one}?",
            f"Thank you. The {words[one % 8]} arrives on Monday" + " and once" * (one % 7) + ".",
        )
        for one in range(count)
    ]


def text_rows(count: int) -> list[Row]:
    """Return plain texts of many lengths."""
    return [
        TextRow(text=f"The quick fox {one} " + "jumps over the dog " * (one % 5 + 1))
        for one in range(count)
    ]


def write_dataset(
    layout: Layout, rows: Sequence[Row], *, eval_ratio: float = 0.2, dataset_id: str = DATASET
) -> None:
    """Commit rows as a dataset of the workspace."""
    kind = RowKind.CHAT if isinstance(rows[0], ChatRow) else RowKind.TEXT
    with atomicfs.new_folder(layout.dataset(dataset_id).root) as folder:
        with DatasetWriter(folder / "rows", kind, eval_ratio, Ledger()) as writer:
            for line, row in enumerate(rows):
                writer.add(row, 0, line)
            written = writer.finish()
        info = DatasetInfo(
            id=dataset_id,
            name="rows" if dataset_id == DATASET else dataset_id,
            kind=kind,
            rows=len(rows),
            rejects=0,
            duplicates=written.duplicates,
            splits=written.splits,
            eval_ratio=eval_ratio,
            created_at=CREATED,
            sources=(),
        )
        write_document(folder / "dataset.json", info)


def add_model(layout: Layout, folder: Path) -> None:
    """Make a model folder known to the workspace."""
    info = inspect_model(folder, model_id=MODEL, name="tiny", added_at=CREATED)
    document = layout.model(MODEL)
    atomicfs.make_folder(document.parent)
    write_document(document, info)


@dataclass
class Desk:
    """A workspace with one dataset and one model, and the jobs on it.

    Attributes:
        layout: Its paths.
        base: Folder of the base model.
        events: What the newest job wrote.
    """

    layout: Layout
    base: Path
    events: list[Event] = field(default_factory=list)

    def recipe(self, **values: Any) -> Recipe:
        """Return a recipe with small and exact defaults."""
        defaults: dict[str, Any] = {
            "dataset_id": DATASET,
            "model_id": MODEL,
            "method": "sft_lora",
            "device": "cpu",
            "dtype": "fp32",
            "lora_rank": 4,
            "lora_alpha": 8.0,
            "learning_rate": 5e-3,
            "effective_batch_size": 4,
            "max_length": 96,
            "epochs": 2.0,
            "sample_rows": 0,
            "checkpoint_every_s": 0.0,
            "seed": 3,
        }
        return msgspec.convert(defaults | values, Recipe)

    def add_run(self, run_id: str, recipe: Recipe) -> None:
        """Write recipe.json of a new run."""
        folder = self.layout.job(run_id)
        atomicfs.make_folder(folder.root)
        write_document(folder.recipe, recipe)

    def context(
        self,
        job_id: str,
        *,
        kind: JobKind = JobKind.TRAIN,
        options: dict[str, Any] | None = None,
        stop_when: Callable[[Event], bool] = lambda _event: False,
    ) -> JobContext:
        """Return the surroundings of a job; it is asked to stop behind an event that matches."""
        self.events = []
        asked: list[bool] = []

        def emit(event: Event) -> None:
            self.events.append(event)
            if stop_when(event):
                asked.append(True)

        raw = {name: msgspec.Raw(msgspec.json.encode(one)) for name, one in (options or {}).items()}
        return JobContext(
            workspace=self.layout.root,
            folder=self.layout.job(job_id).root,
            info=JobInfo(
                id=job_id, kind=kind, name="job", entry="", created_at=CREATED, options=raw
            ),
            attempt=1,
            emit=emit,
            stop_requested=lambda: bool(asked),
            now=lambda: MOMENT,
        )

    def of(self, kind: type[Kind]) -> list[Kind]:
        """Return the newest job's events of a kind."""
        return [one for one in self.events if isinstance(one, kind)]


def make_desk(
    root: Path, *, rows: Sequence[Row] | None = None, eval_ratio: float = 0.2, **model: Any
) -> Desk:
    """Make a workspace with a dataset and a tiny model."""
    layout = open_workspace(root / "workspace", now=MOMENT)
    write_dataset(layout, rows if rows is not None else chat_rows(22), eval_ratio=eval_ratio)
    base = tiny_model_folder(root / "base", **model)
    add_model(layout, base)
    return Desk(layout=layout, base=base)
