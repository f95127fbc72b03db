# SPDX-License-Identifier: Apache-2.0
"""The training method sft_qlora: an adapter on a base model that is held in 4 bits."""

from __future__ import annotations

from engine.protocol.job import JobContext, PeerContext
from engine.train.loop import train_adapter
from engine.train.ranks_peer import assist_run


def train(context: JobContext) -> None:
    """Do the job.

    Raises:
        EngineError: Anything that ends the run early; checkpoints up to then are safe.
    """
    train_adapter(context, quantised=True)


def assist(context: PeerContext) -> None:
    """Compute for the worker of such a job.

    Raises:
        ProcessLost: The worker has ended.
    """
    assist_run(context, quantised=True)
