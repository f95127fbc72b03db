# SPDX-License-Identifier: Apache-2.0
"""What ships with Burnish to try it at once: the starter model and a sample dataset."""

from __future__ import annotations

from pathlib import Path

SAMPLE_NAME = "Support tickets"
SAMPLE_PRESET = "starter"
RESOURCES = Path(__file__).resolve().parents[2] / "resources"


def sample_file() -> Path:
    """Return the sample dataset: support tickets with answers in a house form."""
    return RESOURCES / "samples" / "support_tickets.jsonl"


def starter_folder() -> Path:
    """Return the folder of the starter model."""
    return RESOURCES / "starter" / "model"
