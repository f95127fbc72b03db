# SPDX-License-Identifier: Apache-2.0
"""Everything that a page may use, made once by the application and handed to each page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from gui.bridge.device import DeviceWatch
from gui.bridge.job_feed import JobFeeds
from gui.bridge.library import Library
from gui.bridge.navigator import Navigator
from gui.bridge.notices import Notices
from gui.bridge.settings import Settings
from gui.bridge.tasks import Tasks

if TYPE_CHECKING:
    from engine.api.facade import Api
    from engine.api.privacy import Privacy


class Services(msgspec.Struct, frozen=True, kw_only=True):
    """The services of the window.

    Attributes:
        api: The engine's facade on the open workspace; call it inside `tasks` only.
        tasks: Short work off the window's thread.
        library: What the workspace holds.
        feeds: Following jobs.
        navigator: Going to other pages.
        notices: Toasts and errors outside of pages.
        settings: The window's own settings.
        device: The facts of this computer, kept fresh.
        privacy: What is true of this process and the network.
    """

    api: Api
    tasks: Tasks
    library: Library
    feeds: JobFeeds
    navigator: Navigator
    notices: Notices
    settings: Settings
    device: DeviceWatch
    privacy: Privacy

    def close(self) -> None:
        """End the threads; what was asked for is still done."""
        self.library.close()
        self.device.close()
        self.feeds.close()
        self.tasks.close()


def make_services(api: Api, *, settings: Settings, notices: Notices, privacy: Privacy) -> Services:
    """Build the services of one open workspace."""
    tasks = Tasks()
    return Services(
        api=api,
        tasks=tasks,
        library=Library(api, tasks),
        feeds=JobFeeds(api, tasks),
        navigator=Navigator(),
        notices=notices,
        settings=settings,
        device=DeviceWatch(api, tasks),
        privacy=privacy,
    )
