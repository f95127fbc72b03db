# SPDX-License-Identifier: Apache-2.0
"""What a job and a run are: kinds, states, and the snapshot that events fold into."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class JobKind(StrEnum):
    """What a worker can be asked to do."""

    IMPORT = "import"
    TRAIN = "train"
    EXPORT = "export"
    GENERATE = "generate"
    DATASET = "dataset"
    RATE = "rate"
    MEMORISATION = "memorisation"


class JobState(StrEnum):
    """Where a job stands.

    `starting` and `running` are claims of the event log; whether the worker lives is a question of
    its own (engine.launcher). A dead worker without a closing event makes the job `interrupted`,
    and one that no worker was ever started for is `waiting`.
    """

    WAITING = "waiting"
    STARTING = "starting"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"
    FINISHED = "finished"
    FAILED = "failed"
    INTERRUPTED = "interrupted"

    @property
    def is_over(self) -> bool:
        """Return whether no worker is expected to write any more."""
        return self not in (JobState.STARTING, JobState.RUNNING)

    @property
    def may_go_on(self) -> bool:
        """Return whether a worker may be started for it: it is over, but not finished."""
        return self.is_over and self is not JobState.FINISHED


class JobInfo(msgspec.Struct, frozen=True, kw_only=True):
    """job.json: what was asked for; written once by the client.

    Attributes:
        schema_version: Version of this document.
        id: Folder name in the workspace.
        kind: What to do.
        name: Name for people.
        entry: `module:function` that the worker calls.
        created_at: UTC, ISO 8601.
        options: What the entry needs, JSON values by name; a run keeps its recipe in recipe.json.
    """

    schema_version: int = 1
    id: str
    kind: JobKind
    name: str
    entry: str
    created_at: str
    options: dict[str, msgspec.Raw] = {}

    def text_option(self, name: str) -> str:
        """Return an option that is a text; empty where there is none."""
        return msgspec.json.decode(self.options[name], type=str) if name in self.options else ""


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """Why a job failed: the fields of an EngineError."""

    code: str
    message: str
    remedy: str
    detail: str = ""


class JobSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """State of a job as its events tell it, see `engine.protocol.fold`.

    Attributes:
        state: Where it stands by its own account.
        phase: What it is doing, e.g. `loading_model`; empty before the first.
        done: Units done in this phase.
        total: Units to do in this phase, 0 if not known.
        unit: Word for the units.
        attempt: How many workers have been started for it, from 1.
        started_at: UTC time of the first event, or empty.
        updated_at: UTC time of the newest event, or empty.
        step: Optimizer steps done.
        total_steps: Steps of the whole run, 0 if not known yet.
        epoch: Passes done, fractional.
        loss: Newest training loss, nats per supervised token, or None.
        learning_rate: Newest learning rate, or None.
        grad_norm: Newest gradient norm before clipping, or None.
        tokens_per_s: Newest speed, or None.
        tokens_seen: Tokens that went through the model.
        memory_bytes: Newest peak memory of the device or process, or None.
        eta_s: Time left by the worker's estimate, or None.
        eval_before: Held-out loss before the first step, or None.
        eval_last: Newest held-out loss, or None.
        eval_best: Lowest held-out loss, or None.
        eval_best_step: Its step, or None.
        checkpoint: Name of the newest committed checkpoint, or empty.
        checkpoint_step: Its step.
        rollbacks: How often the run went back because it diverged.
        adapter_step: Optimizer step that its adapter is of, or None where it is not known.
        adapter_is_best: That adapter is the one of the lowest held-out loss.
        result: What a finished job produced, text values by name.
        failure: Why it failed, or None.
        network_refused: What it said of tries to reach the network, which were refused; empty
            where there were none.
    """

    state: JobState = JobState.STARTING
    phase: str = ""
    done: int = 0
    total: int = 0
    unit: str = ""
    attempt: int = 0
    started_at: str = ""
    updated_at: str = ""
    step: int = 0
    total_steps: int = 0
    epoch: float = 0.0
    loss: float | None = None
    learning_rate: float | None = None
    grad_norm: float | None = None
    tokens_per_s: float | None = None
    tokens_seen: int = 0
    memory_bytes: int | None = None
    eta_s: float | None = None
    eval_before: float | None = None
    eval_last: float | None = None
    eval_best: float | None = None
    eval_best_step: int | None = None
    checkpoint: str = ""
    checkpoint_step: int = 0
    rollbacks: int = 0
    adapter_step: int | None = None
    adapter_is_best: bool = False
    result: dict[str, str] = {}
    failure: Failure | None = None
    network_refused: str = ""
