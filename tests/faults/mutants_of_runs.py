# SPDX-License-Identifier: Apache-2.0
"""Mutants of what stands around a run: run files, the trash, exits, full and failing disks."""

from __future__ import annotations

from tests.faults.mutant import Mutant

ATOMICFS = "engine/store/atomicfs.py"
CHECKPOINT = "engine/train/checkpoint.py"
DEATHS = "engine/launcher/deaths.py"
DISK_ERRORS = "engine/store/disk_errors.py"
EVENTLOG = "engine/store/eventlog.py"
LADDER = "engine/train/ladder.py"
LOOP = "engine/train/loop.py"
RUN_FILES = "engine/api/run_files.py"
TRASH = "engine/store/trash.py"

ENDS = ("tests/unit/launcher/test_deaths.py", "tests/unit/launcher/test_endings.py")
FILES = ("tests/unit/api/test_run_files.py",)
LEFT = ("tests/unit/store/test_trash.py", "tests/unit/api/test_trash.py")
MEMORY = ("tests/unit/train/test_ladder.py", "tests/faults/test_memory.py")
NUMBERS = ("tests/faults/test_numbers.py",)
ROOM = ("tests/unit/store/test_disk_errors.py", "tests/faults/test_full_disk.py")

MUTANTS_OF_RUNS = (
    Mutant(
        "weights that are no numbers are saved",
        CHECKPOINT,
        "    _check_numbers((*weights.values(), *moments.values()), step=state.step)\n",
        "",
        NUMBERS,
    ),
    Mutant(
        "an update without a number is applied",
        "engine/train/stepping.py",
        "        if outcome.is_finite:\n",
        "        if True:\n",
        NUMBERS,
    ),
    Mutant(
        "steps without a number never end a run",
        LOOP,
        "        if count >= guards.NON_FINITE_LIMIT:\n",
        "        if False:\n",
        NUMBERS,
    ),
    Mutant(
        "a step that ran out of memory keeps its gradients",
        LADDER,
        "            optimizer.clear()\n            self._free()\n",
        "            self._free()\n",
        MEMORY,
    ),
    Mutant(
        "a stop within a check forgets the check",
        LOOP,
        "            self._now.is_check_due = True\n",
        "            self._now.is_check_due = False\n",
        ("tests/unit/train/test_interrupted_runs.py",),
    ),
    Mutant(
        "what was given up for memory is forgotten",
        LOOP,
        "        self._ladder.take_up(state.relief)\n",
        "",
        ("tests/unit/train/test_ladder.py", "tests/faults/test_resumes.py"),
    ),
    Mutant(
        "a disk that fails has no name",
        DISK_ERRORS,
        "        if error.errno in FAILING:\n",
        "        if False:\n",
        (ROOM[0], "tests/faults/test_failing_disk.py"),
    ),
    Mutant(
        "a full disk names the temporary file",
        ATOMICFS,
        "            if is_of_full_disk(error):\n",
        "            if False:\n",
        ROOM,
    ),
    Mutant(
        "a full disk does not count what was written",
        ATOMICFS,
        "max(needed_bytes, _held_bytes(temporary) + LEAST_BYTES)",
        "max(needed_bytes, LEAST_BYTES)",
        ROOM,
    ),
    Mutant(
        "a full disk that leaves no word is not thought of",
        DEATHS,
        "    return shutil.disk_usage(folder.root).free < _NO_ROOM_BYTES\n",
        "    return False\n",
        (ENDS[0], ROOM[1]),
    ),
    Mutant(
        "the exit of another start is believed",
        DEATHS,
        "    return found.status if found.launch == launch else None\n",
        "    return found.status\n",
        ENDS,
    ),
    Mutant(
        "an exit is kept over a result",
        DEATHS,
        "    if status in (0, EXIT_TAKEN) or folder.result.exists() or not",
        "    if status in (0, EXIT_TAKEN) or not",
        ENDS,
    ),
    Mutant(
        "a short write is taken for a whole one",
        EVENTLOG,
        "            if written != len(line):\n",
        "            if False:\n",
        ("tests/unit/store/test_eventlog.py",),
    ),
    Mutant(
        "a worker leaves what a killed one was writing",
        "engine/worker/main.py",
        "    _sweep(folder)\n    #",
        "    #",
        ("tests/unit/worker/test_worker.py",),
    ),
    Mutant(
        "a sweep takes what others are writing",
        ATOMICFS,
        "                if path.stat().st_mtime < before_s:\n",
        "                if True:\n",
        ("tests/unit/store/test_atomicfs.py",),
    ),
    Mutant(
        "a worker that is ended by force leaves a process whose parent is gone",
        "engine/launcher/force.py",
        ", *_of_session(identity.pid)]",
        "]",
        ("tests/unit/launcher/test_force.py",),
    ),
    Mutant(
        "the number of a failing disk within a library's words is not read",
        "engine/worker/misfortune.py",
        "    if found is None:\n        return None\n",
        "    if True:\n        return None\n",
        ("tests/unit/worker/test_misfortune.py",),
    ),
    Mutant(
        "a saved run is not read back",
        RUN_FILES,
        "atomicfs.whole_file(path, check=lambda one: _check(one, path))",
        "atomicfs.whole_file(path)",
        FILES,
    ),
    Mutant(
        "a run is taken in unread",
        RUN_FILES,
        "            stream.write(block)\n    if digest.hexdigest() != entry.sha256:\n",
        "            stream.write(block)\n    if False:\n",
        FILES,
    ),
    Mutant(
        "a removal that fails on its way is left there",
        TRASH,
        "        except BaseException:\n            _put_back(layout, entry)\n            raise\n",
        "        except BaseException:\n            raise\n",
        LEFT,
    ),
)
