# SPDX-License-Identifier: Apache-2.0
"""Makes steps of a run go wrong."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from engine.train import stepping


def spoil_loss(monkeypatch: pytest.MonkeyPatch, steps: set[int]) -> None:
    """Make the loss of some steps no number."""
    original = stepping.Stepper.accumulate

    def accumulate(self: stepping.Stepper, step: int, members: Any) -> torch.Tensor:
        found = original(self, step, members)
        return found * float("nan") if step in steps else found

    monkeypatch.setattr(stepping.Stepper, "accumulate", accumulate)
