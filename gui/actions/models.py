# SPDX-License-Identifier: Apache-2.0
"""Adding models from their own page, and removing them from the list."""

from __future__ import annotations

from collections.abc import Callable
from gettext import gettext as _
from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QWidget

from engine.domain.model import ModelInfo
from engine.errors import EngineError
from gui.bridge.services import Services
from gui.bridge.tasks import Outcome
from gui.viewmodels.models import removed_words

Refused = Callable[[Path, EngineError], None]


def add_folder(services: Services, *, path: Path, refused: Refused) -> None:
    """Check a model folder, list it and show it; `refused` is told why it was not added."""

    def done(outcome: Outcome[ModelInfo]) -> None:
        if outcome.error is not None:
            refused(path, outcome.error)
            return
        _show(services, outcome.value)

    services.notices.clear()
    services.tasks.run(lambda: services.api.models.add(path), done, owner=services.library)


def ask_for_folder(services: Services, *, parent: QWidget, refused: Refused) -> None:
    """Let a person choose a model folder, then add it."""
    name = QFileDialog.getExistingDirectory(parent, _("Add a model folder"))
    if name:
        add_folder(services, path=Path(name), refused=refused)


def add_starter(services: Services) -> None:
    """List the model that comes with Burnish, and show it."""

    def done(outcome: Outcome[ModelInfo]) -> None:
        if outcome.error is not None:
            services.notices.show_error(outcome.error, title=_("The model was not added"))
            return
        _show(services, outcome.value)

    services.notices.clear()
    services.tasks.run(services.api.models.add_starter, done, owner=services.library)


def _show(services: Services, model: ModelInfo) -> None:
    services.notices.say(_("{name} was added.").format(name=model.name))
    services.library.refresh(lambda: services.navigator.go("models", model.id))


def remove_model(services: Services, *, model: ModelInfo) -> None:
    """Take a model off the list and go back to it; its folder is not touched."""

    def done(outcome: Outcome[None]) -> None:
        if outcome.error is not None:
            services.notices.show_error(outcome.error, title=_("The model was not removed"))
        else:
            services.notices.say(removed_words(model))
            services.navigator.go("models")
        services.library.refresh()

    services.notices.clear()
    services.tasks.run(lambda: services.api.models.remove(model.id), done, owner=services.library)
