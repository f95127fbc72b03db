# SPDX-License-Identifier: Apache-2.0
"""Adding the model that comes with Burnish, and taking models off the list."""

from __future__ import annotations

from gettext import gettext as _

from engine.domain.model import ModelInfo
from gui.actions.trash import say_removed
from gui.bridge.services import Services
from gui.bridge.tasks import Outcome
from gui.viewmodels.models import removed_words


def add_starter(services: Services) -> None:
    """List the model that comes with Burnish, and show it."""

    def add() -> ModelInfo:
        return services.api.models.add_starter()

    def done(outcome: Outcome[ModelInfo]) -> None:
        if outcome.error is not None:
            services.notices.show_error(outcome.error, title=_("The model was not added"))
            return
        model = outcome.value
        services.notices.say(_("{name} was added.").format(name=model.name))
        services.library.refresh(lambda: services.navigator.go("models", model.id))

    services.notices.clear()
    services.tasks.run(add, done, owner=services.library)


def remove_model(services: Services, *, model: ModelInfo) -> None:
    """Take a model off the list and go back to it; its folder is not touched."""

    def done(outcome: Outcome[str]) -> None:
        if outcome.error is not None:
            services.notices.show_error(outcome.error, title=_("The model was not removed"))
        else:
            say_removed(services, removed_words(model), entry_id=outcome.value)
            services.navigator.go("models")
        services.library.refresh()

    services.notices.clear()
    services.tasks.run(lambda: services.api.models.remove(model.id), done, owner=services.library)
