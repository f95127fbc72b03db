# SPDX-License-Identifier: Apache-2.0
"""What a disk may hold after a power cut: every state that POSIX allows for a traced program.

The model is the strict one (Pillai et al., "All File Systems Are Not Created Equal", OSDI 2014):
what was not synced may be there or not, in any combination. A sync of a file makes its content
durable, not its name; a sync of a folder makes the names in it durable. A rename is one step.
Content that was not synced may be missing, cut at any byte, or zeros from any byte on.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from tests.faults.traced import Change


@dataclass(frozen=True)
class Fate:
    """What became of content that was not synced.

    Attributes:
        kept_ratio: How much of it is there, from its beginning.
        is_padded: The file has its full length; what is missing reads as zeros.
    """

    kept_ratio: float
    is_padded: bool = False


WHOLE, NONE, HALF, ZEROS = Fate(1.0), Fate(0.0), Fate(0.5), Fate(0.0, is_padded=True)


_APPLIED = 0.7
"""Chance of one step of several that were not synced to be on the disk."""


@dataclass
class _File:
    durable: bytes = b""
    content: bytearray = field(default_factory=bytearray)

    @property
    def is_synced(self) -> bool:
        return self.durable == self.content

    def after(self, fate: Fate) -> bytes:
        """Return what may be read after the power cut."""
        if fate == NONE:
            return self.durable
        begins = min(len(self.durable), len(self.content))
        kept = begins + round(fate.kept_ratio * (len(self.content) - begins))
        return bytes(self.content[:kept]) + bytes(len(self.content) - kept) * fate.is_padded


@dataclass
class _Folder:
    durable: dict[str, int] = field(default_factory=dict[str, int])
    names: dict[str, int] = field(default_factory=dict[str, int])


@dataclass(frozen=True)
class _Naming:
    """One step that changed names: places and what stands there afterwards (None: nothing)."""

    serial: int
    entries: tuple[tuple[int, str, int | None], ...]


@dataclass(frozen=True, kw_only=True)
class CrashState:
    """One state that may be found afterwards.

    Attributes:
        files: Content by relative path.
        folders: Relative paths of the folders.
        said: What the program had said by then.
        killed: No power cut: the program alone was killed, everything it did is there.
        at: Number of the change after which it happened.
    """

    files: dict[PurePosixPath, bytes]
    folders: frozenset[PurePosixPath]
    said: tuple[str, ...]
    killed: bool
    at: int

    def write(self, root: Path) -> None:
        """Make the state in an empty folder."""
        for folder in sorted(self.folders):
            (root / folder).mkdir(exist_ok=True)
        for path, content in self.files.items():
            (root / path).write_bytes(content)

    def key(self) -> bytes:
        """Return a hash that is the same for equal states of which the same was said."""
        digest = hashlib.sha256(repr((sorted(self.folders), self.said)).encode())
        for path in sorted(self.files):
            digest.update(f"{path}:{len(self.files[path])}:".encode() + self.files[path])
        return digest.digest()


class Disk:
    """A folder on a disk to which changes are made, with what of them is durable."""

    def __init__(self, before: Path) -> None:
        """Begin with a real folder, all of which is durable."""
        self._files: dict[int, _File] = {}
        self._folders: dict[int, _Folder] = {0: _Folder()}
        self._pending: list[_Naming] = []
        self._serial = 0
        self._said: list[str] = []
        self._count = 0
        self._take(before, 0)

    def _take(self, real: Path, number: int) -> None:
        for path in sorted(real.iterdir()):
            inner = self._new()
            self._folders[number].names[path.name] = inner
            self._folders[number].durable[path.name] = inner
            if path.is_dir():
                self._folders[inner] = _Folder()
                self._take(path, inner)
            else:
                content = path.read_bytes()
                self._files[inner] = _File(durable=content, content=bytearray(content))

    def _new(self) -> int:
        self._serial += 1
        return self._serial

    # -------------------------------------------------- changes

    def apply(self, change: Change) -> bool:
        """Make one change; return whether it can matter after a crash."""
        self._count += 1
        if change.call == "said":
            self._said.append(change.said)
            return True
        return getattr(self, f"_{change.call}")(change) is not False

    def _find(self, path: PurePosixPath) -> int | None:
        number: int | None = 0
        for part in path.parts:
            number = self._folders[number].names.get(part) if number in self._folders else None
            if number is None:
                return None
        return number

    def _parent(self, path: PurePosixPath) -> int:
        found = self._find(path.parent)
        assert found is not None, f"no folder for {path}"
        return found

    def _name(self, *entries: tuple[int, str, int | None]) -> None:
        for folder, name, number in entries:
            if number is None:
                self._folders[folder].names.pop(name, None)
            else:
                self._folders[folder].names[name] = number
        self._pending.append(_Naming(self._new(), entries))

    def _create(self, change: Change) -> bool:
        if self._find(change.path) is not None:
            return False
        number = self._new()
        self._files[number] = _File()
        self._name((self._parent(change.path), change.path.name, number))
        return True

    def _file(self, path: PurePosixPath) -> _File:
        number = self._find(path)
        assert number is not None, f"{path} is written but was never made"
        return self._files[number]

    def _write(self, change: Change) -> None:
        content = self._file(change.path).content
        if len(content) < change.offset:
            content.extend(bytes(change.offset - len(content)))
        content[change.offset : change.offset + len(change.content)] = change.content

    def _truncate(self, change: Change) -> None:
        content = self._file(change.path).content
        content.extend(bytes(max(0, change.offset - len(content))))
        del content[change.offset :]

    def _sync(self, change: Change) -> None:
        number = self._find(change.path)
        if number in self._files:
            self._files[number].durable = bytes(self._files[number].content)
        elif number is not None:
            self._sync_names(number)

    def _sync_names(self, folder: int) -> None:
        """Make durable what was done to a folder; a rename into it from elsewhere too."""
        for naming in [one for one in self._pending if one.entries[-1][0] == folder]:
            self._pending.remove(naming)
            for place, name, number in naming.entries:
                _put(self._folders[place].durable, name, number)

    def _rename(self, change: Change) -> None:
        number = self._find(change.path)
        assert number is not None, f"{change.path} is renamed but was never made"
        self._name(
            (self._parent(change.path), change.path.name, None),
            (self._parent(change.other), change.other.name, number),
        )

    def _exchange(self, change: Change) -> None:
        first, second = self._find(change.path), self._find(change.other)
        self._name(
            (self._parent(change.path), change.path.name, second),
            (self._parent(change.other), change.other.name, first),
        )

    def _unlink(self, change: Change) -> None:
        self._name((self._parent(change.path), change.path.name, None))

    _rmdir = _unlink

    def _mkdir(self, change: Change) -> None:
        number = self._new()
        self._folders[number] = _Folder()
        self._name((self._parent(change.path), change.path.name, number))

    # -------------------------------------------------- states

    def states(self, chance: random.Random, *, variety: int) -> Iterator[CrashState]:
        """Yield what may be found if everything stops now.

        Args:
            chance: Draws combinations beyond the plain ones.
            variety: How many of them.
        """
        everything = frozenset(one.serial for one in self._pending)
        open_files = [number for number, one in self._files.items() if not one.is_synced]
        yield self._state(everything, {}, killed=True)
        yield self._state(frozenset(), dict.fromkeys(open_files, NONE))
        for fate in (NONE, HALF, ZEROS):
            for number in open_files:
                yield self._state(everything, {number: fate})
        for serial in everything:
            yield self._state(everything - {serial}, {})
            yield self._state(frozenset({serial}), dict.fromkeys(open_files, NONE))
        if everything or open_files:
            for _number in range(variety):
                applied = frozenset(one for one in everything if chance.random() < _APPLIED)
                yield self._state(applied, {one: _any_fate(chance) for one in open_files})

    def _state(
        self, applied: frozenset[int], fates: dict[int, Fate], *, killed: bool = False
    ) -> CrashState:
        names = {number: dict(one.durable) for number, one in self._folders.items()}
        for naming in self._pending:
            if naming.serial in applied:
                for place, name, number in naming.entries:
                    _put(names[place], name, number)
        files: dict[PurePosixPath, bytes] = {}
        folders: set[PurePosixPath] = set()
        self._walk(0, PurePosixPath(), names, fates, files, folders)
        return CrashState(
            files=files,
            folders=frozenset(folders),
            said=tuple(self._said),
            killed=killed,
            at=self._count,
        )

    def _walk(
        self,
        number: int,
        place: PurePosixPath,
        names: dict[int, dict[str, int]],
        fates: dict[int, Fate],
        files: dict[PurePosixPath, bytes],
        folders: set[PurePosixPath],
    ) -> None:
        for name, inner in names[number].items():
            path = place / name
            if inner in self._files:
                files[path] = self._files[inner].after(fates.get(inner, WHOLE))
            else:
                folders.add(path)
                self._walk(inner, path, names, fates, files, folders)


def _put(names: dict[str, int], name: str, number: int | None) -> None:
    if number is None:
        names.pop(name, None)
    else:
        names[name] = number


def _any_fate(chance: random.Random) -> Fate:
    return chance.choice(
        (WHOLE, NONE, Fate(chance.random()), Fate(chance.random(), is_padded=True))
    )


def crash_states(
    before: Path, changes: list[Change], *, seed: int, variety: int
) -> Iterator[CrashState]:
    """Yield every different state that a crash at any moment of a program may leave."""
    chance = random.Random(seed)
    disk = Disk(before)
    seen: set[bytes] = set()
    for change in changes:
        if not disk.apply(change):
            continue
        for state in disk.states(chance, variety=variety):
            key = state.key()
            if key not in seen:
                seen.add(key)
                yield state
