# SPDX-License-Identifier: Apache-2.0
"""Breaks the code that keeps data safe, one place at a time, to see that the tests notice.

    python -m tests.faults.mutants [NAME ...]

A mutant that survives is a test that is missing. Each is tried in a copy of the repository.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.faults.mutant import Mutant
from tests.faults.mutants_of_runs import MUTANTS_OF_RUNS

ROOT = Path(__file__).resolve().parents[2]
_COPIED = ("engine", "gui", "resources", "tests", "main.py", "pyproject.toml")
_LIMIT_S = 600

ATOMICFS = "engine/store/atomicfs.py"
DISK_ERRORS = "engine/store/disk_errors.py"
REMOVAL = "engine/store/removal.py"
EVENTLOG = "engine/store/eventlog.py"
CHECKSUM = "engine/store/checksum.py"
CODEC = "engine/protocol/codec.py"
CHECKPOINT = "engine/train/checkpoint.py"
ADAPTER = "engine/train/adapter.py"
OPTIMIZER = "engine/train/optimizer.py"
LOOP = "engine/train/loop.py"
IDENTITY = "engine/launcher/identity.py"
LEDGER = "engine/store/ledger.py"
TRASH = "engine/store/trash.py"
MIGRATIONS = "engine/store/migrations.py"
FORGETTING = "engine/store/forgetting.py"
TRACES = "engine/store/traces.py"

POWER = ("tests/unit/store/test_atomicfs.py", "tests/faults/test_power_loss.py")
MOVED = (
    "tests/unit/store/test_trash.py",
    "tests/unit/store/test_migrations.py",
    "tests/faults/test_power_loss.py",
)
FORGET = (
    "tests/unit/store/test_forgetting.py",
    "tests/unit/store/test_traces.py",
    "tests/faults/test_power_loss.py",
)
CORRUPT = ("tests/unit/store", "tests/faults/test_corruption.py")
TRAIN = (
    "tests/unit/train/test_checkpoint.py",
    "tests/unit/train/test_optimizer.py",
    "tests/unit/train/test_adapter.py",
    "tests/unit/train/test_loop.py",
    "tests/unit/train/test_guarded_runs.py",
)


MUTANTS = (
    *MUTANTS_OF_RUNS,
    Mutant(
        "what is to be forgotten is not written down",
        FORGETTING,
        "        write_document(layout.forgetting, found.marks)\n        _carry_out",
        "        layout.forgetting.touch()\n        _carry_out",
        FORGET,
    ),
    Mutant(
        "forgetting does not write down the links",
        FORGETTING,
        "        write_document(layout.forgetting, found.marks)\n        _carry_out",
        "        write_document(layout.forgetting, asked)\n        _carry_out",
        FORGET,
    ),
    Mutant(
        "forgetting follows no link beyond the first",
        TRACES,
        "        while count < self._count:\n",
        "        if count < self._count:\n",
        FORGET,
    ),
    Mutant(
        "forgetting takes a dataset that is here for one of the same files that is gone",
        TRACES,
        "            if dataset_id not in self._here and not",
        "            if not",
        FORGET,
    ),
    Mutant(
        "forgetting ends before what was deleted is durable",
        FORGETTING,
        "    for folder in _holders(layout):\n        atomicfs.sync_folder(folder)\n",
        "",
        FORGET,
    ),
    Mutant(
        "forgetting goes on without what an interruption left",
        FORGETTING,
        "    _sweep(layout)\n    traces",
        "    traces",
        FORGET,
    ),
    Mutant(
        "a start does not end what was being forgotten",
        "engine/store/workspace.py",
        "(trash.settle, _settle_forgetting, leftovers.settle)",
        "(trash.settle, leftovers.settle)",
        FORGET,
    ),
    Mutant(
        "a replaced file is not synced",
        ATOMICFS,
        "                if durable:\n                    os.fsync(stream.fileno())\n",
        "",
        POWER,
    ),
    Mutant(
        "the name of a replaced file is not synced",
        ATOMICFS,
        "        if durable:\n            sync_folder(path.parent)\n",
        "",
        POWER,
    ),
    Mutant(
        "a file is written under its own name",
        ATOMICFS,
        '    temporary = path.with_name(f"{TEMPORARY_PREFIX}{uuid.uuid4().hex}")\n'
        "    with naming_disk_errors(path, needed_bytes=len(content)):\n        try:\n"
        "            with _open_new(temporary) as stream:\n                stream.write(content)",
        "    temporary = path\n    path.unlink(missing_ok=True)\n"
        "    with naming_disk_errors(path, needed_bytes=len(content)):\n        try:\n"
        "            with _open_new(temporary) as stream:\n                stream.write(content)",
        POWER,
    ),
    Mutant(
        "files of a folder are not synced",
        ATOMICFS,
        "        list(pool.map(_sync_file, paths))\n",
        "",
        POWER,
    ),
    Mutant(
        "inner folders are not synced",
        ATOMICFS,
        "        if path.is_dir():\n            sync_folder(path)\n",
        "        pass\n",
        POWER,
    ),
    Mutant(
        "the name of a new folder is not synced",
        ATOMICFS,
        "            raise\n        sync_folder(target.parent)\n",
        "            raise\n",
        POWER,
    ),
    Mutant(
        "the names of parents are not synced",
        ATOMICFS,
        "    path.mkdir(mode=0o700, exist_ok=True)\n    sync_folder(path.parent)\n",
        "    path.mkdir(mode=0o700, exist_ok=True)\n",
        POWER,
    ),
    Mutant(
        "the folder takes its name before it is sealed",
        ATOMICFS,
        "            _seal(temporary, ledger or Ledger())\n"
        "            if is_taken:\n"
        "                _change_places(temporary, target)\n"
        "            else:\n"
        "                _take_the_name(temporary, target)\n",
        "            if is_taken:\n"
        "                _change_places(temporary, target)\n"
        "            else:\n"
        "                _take_the_name(temporary, target)\n"
        "            _seal(target, Ledger())\n",
        POWER,
    ),
    Mutant(
        "what is replaced is removed first",
        ATOMICFS,
        "                _change_places(temporary, target)\n",
        "                remove_folder(target)\n                temporary.rename(target)\n",
        POWER,
    ),
    Mutant(
        "a folder is removed file by file under its name",
        ATOMICFS,
        "        renaming.rename(folder, victim)\n        sync_folder(victim.parent)\n"
        "        delete_tree",
        "        victim = folder\n        delete_tree",
        POWER,
    ),
    Mutant(
        "a removal is not synced before its files go",
        ATOMICFS,
        "        renaming.rename(folder, victim)\n        sync_folder(victim.parent)\n",
        "        renaming.rename(folder, victim)\n",
        POWER,
    ),
    Mutant(
        "a removal that does not get on goes on",
        REMOVAL,
        "            if left >= before:\n",
        "            if left > before:\n",
        ("tests/unit/store/test_removal.py",),
    ),
    Mutant(
        "nothing is read back",
        ATOMICFS,
        "        if not as_wanted[path]:\n",
        "        if False:\n",
        POWER,
    ),
    Mutant(
        "the manifest is not read back",
        ATOMICFS,
        "    if read_manifest(folder).files != files:\n",
        "    if False:\n",
        POWER,
    ),
    Mutant(
        "only the size is verified",
        ATOMICFS,
        "path.is_file() and _entry(path) == entry",
        "path.is_file() and path.stat().st_size == entry.size_bytes",
        CORRUPT,
    ),
    Mutant(
        "a sector that cannot be read is an error nobody expects",
        ATOMICFS,
        "    except OSError:\n        # A sector",
        "    except ValueError:\n        # A sector",
        CORRUPT,
    ),
    Mutant(
        "an interrupted write leaves its files behind",
        ATOMICFS,
        "            shutil.rmtree(temporary, ignore_errors=True)\n            if is_of_full",
        "            if is_of_full",
        POWER,
    ),
    Mutant(
        "what stepped aside is never put back",
        ATOMICFS,
        "        renaming.rename(aside, place)\n",
        "        pass\n",
        CORRUPT,
    ),
    Mutant(
        "a full disk has no name",
        DISK_ERRORS,
        "        if error.errno in FULL:\n",
        "        if False:\n",
        POWER,
    ),
    Mutant(
        "the checksum of a document is not looked at",
        CHECKSUM,
        '    if found[1] != b"%08x" % zlib.crc32(text):\n',
        "    if False:\n",
        CORRUPT,
    ),
    Mutant(
        "the checksum of an event is not looked at",
        CODEC,
        "    if found and found[1] !=",
        "    if not found and found[1] !=",
        CORRUPT,
    ),
    Mutant(
        "a torn tail is not cut",
        EVENTLOG,
        "            _cut(path, self._reader.place.offset_bytes)\n",
        "            pass\n",
        CORRUPT,
    ),
    Mutant(
        "whole lines that are cut are lost",
        EVENTLOG,
        "        atomicfs.write_file(aside, rest)\n",
        "        pass\n",
        CORRUPT,
    ),
    Mutant(
        "a log is numbered from 1 again",
        EVENTLOG,
        "seq=self._reader.place.seq + 1, ",
        "seq=1, ",
        CORRUPT,
    ),
    Mutant(
        "a gap between events is not seen",
        EVENTLOG,
        "            if envelope.seq != seq + 1:\n",
        "            if False:\n",
        CORRUPT,
    ),
    Mutant(
        "events that matter are not synced",
        EVENTLOG,
        "SYNC_EVERY_S) or not isinstance(event, _FREQUENT):\n",
        "SYNC_EVERY_S):\n",
        POWER,
    ),
    Mutant(
        "a closed log is not synced",
        EVENTLOG,
        "        os.fsync(self._stream.fileno())\n        self._stream.close()\n",
        "        self._stream.close()\n",
        POWER,
    ),
    Mutant(
        "checkpoints are read without being verified",
        CHECKPOINT,
        "        atomicfs.verify_folder(folder)\n",
        "",
        (*TRAIN, *CORRUPT),
    ),
    Mutant(
        "the oldest checkpoint is taken",
        CHECKPOINT,
        "    for folder in reversed(checkpoint_folders(root)):\n        try:",
        "    for folder in checkpoint_folders(root):\n        try:",
        TRAIN,
    ),
    Mutant(
        "a broken checkpoint stays in the way",
        CHECKPOINT,
        "            atomicfs.put_aside(folder)\n",
        "            pass\n",
        TRAIN,
    ),
    Mutant(
        "all checkpoints but one are pruned",
        CHECKPOINT,
        "checkpoint_folders(root)[:-keep]",
        "checkpoint_folders(root)[:-1]",
        TRAIN,
    ),
    Mutant(
        "another recipe is gone on with",
        CHECKPOINT,
        "    if state.recipe_sha256 != recipe_sha256:\n",
        "    if False:\n",
        TRAIN,
    ),
    Mutant(
        "other rows are gone on with",
        CHECKPOINT,
        "    if state.data_sha256 != data_sha256:\n",
        "    if False:\n",
        TRAIN,
    ),
    Mutant(
        "a part that the adapter lacks is not missed",
        ADAPTER,
        "    wrong = sorted(places.keys() ^ tensors.keys()) or",
        "    tensors = {k: v for k, v in tensors.items() if k in places}\n    wrong =",
        TRAIN,
    ),
    Mutant(
        "the moments of the optimizer are not put back",
        OPTIMIZER,
        "        for name, values in tensors.items():\n            places[name].copy_(values)\n",
        "",
        TRAIN,
    ),
    Mutant(
        "the count of updates is not put back",
        OPTIMIZER,
        "        self._updates = max(steps, default=0)\n",
        "        self._updates = 0\n",
        TRAIN,
    ),
    Mutant(
        "a checkpoint is told of before it is written",
        CHECKPOINT,
        "    with atomicfs.new_folder(target, replace=True, needed_bytes=needed) as folder:\n",
        "    folder = target\n    atomicfs.make_folder(folder)\n    if True:\n",
        (*TRAIN, "tests/faults/test_power_loss.py"),
    ),
    Mutant(
        "a pid that is used again is taken for the worker",
        IDENTITY,
        "        return same and process.status() != psutil.STATUS_ZOMBIE\n",
        "        return process.status() != psutil.STATUS_ZOMBIE\n",
        ("tests/unit/launcher",),
    ),
    Mutant(
        "a dead worker that nobody collected is alive",
        IDENTITY,
        "        return same and process.status() != psutil.STATUS_ZOMBIE\n",
        "        return same\n",
        ("tests/unit/launcher",),
    ),
    Mutant(
        "the worker of a workspace is taken for that of its copy",
        IDENTITY,
        "    return not identity.folder or identity.folder == folder_number(folder.root)\n",
        "    return True\n",
        ("tests/unit/launcher",),
    ),
    Mutant(
        "the new place of a moved folder is not synced",
        ATOMICFS,
        "        renaming.rename(source, target)\n        sync_folder(target.parent)\n",
        "        renaming.rename(source, target)\n",
        POWER,
    ),
    Mutant(
        "a removal that was cut off is not ended",
        TRASH,
        "        if place.exists() and not part.exists():\n",
        "        if place.exists() and part.exists():\n",
        MOVED,
    ),
    Mutant(
        "new files take their places before the version is written",
        MIGRATIONS,
        "    write_document(layout.marker, new)\n    _put_in_place(layout)\n",
        "    _put_in_place(layout)\n    write_document(layout.marker, new)\n",
        MOVED,
    ),
    Mutant(
        "a migration keeps no backup",
        MIGRATIONS,
        "        _back_up(layout, plan)\n",
        "        pass\n",
        MOVED,
    ),
    Mutant(
        "a migration that was cut off is not ended",
        MIGRATIONS,
        "        _finish(layout)\n        if",
        "        atomicfs.remove_folder(layout.migration) if layout.migration.exists() else None\n"
        "        if",
        MOVED,
    ),
    Mutant(
        "a migration that never was is ended",
        MIGRATIONS,
        "    if _info(layout).schema_version < plan.to_version:\n",
        "    if _info(layout).schema_version > plan.to_version:\n",
        MOVED,
    ),
    Mutant(
        "what a migration prepared is put in place unread",
        MIGRATIONS,
        "    atomicfs.verify_folder(layout.migration)\n",
        "",
        MOVED,
    ),
)


def is_killed(mutant: Mutant, copy: Path) -> bool:
    """Return whether a test fails with the mutant in place; the copy is as before afterwards."""
    path = copy / mutant.path
    whole = path.read_text(encoding="utf-8")
    assert whole.count(mutant.old) == 1, mutant.name
    path.write_text(whole.replace(mutant.old, mutant.new), encoding="utf-8")
    try:
        argv = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:xdist", *mutant.tests]
        done = subprocess.run(
            argv, cwd=copy, check=False, capture_output=True, text=True, timeout=_LIMIT_S
        )
        return done.returncode == 1
    finally:
        path.write_text(whole, encoding="utf-8")


def main() -> int:
    """Try the named mutants, or all; return 1 where one survives."""
    wanted = [one for one in MUTANTS if one.name in sys.argv[1:] or not sys.argv[1:]]
    survivors = 0
    with tempfile.TemporaryDirectory() as folder:
        for name in _COPIED:
            source, target = ROOT / name, Path(folder) / name
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy2(source, target)
        for mutant in wanted:
            killed = is_killed(mutant, Path(folder))
            survivors += not killed
            sys.stdout.write(f"{'killed  ' if killed else 'SURVIVED'} {mutant.name}\n")
            sys.stdout.flush()
    sys.stdout.write(f"{len(wanted) - survivors} of {len(wanted)} mutants killed\n")
    return min(survivors, 1)


if __name__ == "__main__":
    sys.exit(main())
