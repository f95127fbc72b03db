# SPDX-License-Identifier: Apache-2.0
"""Making something of a dataset: files, a sample, one dataset of two."""

from __future__ import annotations

from gettext import gettext as _
from pathlib import Path

from engine.api.preparation import ExportForm
from engine.domain.split import SplitRule
from gui.actions.health import Started, start_preparation
from gui.bridge.services import Services


def export_rows(
    services: Services, *, dataset_id: str, form: str, folder: Path, started: Started
) -> None:
    """Write the rows into a new folder; `started` is told the job's id, or "" if there is none."""
    start_preparation(
        services,
        lambda: services.api.preparation.start_export(
            dataset_id, form=ExportForm(form), out=folder
        ),
        started,
        title=_("Nothing was written"),
    )


def make_sample(
    services: Services, *, dataset_id: str, rows: int, seed: int, started: Started
) -> None:
    """Make a dataset of some rows."""
    start_preparation(
        services,
        lambda: services.api.preparation.start_sample(dataset_id, rows=rows, seed=seed),
        started,
        title=_("No sample was made"),
    )


def merge_datasets(
    services: Services, *, dataset_id: str, other_id: str, name: str, started: Started
) -> None:
    """Make one dataset of two."""
    start_preparation(
        services,
        lambda: services.api.preparation.start_merge(
            [dataset_id, other_id], name=name, rule=SplitRule()
        ),
        started,
        title=_("Nothing was merged"),
    )
