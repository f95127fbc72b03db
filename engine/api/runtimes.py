# SPDX-License-Identifier: Apache-2.0
"""The training runtime of the packaged program: which one is there, adding one, taking it away."""

from __future__ import annotations

import os
import subprocess
import sys
from gettext import gettext as _
from pathlib import Path

import msgspec

from engine.api.starter import RESOURCES
from engine.errors import RuntimeFailed, WrongUsage
from engine.launcher import runtime as runtimes
from engine.launcher.frozen import ROLE_VARIABLE
from engine.launcher.wheelhouse import Tell, install_runtime, read_lock
from engine.store import atomicfs

_SELFCHECK_LIMIT_S = 600.0
_OUTPUT_CHARACTERS = 2_000


class RuntimeView(msgspec.Struct, frozen=True, kw_only=True):
    """A training runtime as people see it.

    Attributes:
        id: Names its content; empty where there is none.
        variant: `cpu` or a CUDA line.
        torch: Version of PyTorch.
        minimum_driver: Oldest NVIDIA driver line that it runs with; 0 for a processor.
        folder: Where it is.
        is_removable: This person installed it, and not the system's installer.
    """

    id: str = ""
    variant: str = ""
    torch: str = ""
    minimum_driver: int = 0
    folder: str = ""
    is_removable: bool = False


class Runtimes:
    """Finds, adds and removes the runtime of this program."""

    def __init__(self, *, is_packaged: bool | None = None, home: Path | None = None) -> None:
        """Serve this program.

        Args:
            is_packaged: Whether it is the packaged program; by default it is looked up.
            home: Where a runtime is installed; by default in the person's data folder.
        """
        frozen = bool(getattr(sys, "frozen", False))
        self.is_packaged = frozen if is_packaged is None else is_packaged
        """False in a clone, whose environment has the libraries."""
        self._home = home or runtimes.user_root()

    def current(self) -> RuntimeView:
        """Return the runtime that a worker would get now; one without an id where there is none."""
        found = runtimes.find_runtime(os.environ, Path(sys.executable))
        return RuntimeView() if found is None else self._view(found)

    def install(self, source: Path, *, tell: Tell = lambda _done, _of: None) -> RuntimeView:
        """Install a runtime from a folder of wheels or an archive, and use it from now on.

        Args:
            source: The folder or file, on any disk.
            tell: Hears how many wheels are unpacked, and of how many.

        Raises:
            WrongUsage: This is a clone.
            FileMissing: There is no such folder or file.
            FileUnreadable: The file is no archive.
            RuntimeUnsuitable: It is not made for this program, or lacks wheels.
            WheelChanged: A wheel is not the one that belongs to this version.
            RuntimeFailed: It does not work on this computer.
            DiskFull: No room; what was installed before is untouched.
            NotWritable: The place refuses.
        """
        self._require_package()
        locks = [read_lock(path) for path in sorted((RESOURCES / "runtime").glob("*.lock"))]
        made = install_runtime(source, self._home, locks, try_it=try_runtime, tell=tell)
        runtimes.attach(made, sys.path)
        return self._view(made)

    def remove(self) -> None:
        """Remove the runtime that this person installed; one of the system stays.

        Raises:
            WrongUsage: There is none of this person's.
        """
        if runtimes.read_runtime(self._home) is None:
            raise WrongUsage(_("No training runtime of yours is installed."))
        atomicfs.remove_folder(self._home)

    def verify(self) -> int:
        """Read every file of the current runtime and return how many there are.

        Raises:
            WrongUsage: There is none.
            DocumentDamaged: A file is missing or differs; the message names it.
        """
        found = runtimes.find_runtime(os.environ, Path(sys.executable))
        if found is None:
            raise WrongUsage(_("No training runtime is installed."))
        return len(atomicfs.verify_folder(found.root).files)

    def _require_package(self) -> None:
        if not self.is_packaged:
            raise WrongUsage(
                _("This is a clone of Burnish, which has its training libraries in .venv."),
                remedy=_("Run packaging/bootstrap.py to install them."),
            )

    def _view(self, runtime: runtimes.Runtime) -> RuntimeView:
        return RuntimeView(
            id=runtime.id,
            variant=runtime.variant,
            torch=runtime.torch,
            minimum_driver=runtime.minimum_driver,
            folder=str(runtime.root),
            is_removable=runtime.root == self._home,
        )


def try_runtime(folder: Path) -> None:
    """Let this program try the libraries of a folder, in a process of its own.

    Raises:
        RuntimeFailed: They do not work here; the detail is what the process said.
    """
    environment = {key: value for key, value in os.environ.items() if key != ROLE_VARIABLE}
    environment[runtimes.VARIABLE] = str(folder)
    done = subprocess.run(
        [sys.executable, "--selfcheck"],
        env=environment,
        capture_output=True,
        timeout=_SELFCHECK_LIMIT_S,
        check=False,
    )
    if done.returncode != 0:
        said = (done.stdout + done.stderr).decode("utf-8", errors="replace")
        raise RuntimeFailed(
            _("The training libraries do not work on this computer, so they were not kept."),
            detail=said[-_OUTPUT_CHARACTERS:],
        )
