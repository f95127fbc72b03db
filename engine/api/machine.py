# SPDX-License-Identifier: Apache-2.0
"""This computer: its facts, and what is in the way of training on it."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable
from gettext import gettext as _
from importlib.util import find_spec
from pathlib import Path

from engine.api.program import LIBRARIES
from engine.domain.problem import Problem, Severity
from engine.hardware.gpu import Gpu
from engine.hardware.machine import MachineFacts, read_machine
from engine.store.layout import Layout

__all__ = ["Gpu", "Machine", "MachineFacts"]

_GIGABYTE = 10**9
_LOW_MEMORY_BYTES = 6 * _GIGABYTE
_LITTLE_FREE_MEMORY_BYTES = 2 * _GIGABYTE
_NO_DISK_BYTES, _LITTLE_DISK_BYTES = _GIGABYTE, 5 * _GIGABYTE
_OLDEST_DRIVER = 525
"""The oldest driver line that runs CUDA 12 (CUDA Toolkit release notes, table 3)."""

_OLDEST_CAPABILITY, _BF16_CAPABILITY = (7, 0), (8, 0)
_LITTLE_CARD_BYTES = 6 * _GIGABYTE


class Machine:
    """Answers questions about this computer for one workspace."""

    def __init__(
        self, layout: Layout, *, read: Callable[[Path], MachineFacts] = read_machine
    ) -> None:
        """Look at the disk of one workspace; `read` gathers the facts."""
        self._layout = layout
        self._read = read

    def facts(self) -> MachineFacts:
        """Return what this computer has, as of now."""
        return self._read(self._layout.root)

    def doctor(self) -> list[Problem]:
        """Return everything that hinders training here, the gravest first; empty where all is well.

        No training library is imported; whether they are installed is looked up.
        """
        facts = self.facts()
        found = [
            *_libraries(),
            *_workspace(self._layout.root),
            *_disk(facts),
            *_memory(facts),
            *_graphics(facts),
        ]
        return sorted(found, key=lambda one: list(Severity).index(one.severity))


def _problem(severity: Severity, code: str, message: str, remedy: str = "") -> Problem:
    return Problem(field="", severity=severity, code=code, message=message, remedy=remedy)


def _libraries() -> list[Problem]:
    missing = [name for name in LIBRARIES if find_spec(name) is None]
    if not missing:
        return []
    return [
        _problem(
            Severity.ERROR,
            "training_libraries_missing",
            _("These libraries are not installed: {names}. Nothing can be trained.").format(
                names=", ".join(missing)
            ),
            _("Install the training runtime that belongs to this version of Burnish."),
        )
    ]


def _workspace(root: Path) -> list[Problem]:
    if not os.access(root, os.R_OK | os.W_OK | os.X_OK):
        return [
            _problem(
                Severity.ERROR,
                "not_writable",
                _("The workspace {path} cannot be written to.").format(path=root),
                _("Change its permissions, or choose another workspace."),
            )
        ]
    is_open = sys.platform != "win32" and root.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)
    if not is_open:
        return []
    return [
        _problem(
            Severity.WARNING,
            "workspace_open_to_others",
            _("Other users of this computer can look into the workspace {path}.").format(path=root),
            _("Take their permissions away: chmod 700 on that folder."),
        )
    ]


def _disk(facts: MachineFacts) -> list[Problem]:
    if facts.disk_free_bytes >= _LITTLE_DISK_BYTES:
        return []
    is_full = facts.disk_free_bytes < _NO_DISK_BYTES
    return [
        _problem(
            Severity.ERROR if is_full else Severity.WARNING,
            "disk_full" if is_full else "disk_nearly_full",
            _("The disk of the workspace has only {free} GB free.").format(
                free=_gigabytes(facts.disk_free_bytes)
            ),
            _("Free some space, or choose a workspace on another disk."),
        )
    ]


def _memory(facts: MachineFacts) -> list[Problem]:
    if facts.memory_total_bytes < _LOW_MEMORY_BYTES:
        return [
            _problem(
                Severity.WARNING,
                "memory_small",
                _(
                    "This computer has {total} GB of memory, enough for the starter model only."
                ).format(total=_gigabytes(facts.memory_total_bytes)),
                _("Use a computer with 16 GB or more for models of a billion parameters."),
            )
        ]
    if facts.memory_free_bytes < _LITTLE_FREE_MEMORY_BYTES:
        return [
            _problem(
                Severity.WARNING,
                "memory_in_use",
                _("Only {free} of {total} GB of memory are free.").format(
                    free=_gigabytes(facts.memory_free_bytes),
                    total=_gigabytes(facts.memory_total_bytes),
                ),
                _("Close other programs before you train."),
            )
        ]
    return []


def _graphics(facts: MachineFacts) -> list[Problem]:
    if facts.driver_needs_restart:
        return [
            _problem(
                Severity.WARNING,
                "driver_needs_restart",
                facts.gpu_reason,
                _("Restart the computer; until then training uses the processor."),
            )
        ]
    if not facts.gpus:
        return [
            _problem(
                Severity.NOTE,
                "no_graphics_card",
                _(
                    "{reason} Training uses the processor, which is slow for models of more than "
                    "a few hundred million parameters."
                ).format(reason=facts.gpu_reason),
            )
        ]
    return [one for gpu in facts.gpus for one in _card(gpu)]


def _card(gpu: Gpu) -> list[Problem]:
    found: list[Problem] = []
    major = gpu.driver.partition(".")[0]
    if major.isdecimal() and int(major) < _OLDEST_DRIVER:
        found.append(
            _problem(
                Severity.WARNING,
                "driver_too_old",
                _("The NVIDIA driver {version} is older than the training libraries need.").format(
                    version=gpu.driver
                ),
                _("Install NVIDIA driver {oldest} or newer.").format(oldest=_OLDEST_DRIVER),
            )
        )
    if gpu.compute_capability < _OLDEST_CAPABILITY:
        found.append(
            _problem(
                Severity.WARNING,
                "card_too_old",
                _("{name} is older than the training libraries support.").format(name=gpu.name),
                _("Set the device to cpu, or use a card of the RTX generations."),
            )
        )
    elif gpu.compute_capability < _BF16_CAPABILITY:
        found.append(
            _problem(
                Severity.NOTE,
                "card_without_bf16",
                _(
                    "{name} has no bf16, so training uses fp32: exact, but slower and larger."
                ).format(name=gpu.name),
            )
        )
    if gpu.total_bytes < _LITTLE_CARD_BYTES:
        found.append(
            _problem(
                Severity.NOTE,
                "card_small",
                _(
                    "{name} has {total} GB of memory: enough for models of up to about a billion "
                    "parameters."
                ).format(name=gpu.name, total=_gigabytes(gpu.total_bytes)),
            )
        )
    return found


def _gigabytes(size: int) -> str:
    return f"{size / _GIGABYTE:.1f}"
