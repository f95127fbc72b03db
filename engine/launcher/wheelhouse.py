# SPDX-License-Identifier: Apache-2.0
"""Making a training runtime of wheels that a person brings along, with no network and no pip.

Each wheel has to have the SHA-256 that a lock of this version of Burnish names for it; so nothing
is installed that is not, to the byte, what was tested, whoever carried it here. The folder becomes
a runtime in one step, after it was compiled, read back and tried; one that stood there before stays
until then.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
import re
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Callable, Generator, Mapping, Sequence
from gettext import gettext as _
from pathlib import Path, PurePosixPath
from typing import IO, cast

import msgspec

from engine.errors import FileMissing, FileUnreadable, RuntimeUnsuitable, WheelChanged
from engine.launcher import runtime as runtimes
from engine.launcher.frozen import ROLE_VARIABLE, WORKER_ROLE
from engine.launcher.runtime import Runtime
from engine.store import atomicfs

Tell = Callable[[int, int], None]
"""Is told how many wheels are unpacked, and how many there are."""

Heed = Callable[[], None]
"""Raises Cancelled where nobody wants the runtime any more; it is called several times a second."""

_LINE = re.compile(r"(\S+)==(\S+) --hash=sha256:([0-9a-f]{64})  # (\S+)")
_SETTING = re.compile(r"# (variant|minimum driver): (\S+)")
_PYTHON_TAG = re.compile(r"-(cp3\d+)-cp")
_BLOCK_BYTES = 1 << 20
_HEED_EVERY_S = 0.2
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"


class LockedWheel(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a lock: a library, its version, and the file that it comes in."""

    name: str
    version: str
    file_name: str
    sha256: str


class Lock(msgspec.Struct, frozen=True, kw_only=True):
    """The wheels of one variant of the runtime.

    Attributes:
        variant: `cpu` or a CUDA line.
        minimum_driver: Oldest NVIDIA driver line; 0 for a processor.
        sha256: Hash of its text.
        wheels: What it names.
    """

    variant: str
    minimum_driver: int
    sha256: str
    wheels: tuple[LockedWheel, ...]


def read_lock(path: Path) -> Lock:
    """Read a lock that `packaging/runtime_lock.py` wrote."""
    content = path.read_bytes()
    text = content.decode("utf-8")
    settings = dict(_SETTING.findall(text))
    return Lock(
        variant=settings["variant"],
        minimum_driver=int(settings["minimum driver"]),
        sha256=hashlib.sha256(content).hexdigest(),
        wheels=tuple(
            LockedWheel(name=found[1], version=found[2], sha256=found[3], file_name=found[4])
            for found in _LINE.finditer(text)
        ),
    )


def install_runtime(
    source: Path,
    target: Path,
    locks: Sequence[Lock],
    *,
    try_it: Callable[[Path], None],
    tell: Tell = lambda _done, _of: None,
    heed: Heed = lambda: None,
    app: str = "",
) -> Runtime:
    """Make a runtime of a folder of wheels, or of an archive of one.

    Args:
        source: The folder, or a tar archive, packed by zstd or not.
        target: Folder of the runtime; one that is there is replaced once the new one is whole.
        locks: What may be installed.
        try_it: Is given the new folder before it takes its name; what it raises is passed on, and
            the folder goes.
        tell: Hears how far it is.
        heed: Ends it where it is not wanted any more; what was installed before is untouched.
        app: Version of Burnish that makes it; empty where that is not known.

    Raises:
        FileMissing: There is no such folder or file.
        FileUnreadable: The file is no archive.
        RuntimeUnsuitable: It is not made for this program, or lacks wheels.
        WheelChanged: A wheel is not what the lock names.
        Cancelled: `heed` ended it.
        DiskFull: No room; what was installed before is untouched.
        NotWritable: The place refuses.
    """
    if not source.exists():
        raise FileMissing(_("{path} does not exist.").format(path=source))
    atomicfs.make_folder(target.parent)
    with _wheels(source, target, locks, heed) as found:
        lock = _fitting_lock(found, locks)
        with atomicfs.new_folder(target, replace=True) as folder:
            for done, wheel in enumerate(lock.wheels):
                tell(done, len(lock.wheels))
                _unpack(found[wheel.file_name], wheel, folder, heed)
            compile_all(folder, heed=heed)
            _write_identity(folder, lock, app)
            try_it(folder)
    made = runtimes.read_runtime(target)
    if made is None:
        raise RuntimeUnsuitable(_("The installed runtime cannot be read."))
    return made


def compile_all(folder: Path, *, heed: Heed = lambda: None) -> None:
    """Compile a runtime to bytecode, in a process of its own.

    The packaged program writes none itself, and where it is installed it often could not; without
    it each start of a worker takes ten seconds longer.

    Args:
        folder: The runtime.
        heed: Ends it where it is not wanted any more.

    Raises:
        Cancelled: `heed` ended it.
    """
    command = [sys.executable, "-m", "compileall", "-q", "-q", "--invalidation-mode"]
    # Where it is compiled is no business of the computer where it runs; Python fills that in.
    command += ["unchecked-hash", "-s", str(folder), str(folder / runtimes.PACKAGES)]
    # Some files of wheels are templates or for another Python; their status tells nothing.
    run_heeding(command, env=os.environ | {ROLE_VARIABLE: WORKER_ROLE}, heed=heed)


def run_heeding(
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    heed: Heed,
    limit_s: float = math.inf,
) -> tuple[int, bytes]:
    """Run a process to its end; return its status and what it said.

    Args:
        command: What to run.
        env: Its environment.
        heed: Ends it where it is not wanted any more.
        limit_s: How long it may take.

    Raises:
        Cancelled: `heed` ended it.
        TimeoutExpired: It took longer.
    """
    until_s = time.monotonic() + limit_s
    with subprocess.Popen(
        command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        try:
            while True:
                heed()
                try:
                    said, _errors = process.communicate(timeout=_HEED_EVERY_S)
                except subprocess.TimeoutExpired:
                    if time.monotonic() > until_s:
                        raise
                else:
                    return process.returncode, said
        except BaseException:
            process.kill()
            raise


@contextlib.contextmanager
def _wheels(
    source: Path, target: Path, locks: Sequence[Lock], heed: Heed
) -> Generator[Mapping[str, Path], None, None]:
    """Yield the wheels of a folder, or of an archive that is unpacked beside the target."""
    if source.is_dir():
        yield {path.name: path for path in sorted(source.rglob("*.whl"))}
        return
    beside = target.with_name(f"{target.name}.wheels")
    if beside.exists():
        atomicfs.remove_folder(beside)
    atomicfs.make_folder(beside)
    try:
        yield _from_archive(
            source, beside, {one.file_name for lock in locks for one in lock.wheels}, heed
        )
    finally:
        atomicfs.remove_folder(beside)


def _from_archive(source: Path, folder: Path, wanted: set[str], heed: Heed) -> dict[str, Path]:
    """Write the wheels of an archive that a lock names to a folder, under no name but theirs."""
    found: dict[str, Path] = {}
    try:
        with _opened(source) as stream, tarfile.open(fileobj=stream, mode="r|") as archive:
            for member in archive:
                name = PurePosixPath(member.name).name
                content = archive.extractfile(member) if name in wanted else None
                if content is not None and name not in found:
                    found[name] = folder / name
                    with content, atomicfs.new_file(found[name]) as copy:
                        _copy(content, copy, heed)
    except (tarfile.TarError, OSError, EOFError) as error:
        raise FileUnreadable(
            _("{path} is no archive of a training runtime, or it is damaged.").format(path=source),
            detail=str(error),
        ) from error
    return found


@contextlib.contextmanager
def _opened(source: Path) -> Generator[IO[bytes], None, None]:
    with source.open("rb") as stream:
        is_packed = stream.read(len(_ZSTD_MAGIC)) == _ZSTD_MAGIC
        stream.seek(0)
        if not is_packed:
            yield stream
            return
        import pyarrow as pa

        with pa.CompressedInputStream(stream, "zstd") as unpacked:
            yield cast("IO[bytes]", unpacked)


def _fitting_lock(found: Mapping[str, Path], locks: Sequence[Lock]) -> Lock:
    """Return the lock whose wheels are all there; the last one where that is true of several."""
    tags = {tag for name in found for tag in _PYTHON_TAG.findall(name)}
    if tags and runtimes.python_tag() not in tags:
        raise RuntimeUnsuitable(
            _("These libraries are made for {theirs}; this Burnish needs {ours}.").format(
                theirs=", ".join(sorted(tags)), ours=runtimes.python_tag()
            )
        )
    lacking = [
        ([one.file_name for one in lock.wheels if one.file_name not in found], lock)
        for lock in locks
    ]
    fewest, nearest = min(reversed(lacking), key=lambda one: len(one[0]))
    if fewest:
        raise RuntimeUnsuitable(
            _("Not all training libraries of this version are there: {count} are missing.").format(
                count=len(fewest)
            ),
            detail="\n".join(fewest),
        )
    return nearest


def _unpack(path: Path, wheel: LockedWheel, folder: Path, heed: Heed) -> None:
    """Unpack a wheel, after it was found to be, to the byte, the one of the lock."""
    if atomicfs.sha256_of(path) != wheel.sha256:
        raise WheelChanged(
            _("{name} is damaged, or not the file that belongs to this version.").format(
                name=wheel.file_name
            )
        )
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            place = _place(entry.filename)
            if entry.is_dir() or place is None:
                continue
            target = folder / place
            target.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(entry) as content, atomicfs.new_file(target, durable=False) as copy:
                _copy(content, copy, heed)
            if entry.external_attr >> 16 & 0o100:
                target.chmod(0o700)


def _place(name: str) -> PurePosixPath | None:
    """Return where a file of a wheel goes in the runtime; None for starters of commands."""
    parts = PurePosixPath(name).parts
    if not parts[0].endswith(".data") or len(parts) < 3:
        return PurePosixPath(runtimes.PACKAGES.as_posix(), *parts)
    if parts[1] in ("purelib", "platlib"):
        return PurePosixPath(runtimes.PACKAGES.as_posix(), *parts[2:])
    return PurePosixPath(*parts[2:]) if parts[1] == "data" else None


def _copy(source: IO[bytes], target: IO[bytes], heed: Heed) -> None:
    while block := source.read(_BLOCK_BYTES):
        heed()
        target.write(block)


def _write_identity(folder: Path, lock: Lock, app: str) -> None:
    versions = {one.name: one.version for one in lock.wheels}
    identity = {
        "schema_version": runtimes.SCHEMA_VERSION,
        "id": f"{lock.variant}-{lock.sha256[:12]}",
        "variant": lock.variant,
        "python": runtimes.python_tag(),
        "platform": runtimes.platform_tag(),
        "torch": versions["torch"],
        "minimum_driver": lock.minimum_driver,
        "lock": lock.sha256,
        "packages": versions,
        "protocol": runtimes.PROTOCOL,
        "app": app,
    }
    content = msgspec.json.format(msgspec.json.encode(identity), indent=2)
    atomicfs.write_file(folder / runtimes.FILE_NAME, content, durable=False)
