# SPDX-License-Identifier: Apache-2.0
"""Adding a base model by its folder."""

from __future__ import annotations

from collections.abc import Callable
from gettext import gettext as _
from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QWidget

from engine.domain.model import ModelInfo
from engine.errors import EngineError
from gui.bridge.services import Services
from gui.bridge.tasks import Outcome

Refused = Callable[[Path, EngineError], None]


def add_model(services: Services, *, path: Path, refused: Refused | None = None) -> None:
    """Check a model folder, list it, and show it; `refused` is told why it was not added."""

    def done(outcome: Outcome[ModelInfo]) -> None:
        if outcome.error is not None and refused is not None:
            refused(path, outcome.error)
            return
        if outcome.error is not None:
            services.notices.show_error(outcome.error, title=_("The model was not added"))
            return
        model = outcome.value
        services.notices.say(_("{name} was added.").format(name=model.name))
        services.library.refresh(lambda: services.navigator.go("models", model.id))

    services.notices.clear()
    services.tasks.run(lambda: services.api.models.add(path), done, owner=services.library)


def ask_for_model(services: Services, *, parent: QWidget, refused: Refused | None = None) -> None:
    """Let a person choose a model folder, then add it."""
    name = QFileDialog.getExistingDirectory(parent, _("Add a model folder"))
    if name:
        add_model(services, path=Path(name), refused=refused)
