# SPDX-License-Identifier: Apache-2.0
"""PySide's own modules as compiled files.

PySide carries modules that describe signatures as source inside a library, and compiles them at
each start, a twentieth of the window's. Its own switch writes them into a folder beside the
library, where it looks for them first.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

FOLDER = "support"
"""Where in the folder of the build the modules are written."""

PACKAGE, FILES, MODULES = "shiboken6", "files.dir", "shibokensupport"
SWITCH = "SBK_EMBED"


def write_support(folder: Path, environment: dict[str, str]) -> None:
    """Write the modules, with their compiled forms.

    Args:
        folder: Where a copy of the package is made.
        environment: Of the build.

    Raises:
        FileNotFoundError: The package is not there, or wrote nothing.
        subprocess.CalledProcessError: It cannot be imported, or not be compiled.
    """
    found = find_spec(PACKAGE)
    if found is None or found.origin is None:
        raise FileNotFoundError(f"{PACKAGE} is not installed")
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(Path(found.origin).parent, folder / PACKAGE)
    files = folder / PACKAGE / FILES
    writes = environment | {"PYTHONPATH": str(folder), SWITCH: "0"}
    subprocess.run([sys.executable, "-c", f"import {PACKAGE}"], env=writes, check=True)
    # Beside their sources, so that they are found without those.
    compiling = [sys.executable, "-m", "compileall", "-q", "-f", "-b", "--invalidation-mode"]
    subprocess.run(
        [*compiling, "unchecked-hash", "-s", str(files), str(files)], env=environment, check=True
    )
    if not any(files.rglob("*.pyc")):
        raise FileNotFoundError(f"{PACKAGE} wrote no modules into {files}")


def support_files(work: str | os.PathLike[str]) -> list[tuple[str, str]]:
    """Return the compiled modules, each with its folder in the bundle."""
    folder = Path(work) / FOLDER
    return [
        (str(path), path.parent.relative_to(folder).as_posix())
        for path in sorted((folder / PACKAGE / FILES / MODULES).rglob("*.pyc"))
        if path.parent.name != "__pycache__"
    ]
