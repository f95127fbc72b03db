# SPDX-License-Identifier: Apache-2.0
"""Showing, and on demand proving, that nothing leaves this computer."""

from __future__ import annotations

import os
import platform
import stat
import sys
from collections.abc import Callable, Set
from enum import StrEnum
from gettext import gettext as _
from gettext import ngettext
from importlib.util import find_spec
from pathlib import Path

import msgspec

from engine.api.clock import utc_now
from engine.api.jobs import Jobs
from engine.api.privacy import PrivacyState
from engine.api.program import program_version
from engine.api.settings import settings_file
from engine.domain.problem import Problem, Severity
from engine.domain.timestamp import timestamp
from engine.errors import DocumentDamaged
from engine.launcher.identity import Heartbeat, is_alive, read_identity
from engine.launcher.keeper import keeper_pid
from engine.launcher.network import ProcessNetwork, descendants, network_of
from engine.launcher.probe import Outcome, ProbeAnswer, probe
from engine.store.caches import compile_cache
from engine.store.disk_use import entries_below
from engine.store.documents import read_document
from engine.store.layout import Layout

__all__ = ["Outcome", "ProbeAnswer", "ProcessNetwork", "Proofs"]

TALKING_LIBRARIES = (
    "PySide6.QtNetwork", "PySide6.QtWebEngineCore", "kernels", "hf_xet", "hf_transfer", "wandb",
    "mlflow", "comet_ml", "neptune", "swanlab", "trackio", "posthog", "sentry_sdk", "gradio",
    "unsloth", "axolotl",
)  # fmt: skip
"""Libraries that reach for the network by themselves; nothing in Burnish uses any of them."""


class Role(StrEnum):
    """What a process of Burnish is."""

    WINDOW = "window"
    COMMAND_LINE = "command_line"
    KEEPER = "keeper"
    WORKER = "worker"
    HELPER = "helper"


class ProcessView(msgspec.Struct, frozen=True, kw_only=True):
    """One process of Burnish.

    Attributes:
        role: What it is.
        name: The job that it works on; empty for those that work on none.
        network: What the operating system tells of it.
        refused: Tries to reach the network that its guard refused; None where it does not tell.
    """

    role: Role
    name: str
    network: ProcessNetwork
    refused: int | None


class FolderView(msgspec.Struct, frozen=True, kw_only=True):
    """A folder that Burnish writes to.

    Attributes:
        purpose: What is in it.
        path: Where it is.
        entries: Files and folders in it, itself included.
        open_entries: Those of them that other users of this computer could read or change; None
            where the system knows no such permissions.
    """

    purpose: str
    path: str
    entries: int
    open_entries: int | None


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """What a proof found.

    Attributes:
        made_at: UTC.
        version: Of Burnish; empty where it runs from its source folder.
        system: Operating system and machine.
        own: What the asking process knows of its own guard.
        processes: Every process of Burnish in this workspace, the asking one first.
        folders: Where Burnish writes.
        libraries: Those of TALKING_LIBRARIES that are installed here.
        answer: What happened when the network was tried.
    """

    made_at: str
    version: str
    system: str
    own: PrivacyState
    processes: tuple[ProcessView, ...]
    folders: tuple[FolderView, ...]
    libraries: tuple[str, ...]
    answer: ProbeAnswer


class Proofs:
    """Answers what leaves this computer, for one workspace."""

    def __init__(self, layout: Layout, *, ask: Callable[[], ProbeAnswer] = probe) -> None:
        """Look at one workspace; `ask` starts the process that tries the network.

        The window looks in a thread of its own, so the jobs are read by readers of its own too.
        """
        self._layout = layout
        self._ask = ask

    def processes(self, own: PrivacyState, role: Role) -> tuple[ProcessView, ...]:
        """Return the processes of Burnish: the asking one, the queue's keeper, workers, helpers."""
        found = [_view(role, "", os.getpid(), own.attempts)]
        for job in Jobs(self._layout).list():
            if not job.state.is_over:
                found.extend(self._of_job(job.info.id, job.info.name))
        listed = {one.network.pid for one in found if one is not None}
        found[1:1] = self._of_keeper(listed)
        return tuple(one for one in found if one is not None)

    def _of_keeper(self, listed: Set[int]) -> list[ProcessView | None]:
        """Return the keeper and its helpers; the workers that it started are listed already."""
        pid = keeper_pid(self._layout)
        if pid is None:
            return []
        helpers = [one for one in descendants(pid) if one not in listed]
        return [
            _view(Role.KEEPER, "", pid, None),
            *(_view(Role.HELPER, "", one, None) for one in helpers),
        ]

    def _of_job(self, job_id: str, name: str) -> list[ProcessView | None]:
        folder = self._layout.job(job_id)
        identity = read_identity(folder)
        if identity is None or not is_alive(identity):
            return []
        worker = _view(Role.WORKER, name, identity.pid, _refused(folder.heartbeat))
        helpers = descendants(identity.pid)
        return [worker, *(_view(Role.HELPER, name, pid, None) for pid in helpers)]

    def folders(self) -> tuple[FolderView, ...]:
        """Return where Burnish writes, and how many of the files there others could read."""
        places = (
            (_("Workspace: datasets, runs, adapters, exports"), self._layout.root),
            (_("Settings of the window"), settings_file().parent),
            (_("Compiled code of the training libraries, no data"), compile_cache()),
        )
        return tuple(_folder(purpose, path) for purpose, path in places)

    def prove(self, own: PrivacyState, role: Role) -> Proof:
        """Try the network in a process of its own, look at everything else, and return it all.

        Raises:
            ProbeSilent: That process gave no answer.
        """
        return Proof(
            made_at=timestamp(utc_now()),
            version=program_version(),
            system=f"{platform.system()} {platform.release()}, {platform.machine()}",
            own=own,
            processes=self.processes(own, role),
            folders=self.folders(),
            libraries=tuple(one for one in TALKING_LIBRARIES if _is_installed(one)),
            answer=self._ask(),
        )


def _view(role: Role, name: str, pid: int, refused: int | None) -> ProcessView | None:
    network = network_of(pid)
    if network is None:
        return None
    return ProcessView(role=role, name=name, network=network, refused=refused)


def _refused(heartbeat: Path) -> int | None:
    try:
        return read_document(heartbeat, Heartbeat).refused
    except DocumentDamaged:
        return None  # it has not begun to beat


def _folder(purpose: str, path: Path) -> FolderView:
    entries = open_entries = 0
    for one in (path, *entries_below(path)) if path.is_dir() else ():
        entries += 1
        open_entries += _is_open(one)
    is_told = sys.platform != "win32"
    return FolderView(
        purpose=purpose,
        path=str(path),
        entries=entries,
        open_entries=open_entries if is_told else None,
    )


def _is_open(entry: Path | os.DirEntry[str]) -> bool:
    try:
        mode = entry.stat(follow_symlinks=False).st_mode
    except FileNotFoundError:
        return False
    return not stat.S_ISLNK(mode) and bool(mode & (stat.S_IRWXG | stat.S_IRWXO))


def _is_installed(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:
        return False  # not even the package that it is a part of


# ------------------------------------------------------------------------------------ what it says


def findings(proof: Proof) -> list[Problem]:
    """Return what speaks against the promise, the gravest first; empty where it holds in full."""
    found = [
        *_of_tries(proof),
        *_of_filter(proof),
        *(one for process in proof.processes for one in _of_process(process)),
        *_of_folders(proof.folders),
    ]
    return sorted(found, key=lambda one: list(Severity).index(one.severity))


def _problem(severity: Severity, code: str, message: str, remedy: str = "") -> Problem:
    return Problem(field="", severity=severity, code=code, message=message, remedy=remedy)


def _of_tries(proof: Proof) -> list[Problem]:
    answer = proof.answer
    opened = [one.name for one in answer.guarded if one.outcome is Outcome.OPENED]
    found = [
        _problem(
            Severity.ERROR,
            "network_reached",
            _("Behind the guard of a worker, the network could be asked for: {tries}.").format(
                tries=", ".join(opened)
            ),
            _("Keep this computer off the network until this is explained."),
        )
    ]
    if not opened:
        found = []
    if proof.own.kernel_filter_active and any(
        one.outcome is Outcome.OPENED for one in answer.inherited
    ):
        found.append(
            _problem(
                Severity.ERROR,
                "filter_not_inherited",
                _("A program started by this one is not held by its filter."),
                _("Keep this computer off the network until this is explained."),
            )
        )
    return found


def _of_filter(proof: Proof) -> list[Problem]:
    found: list[Problem] = []
    if not proof.answer.has_filter:
        found.append(
            _problem(
                Severity.WARNING,
                "no_kernel_filter",
                _(
                    "This system does not enforce the promise ({reason}): native code could open "
                    "a connection without being noticed."
                ).format(reason=proof.answer.refusal),
                _("Use Linux, or unplug the network, where that has to be ruled out."),
            )
        )
    elif not proof.own.kernel_filter_active:
        found.append(
            _problem(
                Severity.WARNING,
                "no_filter_here",
                _("Workers are held by the filter of the kernel, this process is not."),
                _("Show the window on a local screen, not over the network."),
            )
        )
    if proof.answer.has_filter and not proof.answer.works_locally:
        found.append(
            _problem(
                Severity.WARNING,
                "probe_blind",
                _(
                    "Not even a socket within this computer could be opened, so that the others "
                    "were refused says less."
                ),
            )
        )
    return found


def _of_process(process: ProcessView) -> list[Problem]:
    found: list[Problem] = []
    pid = process.network.pid
    if process.network.outward:
        found.append(
            _problem(
                Severity.ERROR,
                "sockets_open",
                _("Process {pid} holds sockets that can leave this computer: {protocols}.").format(
                    pid=pid, protocols=", ".join(process.network.outward)
                ),
                _("Stop what it does, and keep this computer off the network."),
            )
        )
    is_asking = process.role in (Role.WINDOW, Role.COMMAND_LINE)
    if not is_asking and process.network.has_filter is False:
        found.append(
            _problem(
                Severity.ERROR,
                "worker_without_filter",
                _("Process {pid} works without the filter of the kernel.").format(pid=pid),
                _("Stop its job, or end the process, and start it again."),
            )
        )
    if process.refused:
        message = ngettext(
            "Process {pid} tried to reach the network {count} time; that was refused.",
            "Process {pid} tried to reach the network {count} times; that was refused.",
            process.refused,
        ).format(pid=pid, count=process.refused)
        found.append(_problem(Severity.WARNING, "network_refused", message))
    return found


def _of_folders(folders: tuple[FolderView, ...]) -> list[Problem]:
    return [
        _problem(
            Severity.WARNING,
            "readable_by_others",
            ngettext(
                "Other users of this computer can read {count} entry of {path}.",
                "Other users of this computer can read {count} entries of {path}.",
                one.open_entries,
            ).format(count=one.open_entries, path=one.path),
            _("Take their permissions away: chmod -R go-rwx on that folder."),
        )
        for one in folders
        if one.open_entries
    ]
