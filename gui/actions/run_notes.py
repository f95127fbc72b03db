# SPDX-License-Identifier: Apache-2.0
"""Writing notes and tags of runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from gettext import gettext as _

from engine.domain.run_note import RunNote
from gui.bridge.services import Services
from gui.bridge.tasks import Outcome


def write_note(
    services: Services,
    *,
    run_id: str,
    text: str,
    tags: Sequence[str],
    done: Callable[[Outcome[RunNote]], None],
) -> None:
    """Write the note and the tags of a run; `done` is told what is kept, or why not."""

    def written(outcome: Outcome[RunNote]) -> None:
        if outcome.error is not None:
            services.notices.show_error(outcome.error, title=_("The note was not saved"))
        services.library.refresh()
        done(outcome)

    services.notices.clear()
    services.tasks.run(
        lambda: services.api.notes.write(run_id, text=text, tags=tags),
        written,
        owner=services.library,
    )
