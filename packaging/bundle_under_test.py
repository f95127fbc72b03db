# SPDX-License-Identifier: Apache-2.0
"""A built bundle that is looked at and started, with an empty home and environment."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

LIMIT_S = 600.0
Json = Mapping[str, object]


class Missed(Exception):
    """A check did not hold; the text says what was found instead."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """How one start of the program ended."""

    status: int
    output: str
    errors: str

    def json(self) -> Json:
        """Return the last line of the output as JSON.

        Raises:
            Missed: There is none.
        """
        try:
            return cast("Json", json.loads(self.output.strip().splitlines()[-1]))
        except (ValueError, IndexError):
            raise Missed(f"no JSON but: {self.output[-500:]} {self.errors[-1500:]}") from None


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """A built program, and where it is tried.

    Attributes:
        app: Its folder.
        runtime: A training runtime for it, or None.
        scratch: A folder for homes and workspaces.
        is_full: Everything is tried, which takes long and needs more tools.
        packages: Folder with the packages that were built beside it.
    """

    app: Path
    runtime: Path | None
    scratch: Path
    is_full: bool
    packages: Path
    homes: list[Path] = field(default_factory=list[Path])

    @property
    def program(self) -> Path:
        """Return the executable."""
        return self.app / ("burnish.exe" if sys.platform == "win32" else "burnish")

    def home(self) -> Path:
        """Return a new, empty home."""
        made = Path(tempfile.mkdtemp(prefix="home-", dir=self.scratch))
        self.homes.append(made)
        return made

    def environment(self, home: Path, *, runtime: Path | None = None) -> dict[str, str]:
        """Return the whole environment of a start: almost nothing."""
        found = {"HOME": str(home), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
        found |= {
            "QT_QPA_PLATFORM": "offscreen",
            "OMP_NUM_THREADS": str(min(2, os.cpu_count() or 1)),
        }
        found |= {"BURNISH_RUNTIME": str(runtime if runtime is not None else home / "no-runtime")}
        return found

    def start(
        self, *arguments: str | Path, environment: Mapping[str, str], program: Path | None = None
    ) -> Answer:
        """Start the program, wait for its end, and return how it ended."""
        return run([str(program or self.program), *map(str, arguments)], environment)


def run(command: list[str], environment: Mapping[str, str]) -> Answer:
    """Run a command to its end."""
    done = subprocess.run(
        command, env=dict(environment), capture_output=True, check=False, timeout=LIMIT_S,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return Answer(
        status=done.returncode,
        output=done.stdout.decode("utf-8", errors="replace"),
        errors=done.stderr.decode("utf-8", errors="replace"),
    )


def require(holds: object, text: str) -> None:
    """Hold a check to something.

    Raises:
        Missed: It does not hold.
    """
    if not holds:
        raise Missed(text)


def tool(name: str, package: str) -> str:
    """Return the path of a program that a check needs.

    Raises:
        Missed: It is not installed; the text names the Debian package.
    """
    found = shutil.which(name)
    require(found, f"{name} is not installed (Debian package {package})")
    return str(found)


def size_bytes(folder: Path) -> int:
    """Return what the files of a folder hold; links count as nothing."""
    files = (one for one in folder.rglob("*") if one.is_file() and not one.is_symlink())
    return sum(one.stat().st_size for one in files)
