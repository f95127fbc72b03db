# SPDX-License-Identifier: Apache-2.0
"""The training runtime of the packaged program: which one is there, adding one, taking it away."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from enum import StrEnum
from gettext import gettext as _
from pathlib import Path

import msgspec
from msgspec.structs import replace

from engine.api.program import program_version
from engine.api.starter import RESOURCES
from engine.errors import Cancelled, InUse, RuntimeFailed, WrongUsage
from engine.launcher import runtime as runtimes
from engine.launcher.frozen import ROLE_VARIABLE
from engine.launcher.identity import find_worker
from engine.launcher.wheelhouse import Heed, Lock, Tell, install_runtime, read_lock, run_heeding
from engine.store import atomicfs

_SELFCHECK_LIMIT_S = 600.0
_OUTPUT_CHARACTERS = 2_000


class RuntimeFit(StrEnum):
    """Whether a runtime belongs to this program."""

    MISSING = "missing"
    FITS = "fits"
    OTHER_VERSION = "other_version"
    """It can be used, but its libraries are not those that this version was tested with."""

    UNUSABLE = "unusable"
    """It is made for another Python or system, or by a version whose runtimes are another kind."""


class RuntimeView(msgspec.Struct, frozen=True, kw_only=True):
    """A training runtime as people see it.

    Attributes:
        id: Names its content; empty where there is none.
        variant: `cpu` or a CUDA line.
        torch: Version of PyTorch.
        minimum_driver: Oldest NVIDIA driver line that it runs with; 0 for a processor.
        folder: Where it is.
        is_removable: This person installed it, and not the system's installer.
        fit: Whether it belongs to this program; one that is unusable is shown, but not used.
        app: Version of Burnish that made it; empty where that was not written down.
    """

    id: str = ""
    variant: str = ""
    torch: str = ""
    minimum_driver: int = 0
    folder: str = ""
    is_removable: bool = False
    fit: RuntimeFit = RuntimeFit.MISSING
    app: str = ""

    @property
    def is_usable(self) -> bool:
        """Whether a worker would get it."""
        return self.fit in (RuntimeFit.FITS, RuntimeFit.OTHER_VERSION)


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
        """Return the runtime that a worker would get now, else one that is there but unusable.

        Where there is neither, one without an id that is missing.
        """
        found = runtimes.found_runtimes(os.environ, Path(sys.executable))
        usable = next((one for one in found if one.is_usable()), None)
        if usable is not None:
            return self._view(usable)
        return replace(self._view(found[0]), fit=RuntimeFit.UNUSABLE) if found else RuntimeView()

    def install(
        self,
        source: Path,
        *,
        tell: Tell = lambda _done, _of: None,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> RuntimeView:
        """Install a runtime from a folder of wheels or an archive, and use it from now on.

        Args:
            source: The folder or file, on any disk.
            tell: Hears how many wheels are unpacked, and of how many.
            should_stop: Says that it is not wanted any more; it is asked several times a second.

        Raises:
            Cancelled: It was stopped; what was installed before is untouched.
            WrongUsage: This is a clone.
            InUse: A worker computes with the libraries that would be replaced.
            FileMissing: There is no such folder or file.
            FileUnreadable: The file is no archive.
            RuntimeUnsuitable: It is not made for this program, or lacks wheels.
            WheelChanged: A wheel is not the one that belongs to this version.
            RuntimeFailed: It does not work on this computer.
            DiskFull: No room; what was installed before is untouched.
            NotWritable: The place refuses.
        """
        self._require_package()
        _require_idle()

        def heed() -> None:
            """End it where it is not wanted any more."""
            if should_stop():
                raise Cancelled(_("It was stopped. Nothing that existed before has changed."))

        made = install_runtime(
            source,
            self._home,
            _locks(),
            try_it=lambda folder: _tried(folder, heed),
            tell=tell,
            heed=heed,
            app=program_version(),
        )
        runtimes.attach(made, sys.path)
        return self._view(made)

    def remove(self) -> None:
        """Remove the runtime that this person installed; one of the system stays.

        Raises:
            WrongUsage: There is none of this person's.
            InUse: A worker computes with it.
        """
        if runtimes.read_runtime(self._home) is None:
            raise WrongUsage(_("No training runtime of yours is installed."))
        _require_idle()
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
            fit=_fit(runtime),
            app=runtime.app,
        )


def other_version_words(view: RuntimeView) -> str:
    """Return what it means that a runtime belongs to another version, in two sentences."""
    theirs = (
        _("The training libraries in {folder} were made for Burnish {version}.")
        if view.app
        else _("The training libraries in {folder} were made for another version of Burnish.")
    )
    first = theirs.format(folder=view.folder, version=view.app)
    if view.is_usable:
        return first + " " + _("This version was tested with others, so runs may differ.")
    return first + " " + _("This version cannot use them, so nothing can be trained.")


def other_version_remedy() -> str:
    """Return what to do about a runtime of another version."""
    return _(
        "Install the file burnish-runtime-….tar.zst that belongs to this version; datasets and "
        "runs stay."
    )


def _locks() -> list[Lock]:
    """Return what this version was tested with."""
    return [read_lock(path) for path in sorted((RESOURCES / "runtime").glob("*.lock"))]


def _fit(runtime: runtimes.Runtime) -> RuntimeFit:
    is_ours = runtime.lock in {one.sha256 for one in _locks()}
    return RuntimeFit.FITS if is_ours else RuntimeFit.OTHER_VERSION


def _require_idle() -> None:
    """Refuse to take the libraries away that a worker has still to load parts of.

    Raises:
        InUse: A worker of this program lives, whatever workspace it works in.
    """
    pid = find_worker()
    if pid is not None:
        raise InUse(
            _(
                "Something is being trained or prepared with these libraries (process {pid}), "
                "so they were left as they are."
            ).format(pid=pid)
        )


def _tried(folder: Path, heed: Heed) -> None:
    """Try a runtime, and look again: a worker may have begun while it was unpacked and tried."""
    try_runtime(folder, heed=heed)
    _require_idle()


def try_runtime(folder: Path, *, heed: Heed = lambda: None) -> None:
    """Let this program try the libraries of a folder, in a process of its own.

    Args:
        folder: The runtime.
        heed: Ends it where it is not wanted any more.

    Raises:
        Cancelled: `heed` ended it.
        RuntimeFailed: They do not work here; the detail is what the process said.
    """
    environment = {key: value for key, value in os.environ.items() if key != ROLE_VARIABLE}
    environment[runtimes.VARIABLE] = str(folder)
    try:
        status, said = run_heeding(
            [sys.executable, "--selfcheck"],
            env=environment,
            heed=heed,
            limit_s=_SELFCHECK_LIMIT_S,
        )
    except subprocess.TimeoutExpired as error:
        raise RuntimeFailed(
            _(
                "The training libraries were not ready after {minutes:.0f} minutes, so they "
                "were not kept."
            ).format(minutes=_SELFCHECK_LIMIT_S / 60)
        ) from error
    if status != 0:
        raise RuntimeFailed(
            _("The training libraries do not work on this computer, so they were not kept."),
            detail=said.decode("utf-8", errors="replace")[-_OUTPUT_CHARACTERS:],
        )
