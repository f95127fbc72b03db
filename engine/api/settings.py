# SPDX-License-Identifier: Apache-2.0
"""What a user has chosen for the window: theme, text size, place of the workspace."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec
import platformdirs
from msgspec.structs import replace

from engine.errors import DocumentDamaged
from engine.store import atomicfs
from engine.store.disk_errors import naming_disk_errors
from engine.store.documents import read_document, write_document


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """settings.json in the platform's folder for configuration.

    Attributes:
        schema_version: Version of this document.
        scheme: `system`, `light`, `dark` or `high_contrast`.
        text_scale: 1.0 is the system's text size.
        workspace: Absolute path, or empty for the usual place.
        window: Geometry of the window as Qt gives it, base64, or empty.
        last_page: Page to open at the next start.
        seen_at: When a window last showed what its runs did, UTC, ISO 8601; empty before that.
        notify: The system shows when a run ends, fails or needs somebody.
        close_to_tray: Closing the window leaves an icon beside the clock.
    """

    schema_version: int = 1
    scheme: str = "system"
    text_scale: float = 1.0
    workspace: str = ""
    window: str = ""
    last_page: str = ""
    seen_at: str = ""
    notify: bool = True
    close_to_tray: bool = False


def settings_file() -> Path:
    """Return where the settings stand."""
    return Path(platformdirs.user_config_dir("burnish", appauthor=False)) / "settings.json"


def read_settings(path: Path) -> Settings:
    """Return the settings; the defaults where there are none or they cannot be read."""
    try:
        return read_document(path, Settings)
    except DocumentDamaged:
        return Settings()


def change_settings(path: Path, changes: Mapping[str, object], *, known: Settings) -> Settings:
    """Change some settings by name and return all of them as they are kept now.

    What stands on disk counts: others may have changed it, and a reading that failed once is no
    reason to write over what it would have told. What is damaged is put aside first.

    Args:
        path: Where they stand.
        changes: New values.
        known: Is changed instead where there are none, or they are damaged.

    Raises:
        NotWritable: The place refuses to be read or written; nothing was changed.
        DiskFailed: The disk does not give the old settings; nothing was changed.
        DiskFull: No room; the old settings are untouched.
    """
    atomicfs.make_folder(path.parent)
    changed = replace(_kept(path) or known, **changes)
    write_document(path, changed)
    return changed


def _kept(path: Path) -> Settings | None:
    """Return the settings on disk, or None where there are none; damaged ones are put aside."""
    try:
        return read_document(path, Settings)
    except DocumentDamaged as damaged:
        match damaged.__cause__:
            case FileNotFoundError():
                return None
            case OSError() as error:
                with naming_disk_errors(path):
                    raise error from damaged
            case _:
                atomicfs.put_aside(path)
        return None
