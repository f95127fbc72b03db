# SPDX-License-Identifier: Apache-2.0
"""The training runtime in memory."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from engine.api.runtimes import RuntimeFit, RuntimeView
from engine.errors import Cancelled, EngineError

INSTALLED = RuntimeView(
    id="cu130-0123456789ab",
    variant="cu130",
    torch="2.13.0",
    minimum_driver=580,
    folder="/home/ann/.local/share/burnish/runtime",
    is_removable=True,
    fit=RuntimeFit.FITS,
    app="0.1.0",
)


class FakeRuntimes:
    """A runtime that is there or not."""

    def __init__(self) -> None:
        self.is_packaged = False
        self.view = RuntimeView()
        self.error: EngineError | None = None
        self.installed_from: Path | None = None
        self.takes_long = False

    def current(self) -> RuntimeView:
        return self.view

    def install(
        self, source: Path, *, tell: Callable[[int, int], None], should_stop: Callable[[], bool]
    ) -> RuntimeView:
        for done in range(3):
            tell(done, 3)
        while self.takes_long:
            if should_stop():
                raise Cancelled("It was stopped.")
            time.sleep(0.01)
        if self.error is not None:
            raise self.error
        self.installed_from = source
        self.view = INSTALLED
        return self.view

    def remove(self) -> None:
        self.view = RuntimeView()
