# SPDX-License-Identifier: Apache-2.0
"""What the export tests are built from: an adapter that peft itself wrote, and a job."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

from engine.domain.adapter import AdapterShape
from engine.domain.run import JobInfo, JobKind
from engine.protocol.events import Event, ExportVerified, Finished
from engine.protocol.job import JobContext
from tests.builders.model_folder import LINEARS

PEFT_WARNING = "ignore:.is_gradient_checkpointing. is deprecated:FutureWarning"
"""What peft 0.21 provokes in transformers 5.23 whenever it adapts a model."""

MOMENT = datetime(2026, 11, 20, tzinfo=UTC)
RUN_ID = "run-1"


def make_adapter(
    base: Path,
    folder: Path,
    *,
    rank: int = 8,
    alpha: int = 16,
    targets: tuple[str, ...] = LINEARS,
    spread: float = 0.05,
    rslora: bool = False,
    dora: bool = False,
    ranks: dict[str, int] | None = None,
    alphas: dict[str, int] | None = None,
) -> Path:
    """Let peft write an adapter with random matrices for a base model."""
    torch.manual_seed(1)
    model = AutoModelForCausalLM.from_pretrained(str(base), local_files_only=True)
    config = LoraConfig(
        r=rank,
        lora_alpha=alpha,
        target_modules=list(targets),
        task_type="CAUSAL_LM",
        use_rslora=rslora,
        use_dora=dora,
        rank_pattern=ranks or {},
        alpha_pattern=alphas or {},
    )
    with warnings.catch_warnings():
        # peft asks transformers for a property under its old name.
        warnings.simplefilter("ignore", FutureWarning)
        tuned = get_peft_model(model, config)
    for name, parameter in tuned.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=spread)
        if "magnitude" in name:
            parameter.data *= 1 + 0.1 * torch.randn(parameter.shape)
    tuned.save_pretrained(str(folder))
    (folder / "README.md").unlink()
    return folder


@dataclass
class Job:
    """An export job that runs in this process and keeps its events."""

    workspace: Path
    options: dict[str, object]
    events: list[Event] = field(default_factory=list)
    stop_after: int | None = None

    def context(self) -> JobContext:
        options = {
            name: msgspec.Raw(msgspec.json.encode(one)) for name, one in self.options.items()
        }
        info = JobInfo(
            id="job-1", kind=JobKind.EXPORT, name="x", entry="x", created_at="", options=options
        )
        return JobContext(
            workspace=self.workspace,
            folder=self.workspace / "jobs" / "job-1",
            info=info,
            attempt=1,
            emit=self.events.append,
            stop_requested=lambda: (
                self.stop_after is not None and len(self.events) >= self.stop_after
            ),
            now=lambda: MOMENT,
        )

    @property
    def out(self) -> Path:
        return Path(str(self.options["out"]))

    def verified(self) -> ExportVerified:
        assert isinstance(self.events[-1], Finished)
        found = self.events[-2]
        assert isinstance(found, ExportVerified)
        return found


MakeJob = Callable[..., Job]


@dataclass(frozen=True)
class Trained:
    """A base model and an adapter for it. Tests only read them."""

    base: Path
    adapter: Path


def shape_of(rank: int, scale: float) -> AdapterShape:
    """Return an adapter's shape by its rank and the factor on it."""
    return AdapterShape(rank=rank, alpha=rank * scale, dropout_ratio=0.0, targets=())
