# SPDX-License-Identifier: Apache-2.0
"""The training method sft_qlora: an adapter on a base model that is held in 4 bits."""

from __future__ import annotations

from engine.protocol.job import JobContext
from engine.train.loop import train_adapter


def train(context: JobContext) -> None:
    """Do the job.

    Raises:
        EngineError: Anything that ends the run early; checkpoints up to then are safe.
    """
    train_adapter(context, quantised=True)
