# SPDX-License-Identifier: Apache-2.0
"""The facts that the doctor judges, and the form of what it finds; nothing is read here."""

from __future__ import annotations

import msgspec

from engine.domain.problem import Problem, Severity
from engine.hardware.machine import MachineFacts
from engine.hardware.sleep import SleepFacts


class Finding(Problem, frozen=True, kw_only=True):
    """Something that hinders training here.

    Attributes:
        title: What it is about, in two or three words.
    """

    title: str


class WorkspaceFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the folder of the workspace.

    Attributes:
        path: Where it is.
        is_writable: This person may write to it.
        is_open: Other users of this computer may look into it.
        network: The kind of network folder it lies in, or empty.
    """

    path: str
    is_writable: bool = True
    is_open: bool = False
    network: str = ""


class LibraryFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the training libraries, none of which was imported.

    Attributes:
        is_packaged: This is the packaged program, whose libraries are a runtime of their own.
        missing: Names of libraries that are not there.
        damaged: For each library with files that are gone or have another size: its name and one
            such file.
        misfit: What a runtime that was found is made for, where that is not this program.
        other_version: What it means that the runtime belongs to another version of Burnish but
            can be used; empty where that is not so.
        torch: Version of PyTorch; empty where it is not there.
        cuda: CUDA line that this PyTorch was built for, as `13.0`; empty for a processor.
        minimum_driver: Oldest NVIDIA driver that the runtime says it runs with; 0 where none does.
    """

    is_packaged: bool = False
    missing: tuple[str, ...] = ()
    damaged: tuple[tuple[str, str], ...] = ()
    misfit: str = ""
    other_version: str = ""
    torch: str = ""
    cuda: str = ""
    minimum_driver: int = 0


class ModelRoom(msgspec.Struct, frozen=True, kw_only=True):
    """What a base model takes at least while it is trained.

    Attributes:
        name: Its name for people.
        least_bytes: Its weights in 4 bits.
    """

    name: str
    least_bytes: int


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that the doctor judges, as of one moment.

    Attributes:
        machine: Processor, memory, disk, cards.
        workspace: The folder of the workspace.
        libraries: The training libraries.
        sleep: Whether and when the computer goes to sleep by itself.
        swap_bytes: Size of the swap space.
        models: Base models that somebody may want to train.
    """

    machine: MachineFacts
    workspace: WorkspaceFacts
    libraries: LibraryFacts
    sleep: SleepFacts
    swap_bytes: int = 0
    models: tuple[ModelRoom, ...] = ()


def error(code: str, title: str, message: str, remedy: str) -> Finding:
    """Return what forbids to train."""
    return _finding(Severity.ERROR, code, title, message, remedy)


def warning(code: str, title: str, message: str, remedy: str) -> Finding:
    """Return what makes training worse or likely to fail."""
    return _finding(Severity.WARNING, code, title, message, remedy)


def note(code: str, title: str, message: str, remedy: str) -> Finding:
    """Return what is good to know."""
    return _finding(Severity.NOTE, code, title, message, remedy)


def _finding(severity: Severity, code: str, title: str, message: str, remedy: str) -> Finding:
    return Finding(
        field="", severity=severity, code=code, title=title, message=message, remedy=remedy
    )


def gigabytes(size: int) -> str:
    """Return a size in decimal gigabytes: `12.3`."""
    return f"{size / 1e9:.1f}"
