# SPDX-License-Identifier: Apache-2.0
"""Every event that a worker writes: what happened, in the past tense.

PROTOCOL.md is the authoritative text. A new event is a class here and a line in EVENTS.
"""

from __future__ import annotations

import msgspec

from engine.domain.decision import Decision

FORGOTTEN = "(forgotten)"
"""Stands for the texts of a sample whose dataset was forgotten."""


class WorkerStarted(msgspec.Struct, frozen=True, kw_only=True):
    """A worker took the job. `attempt` counts from 1; `versions` names libraries and device."""

    attempt: int
    pid: int
    versions: dict[str, str] = {}


class PhaseChanged(msgspec.Struct, frozen=True, kw_only=True):
    """The worker began another part of its work."""

    phase: str


class ProgressMade(msgspec.Struct, frozen=True, kw_only=True):
    """A countable part of the phase is done; `total` is 0 where it is not known."""

    done: int
    total: int
    unit: str


class PlanResolved(msgspec.Struct, frozen=True, kw_only=True):
    """All automatic choices of a run are made; step counts are final.

    Attributes:
        decisions: By name, each with its reason.
        total_steps: Optimizer steps of the whole run.
        train_examples: Examples that are trained.
        eval_examples: Held-out examples that are checked.
        trained_tokens: Supervised tokens in one pass.
        read_tokens: Other tokens in one pass.
        truncated_rows: Rows cut at max_length.
        skipped_rows: Rows left out because nothing of them would be trained.
    """

    decisions: dict[str, Decision]
    total_steps: int
    train_examples: int
    eval_examples: int
    trained_tokens: int
    read_tokens: int
    truncated_rows: int
    skipped_rows: int


class PlanChanged(msgspec.Struct, frozen=True, kw_only=True):
    """Choices of the plan were made anew, because memory ran out; the others stay.

    Attributes:
        decisions: The new ones by name, each with its reason.
    """

    decisions: dict[str, Decision]


class StepDone(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One optimizer step is done.

    Attributes:
        step: From 1.
        total_steps: Steps of the whole run.
        epoch: Passes over the data done, fractional.
        loss: Mean nats per supervised token of this step, or None where it was not finite.
        learning_rate: Used in this step.
        grad_norm: Before clipping, or None where it was not finite.
        supervised_tokens: Tokens with loss in this step.
        tokens: All tokens that went through the model in this step.
        tokens_seen: The same over the whole run.
        tokens_per_s: Of this step.
        memory_bytes: Peak memory: of the device, or of the process on a CPU.
        step_s: Wall time of the step.
        eta_s: Estimated time to the end of the run.
    """

    step: int
    total_steps: int
    epoch: float
    loss: float | None
    learning_rate: float
    grad_norm: float | None
    supervised_tokens: int
    tokens: int
    tokens_seen: int
    tokens_per_s: float
    memory_bytes: int
    step_s: float
    eta_s: float


class EvalDone(msgspec.Struct, frozen=True, kw_only=True):
    """The held-out rows were checked after `step` steps (0: before the first)."""

    step: int
    loss: float
    supervised_tokens: int
    examples: int
    is_best: bool
    eval_s: float


class SampleMade(msgspec.Struct, frozen=True, kw_only=True):
    """A prompt was answered greedily by the model as it is after `step` steps."""

    step: int
    prompt: str
    answer: str
    expected: str = ""


class CheckpointCommitted(msgspec.Struct, frozen=True, kw_only=True):
    """A checkpoint is on disk, verified, and may be resumed from."""

    step: int
    name: str
    size_bytes: int
    is_best: bool


class LossNotFinite(msgspec.Struct, frozen=True, kw_only=True):
    """Loss or gradient of a step was not a number; the update was left out."""

    step: int
    consecutive: int


class RolledBack(msgspec.Struct, frozen=True, kw_only=True):
    """The run diverged and went back; what came after `to_step` counts no more.

    Attributes:
        step: The last step before it went back.
        to_step: The step after which it goes on; 0 is the start.
        count: How often it has gone back, from 1.
        rate_factor: What the learning rate of the recipe is multiplied with from here on.
        tokens_seen: Tokens that went through the model up to `to_step`.
        eval_last: Newest held-out loss up to `to_step`, or None.
        eval_best: Lowest held-out loss up to `to_step`, or None.
        eval_best_step: Its step, or None.
    """

    step: int
    to_step: int
    count: int
    rate_factor: float
    tokens_seen: int
    eval_last: float | None = None
    eval_best: float | None = None
    eval_best_step: int | None = None


NETWORK_REFUSED = "network_refused"
"""Code of the warning that code of the worker tried to reach the network."""


class Warned(msgspec.Struct, frozen=True, kw_only=True):
    """Something the user should know; work goes on."""

    code: str
    message: str


class DatasetCommitted(msgspec.Struct, frozen=True, kw_only=True):
    """An import is on disk and verified."""

    dataset_id: str
    kind: str
    rows: int
    rejects: int
    splits: dict[str, int]


class AdapterCommitted(msgspec.Struct, frozen=True, kw_only=True):
    """The run's deliverable adapter was reloaded, is finite, not zero, and answers.

    Attributes:
        path: Its folder in the job.
        sha256: Of its weights.
        step: Optimizer step that it is of; None in logs of older versions.
        is_best: It is that of the lowest held-out loss.
    """

    path: str
    sha256: str
    step: int | None = None
    is_best: bool = False


class ExportVerified(msgspec.Struct, frozen=True, kw_only=True):
    """An export was compared with base + adapter on real prompts and is now in its place.

    Attributes:
        path: Folder of the export.
        files: Names of its files.
        prompts: How many prompts were compared.
        max_logit_difference: Largest absolute difference of a logit.
        top1_agreement_ratio: Share of positions with the same most likely token.
        mean_kl: Mean Kullback-Leibler divergence per position, nats.
    """

    path: str
    files: tuple[str, ...]
    prompts: int
    max_logit_difference: float
    top1_agreement_ratio: float
    mean_kl: float


class AnswerMade(msgspec.Struct, frozen=True, kw_only=True):
    """A generate job answered one prompt."""

    prompt: str
    answer: str
    tokens: int
    ended: bool


class Stopped(msgspec.Struct, frozen=True, kw_only=True):
    """The job ended early because it was asked to; `checkpoint` is empty where there is none."""

    step: int
    checkpoint: str


class Paused(msgspec.Struct, frozen=True, kw_only=True):
    """The run freed the device and is to go on later; `checkpoint` is empty where there is none."""

    step: int
    checkpoint: str


class Finished(msgspec.Struct, frozen=True, kw_only=True):
    """The job did all of its work and checked it; `result` holds text values by name."""

    result: dict[str, str] = {}


class Failed(msgspec.Struct, frozen=True, kw_only=True):
    """The job ended with an error."""

    code: str
    message: str
    remedy: str
    detail: str = ""


Event = (
    WorkerStarted
    | PhaseChanged
    | ProgressMade
    | PlanResolved
    | PlanChanged
    | StepDone
    | EvalDone
    | SampleMade
    | CheckpointCommitted
    | LossNotFinite
    | RolledBack
    | Warned
    | DatasetCommitted
    | AdapterCommitted
    | ExportVerified
    | AnswerMade
    | Stopped
    | Paused
    | Finished
    | Failed
)

EVENTS: tuple[tuple[str, type[Event]], ...] = (
    ("worker_started", WorkerStarted),
    ("phase_changed", PhaseChanged),
    ("progress_made", ProgressMade),
    ("plan_resolved", PlanResolved),
    ("plan_changed", PlanChanged),
    ("step_done", StepDone),
    ("eval_done", EvalDone),
    ("sample_made", SampleMade),
    ("checkpoint_committed", CheckpointCommitted),
    ("loss_not_finite", LossNotFinite),
    ("rolled_back", RolledBack),
    ("warned", Warned),
    ("dataset_committed", DatasetCommitted),
    ("adapter_committed", AdapterCommitted),
    ("export_verified", ExportVerified),
    ("answer_made", AnswerMade),
    ("stopped", Stopped),
    ("paused", Paused),
    ("finished", Finished),
    ("failed", Failed),
)
