# SPDX-License-Identifier: Apache-2.0
"""The engine's facade in memory: datasets, models, jobs and runs that tests make and move on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import msgspec
import numpy as np
from msgspec.structs import replace

from engine.api.beginning import Beginning
from engine.api.jobs import JobView
from engine.api.machine import Finding
from engine.api.preparation import ExportForm
from engine.api.preview import RowTokens
from engine.api.row_views import Hits, RowChange
from engine.api.run_curves import RunCurves
from engine.domain.chunking import Chunking, ChunkPreview, DocumentPreview
from engine.domain.dataset import DatasetInfo, Reject, Row, RowKind, SourceFile
from engine.domain.dataset import Mapping as RowMapping
from engine.domain.decision import Decision
from engine.domain.learning_advice import advise
from engine.domain.model import ModelInfo, ModelShape
from engine.domain.plan import MemoryNeed, Plan, steps_of
from engine.domain.problem import Problem, Severity
from engine.domain.recipe import Recipe
from engine.domain.recipe_values import problems_of
from engine.domain.report import Report
from engine.domain.row_query import RowQuery
from engine.domain.run import Failure, JobInfo, JobKind, JobSnapshot, JobState
from engine.domain.run_note import RunNote, tidy_note, tidy_tags
from engine.domain.split import SplitRule
from engine.domain.start import Ancestor
from engine.domain.trash import TrashKind
from engine.domain.version import Action, VersionDifference, VersionInfo
from engine.errors import DatasetNotFound, EngineError, RecipeInvalid, RunNotFound
from engine.protocol.codec import Envelope
from engine.protocol.events import Event, Finished, PhaseChanged, StepDone, Stopped, WorkerStarted
from engine.protocol.fold import fold
from engine.quality.check import Check
from engine.quality.fixes import FIXES, Fix
from engine.quality.registry import CHECKS
from engine.store.layout import Layout
from tests.fakes.continuing import FakeContinuing
from tests.fakes.coverages import FakeCoverages
from tests.fakes.diagnosis import FakeDiagnosis
from tests.fakes.exports import FakeExports
from tests.fakes.forgetting import FakeForgetting
from tests.fakes.mappings import FakeMappings
from tests.fakes.memorisation import FakeMemorisation
from tests.fakes.proofs import FakeProofs
from tests.fakes.queue import FakeQueue
from tests.fakes.rates import FakeRates
from tests.fakes.recipes import FakeRecipes
from tests.fakes.rows import FakeRowTable, a_chat, tokens_of
from tests.fakes.runtimes import FakeRuntimes
from tests.fakes.trash import FakeSpace, FakeTrash

if TYPE_CHECKING:
    from engine.api.runs import Runs

GB = 2**30
MOMENT = "2026-11-03T14:00:00.000Z"


def a_dataset(**changes: Any) -> DatasetInfo:
    """Return a dataset of 400 conversations."""
    values: dict[str, Any] = {
        "id": "d1",
        "name": "Support tickets",
        "kind": RowKind.CHAT,
        "rows": 400,
        "rejects": 0,
        "duplicates": 0,
        "splits": {"train": 360, "eval": 40},
        "eval_ratio": 0.1,
        "created_at": MOMENT,
        "sources": (
            SourceFile(
                name="tickets.jsonl",
                path="/data/tickets.jsonl",
                size_bytes=250_000,
                sha256="0" * 64,
                format="jsonl",
                shape="openai_messages",
                rows=400,
                rejects=0,
            ),
        ),
    }
    return DatasetInfo(**{**values, **changes})


def a_model(**changes: Any) -> ModelInfo:
    """Return a model of four billion parameters."""
    values: dict[str, Any] = {
        "id": "m1",
        "name": "Qwen3-4B",
        "path": "/models/qwen3-4b",
        "architecture": "Qwen3ForCausalLM",
        "model_type": "qwen3",
        "parameters": 4_022_468_096,
        "shape": ModelShape(
            layers=36,
            hidden=2560,
            intermediate=9728,
            heads=32,
            kv_heads=8,
            head_dim=128,
            vocabulary=151_936,
            tied=True,
            linear_parameters=3_633_000_000,
        ),
        "weights_dtype": "bfloat16",
        "size_bytes": 8_045_000_000,
        "context_tokens": 40_960,
        "licence": "Apache-2.0",
        "has_chat_template": True,
        "end_of_turn": "<|im_end|>",
        "fingerprint": "f" * 64,
        "files": ("model.safetensors",),
        "added_at": MOMENT,
    }
    return ModelInfo(**{**values, **changes})


@dataclass(frozen=True, kw_only=True)
class FakeGpu:
    """A graphics card."""

    name: str = "NVIDIA RTX 4090"
    driver: str = "560.35"
    total_bytes: int = 24 * GB
    free_bytes: int = 23 * GB


@dataclass(frozen=True, kw_only=True)
class FakeFacts:
    """What a computer has."""

    gpus: tuple[FakeGpu, ...] = ()
    memory_total_bytes: int = 64 * GB
    memory_free_bytes: int = 50 * GB
    disk_free_bytes: int = 212 * 10**9
    processor: str = "A processor"
    cores: int = 16
    gpu_reason: str = "No NVIDIA driver is installed."

    @property
    def used_card(self) -> FakeGpu | None:
        return self.gpus[0] if self.gpus else None


@dataclass
class FakeJob:
    """A job whose events a test writes."""

    info: JobInfo
    envelopes: list[Envelope] = field(default_factory=list)
    is_dead: bool = False
    cause: Failure | None = None
    is_silent: bool = False
    folded: tuple[int, JobSnapshot] = (0, JobSnapshot())

    @property
    def snapshot(self) -> JobSnapshot:
        count, snapshot = self.folded
        for envelope in self.envelopes[count:]:
            snapshot = fold(snapshot, envelope)
            count += 1
        self.folded = (count, snapshot)
        return snapshot

    @property
    def state(self) -> JobState:
        claimed = self.snapshot.state
        return JobState.INTERRUPTED if self.is_dead and not claimed.is_over else claimed

    def emit(self, *events: Event, at: str = MOMENT) -> None:
        """Write events."""
        for event in events:
            seq = len(self.envelopes) + 1
            kind = type(event).__name__
            self.envelopes.append(Envelope(v=1, seq=seq, t=at, kind=kind, event=event))


class FakeFeed:
    """A reader of a fake job."""

    def __init__(self, job: FakeJob) -> None:
        self._job = job
        self._seen = 0
        self.snapshot = JobSnapshot()

    def poll(self, limit: int | None = None) -> list[Envelope]:
        end = None if limit is None else self._seen + limit
        found = self._job.envelopes[self._seen : end]
        self._seen += len(found)
        for envelope in found:
            self.snapshot = fold(self.snapshot, envelope)
        return found

    def state(self) -> JobState:
        return self._job.state


class FakeJobs:
    """Jobs by id."""

    def __init__(self) -> None:
        self.by_id: dict[str, FakeJob] = {}
        self.stopped: list[str] = []
        self.ended: list[str] = []
        self.paused: list[str] = []

    def make(
        self,
        kind: JobKind,
        name: str,
        job_id: str = "",
        created_at: str = MOMENT,
        options: Mapping[str, Any] | None = None,
    ) -> FakeJob:
        """Make a job without any event."""
        job_id = job_id or f"job{len(self.by_id) + 1}"
        raw = {key: msgspec.Raw(msgspec.json.encode(one)) for key, one in (options or {}).items()}
        info = JobInfo(
            id=job_id, kind=kind, name=name, entry="a:b", created_at=created_at, options=raw
        )
        self.by_id[job_id] = FakeJob(info)
        return self.by_id[job_id]

    def list(self, kind: JobKind | None = None) -> list[JobView]:
        found = [self.get(one) for one in self.by_id]
        chosen = [one for one in found if kind is None or one.info.kind is kind]
        return sorted(chosen, key=lambda one: one.info.created_at, reverse=True)

    def get(self, job_id: str) -> JobView:
        if job_id not in self.by_id:
            raise RunNotFound("There is no such job.")
        job = self.by_id[job_id]
        return JobView(
            info=job.info,
            snapshot=job.snapshot,
            state=job.state,
            cause=job.cause,
            is_silent=job.is_silent,
        )

    def feed(self, job_id: str) -> FakeFeed:
        return FakeFeed(self.by_id[job_id])

    def stop(self, job_id: str) -> None:
        self.stopped.append(job_id)

    def log_tail(self, job_id: str, limit_bytes: int = 65_536) -> str:
        return f"the log of {job_id}"

    def remove(self, job_id: str) -> None:
        self.by_id.pop(job_id)


class FakeDatasets:
    """Datasets in memory; an import finishes at once."""

    def __init__(self, jobs: FakeJobs, trash: FakeTrash) -> None:
        self._jobs = jobs
        self._trash = trash
        self.all: list[DatasetInfo] = []
        self.imported: list[tuple[tuple[Path, ...], str]] = []
        self.mapped: list[RowMapping | None] = []
        self.error: EngineError | None = None
        self.rows: dict[tuple[str, str], Sequence[Row]] = {}
        self.rejected: list[Reject] = []
        self.opened: list[FakeRowTable] = []
        self.fields: list[str] = []
        self.options: list[dict[str, Any]] = []
        self.refusal: EngineError | None = None
        self.reading_error: EngineError | None = None

    def rows_of(self, dataset_id: str, split: str | None) -> Sequence[Row]:
        """Return the rows of a part, or all: those a test has set, else some like all others."""
        info = next((one for one in self.all if one.id == dataset_id), None)
        if info is None:
            raise DatasetNotFound("There is no such dataset.")
        if split is None:
            return [row for one in info.splits for row in self.rows_of(dataset_id, one)]
        return self.rows.get((dataset_id, split), [a_chat()] * info.splits.get(split, 0))

    def open_rows(self, dataset_id: str, split: str | None = "train") -> FakeRowTable:
        if self.reading_error is not None:
            raise self.reading_error
        table = FakeRowTable(self.rows_of(dataset_id, split))
        self.opened.append(table)
        return table

    def rejects(self, dataset_id: str, *, limit: int = 1000) -> list[Reject]:
        del dataset_id
        return self.rejected[:limit]

    def field_names(self, dataset_id: str) -> list[str]:
        del dataset_id
        return self.fields

    def freeze_eval(self, dataset_id: str, *, on: bool = True) -> DatasetInfo:
        return self._change(dataset_id, is_eval_frozen=on)

    def describe(self, dataset_id: str, **said: str) -> DatasetInfo:
        return self._change(dataset_id, **said)

    def _change(self, dataset_id: str, **changes: Any) -> DatasetInfo:
        i = next(i for i, one in enumerate(self.all) if one.id == dataset_id)
        self.all[i] = msgspec.structs.replace(self.all[i], **changes)
        return self.all[i]

    def rename(self, dataset_id: str, name: str) -> DatasetInfo:
        return self._change(dataset_id, name=name)

    def remove(self, dataset_id: str) -> str:
        if self.refusal is not None:
            raise self.refusal
        (gone,) = (one for one in self.all if one.id == dataset_id)
        self.all = [one for one in self.all if one.id != dataset_id]
        return self._trash.put(TrashKind.DATASET, gone.name, lambda: self.all.append(gone))

    def list(self) -> list[DatasetInfo]:
        return list(self.all)

    def start_import(
        self,
        paths: Sequence[Path],
        *,
        name: str = "",
        mapping: RowMapping | None = None,
        **options: Any,
    ) -> str:
        self.options.append(options)
        if self.error is not None:
            raise self.error
        self.imported.append((tuple(paths), name))
        self.mapped.append(mapping)
        job = self._jobs.make(JobKind.IMPORT, name or paths[0].name)
        (source,) = a_dataset().sources
        sources = tuple(replace(source, name=one.name, path=str(one)) for one in paths)
        made = a_dataset(id=f"d{len(self.all) + 1}", name=name or paths[0].stem, sources=sources)
        self.all.insert(0, made)
        job.emit(WorkerStarted(attempt=1, pid=1), Finished(result={"dataset_id": made.id}))
        return job.info.id


class FakeModels:
    """Models in memory."""

    def __init__(self, datasets: FakeDatasets, trash: FakeTrash) -> None:
        self._datasets = datasets
        self._trash = trash
        self.all: list[ModelInfo] = []
        self.error: EngineError | None = None
        self.refusal: EngineError | None = None
        self.preview_error: EngineError | None = None
        self.problems: dict[int, str] = {}
        self.previewed: list[tuple[int, int]] = []

    def remove(self, model_id: str) -> str:
        if self.refusal is not None:
            raise self.refusal
        (gone,) = (one for one in self.all if one.id == model_id)
        self.all = [one for one in self.all if one.id != model_id]
        return self._trash.put(TrashKind.MODEL, gone.name, lambda: self.all.append(gone))

    def preview(
        self,
        dataset_id: str,
        model_id: str,
        *,
        split: str = "train",
        start: int = 0,
        rows: int = 1,
        max_length: int = 2048,
    ) -> list[RowTokens]:
        del model_id
        self.previewed.append((start, rows))
        if self.preview_error is not None:
            raise self.preview_error
        all_rows = self._datasets.rows_of(dataset_id, split)
        return [
            tokens_of(all_rows[i], max_length=max_length, problem=self.problems.get(i, ""))
            for i in range(start, min(start + rows, len(all_rows)))
        ]

    def list(self) -> list[ModelInfo]:
        return list(self.all)

    def add(self, path: Path, *, name: str = "") -> ModelInfo:
        if self.error is not None:
            raise self.error
        made = a_model(id=f"m{len(self.all) + 1}", name=name or path.name, path=str(path))
        self.all.insert(0, made)
        return made

    def add_starter(self) -> ModelInfo:
        return self.add(Path("/starter"), name="Starter")


@dataclass(frozen=True, kw_only=True)
class FakeRun:
    """A run as the list shows it."""

    job: JobView
    recipe: Recipe
    dataset_name: str = "Support tickets"
    model_name: str = "Qwen3-4B"
    checkpoints: tuple[str, ...] = ()
    has_adapter: bool = False
    note: RunNote = field(default_factory=RunNote)
    descent: tuple[Ancestor, ...] = ()

    @property
    def id(self) -> str:
        return self.job.info.id

    @property
    def state(self) -> JobState:
        return self.job.state


class FakeRuns:
    """Runs in memory; a started one is live until a test ends it."""

    def __init__(self, jobs: FakeJobs, trash: FakeTrash) -> None:
        self._jobs = jobs
        self._trash = trash
        self.recipes: dict[str, Recipe] = {}
        self.facts: dict[str, dict[str, Any]] = {}
        self.planned: list[Recipe] = []
        self.problems: tuple[Problem, ...] = ()
        self.blockers: list[Problem] = []
        self.resumed: list[str] = []
        self.beginnings: list[Beginning | None] = []
        self.error: EngineError | None = None
        self.capacity = 24 * GB
        self.device = "cpu"

    def make(self, name: str, run_id: str = "", **facts: Any) -> FakeJob:
        """Make a run; `facts` are fields of FakeRun, `created_at` and `recipe`."""
        created = facts.pop("created_at", MOMENT)
        recipe = facts.pop("recipe", Recipe(dataset_id="d1", model_id="m1"))
        job = self._jobs.make(JobKind.TRAIN, name, run_id, created)
        self.recipes[job.info.id] = recipe
        self.facts[job.info.id] = facts
        return job

    def list(self) -> list[FakeRun]:
        return [self._view(one) for one in self._jobs.list(JobKind.TRAIN)]

    def get(self, key: str) -> FakeRun:
        return self._view(self._jobs.get(key))

    def _view(self, job: JobView) -> FakeRun:
        facts = self.facts[job.info.id]
        return FakeRun(job=job, recipe=self.recipes[job.info.id], **facts)

    def make_recipe(
        self,
        *,
        dataset: str,
        model: str,
        method_id: str = "sft_qlora",
        preset: str = "",
        values: Mapping[str, Any] | None = None,
        mix: Mapping[str, float] | None = None,
        replay: tuple[str, float] | None = None,
    ) -> Recipe:
        given = dict(PRESETS[preset].values) if preset else {}
        given.update(values or {})
        found = problems_of(given)
        if found:
            raise RecipeInvalid(" ".join(one.message for one in found))
        fixed: dict[str, Any] = {
            "method": method_id,
            "dataset_id": dataset,
            "model_id": model,
            "mix": [{"dataset_id": key, "weight": one} for key, one in (mix or {}).items()],
            "replay": {"dataset_id": replay[0], "ratio": replay[1]} if replay else None,
        }
        return msgspec.convert({**given, **fixed}, Recipe)

    def plan(self, recipe: Recipe) -> Plan:
        self.planned.append(recipe)
        steps = steps_of(
            rows=360,
            effective_batch_size=recipe.effective_batch_size,
            epochs=recipe.epochs,
            max_steps=recipe.max_steps,
        )
        return Plan(
            decisions={"device": Decision(value=self.device, reason="So.", source="hardware")},
            memory=MemoryNeed(
                other=round(1.1 * GB),
                weights=round(2.6 * GB),
                adapter=round(0.3 * GB),
                optimizer=round(0.4 * GB),
                activations_low=round(5.1 * GB),
                activations_high=round(7.4 * GB),
                reserve=GB,
                capacity=self.capacity,
            ),
            disk_bytes=10**9,
            train_rows=360,
            eval_rows=40,
            total_steps=steps,
            problems=self.problems,
            statement=(f"It learns from 360 rows in {steps} steps.", "Nothing is changed."),
            advice=advise(recipe, rows=360, hidden=2560),
        )

    def start(self, recipe: Recipe, *, name: str = "", beginning: Beginning | None = None) -> str:
        self.beginnings.append(beginning)
        if self.error is not None:
            raise self.error
        job = self.make(name or "Support tickets 1", recipe=recipe)
        job.emit(WorkerStarted(attempt=1, pid=1), PhaseChanged(phase="loading_model"))
        return job.info.id

    def stop(self, key: str) -> None:
        self._jobs.stop(key)

    def end(self, key: str) -> bool:
        self._jobs.ended.append(key)
        return True

    def pause(self, key: str) -> None:
        self._jobs.paused.append(key)

    def feed(self, run_id: str) -> FakeFeed:
        return self._jobs.feed(run_id)

    def resume(self, key: str) -> str:
        self.resumed.append(key)
        return key

    def resume_blockers(self, run: FakeRun) -> list[Problem]:
        del run
        return self.blockers

    def remove(self, key: str) -> str:
        gone = self._jobs.by_id.pop(key)

        def back() -> None:
            self._jobs.by_id[key] = gone

        return self._trash.put(TrashKind.RUN, gone.info.name, back)


class FakeNotes:
    """Notes and tags in memory."""

    def __init__(self, runs: FakeRuns) -> None:
        self._runs = runs
        self.error: EngineError | None = None

    def read(self, key: str) -> RunNote:
        return self._runs.get(key).note

    def write(self, key: str, *, text: str, tags: Sequence[str]) -> RunNote:
        return self._write(key, text=tidy_note(text), tags=tidy_tags(tags))

    def _write(self, key: str, **changes: Any) -> RunNote:
        if self.error is not None:
            raise self.error
        note = msgspec.structs.replace(self.read(key), **changes)
        self._runs.facts[key]["note"] = note
        return note


class FakeRunFiles:
    """Runs as files: what was saved, and the run that each file brings."""

    def __init__(self, runs: FakeRuns) -> None:
        self._runs = runs
        self.saved: list[tuple[str, Path]] = []
        self.error: EngineError | None = None

    def save(self, key: str, path: Path, *, replace: bool = False) -> Path:
        del replace
        self._fail()
        self.saved.append((key, path))
        return path

    def take(self, path: Path) -> str:
        self._fail()
        return self._runs.make(path.stem).info.id

    def _fail(self) -> None:
        if self.error is not None:
            raise self.error


@dataclass(frozen=True, kw_only=True)
class FakePreset:
    """A named set of values."""

    id: str
    title: str
    summary: str
    icon: str
    order: int
    values: dict[str, Any]
    reasons: dict[str, str] = field(default_factory=dict[str, str])
    starter_only: bool = False


PRESETS = {
    one.id: one
    for one in (
        FakePreset(
            id="style",
            title="Learn a style or form",
            summary="Answer the way your examples do. Best with 100 rows or more.",
            icon="form",
            order=1,
            values={"epochs": 2.0},
        ),
        FakePreset(
            id="instructions",
            title="Follow instructions better",
            summary="Broader and slower. Mix in general examples to forget less.",
            icon="chat",
            order=2,
            values={"epochs": 1.0, "lora_rank": 32},
        ),
        FakePreset(
            id="quick_try",
            title="Try it quickly",
            summary="A minute on the processor, to see how it works.",
            icon="fast",
            order=3,
            values={"max_steps": 45, "max_length": 256},
        ),
        FakePreset(
            id="starter",
            title="Starter model",
            summary="Made for the model that comes with Burnish.",
            icon="home",
            order=4,
            values={"max_steps": 45, "max_length": 256},
            starter_only=True,
        ),
    )
}


class FakePresets:
    """The presets."""

    def list(self) -> list[FakePreset]:
        return list(PRESETS.values())

    def get(self, preset_id: str) -> FakePreset:
        return PRESETS[preset_id]


class FakeMachine:
    """The computer."""

    def __init__(self) -> None:
        self.current = FakeFacts()
        self.found: list[Finding] = []

    def facts(self) -> FakeFacts:
        return self.current

    def doctor(self, models: Sequence[object] = ()) -> list[Finding]:
        del models
        return list(self.found)

    def forbids(self) -> list[Finding]:
        return [one for one in self.found if one.severity is Severity.ERROR]

    def obstacles(self, facts: object) -> list[Finding]:
        del facts
        return [one for one in self.found if one.severity is not Severity.NOTE]


class FakeReports:
    """The report of whatever dataset; none at first."""

    def __init__(self) -> None:
        self.report: Report | None = None
        self.error: EngineError | None = None

    def checks(self) -> tuple[Check, ...]:
        return CHECKS

    def fix_of(self, check: Check) -> Fix | None:
        return next((one for one in FIXES if one.id == check.fix), None)

    def get(self, dataset_id: str) -> Report | None:
        del dataset_id
        if self.error is not None:
            raise self.error
        return self.report

    def latest(self, dataset_id: str) -> Report | None:
        return self.get(dataset_id)


class FakeDocuments:
    """Documents that are made up; the preview tells of as many rows as it is set to."""

    def __init__(self) -> None:
        self.are_all = False
        self.rows = 3
        self.asked: list[Chunking] = []
        self.error: EngineError | None = None

    def are_documents(self, paths: Sequence[Path]) -> bool:
        del paths
        return self.are_all

    def preview(
        self, paths: Sequence[Path], chunking: Chunking, *, limit: int = 20
    ) -> DocumentPreview:
        self.asked.append(chunking)
        if self.error is not None:
            raise self.error
        text = "Handbook > Printers\n\nLoad the paper.\n\nClose the tray. Press start."
        start = text.index("Load")
        piece = ChunkPreview(
            file=paths[0].name, line=3, text=text, overlap_start=start,
            overlap_end=start + len("Load the paper."), tokens=18,
        )  # fmt: skip
        return DocumentPreview(
            rows=self.rows, questions=0, tokens_min=18, tokens_median=18, tokens_max=40,
            is_exact=bool(chunking.model_id),
            chunks=(piece,) * min(self.rows, limit),
            rejects=("scan.pdf:2  This page is a picture without a text layer.",),
        )  # fmt: skip


class FakePreparation:
    """Jobs on datasets that are only begun; a test lets them go on."""

    def __init__(self, jobs: FakeJobs) -> None:
        self._jobs = jobs
        self.error: EngineError | None = None
        self.fixed: list[tuple[str, ...]] = []
        self.rules: list[SplitRule] = []
        self.made: list[tuple[object, ...]] = []

    def start_check(self, dataset_id: str) -> str:
        return self._begin(dataset_id)

    def start_fix(self, dataset_id: str, checks: Sequence[str] = ()) -> str:
        self.fixed.append(tuple(checks))
        return self._begin(dataset_id)

    def start_export(self, dataset_id: str, *, form: ExportForm, out: Path) -> str:
        self.made.append((dataset_id, form.value, out))
        return self._begin(dataset_id)

    def start_sample(self, dataset_id: str, *, rows: int, name: str = "", seed: int = 0) -> str:
        self.made.append((dataset_id, rows, name, seed))
        return self._begin(dataset_id)

    def start_merge(self, dataset_ids: Sequence[str], *, name: str, rule: SplitRule) -> str:
        self.made.append((*dataset_ids, name, rule))
        return self._begin(dataset_ids[0])

    def start_split(self, dataset_id: str, rule: SplitRule) -> str:
        self.rules.append(rule)
        return self._begin(dataset_id)

    def _begin(self, dataset_id: str) -> str:
        if self.error is not None:
            raise self.error
        return self._jobs.make(JobKind.DATASET, dataset_id).info.id


class FakeVersions:
    """Versions of datasets in memory; each change counts one up and is remembered.

    Attributes:
        changes: What was done, with its arguments.
        refusal: Raised instead of a change.
    """

    def __init__(self) -> None:
        self.undone: list[str] = []
        self.all: list[VersionInfo] = []
        self.tagged: dict[str, list[int]] = {}
        self.changes: list[tuple[object, ...]] = []
        self.refusal: EngineError | None = None
        self.left_out: list[Row] = []

    def remove_rows(self, dataset_id: str, ids: Sequence[int]) -> VersionInfo:
        return self._change(dataset_id, Action.REMOVED, list(ids))

    def restore_rows(self, dataset_id: str, ids: Sequence[int]) -> VersionInfo:
        return self._change(dataset_id, Action.RESTORED, list(ids))

    def edit_rows(self, dataset_id: str, rows: Mapping[int, Row]) -> VersionInfo:
        return self._change(dataset_id, Action.EDITED, dict(rows))

    def add_rows(self, dataset_id: str, rows: Sequence[Row], *, split: str) -> VersionInfo:
        return self._change(dataset_id, Action.ADDED, list(rows), split)

    def tag(self, dataset_id: str, ids: Sequence[int], tag: str, *, on: bool = True) -> VersionInfo:
        action = Action.TAGGED if on else Action.UNTAGGED
        return self._change(dataset_id, action, list(ids), tag)

    def open_left_out(self, dataset_id: str) -> FakeRowTable:
        del dataset_id
        return FakeRowTable(self.left_out)

    def _change(self, dataset_id: str, action: Action, *what: object) -> VersionInfo:
        if self.refusal is not None:
            raise self.refusal
        self.changes.append((dataset_id, action, *what))
        number = len(self.changes) + 1
        return VersionInfo(
            number=number, parent=number - 1, action=action, changed=1, splits={}, made_at=MOMENT
        )

    def redo(self, dataset_id: str) -> VersionInfo:
        self.changes.append((dataset_id, "redo"))
        return self._version(2)

    def go_to(self, dataset_id: str, number: int) -> VersionInfo:
        self.changes.append((dataset_id, "go_to", number))
        return self._version(number)

    def compare(self, dataset_id: str, earlier: int, later: int) -> VersionDifference:
        self.changes.append((dataset_id, "compare", earlier, later))
        return VersionDifference(added=(1, 2), removed=(3,), moved=())

    def _version(self, number: int) -> VersionInfo:
        return VersionInfo(
            number=number, parent=number - 1, action=Action.EDITED, changed=1, splits={},
            made_at=MOMENT,
        )  # fmt: skip

    def history(self, dataset_id: str) -> list[VersionInfo]:
        del dataset_id
        return self.all

    def tags(self, dataset_id: str) -> dict[str, list[int]]:
        del dataset_id
        return self.tagged

    def undo(self, dataset_id: str) -> VersionInfo:
        self.undone.append(dataset_id)
        return VersionInfo(
            number=1, parent=0, action=Action.IMPORTED, changed=4, splits={}, made_at=MOMENT
        )


class FakeRowViews:
    """Searches rows in memory, all at once."""

    def __init__(self) -> None:
        self.queries: list[RowQuery] = []
        self.within: dict[str, list[int]] = {}
        self.groups: dict[int, int] = {}
        self.error: EngineError | None = None

    def search(self, dataset_id: str, table: FakeRowTable, query: RowQuery) -> FakeSearch:
        del dataset_id
        self.queries.append(query)
        if self.error is not None:
            raise self.error
        rows = range(len(table))
        found = [one for one in rows if query.text.lower() in str(table.row(one)).lower()]
        if query.marks:
            wanted = {row for one in query.marks for row in self.within[one.check or one.tag]}
            found = [one for one in found if one in wanted]
        groups = None
        if query.marks and self.groups:
            found.sort(key=lambda one: self.groups.get(one, len(rows)))
            groups = [self.groups.get(one, -1) for one in found]
        return FakeSearch(found, groups)

    def changes(
        self, dataset_id: str, earlier: int, later: int, *, limit: int = 20
    ) -> list[RowChange]:
        del dataset_id, earlier, later, limit
        one, other = a_chat("the dock is dead"), a_chat("the dock sleeps")
        return [RowChange(before=one, after=other), RowChange(before=one)]


class FakeSearch:
    """A search that is over."""

    is_over = grows_at_end = True

    def __init__(self, found: list[int], groups: list[int] | None) -> None:
        self._found, self._groups = found, groups

    def go_on(self, seconds: float) -> None:
        del seconds

    def found(self) -> Hits:
        return Hits(
            positions=np.array(self._found, np.int64),
            groups=None if self._groups is None else np.array(self._groups, np.int64),
            group_count=len(set(self._groups or ()) - {-1}),
        )


class FakeApi:
    """Everything, empty at first."""

    def __init__(self, root: Path = Path("/workspace")) -> None:
        self.layout = Layout(root)
        self.jobs = FakeJobs()
        self.trash = FakeTrash()
        self.space = FakeSpace(self.trash)
        self.forgetting = FakeForgetting()
        self.datasets = FakeDatasets(self.jobs, self.trash)
        self.documents = FakeDocuments()
        self.models = FakeModels(self.datasets, self.trash)
        self.runs = FakeRuns(self.jobs, self.trash)
        self.continuing = FakeContinuing(self.runs)
        self.notes = FakeNotes(self.runs)
        self.run_files = FakeRunFiles(self.runs)
        self.curves = RunCurves(cast("Runs", self.runs))
        self.queue = FakeQueue(self.runs)
        self.presets = FakePresets()
        self.recipes = FakeRecipes()
        self.machine = FakeMachine()
        self.exports = FakeExports(self)
        self.reports = FakeReports()
        self.preparation = FakePreparation(self.jobs)
        self.versions = FakeVersions()
        self.row_views = FakeRowViews()
        self.coverages = FakeCoverages(self.jobs)
        self.rates = FakeRates(self.jobs)
        self.memorisation = FakeMemorisation(self.jobs)
        self.mappings = FakeMappings(self.layout)
        self.proofs = FakeProofs()
        self.diagnosis = FakeDiagnosis()
        self.runtimes = FakeRuntimes()


def a_step(step: int, *, total: int = 100, loss: float | None = 1.5, **changes: Any) -> StepDone:
    """Return a step."""
    values: dict[str, Any] = {
        "step": step,
        "total_steps": total,
        "epoch": step / total,
        "loss": loss,
        "learning_rate": 2e-4 * (1 - step / total),
        "grad_norm": 0.5,
        "supervised_tokens": 400,
        "tokens": 1000,
        "tokens_seen": 1000 * step,
        "tokens_per_s": 5000.0,
        "memory_bytes": 11 * GB,
        "step_s": 0.2,
        "eta_s": 0.2 * (total - step),
    }
    return StepDone(**{**values, **changes})


def a_stop(step: int) -> Stopped:
    """Return the end of a run that was asked to stop."""
    return Stopped(step=step, checkpoint=f"ck-{step:06d}")
