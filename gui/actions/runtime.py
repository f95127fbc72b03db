# SPDX-License-Identifier: Apache-2.0
"""Adding and removing the training libraries of the packaged program, and what is amiss."""

from __future__ import annotations

from collections.abc import Callable
from gettext import gettext as _
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QFileDialog, QWidget

from engine.errors import Cancelled
from gui.bridge.services import Services
from gui.bridge.tasks import Lane, Outcome

if TYPE_CHECKING:
    from engine.api.runtimes import RuntimeView
    from gui.viewmodels.runtime import RuntimeNotice


def look_at_runtime(services: Services, *, tell: Callable[[RuntimeNotice], None]) -> None:
    """Tell where nothing can be trained, or not as it was tested; a clone has its libraries."""

    def look() -> RuntimeNotice | None:
        from gui.viewmodels.runtime import runtime_notice

        runtimes = services.api.runtimes
        return runtime_notice(runtimes.current()) if runtimes.is_packaged else None

    def after(outcome: Outcome[RuntimeNotice | None]) -> None:
        if outcome.error is not None:
            services.notices.show_error(outcome.error)
        elif outcome.value is not None:
            tell(outcome.value)

    services.tasks.run(look, after, owner=services.library)


def install_runtime(
    services: Services,
    *,
    source: Path,
    tell: Callable[[int, int], None],
    stopped: Event,
    done: Callable[[], None],
) -> None:
    """Install the libraries from a file or folder, until `stopped` is set or the window closes.

    `tell` hears how far it is, in the thread that does it.
    """

    def should_stop() -> bool:
        return stopped.is_set() or services.tasks.closing.is_set()

    def after(outcome: Outcome[RuntimeView]) -> None:
        if isinstance(outcome.error, Cancelled):
            services.notices.say(_("Stopped. What was installed before is as it was."))
        elif outcome.error is not None:
            services.notices.show_error(
                outcome.error, title=_("The training libraries were not installed")
            )
        else:
            services.notices.say(_("The training libraries are installed."))
        done()

    services.notices.clear()
    services.tasks.run(
        lambda: services.api.runtimes.install(source, tell=tell, should_stop=should_stop),
        after,
        owner=services.library,
        lane=Lane.LONG,
    )


def remove_runtime(services: Services, *, done: Callable[[], None]) -> None:
    """Remove the libraries that this person installed."""

    def remove() -> None:
        services.api.runtimes.remove()

    def after(outcome: Outcome[None]) -> None:
        if outcome.error is not None:
            services.notices.show_error(outcome.error, title=_("They were not removed"))
        else:
            services.notices.say(_("The training libraries are removed."))
        done()

    services.notices.clear()
    services.tasks.run(remove, after, owner=services.library)


def ask_for_runtime_file(*, parent: QWidget) -> Path | None:
    """Let a person choose the archive of a runtime; None where they did not."""
    kinds = _("Training libraries (*.tar.zst *.tar)") + ";;" + _("All files (*)")
    title = _("Install training libraries from a file")
    name, _kind = QFileDialog.getOpenFileName(parent, title, "", kinds)
    return Path(name) if name else None


def ask_for_runtime_folder(*, parent: QWidget) -> Path | None:
    """Let a person choose a folder of wheels; None where they did not."""
    title = _("Install training libraries from a folder")
    name = QFileDialog.getExistingDirectory(parent, title)
    return Path(name) if name else None
