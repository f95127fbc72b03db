# SPDX-License-Identifier: Apache-2.0
"""The paths of the computer that builds, which are nobody's business, and taking them out.

Python remembers where it was made, in a module of settings and in its own libraries; all of it is
for those who compile against it. What else of the builder might get in is looked for by the check
of the bundle (bundle_traces.py).
"""

from __future__ import annotations

import os
import sys
import sysconfig
from pathlib import Path

NEUTRAL = "/usr"
"""Where Python says that it was made, in place of the truth."""

_OF_EVERYBODY = ("/usr", "/usr/local")


def private_base() -> str:
    """Return where the Python that builds was installed; empty where that tells nothing."""
    base = str(Path(sys.base_prefix))
    return "" if sys.platform == "win32" or base in _OF_EVERYBODY else base


def write_settings(folder: Path) -> None:
    """Write the module of Python's settings without the builder's paths, to be packed instead."""
    folder.mkdir(parents=True, exist_ok=True)
    base = private_base()
    for path in Path(sysconfig.get_path("stdlib")).glob("_sysconfigdata_*.py") if base else ():
        text = path.read_text(encoding="utf-8").replace(base, neutral(base))
        (folder / path.name).write_text(text, encoding="utf-8", newline="\n")


def clean_library(library: Path, inside: Path) -> None:
    """Take the builder's paths out of a library of Python's own.

    Args:
        library: The file; its length stays, since its parts are found by their places.
        inside: The folder where the libraries of the bundle lie, to which its search path leads.
    """
    base = private_base()
    if base:
        beside = os.path.relpath(inside, library.parent)
        origin = "$ORIGIN" if beside == "." else f"$ORIGIN/{beside}"
        searched = f"{base}/lib"
        content = library.read_bytes()
        content = _replaced(content, searched, origin.ljust(len(searched), "/"))
        library.write_bytes(_replaced(content, base, neutral(base)))


def neutral(base: str) -> str:
    """Return a path that tells nothing, of the same length and with the same last name.

    Compilers keep a text that is the end of another only once: where Python lies in a folder that
    is called as its version is, that version is read from the end of the path.

    Raises:
        ValueError: The path is too short for that.
    """
    parent, _, name = base.rpartition("/")
    if len(parent) < len(NEUTRAL):
        raise ValueError(f"{base} is too short to be replaced; build with a Python elsewhere")
    return f"{NEUTRAL.ljust(len(parent), '/')}/{name}"


def _replaced(content: bytes, old: str, new: str) -> bytes:
    """Replace whole strings of a library, which end with a zero, without moving anything."""
    if len(new) != len(old):
        raise ValueError(f"{old} cannot become {new}, which has another length")
    return content.replace(old.encode() + b"\0", new.encode() + b"\0")
