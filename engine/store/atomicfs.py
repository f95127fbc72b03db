# SPDX-License-Identifier: Apache-2.0
"""Every durable write of Burnish. Nothing else in engine or gui may open a file for writing.

A file or folder appears under its name complete and synced, or not at all: temporary name on the
same disk, fsync, rename, fsync of the parent. Folders carry a manifest of SHA-256 hashes, written
last; every file is read back for it and must be what was written, or, where nobody hashed it while
it was written, the same in two readings. After a failed fsync the temporary object is thrown away
and never retried (the kernel may have dropped the data; Rebello et al., USENIX ATC 2020).
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import hashlib
import math
import os
import shutil
import stat
import sys
import uuid
from collections.abc import Callable, Generator
from gettext import gettext as _
from pathlib import Path
from typing import IO

import msgspec

from engine.errors import DocumentDamaged, EngineError, TargetExists
from engine.store import renaming
from engine.store.checksum import checked, encode_document
from engine.store.disk_errors import (
    LEAST_BYTES,
    detail_of,
    disk_full,
    is_of_full_disk,
    naming_disk_errors,
)
from engine.store.ledger import FollowedStream, Ledger, is_as_printed
from engine.store.place import holds_home
from engine.store.removal import delete_tree

MANIFEST = "MANIFEST.json"
TEMPORARY_PREFIX = ".tmp-"
TRASH_PREFIX = ".del-"
REPLACED_PREFIX = ".old-"
DAMAGED_PREFIX = "damaged-"
_BLOCK_BYTES = 1 << 20
_READINGS, _THREADS = 2, 4
_HERE, _RENAME_EXCHANGE = -100, 2
"""AT_FDCWD and the flag of renameat2 (linux/fcntl.h, linux/fs.h)."""
_UNKNOWN = {errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP}
_TAKEN = {errno.ENOTEMPTY, errno.EEXIST, errno.EBUSY}


class FileEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Size in bytes and hash of one file of a committed folder."""

    size_bytes: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """MANIFEST.json: every file of a committed folder by its relative POSIX path."""

    schema_version: int = 1
    files: dict[str, FileEntry]


def make_folder(path: Path) -> None:
    """Make a folder and its parents, readable by the user alone (0700); their names are durable."""
    with naming_disk_errors(path):
        _make_durable(path)


def _make_durable(path: Path) -> None:
    """Make a folder; where its parents are made too, each name is synced before it is used."""
    if path.is_dir() or path == path.parent:  # a drive that is not there has no parent
        return
    _make_durable(path.parent)
    path.mkdir(mode=0o700, exist_ok=True)
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Make names in a folder durable. Windows offers no such call; its renames are journalled."""
    if sys.platform == "win32":
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _open_new(path: Path) -> IO[bytes]:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
    return os.fdopen(handle, "wb")


def write_file(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Write or replace one file in a single step.

    Args:
        path: Where; its folder must exist.
        content: All of it.
        durable: False leaves out the syncs, for files that are worth nothing after a power cut, and
            for those of a `new_folder`, which syncs all of its files itself.

    Raises:
        DiskFull: No room; the old file is untouched.
        NotWritable: The place refuses.
    """
    temporary = path.with_name(f"{TEMPORARY_PREFIX}{uuid.uuid4().hex}")
    with naming_disk_errors(path, needed_bytes=len(content)):
        try:
            with _open_new(temporary) as stream:
                stream.write(content)
                stream.flush()
                if durable:
                    os.fsync(stream.fileno())
            renaming.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        if durable:
            sync_folder(path.parent)


@contextlib.contextmanager
def new_file(path: Path, *, durable: bool = True) -> Generator[IO[bytes], None, None]:
    """Open a new file for streaming; it is synced at the end. For files inside a `new_folder`.

    Args:
        path: Where; its folder must exist.
        durable: False leaves out the sync, for many small files, which `new_folder` syncs together.

    Raises:
        DiskFull: No room.
        NotWritable: The place refuses.
    """
    with naming_disk_errors(path), _open_new(path) as stream:
        yield stream
        stream.flush()
        if durable:
            os.fsync(stream.fileno())


@contextlib.contextmanager
def whole_file(
    path: Path, *, check: Callable[[Path], None] | None = None
) -> Generator[IO[bytes], None, None]:
    """Open a file for streaming that takes its name only when the block ends without an error.

    Args:
        path: Where; its folder must exist.
        check: Called with the written file before it takes its name; what it raises prevents that.

    Raises:
        DiskFull: No room; what stood under the name is untouched.
        NotWritable: The place refuses.
    """
    temporary = path.with_name(f"{TEMPORARY_PREFIX}{uuid.uuid4().hex}")
    with naming_disk_errors(path):
        try:
            with new_file(temporary) as stream:
                yield stream
            if check is not None:
                check(temporary)
            renaming.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)


@contextlib.contextmanager
def followed_file(path: Path, ledger: Ledger) -> Generator[FollowedStream, None, None]:
    """Open a new file as `new_file` does, and hash what is written to it meanwhile.

    Args:
        path: A file inside a `new_folder` that was given the same ledger.
        ledger: Is told what the file has to be.

    Raises:
        DiskFull: No room.
        NotWritable: The place refuses.
    """
    with new_file(path) as stream, ledger.following(path, stream) as followed:
        yield followed


@contextlib.contextmanager
def new_folder(
    target: Path, *, replace: bool = False, ledger: Ledger | None = None, needed_bytes: int = 0
) -> Generator[Path, None, None]:
    """Build a folder under a temporary name; commit it when the block ends without an error.

    The block may write files by any means (safetensors, pyarrow ...); all are synced and hashed
    here. On an error nothing of it remains.

    Args:
        target: The name it takes.
        replace: What stands at the target stays until the new folder is complete and verified.
        ledger: Knows what some of the files have to be, which are then read back once only.
        needed_bytes: How much it will hold, as far as that is known; told where there is no room.

    Raises:
        TargetExists: Something stands at the target; it was not touched.
        DiskFull: No room.
        NotWritable: The place refuses.
        DocumentDamaged: The files read back differ from what was written.
    """
    is_taken = target.exists() and any(target.iterdir() if target.is_dir() else [target])
    if is_taken and not replace:
        raise TargetExists(_("{path} exists already and was not changed.").format(path=target))
    temporary = target.with_name(f"{TEMPORARY_PREFIX}{uuid.uuid4().hex}")
    make_folder(target.parent)
    with naming_disk_errors(target):
        temporary.mkdir(mode=0o700)
        try:
            yield temporary
            _seal(temporary, ledger or Ledger())
            if is_taken:
                _change_places(temporary, target)
            else:
                _take_the_name(temporary, target)
        except BaseException as error:
            needed = max(needed_bytes, _held_bytes(temporary) + LEAST_BYTES)
            shutil.rmtree(temporary, ignore_errors=True)
            if is_of_full_disk(error):
                raise disk_full(target, needed, detail_of(error)) from error
            raise
        sync_folder(target.parent)
        if is_taken:
            _let_go(temporary)


def _held_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _take_the_name(temporary: Path, target: Path) -> None:
    """Give a finished folder its name; an empty folder of that name gives way.

    Raises:
        TargetExists: Somebody put something there in the meantime; it was not touched.
    """
    try:
        if target.exists():
            target.rmdir()
        renaming.rename(temporary, target)
    except OSError as error:
        if error.errno in _TAKEN:
            raise TargetExists(
                _("{path} exists already and was not changed.").format(path=target)
            ) from error
        raise


def _change_places(new: Path, old: Path) -> None:
    """Swap the names of two folders, so that at no moment neither of them has its name.

    Where the system cannot do that in one step, the old folder steps aside under a name from which
    `sweep` puts it back, should everything stop between the two steps.
    """
    if _exchange(new, old):
        return
    aside = old.with_name(f"{REPLACED_PREFIX}{old.name}")
    if aside.exists():  # everything stopped behind the second step, and nobody has swept since
        remove_folder(aside)
    renaming.rename(old, aside)
    try:
        renaming.rename(new, old)
    except BaseException:
        renaming.rename(aside, old)
        raise
    with contextlib.suppress(OSError):  # the new one stands; the old one goes at the next sweep
        renaming.rename(aside, new)


def _let_go(replaced: Path) -> None:
    """Remove a folder whose place is taken; what the system keeps of it goes at the next sweep."""
    with contextlib.suppress(OSError, EngineError):
        remove_folder(replaced)


def _exchange(first: Path, second: Path) -> bool:
    """Swap two names in one step and return True, or return False where that is not known."""
    if sys.platform != "linux":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "renameat2"):
        return False
    names = os.fsencode(first), os.fsencode(second)
    if libc.renameat2(_HERE, names[0], _HERE, names[1], _RENAME_EXCHANGE) == 0:
        return True
    error = ctypes.get_errno()
    if error in _UNKNOWN:
        return False
    raise OSError(error, os.strerror(error), str(second))


def _seal(folder: Path, ledger: Ledger) -> None:
    """Sync every file, read each back, and write the manifest last.

    Raises:
        DocumentDamaged: A file is not what was written, or not the same in two readings.
    """
    paths: list[Path] = []
    for path in sorted(folder.rglob("*")):
        is_folder = path.is_dir()
        is_program = path.stat().st_mode & stat.S_IXUSR  # the writer made it one
        path.chmod(0o700 if is_folder or is_program else 0o600)
        if not is_folder:
            paths.append(path)
    entries = _read_back(paths, ledger)
    files = {path.relative_to(folder).as_posix(): entries[path] for path in paths}
    write_file(folder / MANIFEST, encode_document(Manifest(files=files)))
    for path in folder.rglob("*"):
        if path.is_dir():
            sync_folder(path)
    if read_manifest(folder).files != files:
        raise _not_as_written(folder, MANIFEST)


def _read_back(paths: list[Path], ledger: Ledger) -> dict[Path, FileEntry]:
    """Sync files and read them back; return what they hold.

    Raises:
        DocumentDamaged: A file is not what was written, or not the same in two readings.
    """
    from concurrent.futures import ThreadPoolExecutor

    wanted = {path: found for path in paths if (found := ledger.find(path))}
    others = [path for path in paths if path not in wanted]
    # A disk syncs many files in little more time than one, and reads twice in half the time.
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="seal") as pool:
        list(pool.map(_sync_file, paths))
        are_as_wanted = pool.map(is_as_printed, wanted.keys(), wanted.values())
        readings = list(pool.map(_entry, [path for path in others for _ in range(_READINGS)]))
        as_wanted = dict(zip(wanted, are_as_wanted, strict=True))
    first, second = readings[::_READINGS], readings[1::_READINGS]
    as_wanted |= {path: a == b for path, a, b in zip(others, first, second, strict=True)}
    for path in paths:
        if not as_wanted[path]:
            raise _not_as_written(path.parent, path.name)
    return {
        **dict(zip(others, first, strict=True)),
        **{
            path: FileEntry(size_bytes=one.size_bytes, sha256=one.sha256)
            for path, one in wanted.items()
        },
    }


def _sync_file(path: Path) -> None:
    handle = os.open(path, os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _entry(path: Path) -> FileEntry:
    return FileEntry(size_bytes=path.stat().st_size, sha256=sha256_of(path))


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file as hex, read in blocks."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a committed folder.

    Raises:
        DocumentDamaged: There is none, or it cannot be read.
    """
    try:
        return msgspec.json.decode(checked((folder / MANIFEST).read_bytes()), type=Manifest)
    except (OSError, msgspec.DecodeError) as error:
        raise DocumentDamaged(
            _("{path} has no readable manifest.").format(path=folder), detail=str(error)
        ) from error


def verify_folder(folder: Path) -> Manifest:
    """Read every file of a committed folder and compare it with the manifest.

    Raises:
        DocumentDamaged: A file is missing or differs; the message names it.
    """
    manifest = read_manifest(folder)
    for name, entry in manifest.files.items():
        if not _is_as_written(folder / name, entry):
            raise _not_as_written(folder, name)
    return manifest


def _not_as_written(folder: Path, name: str) -> DocumentDamaged:
    return DocumentDamaged(
        _("{name} in {path} is missing or differs from what was written.").format(
            name=name, path=folder
        )
    )


def _is_as_written(path: Path, entry: FileEntry) -> bool:
    try:
        return path.is_file() and _entry(path) == entry
    except OSError:
        # A sector that cannot be read is as lost as one that reads differently.
        return False


def put_aside(folder: Path) -> None:
    """Rename a damaged folder or file so that nothing takes it for whole; its content stays."""
    with naming_disk_errors(folder):
        aside = folder.with_name(f"{DAMAGED_PREFIX}{folder.name}-{uuid.uuid4().hex[:6]}")
        renaming.rename(folder, aside)
        sync_folder(folder.parent)


def remove_folder(folder: Path) -> None:
    """Remove a folder so that no reader ever sees half of it: rename first, then delete.

    Raises:
        ValueError: It is the home folder or holds it: whoever asks for that is mistaken.
        NotWritable: The place refuses, or some of it cannot be deleted; nobody finds it any more.
    """
    if holds_home(folder):
        raise ValueError(f"{folder} holds a home folder")
    victim = folder.with_name(f"{TRASH_PREFIX}{uuid.uuid4().hex}")
    with naming_disk_errors(folder):
        renaming.rename(folder, victim)
        sync_folder(victim.parent)
        delete_tree(victim)


def move_folder(source: Path, target: Path) -> None:
    """Give a folder another place on the same disk, in one step; nothing may stand there.

    Raises:
        TargetExists: Something stands there; nothing was changed.
        NotWritable: The place refuses, or another program holds a file of it open.
    """
    if target.exists():
        raise TargetExists(_("{path} exists already and was not changed.").format(path=target))
    with naming_disk_errors(source):
        renaming.rename(source, target)
        sync_folder(target.parent)
        sync_folder(source.parent)


def sweep(folder: Path, *, before_s: float = math.inf) -> None:
    """Undo what interrupted writes and removals left in a folder that has no other writer.

    Args:
        folder: The folder.
        before_s: Leave files alone that were changed since then, in seconds since 1970: others may
            be writing them just now. 0 for all files.
    """
    for aside in folder.glob(f"{REPLACED_PREFIX}*"):
        _put_back(aside, folder / aside.name.removeprefix(REPLACED_PREFIX))
    for path in folder.iterdir():
        if path.name.startswith((TEMPORARY_PREFIX, TRASH_PREFIX)):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
                continue
            with contextlib.suppress(FileNotFoundError):  # it has its name now
                if path.stat().st_mtime < before_s:
                    path.unlink()


def _put_back(aside: Path, place: Path) -> None:
    """Give a folder its name again if nothing took it; else it was replaced and goes."""
    if place.exists():
        remove_folder(aside)
    else:
        renaming.rename(aside, place)
        sync_folder(place.parent)


def open_for_append(path: Path) -> IO[bytes]:
    """Open a log for appending whole records, unbuffered, readable by the user alone."""
    with naming_disk_errors(path):
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
        return os.fdopen(os.open(path, flags, 0o600), "ab", buffering=0)


def cut_file(path: Path, size_bytes: int) -> None:
    """Shorten a log to its last whole record."""
    with naming_disk_errors(path):
        os.truncate(path, size_bytes)
