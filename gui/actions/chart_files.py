# SPDX-License-Identifier: Apache-2.0
"""Saving charts: as a picture, or their numbers as CSV or as a log for TensorBoard."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from gettext import gettext as _
from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QWidget

from gui.bridge.services import Services
from gui.bridge.tasks import Lane, Outcome
from gui.viewmodels.file_names import file_stem

CSV, TENSORBOARD = "csv", "tensorboard"


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
    """Let a person choose a file, or a folder for a log, then write the chart to it.

    Args:
        services: The window's services.
        parent: What the dialog stands over.
        kind: `png`, `svg`, `csv` or `tensorboard`.
        name: File name to begin with, without its ending.
        runs: Ids of the runs that the chart shows.
        picture: Returns the chart as a picture of a kind.
        numbers: Returns its numbers as comma-separated values, where it shows no runs.
    """
    if kind == TENSORBOARD:
        _ask_to_save_log(services, parent=parent, runs=runs)
        return
    chosen, _filter = QFileDialog.getSaveFileName(
        parent, _("Save the chart"), f"{file_stem(name, 'chart')}.{kind}", f"*.{kind}"
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


def _ask_to_save_log(services: Services, *, parent: QWidget, runs: Sequence[str]) -> None:
    chosen = QFileDialog.getExistingDirectory(parent, _("Folder of the TensorBoard log"))
    if chosen:
        save_log(services, runs=runs, folder=Path(chosen))


def save_log(services: Services, *, runs: Sequence[str], folder: Path) -> None:
    """Write the logs of some runs for TensorBoard and say how they are opened."""

    def done(outcome: Outcome[tuple[Path, ...]]) -> None:
        if outcome.error is not None:
            services.notices.show_error(outcome.error, title=_("The log was not written"))
        else:
            words = _("Log written. To see it: tensorboard --logdir {folder}")
            services.notices.say(words.format(folder=folder))

    services.tasks.run(
        lambda: services.api.curves.save_tensorboard(runs, folder),
        done,
        owner=services.library,
        lane=Lane.LONG,
    )


def save_numbers(services: Services, *, runs: Sequence[str], path: Path) -> None:
    """Write the numbers of the curves of some runs; a file of this name is replaced."""
    _save(services, lambda: services.api.curves.save_csv(runs, path, replace=True))


def save_picture(services: Services, *, content: bytes, path: Path) -> None:
    """Write a picture, or what else a chart gives out; a file of this name is replaced."""
    _save(services, lambda: services.api.curves.save(content, path, replace=True))


def _save(services: Services, work: Callable[[], Path]) -> None:
    def done(outcome: Outcome[Path]) -> None:
        if outcome.error is not None:
            services.notices.show_error(outcome.error, title=_("The chart was not saved"))
        else:
            services.notices.say(_("Saved as {name}.").format(name=outcome.value.name))

    services.tasks.run(work, done, owner=services.library)
