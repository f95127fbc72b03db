# SPDX-License-Identifier: Apache-2.0
"""Going on with the adapter of a run, of a checkpoint or of a folder, in a new run."""

from __future__ import annotations

from collections.abc import Callable
from gettext import gettext as _
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace
from PySide6.QtWidgets import QFileDialog, QWidget

from gui.bridge.services import Services
from gui.bridge.tasks import Outcome
from gui.viewmodels.continuing import continue_argument
from gui.viewmodels.train import TrainArgument, same_again

if TYPE_CHECKING:
    from engine.api.runs import RunView


def continue_run(services: Services, *, run_id: str, checkpoint: str = "") -> None:
    """Open the page Train with the adapter of a run, or of one of its checkpoints."""
    api = services.api
    _open_train(services, lambda: continue_argument(api.continuing.of_run(run_id, checkpoint)))


def ask_for_adapter_folder(services: Services, *, parent: QWidget) -> None:
    """Let a person choose an adapter folder, and open the page Train with it."""
    chosen = QFileDialog.getExistingDirectory(parent, _("Continue from an adapter folder"))
    if chosen:
        continue_folder(services, path=Path(chosen))


def continue_folder(services: Services, *, path: Path) -> None:
    """Open the page Train with the adapter of a folder from outside, once it is checked."""
    api = services.api
    _open_train(services, lambda: continue_argument(api.continuing.of_folder(path)))


def train_again(services: Services, *, run: RunView) -> None:
    """Open the page Train with the choices of a run, and the adapter that it began with."""
    if run.recipe.start is None:
        services.navigator.go("train", same_again(run))
        return
    api, recipe = services.api, run.recipe
    _open_train(
        services,
        lambda: replace(same_again(run), beginning=api.continuing.again(recipe)),
    )


def _open_train(services: Services, find: Callable[[], TrainArgument]) -> None:
    def found(outcome: Outcome[TrainArgument]) -> None:
        if outcome.error is not None:
            title = _("Training cannot go on with this adapter")
            services.notices.show_error(outcome.error, title=title)
        else:
            services.navigator.go("train", outcome.value)

    services.notices.clear()
    services.tasks.run(find, found, owner=services.library)
