# SPDX-License-Identifier: Apache-2.0
"""R5: any one call of a program fails as on a broken disk: a named error, and no false success."""

from __future__ import annotations

import json
import random
import re
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.disks import FAILED_UNNAMED, NAMED
from tests.faults.extent import IS_FULL
from tests.faults.programs import PROGRAMS
from tests.faults.traced import STRACE
from tests.faults.verdicts import complaints
from tests.faults.warm import WarmParent
from tests.faults.watched import watch

pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("model_of_programs"),
    pytest.mark.skipif(STRACE is None, reason="strace is not installed"),
]

CALLS = ("read", "pread64", "write", "pwrite64", "fsync", "rename", "renameat2", "openat", "mkdir")
RETRIED = ("read", "pread64", "write", "pwrite64", "fsync")
"""What a signal may cut off, and has to be made again then."""

TRIED = tuple(PROGRAMS) if IS_FULL else ("job_made", "checkpoints")
QUICK = 6
SEED = 5
FAILED = re.compile(r"^\d+ +\w+\(\d+<([^>]*)>.* = -1 \w+ \(.*\) \(INJECTED\)$", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Injection:
    """The call of a name that fails, counted from 1, and how."""

    call: str
    number: int
    error: str

    @property
    def option(self) -> str:
        return f"inject={self.call}:error={self.error}:when={self.number}"


class Place:
    """A folder in which one program runs, from the same beginning each time, and is watched."""

    def __init__(self, root: Path, name: str, warm: WarmParent) -> None:
        self.root, self.name, self._warm = root, name, warm
        (root / "before").mkdir(parents=True)
        PROGRAMS[name][0](root / "before" / "workspace")

    def run(self, injection: Injection | None) -> int:
        """Run the program with one call that fails, or none; return its exit status."""
        for one in ("after", "said", "error.json", "calls", "log"):
            _remove(self.root / one)
        child = self._warm.start(
            "tests.faults.disks:held_in_place",
            [str(self.root), self.name],
            self.root / "log",
            cwd=self.root,
        )
        extra = ["-e", injection.option] if injection else []
        watched = ["-y", "-o", str(self.root / "calls"), "-e", f"trace={','.join(CALLS)}"]
        return watch(child, [*watched, *extra])

    @property
    def calls(self) -> str:
        return (self.root / "calls").read_text(encoding="utf-8", errors="replace")

    @property
    def said(self) -> tuple[str, ...]:
        file = self.root / "said"
        return tuple(file.read_text(encoding="utf-8").splitlines()) if file.exists() else ()

    def told(self) -> dict[str, str]:
        file = self.root / "error.json"
        return json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}

    def check(self, injection: Injection, status: int) -> str:
        """Check what the program left behind a call that failed; return what it told."""
        told, log = self.told(), self.root / "log"
        assert "(INJECTED)" in self.calls, injection
        assert status in (0, NAMED, FAILED_UNNAMED), log.read_text(encoding="utf-8")[-3000:]
        if status:
            assert told["code"] not in ("unforeseen", "worker_died"), (told, injection)
            assert told["message"]
            assert told["remedy"]
        if injection.error == "EINTR":
            assert status == 0, (told, injection)
        self._check_no_reuse(injection)
        workspace = self.root / "after" / "workspace"
        assert complaints(self.name, workspace, self.said) == [], injection
        return told.get("code", "nothing")

    def _check_no_reuse(self, injection: Injection) -> None:
        """Check that a file whose sync failed was neither synced again nor given its name."""
        found = FAILED.search(self.calls)
        if injection.call != "fsync" or injection.error != "EIO" or found is None:
            return
        later = self.calls[found.end() :]
        name = found[1].rpartition("/")[2]
        if name.startswith(".tmp-") or "/.tmp-" in found[1]:
            temporary = next(one for one in found[1].split("/") if one.startswith(".tmp-"))
            assert f"fsync(<{found[1]}>" not in later
            assert not re.search(rf"rename\w*\([^)]*{re.escape(temporary)}\"?, ", later), later


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def injections(calls: str) -> list[Injection]:
    """Return a failure for every call of a program, and an interruption where there are any.

    Those of its first thread: the other one, if there is one, reads the base model ahead.
    """
    thread = calls.split(maxsplit=1)[0]
    counts = Counter(re.findall(rf"^{thread} +(\w+)\(", calls, re.MULTILINE))
    found = [
        Injection(call=call, number=number, error=error)
        for error in ("EIO", "EINTR")
        for call in (CALLS if error == "EIO" else RETRIED)
        for number in range(1, counts[call] + 1)
    ]
    return found if IS_FULL else random.Random(SEED).sample(found, QUICK)


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", TRIED)
def test_program_of_which_one_call_fails_says_so_and_loses_nothing(
    name: str, warm: WarmParent, memory_folder: Path, tell: Callable[[str], None]
) -> None:
    place = Place(memory_folder / name, name, warm)
    assert place.run(None) == 0, (place.told(), (place.root / "log").read_text(encoding="utf-8"))
    ends: Counter[str] = Counter()
    for one in injections(place.calls):
        ends[place.check(one, place.run(one))] += 1
    tell(f"{name}: {ends.total()} calls that failed, which told {dict(ends)}")
