# SPDX-License-Identifier: Apache-2.0
"""What was dropped on the window: a model folder is added, everything else is imported."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gui.actions.add_model import add_model
from gui.actions.import_files import import_files
from gui.bridge.services import Services
from gui.viewmodels.dropped import sort_paths


def open_paths(services: Services, *, paths: Sequence[Path]) -> None:
    """Add the model folders among some paths, and import the rest as one dataset."""
    sorted_ = sort_paths(paths)
    for folder in sorted_.models:
        add_model(services, path=folder)
    if sorted_.data:
        import_files(services, paths=sorted_.data)
