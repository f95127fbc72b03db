# SPDX-License-Identifier: Apache-2.0
"""Find the system libraries that Qt and its tests need on Linux, and install or name them.

The wheels of Qt carry Qt, but not the libraries of the system below it. Where one is missing, Qt
ends the process with a line that helps nobody; so they are looked for first, each by loading it.
Standard library only.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

# What is loaded, and the Debian and Ubuntu package that holds it: the closure of the libraries that
# Qt's GUI, widget, SVG, "xcb" and "offscreen" parts link to and do not carry.
LIBRARIES = {
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libX11-xcb.so.1": "libx11-xcb1",
    "libX11.so.6": "libx11-6",
    "libdbus-1.so.3": "libdbus-1-3",
    "libfontconfig.so.1": "libfontconfig1",
    "libfreetype.so.6": "libfreetype6",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libgthread-2.0.so.0": "libglib2.0-0",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-randr.so.0": "libxcb-randr0",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-render.so.0": "libxcb-render0",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-shm.so.0": "libxcb-shm0",
    "libxcb-sync.so.1": "libxcb-sync1",
    "libxcb-util.so.1": "libxcb-util1",
    "libxcb-xfixes.so.0": "libxcb-xfixes0",
    "libxcb-xkb.so.1": "libxcb-xkb1",
    "libxcb.so.1": "libxcb1",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libxkbcommon.so.0": "libxkbcommon0",
}
XVFB, XVFB_PACKAGE = "Xvfb", "xvfb"
FONTS, FONTS_PACKAGE = "a font", "fonts-dejavu-core"
FONT_FOLDERS = ("/usr/share/fonts", "/usr/local/share/fonts")

# Run with the environment's Python, so that a library that crashes on loading does so over there.
_PROBE = """
import ctypes, sys
missing = []
for name in sys.argv[1:]:
    try:
        ctypes.CDLL(name)
    except OSError:
        missing.append(name)
try:
    import PySide6.QtGui, PySide6.QtSvg, PySide6.QtWidgets
except ImportError as error:
    missing.append(f"Qt: {error}")
print("\\n".join(missing))
"""


def missing_libraries(python: Path) -> list[str]:
    """Name what Qt needs on this system and does not find; empty on Windows and macOS.

    Args:
        python: The interpreter that has PySide6.

    Returns:
        Library names, or one line that starts with ``Qt:`` where Qt itself gave a reason.
    """
    if not sys.platform.startswith("linux"):
        return []
    done = subprocess.run(
        [str(python), "-c", _PROBE, *LIBRARIES], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        return [f"Qt: its modules ended the process with status {done.returncode}"]
    return done.stdout.split("\n")[:-1] if done.stdout.strip() else []


def missing_test_tools() -> list[str]:
    """Name what the tests need besides Qt's own libraries: a virtual screen and a font."""
    if not sys.platform.startswith("linux"):
        return []
    missing = [] if shutil.which(XVFB) else [XVFB]
    if not any(_holds_font(Path(folder)) for folder in FONT_FOLDERS):
        missing.append(FONTS)
    return missing


def packages_for(missing: list[str]) -> list[str]:
    """Return the Debian packages, sorted, that bring what is missing."""
    known = {**LIBRARIES, XVFB: XVFB_PACKAGE, FONTS: FONTS_PACKAGE}
    return sorted({known[name] for name in missing if name in known})


def apt_command(packages: list[str]) -> str:
    """Return the line that a person types to install the packages on Debian or Ubuntu."""
    return f"sudo apt-get update && sudo apt-get install -y {' '.join(packages)}"


def can_install() -> bool:
    """Return whether this process may install Debian packages: as root, where there is apt."""
    return os.name == "posix" and os.geteuid() == 0 and shutil.which("apt-get") is not None


def install(packages: list[str], log: Path) -> bool:
    """Install Debian packages; everything apt says goes to the end of the log file.

    Returns:
        Whether apt ended well.
    """
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    quiet = ["apt-get", "install", "-y", "--no-install-recommends", *packages]
    with log.open("a", encoding="utf-8") as sink:
        return all(
            subprocess.run(
                command, stdout=sink, stderr=sink, env=environment, check=False
            ).returncode
            == 0
            for command in (["apt-get", "update"], quiet)
        )


def _holds_font(folder: Path) -> bool:
    return any(True for suffix in ("ttf", "otf", "ttc") for _ in folder.rglob(f"*.{suffix}"))
