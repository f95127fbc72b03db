# SPDX-License-Identifier: Apache-2.0
"""R4: a disk that is full at any byte: told by name and number, and nothing is lost."""

from __future__ import annotations

import json
import random
import re
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.api.jobs import Jobs
from engine.domain.run import JobKind, JobState
from engine.protocol.events import AdapterCommitted, CheckpointCommitted, Event
from engine.store.layout import Layout
from engine.train.checkpoint import checkpoint_folders, read_checkpoint
from tests.faults.disks import NAMED, can_mount, used_bytes
from tests.faults.extent import IS_FULL
from tests.faults.programs import PROGRAMS
from tests.faults.test_kills import ended
from tests.faults.verdicts import complaints
from tests.faults.warm import WarmParent, WarmProcess
from tests.unit.train.runs import Desk, chat_rows, make_desk

pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("model_of_programs"),
    pytest.mark.skipif(not can_mount(), reason="this system gives no process a disk of its own"),
]

PAGE = 4096
MOST_PAGES = 400
SIZES = 40 if IS_FULL else 2
"""Of a disk, and of the largest file, for each program; and of the disk of a run."""

TRIED = tuple(PROGRAMS) if IS_FULL else ("imported", "migrated", "checkpoints")
BYTES = re.compile(r"at least [\d,]+ bytes are needed")


class Place:
    """A folder in which one program runs, from the same beginning each time."""

    def __init__(self, root: Path, name: str, warm: WarmParent) -> None:
        self.root, self.name, self._warm = root, name, warm
        (root / "before").mkdir(parents=True)
        (root / "disk").mkdir()
        PROGRAMS[name][0](root / "before" / "workspace")

    def run(self, how: str, size_bytes: int) -> int:
        """Run the program; return its exit status."""
        for one in ("after", "said", "error.json"):
            _remove(self.root / one)
        child = self._warm.start(
            f"tests.faults.disks:{how}",
            [str(self.root), size_bytes, self.name],
            self.root / "log",
            cwd=self.root,
        )
        return child.wait()

    @property
    def said(self) -> tuple[str, ...]:
        file = self.root / "said"
        return tuple(file.read_text(encoding="utf-8").splitlines()) if file.exists() else ()

    def check(self, status: int) -> None:
        """Check what the program left, and what it told."""
        log = (self.root / "log").read_text(encoding="utf-8", errors="replace")
        assert status in (0, NAMED), f"{status}: {self._told()} {log[-2000:]}"
        if status == NAMED:
            told = self._told()
            assert told["code"] == "disk_full", told
            assert BYTES.search(told["message"]) or "trash" in told["remedy"], told
            assert told["remedy"]
        again = self.root / "again"
        shutil.copytree(self.root / "after", again / "before")
        (again / "disk").mkdir()
        workspace = self.root / "after" / "workspace"
        assert complaints(self.name, workspace, self.said) == []
        if status == NAMED and not self.said:
            self._check_again(again)
        shutil.rmtree(again)

    def _check_again(self, place: Path) -> None:
        """Check that the same goes well as soon as there is room."""
        child = self._warm.start(
            "tests.faults.disks:on_small_disk",
            [str(place), 1 << 28, self.name],
            place / "log",
            cwd=place,
        )
        log = place / "log"
        assert child.wait() == 0, log.read_text(encoding="utf-8")[-2000:]

    def _told(self) -> dict[str, str]:
        file = self.root / "error.json"
        return json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def least_pages(place: Place, used: int) -> int:
    """Return with how many free pages a program comes to its end."""
    low, high = -1, MOST_PAGES
    while high - low > 1:
        middle = (low + high) // 2
        if place.run("on_small_disk", used + middle * PAGE) == 0:
            high = middle
        else:
            low = middle
    return high


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", TRIED)
def test_program_on_a_full_disk_says_so_and_loses_nothing(
    name: str, warm: WarmParent, memory_folder: Path, tell: Callable[[str], None]
) -> None:
    place = Place(memory_folder / name, name, warm)
    used = max(PAGE, used_bytes(place.root / "before"))
    least = least_pages(place, used) if IS_FULL else SIZES
    chance = random.Random(name)
    pages = range(least) if least <= SIZES else sorted(chance.sample(range(least), SIZES))
    full = 0
    for free in pages:
        status = place.run("on_small_disk", used + free * PAGE)
        place.check(status)
        full += status == NAMED
    assert full == len(pages)
    tell(f"{name}: {full} disks with fewer than {least} free pages, each told, nothing lost")


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", TRIED)
def test_program_whose_files_may_not_grow_says_so_and_loses_nothing(
    name: str, warm: WarmParent, memory_folder: Path, tell: Callable[[str], None]
) -> None:
    """Writes are cut short at any byte, as by a quota."""
    place = Place(memory_folder / name, name, warm)
    assert place.run("with_small_files", 1 << 30) == 0
    files = [one for one in (place.root / "after").rglob("*") if one.is_file()]
    largest = max(one.stat().st_size for one in files)
    chance, full = random.Random(name), 0
    for _number in range(SIZES):
        status = place.run("with_small_files", chance.randrange(largest))
        place.check(status)
        full += status == NAMED
    tell(f"{name}: {SIZES} largest sizes of a file, {full} told, nothing lost")


# ---------------------------------------------------------------------- whole runs


@pytest.fixture
def desk(memory_folder: Path) -> Desk:
    return make_desk(memory_folder, rows=chat_rows(12), vocabulary=300, layers=1)


def told_in(layout: Layout, run_id: str) -> list[Event]:
    found = Jobs(layout).feed(run_id).poll()
    return [one.event for one in found if one.event is not None]


def adapter_in(layout: Layout, run_id: str) -> str:
    told = told_in(layout, run_id)
    return next(one.sha256 for one in reversed(told) if isinstance(one, AdapterCommitted))


@pytest.mark.timeout(1800)
def test_run_on_a_full_disk_keeps_its_checkpoints_and_goes_on_when_there_is_room(
    desk: Desk,
    warm: WarmParent,
    trainers: list[WarmProcess],
    memory_folder: Path,
    tell: Callable[[str], None],
) -> None:
    recipe = desk.recipe(
        max_steps=8,
        epochs=9.0,
        effective_batch_size=2,
        checkpoint_every_steps=1,
        eval_every_steps=3,
    )
    jobs = Jobs(desk.layout)
    run_id = jobs.create(JobKind.TRAIN, "run", "engine.train.sft_lora:train", {}, recipe)
    root = memory_folder / "place"
    shutil.copytree(desk.layout.root, root / "before" / "workspace")
    (root / "disk").mkdir()
    used = used_bytes(root / "before")
    jobs.start(run_id)
    assert ended(jobs, run_id).state is JobState.FINISHED
    expected = adapter_in(desk.layout, run_id)
    most = used_bytes(desk.layout.root) - used
    chance, codes = random.Random(8), list[str]()
    for _number in range(SIZES):
        size = used + chance.randrange(most // PAGE) * PAGE
        arguments = [str(root), size, run_id]
        child = warm.start(
            "tests.faults.disks:worker_on_small_disk", arguments, root / "log", cwd=root
        )
        child.wait()
        after = Layout(root / "after" / "workspace")
        told = json.loads((root / "error.json").read_text(encoding="utf-8"))
        codes.append(check_end(after, run_id, told))
        again = Jobs(after)
        again.start(run_id)
        assert ended(again, run_id).state is JobState.FINISHED
        assert adapter_in(after, run_id) == expected
        trainers[-1].wait()
        shutil.rmtree(root / "after")
    tell(f"runs on {SIZES} full disks: {dict(Counter(codes))}; each went on with the same bits")


def check_end(layout: Layout, run_id: str, told: dict[str, str]) -> str:
    """Check what a worker on a full disk left; return what its end is called."""
    if told["code"] != JobState.FINISHED.value:
        assert told["code"] == "disk_full", told
        assert told["remedy"]
    promised = [one.step for one in told_in(layout, run_id) if isinstance(one, CheckpointCommitted)]
    folders = checkpoint_folders(layout.job(run_id).checkpoints)
    there = [read_checkpoint(one).state.step for one in folders]
    assert not promised or there[-1] >= promised[-1]
    return told["code"]
