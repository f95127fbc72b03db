# SPDX-License-Identifier: Apache-2.0
"""The trash and the disk: putting back what was removed, and removing what can go."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from gettext import gettext as _

from engine.domain.space import Place
from engine.domain.trash import TrashEntry
from gui.bridge.services import Services
from gui.bridge.tasks import Lane, Outcome
from gui.viewmodels.space import emptied_words, freed_words, place_words


def say_removed(services: Services, text: str, *, entry_id: str) -> None:
    """Say that something was removed, with the way back."""
    undo = partial(put_back, services, entry_id=entry_id)
    services.notices.say(text, undo_text=_("Undo"), undo=undo)


def put_back(services: Services, *, entry_id: str, done: Callable[[], None] | None = None) -> None:
    """Put something back from the trash."""

    def after(outcome: Outcome[TrashEntry]) -> None:
        if outcome.error is not None:
            services.notices.show_error(outcome.error, title=_("It was not put back"))
        else:
            services.notices.say(_("“{name}” is back.").format(name=outcome.value.name))
        services.library.refresh(done)

    services.notices.clear()
    services.tasks.run(lambda: services.api.trash.restore(entry_id), after, owner=services.library)


def free_space(services: Services, *, key: str, done: Callable[[], None]) -> None:
    """Remove what can go of one thing, and say how much that was."""

    def after(outcome: Outcome[int]) -> None:
        if outcome.error is not None:
            services.notices.show_error(outcome.error, title=_("It was not removed"))
        else:
            services.notices.say(freed_words(outcome.value))
        services.library.refresh(done)

    services.notices.clear()
    services.tasks.run(lambda: services.api.space.free(key), after, owner=services.library)


def empty_trash(services: Services, *, done: Callable[[], None]) -> None:
    """Delete everything in the trash for good."""

    def empty() -> int:
        return services.api.trash.empty()

    def after(outcome: Outcome[int]) -> None:
        if outcome.error is not None:
            services.notices.show_error(outcome.error, title=_("The trash was not emptied"))
        else:
            services.notices.say(emptied_words(outcome.value))
        done()

    services.notices.clear()
    services.tasks.run(empty, after, owner=services.library)


def tidy_trash(services: Services) -> None:
    """Delete what has been in the trash for long; where that fails the next start tries again."""

    def tidy() -> int:
        return services.api.trash.tidy()

    def after(_outcome: Outcome[int]) -> None:
        return

    services.tasks.run(tidy, after, owner=services.library)


def say_place(services: Services, show: Callable[[str, str], None]) -> None:
    """Find out where the workspace lies, and show what is odd about it: cause and consequence."""

    def look() -> Place:
        return services.api.space.place()

    def after(outcome: Outcome[Place]) -> None:
        if outcome.error is None:
            show(*place_words(outcome.value))

    services.tasks.run(look, after, owner=services.library, lane=Lane.READING)
