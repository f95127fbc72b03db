# SPDX-License-Identifier: Apache-2.0
"""This computer: its facts, and what is in the way of training on it."""

from __future__ import annotations

import os
import stat
import sys
import time
from collections.abc import Callable, Sequence
from gettext import gettext as _
from pathlib import Path
from typing import Protocol

import psutil
from msgspec.structs import replace

from engine.api.program import LIBRARIES
from engine.api.runtimes import RuntimeFit, Runtimes, RuntimeView, other_version_words
from engine.domain.model import ModelInfo
from engine.domain.problem import Severity
from engine.hardware.doctor import card_rules, library_rules
from engine.hardware.doctor.registry import RULES, judge
from engine.hardware.doctor.snapshot import (
    Finding,
    LibraryFacts,
    ModelRoom,
    Snapshot,
    WorkspaceFacts,
)
from engine.hardware.families import family
from engine.hardware.gpu import Gpu
from engine.hardware.held import weight_bytes
from engine.hardware.machine import MachineFacts, read_machine
from engine.hardware.sleep import SleepFacts, read_sleep
from engine.store.layout import Layout
from engine.store.place import place_of

__all__ = ["Finding", "Gpu", "Machine", "MachineFacts", "looked_at"]

_SIXTEEN_BITS = 2
_BELIEVED_S = 60.0


class LooksAtLibraries(Protocol):
    """What looks at the training libraries."""

    def __call__(self, *, compares_files: bool) -> LibraryFacts:
        """Return what is known of them; only a comparison of all files finds damaged ones."""
        ...


class Machine:
    """Answers questions about this computer for one workspace."""

    def __init__(
        self,
        layout: Layout,
        *,
        read: Callable[[Path], MachineFacts] = read_machine,
        libraries: LooksAtLibraries | None = None,
        sleep: Callable[[], SleepFacts] = read_sleep,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """Look at the disk of one workspace.

        Args:
            layout: The workspace.
            read: Gathers the facts of the computer.
            libraries: Looks at the training libraries.
            sleep: Asks for the sleep settings.
            now_s: A clock that is never set back.
        """
        self._layout = layout
        self._read = read
        self._libraries = libraries or _look_at_libraries
        self._sleep = sleep
        self._now_s = now_s
        self._whole: tuple[float, LibraryFacts] | None = None

    def facts(self) -> MachineFacts:
        """Return what this computer has, as of now."""
        return self._read(self._layout.root)

    def doctor(self, models: Sequence[ModelInfo] = ()) -> list[Finding]:
        """Return everything that hinders training here, the gravest first; empty where all is well.

        No training library is imported; whether they are there and whole is looked up.

        Args:
            models: Base models that somebody may want to train.
        """
        return judge(
            Snapshot(
                machine=self.facts(),
                workspace=_workspace(self._layout.root),
                libraries=self._libraries(compares_files=True),
                sleep=self._sleep(),
                swap_bytes=psutil.swap_memory().total,
                models=tuple(_room(one) for one in models),
            )
        )

    def forbids(self) -> list[Finding]:
        """Return only what forbids to train here, the gravest first, for whoever looks often.

        Sleep settings are not asked for, since they forbid nothing. Libraries that were whole are
        believed for a minute, because each look at them is one at thousands of files.
        """
        return _errors(self._seen(self.facts(), self._libraries_of_late()))

    def obstacles(self, facts: MachineFacts) -> list[Finding]:
        """Return what forbids to train here, leaves the card unused or makes runs differ.

        The gravest comes first. A quick look that takes some milliseconds: it does not find damaged
        libraries.

        Args:
            facts: What this computer has, as somebody read it just now.
        """
        seen = self._seen(facts, self._libraries(compares_files=False))
        return [*_errors(seen), *card_rules.unused(seen), *library_rules.differs(seen)]

    def _seen(self, facts: MachineFacts, libraries: LibraryFacts) -> Snapshot:
        return Snapshot(
            machine=facts,
            workspace=_workspace(self._layout.root),
            libraries=libraries,
            sleep=SleepFacts(can_sleep=False),
        )

    def _libraries_of_late(self) -> LibraryFacts:
        now_s = self._now_s()
        if self._whole is not None and now_s - self._whole[0] < _BELIEVED_S:
            return self._whole[1]
        found = self._libraries(compares_files=True)
        is_whole = not (found.missing or found.damaged)
        self._whole = (now_s, found) if is_whole else None
        return found


def _errors(seen: Snapshot) -> list[Finding]:
    return [one for one in judge(seen) if one.severity is Severity.ERROR]


def looked_at() -> tuple[str, ...]:
    """Return what the doctor looks at, in words."""
    return tuple(_(one.looks_at) for one in RULES)


def _look_at_libraries(*, compares_files: bool) -> LibraryFacts:
    from engine.launcher.libraries import read_libraries

    runtimes = Runtimes()
    found = read_libraries(
        LIBRARIES, is_packaged=runtimes.is_packaged, compares_files=compares_files
    )
    view = runtimes.current() if runtimes.is_packaged else RuntimeView()
    is_other = view.fit is RuntimeFit.OTHER_VERSION
    return replace(found, other_version=other_version_words(view) if is_other else "")


def _workspace(root: Path) -> WorkspaceFacts:
    place = place_of(root)
    is_there = root.is_dir()
    others = stat.S_IRWXG | stat.S_IRWXO
    return WorkspaceFacts(
        path=str(root),
        is_writable=os.access(root, os.R_OK | os.W_OK | os.X_OK),
        is_open=is_there and sys.platform != "win32" and bool(root.stat().st_mode & others),
        network=place.network,
    )


def _room(model: ModelInfo) -> ModelRoom:
    least = weight_bytes(
        model.shape,
        quantised=True,
        item=_SIXTEEN_BITS,
        kind=family(model.model_type),
        on_card=True,
    )
    return ModelRoom(name=model.name, least_bytes=least)
