# SPDX-License-Identifier: Apache-2.0
"""The window's own settings: kept by the engine, changed here, told to whoever shows them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from msgspec.structs import replace
from PySide6.QtCore import QObject, Signal

from engine.api.settings import Settings as SettingValues
from engine.api.settings import change_settings
from engine.errors import EngineError
from gui.bridge.notices import Notices


class Settings(QObject):
    """One document of settings.

    Signals:
        changed: Some value is new.
    """

    changed = Signal()

    def __init__(self, path: Path, values: SettingValues, notices: Notices) -> None:
        super().__init__()
        self._path = path
        self._values = values
        self._notices = notices

    @property
    def values(self) -> SettingValues:
        """Return all settings."""
        return self._values

    def set(self, **changes: Any) -> None:
        """Change some settings by name and keep them; an error of the disk is shown, not raised.

        They become those on disk: what could not be read at the start is not lost by a change.
        """
        changed = replace(self._values, **changes)
        if changed == self._values:
            return
        self._take(changed)
        try:
            self._take(change_settings(self._path, changes, known=changed))
        except EngineError as error:
            self._notices.show_error(error)

    def _take(self, values: SettingValues) -> None:
        if values != self._values:
            self._values = values
            self.changed.emit()
