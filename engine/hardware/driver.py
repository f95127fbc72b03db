# SPDX-License-Identifier: Apache-2.0
"""The NVIDIA driver in two halves: what the kernel has loaded, and what programs would load.

An update replaces the files at once, but the kernel keeps the old half until the computer is
restarted; from then on programs that start anew cannot speak to the card.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import msgspec

LOADED = Path("/proc/driver/nvidia/version")
FOLDERS = tuple(
    Path(one)
    for one in (
        "/usr/lib/x86_64-linux-gnu",
        "/usr/lib/aarch64-linux-gnu",
        "/usr/lib64",
        "/usr/lib",
        "/run/opengl-driver/lib",
    )
)
_VERSION = re.compile(r"\b(\d{3,}\.\d+(?:\.\d+)?)\b")
_LIBRARY = "libnvidia-ml.so."


class DriverVersions(msgspec.Struct, frozen=True, kw_only=True):
    """Versions of the two halves; empty where they are not known.

    Attributes:
        loaded: Of the kernel module that runs.
        installed: Of the libraries on disk, the newest where there are several.
        is_refused: The driver's own library says that the two do not fit.
    """

    loaded: str = ""
    installed: str = ""
    is_refused: bool = False

    @property
    def differ(self) -> bool:
        """Return whether the driver was changed since the computer was started."""
        return self.is_refused or bool(
            self.loaded and self.installed and self.loaded != self.installed
        )


def read_driver(
    loaded: Path = LOADED, folders: Sequence[Path] = FOLDERS, *, is_refused: bool = False
) -> DriverVersions:
    """Return the versions of the driver; a computer without one has none.

    Args:
        loaded: Where the kernel module tells its version.
        folders: Where the libraries of the driver may be.
        is_refused: What the driver's own library says, see `engine.hardware.gpu`.
    """
    return DriverVersions(
        loaded=_loaded(loaded), installed=_installed(folders), is_refused=is_refused
    )


def _loaded(path: Path) -> str:
    try:
        first = path.read_text(encoding="utf-8", errors="replace").partition("\n")[0]
    except OSError:
        return ""
    found = _VERSION.search(first)
    return found.group(1) if found else ""


def _installed(folders: Sequence[Path]) -> str:
    names = {one.name for folder in folders for one in folder.glob(f"{_LIBRARY}*")}
    found = [one.removeprefix(_LIBRARY) for one in names]
    # `libnvidia-ml.so.1` is a link that every version has.
    versions = [one for one in found if _VERSION.fullmatch(one)]
    return max(versions, key=lambda one: [int(part) for part in one.split(".")], default="")
