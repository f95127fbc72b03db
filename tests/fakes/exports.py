# SPDX-License-Identifier: Apache-2.0
"""Exports in memory: a started one is live until a test ends it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.api.jobs import JobView
from engine.domain.run import JobKind
from engine.domain.trash import TrashKind
from engine.errors import EngineError
from engine.exporters.registry import TARGETS
from engine.protocol.events import (
    ExportVerified,
    Failed,
    Finished,
    PhaseChanged,
    ProgressMade,
    Stopped,
    WorkerStarted,
)

if TYPE_CHECKING:
    from tests.fakes.api import FakeApi, FakeJob


def a_verified(path: Path | str, **changes: Any) -> ExportVerified:
    """Return what a good verification tells."""
    values: dict[str, Any] = {
        "path": str(path),
        "files": ("README.md", "adapter_config.json", "adapter_model.safetensors"),
        "prompts": 4,
        "max_logit_difference": 0.0021,
        "top1_agreement_ratio": 1.0,
        "mean_kl": 3.1e-7,
    }
    return ExportVerified(**{**values, **changes})


class FakeExports:
    """Exports of one facade in memory."""

    def __init__(self, api: FakeApi) -> None:
        self._api = api
        self.started: list[tuple[str, str, Path | None]] = []
        self.error: EngineError | None = None

    def targets(self) -> tuple[Any, ...]:
        return TARGETS

    def list(self) -> list[JobView]:
        return self._api.jobs.list(JobKind.EXPORT)

    def remove(self, job_id: str) -> str:
        gone = self._api.jobs.by_id.pop(job_id)

        def back() -> None:
            self._api.jobs.by_id[job_id] = gone

        return self._api.trash.put(TrashKind.EXPORT, gone.info.name, back)

    def start(self, run: str, target: str, out: Path | None = None) -> str:
        if self.error is not None:
            raise self.error
        self.started.append((run, target, out))
        return self.make(run, target, out).info.id

    def make(
        self, run: str, target: str, out: Path | None = None, job_id: str = "", **facts: Any
    ) -> FakeJob:
        """Make an export whose worker has just started."""
        name = self._api.jobs.by_id[run].info.name if run in self._api.jobs.by_id else "support-v0"
        place = out or self._api.layout.exports / f"{run}-{target}-1"
        job = self._api.jobs.make(
            JobKind.EXPORT,
            name,
            job_id,
            options={"run_id": run, "target": target, "out": str(place)},
            **facts,
        )
        job.emit(WorkerStarted(attempt=1, pid=1))
        return job


def move_on(job: FakeJob, phase: str, done: int, total: int, unit: str = "bytes") -> None:
    """Let an export do a part of its work."""
    job.emit(PhaseChanged(phase=phase), ProgressMade(done=done, total=total, unit=unit))


def finish(job: FakeJob, path: Path | str, **changes: Any) -> None:
    """End an export well."""
    job.emit(a_verified(path, **changes), Finished(result={"path": str(path)}))


def stop(job: FakeJob) -> None:
    """End an export as asked for."""
    job.emit(Stopped(step=0, checkpoint=""))


def fail(job: FakeJob) -> None:
    """End an export that did not verify."""
    job.emit(
        Failed(
            code="export_not_equal",
            message="The written files do not answer as the trained run does: 3 of 412 most "
            "likely tokens differ.",
            remedy="Export it again. If it fails once more, report it with these details.",
            detail="model.layers.3.self_attn.q_proj: 0.31",
        )
    )
