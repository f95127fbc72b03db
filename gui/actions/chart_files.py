# SPDX-License-Identifier: Apache-2.0
"""Saving charts: as a picture, or their numbers as comma-separated values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from gettext import gettext as _
from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QWidget

from gui.bridge.services import Services
from gui.bridge.tasks import Outcome

CSV = "csv"


def ask_to_save_chart(
    services: Services,
    *,
    parent: QWidget,
    kind: str,
    name: str,
    runs: Sequence[str] = (),
    picture: Callable[[str], bytes],
    numbers: Callable[[], bytes] | None = None,
) -> None:
    """Let a person choose a file, then write the chart to it.

    Args:
        services: The window's services.
        parent: What the dialog stands over.
        kind: `png`, `svg` or `csv`.
        name: File name to begin with, without its ending.
        runs: Ids of the runs that the chart shows.
        picture: Returns the chart as a picture of a kind.
        numbers: Returns its numbers as comma-separated values, where it shows no runs.
    """
    chosen, _filter = QFileDialog.getSaveFileName(
        parent, _("Save the chart"), f"{name}.{kind}", f"*.{kind}"
    )
    if not chosen:
        return
    path = Path(chosen)
    if kind == CSV and numbers is not None:
        save_picture(services, content=numbers(), path=path)
    elif kind == CSV:
        save_numbers(services, runs=runs, path=path)
    else:
        save_picture(services, content=picture(kind), path=path)


def save_numbers(services: Services, *, runs: Sequence[str], path: Path) -> None:
    """Write the numbers of the curves of some runs; a file of this name is replaced."""
    curves = services.api.curves
    _save(services, lambda: curves.save_csv(runs, path, replace=True))


def save_picture(services: Services, *, content: bytes, path: Path) -> None:
    """Write a picture, or what else a chart gives out; a file of this name is replaced."""
    curves = services.api.curves
    _save(services, lambda: curves.save(content, path, replace=True))


def _save(services: Services, work: Callable[[], Path]) -> None:
    def done(outcome: Outcome[Path]) -> None:
        if outcome.error is not None:
            services.notices.show_error(outcome.error, title=_("The chart was not saved"))
        else:
            services.notices.say(_("Saved as {name}.").format(name=outcome.value.name))

    services.tasks.run(work, done, owner=services.library)
