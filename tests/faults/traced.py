# SPDX-License-Identifier: Apache-2.0
"""Every change that a real process makes to a folder, as the kernel saw it: told by strace.

Native libraries (Arrow, safetensors) are seen as well as Python. A file that is written through a
shared mapping cannot be followed; such a trace is refused instead of believed.
"""

from __future__ import annotations

import codecs
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

STRACE = shutil.which("strace")
_CALLS = (
    "open", "openat", "creat", "write", "pwrite64", "writev", "pwritev", "ftruncate", "truncate",
    "fallocate", "copy_file_range", "sendfile", "lseek", "close", "dup", "dup2", "dup3", "fsync",
    "fdatasync", "sync_file_range", "rename", "renameat", "renameat2", "unlink", "unlinkat",
    "mkdir", "mkdirat", "rmdir", "link", "linkat", "symlink", "symlinkat", "mmap",
)  # fmt: skip
_UNSEEN = frozenset({
    "pwritev", "fallocate", "copy_file_range", "sendfile", "link", "linkat", "symlink",
    "symlinkat", "dup", "dup2", "dup3",
})  # fmt: skip
"""Calls that change files in ways which are not followed here; none is made on a workspace."""
_LINE = re.compile(r"^(\d+) +(\w+)\((.*)\) += (-?\d+)", re.DOTALL)
_UNFINISHED = re.compile(r"^(\d+) +(.*) <unfinished \.\.\.>$", re.DOTALL)
_RESUMED = re.compile(r"^(\d+) +<\.\.\. \w+ resumed>(.*)$", re.DOTALL)
_HERE = PurePosixPath()
_TEXT = re.compile(r'"((?:[^"\\]|\\.)*)"')
_FD = re.compile(r"^(?:AT_FDCWD|(\d+))(?:<(.*?)>)?(?:\(deleted\))?$")


@dataclass(frozen=True, kw_only=True)
class Change:
    """One call that changed the folder, or one word of the process that it is done with a part.

    Attributes:
        call: `create`, `write`, `truncate`, `sync`, `rename`, `exchange`, `unlink`, `mkdir`,
            `rmdir` or `said`.
        path: Relative to the folder.
        other: New name of a rename.
        offset: Where a write begins, or the new size of a truncation.
        content: Bytes of a write.
        said: The word.
    """

    call: str
    path: PurePosixPath = _HERE
    other: PurePosixPath = _HERE
    offset: int = 0
    content: bytes = b""
    said: str = ""


OPTIONS = ["-e", f"trace={','.join(_CALLS)}", "-y", "-x", "-s", "100000000"]
"""Of strace, for a log that `changes_in` can read."""


def changes_in(log: Path, folder: Path, said: Path) -> list[Change]:
    """Return what a process did to a folder.

    Args:
        log: Of strace.
        folder: What was watched; nothing else is returned.
        said: A file outside it: each line that the process wrote there becomes a `said`.
    """
    return list(_Reading(folder, said).changes(log))


class _Reading:
    """Follows the open files of one traced process."""

    def __init__(self, folder: Path, said: Path) -> None:
        self._folder = str(folder)
        self._said = str(said)
        self._offsets: dict[int, int] = {}
        self._appending: set[int] = set()
        self._sizes: dict[str, int] = {}

    def changes(self, log: Path) -> Iterator[Change]:
        for line in _whole_lines(log):
            found = _LINE.match(line)
            if found is None or int(found[4]) < 0:
                continue
            call, arguments, result = found[2], found[3], int(found[4])
            if call in _UNSEEN:
                assert self._folder not in arguments, f"not followed: {call}({arguments})"
                continue
            reader = getattr(self, f"_{call}", None)
            if reader is not None:
                yield from reader(arguments, result)

    def _inside(self, path: str) -> PurePosixPath | None:
        if path == self._folder or path.startswith(self._folder + "/"):
            return PurePosixPath(path).relative_to(self._folder)
        return None

    # -------------------------------------------------- calls, by their names in the kernel

    def _openat(self, arguments: str, result: int) -> Iterator[Change]:
        path = _place(arguments)[0]
        inside = self._inside(path)
        if inside is None and path != self._said:
            return
        self._offsets[result] = 0
        self._appending.discard(result)
        if "O_APPEND" in arguments:
            self._appending.add(result)
        if inside is not None and ("O_CREAT" in arguments or "O_TRUNC" in arguments):
            yield Change(call="create", path=inside)
            if "O_TRUNC" in arguments:
                self._sizes[path] = 0
                yield Change(call="truncate", path=inside)

    def _write(self, arguments: str, result: int) -> Iterator[Change]:
        number, path, rest = _descriptor(arguments)
        content = _text(rest)[:result]
        if path == self._said:
            for word in content.decode().splitlines():
                yield Change(call="said", said=word)
            return
        inside = self._inside(path)
        if inside is None:
            return
        if number in self._appending:
            self._offsets[number] = self._sizes.get(path, 0)
        at = self._offsets.get(number, 0)
        self._offsets[number] = at + result
        yield from self._put(path, inside, at, content)

    def _pwrite64(self, arguments: str, result: int) -> Iterator[Change]:
        _number, path, rest = _descriptor(arguments)
        inside = self._inside(path)
        if inside is not None:
            at = int(rest.rsplit(",", 1)[1])
            yield from self._put(path, inside, at, _text(rest)[:result])

    def _writev(self, arguments: str, result: int) -> Iterator[Change]:
        number, path, rest = _descriptor(arguments)
        inside = self._inside(path)
        if inside is not None:
            content = b"".join(_unescape(one[1]) for one in _TEXT.finditer(rest))[:result]
            at = self._offsets.get(number, 0)
            self._offsets[number] = at + result
            yield from self._put(path, inside, at, content)

    def _put(self, path: str, inside: PurePosixPath, at: int, content: bytes) -> Iterator[Change]:
        self._sizes[path] = max(self._sizes.get(path, 0), at + len(content))
        yield Change(call="write", path=inside, offset=at, content=content)

    def _lseek(self, arguments: str, result: int) -> Iterator[Change]:
        self._offsets[_descriptor(arguments)[0]] = result
        return iter(())

    def _ftruncate(self, arguments: str, _result: int) -> Iterator[Change]:
        _number, path, rest = _descriptor(arguments)
        inside = self._inside(path)
        if inside is not None:
            self._sizes[path] = int(rest)
            yield Change(call="truncate", path=inside, offset=int(rest))

    def _truncate(self, arguments: str, _result: int) -> Iterator[Change]:
        path = _text(arguments).decode()
        inside = self._inside(path)
        if inside is not None:
            size = int(arguments.rsplit(",", 1)[1])
            self._sizes[path] = size
            yield Change(call="truncate", path=inside, offset=size)

    def _fsync(self, arguments: str, _result: int) -> Iterator[Change]:
        inside = self._inside(_descriptor(arguments)[1])
        if inside is not None:
            yield Change(call="sync", path=inside)

    _fdatasync = _fsync

    def _rename(self, arguments: str, _result: int) -> Iterator[Change]:
        old, new = _places(arguments)
        before, after = self._inside(old), self._inside(new)
        assert (before is None) == (after is None), f"across the folder's edge: {arguments}"
        if before is not None and after is not None:
            swapped = "RENAME_EXCHANGE" in arguments
            self._sizes[new] = self._sizes.pop(old, 0)
            yield Change(call="exchange" if swapped else "rename", path=before, other=after)

    _renameat = _renameat2 = _rename

    def _unlink(self, arguments: str, _result: int) -> Iterator[Change]:
        path = _place(arguments)[0]
        inside = self._inside(path)
        if inside is not None:
            self._sizes.pop(path, None)
            yield Change(call="rmdir" if "AT_REMOVEDIR" in arguments else "unlink", path=inside)

    _unlinkat = _unlink

    def _mkdir(self, arguments: str, _result: int) -> Iterator[Change]:
        inside = self._inside(_place(arguments)[0])
        if inside is not None:
            yield Change(call="mkdir", path=inside)

    _mkdirat = _mkdir

    def _rmdir(self, arguments: str, _result: int) -> Iterator[Change]:
        inside = self._inside(_place(arguments)[0])
        if inside is not None:
            yield Change(call="rmdir", path=inside)

    def _mmap(self, arguments: str, _result: int) -> Iterator[Change]:
        if "MAP_SHARED" in arguments and "PROT_WRITE" in arguments:
            assert f"<{self._folder}" not in arguments, f"a mapping that is written: {arguments}"
        return iter(())


def _whole_lines(log: Path) -> Iterator[str]:
    """Yield the calls in the order in which they ended; a call may be told in two lines."""
    begun: dict[str, str] = {}
    with log.open(encoding="utf-8", errors="surrogateescape") as stream:
        for raw in stream:
            line = raw.rstrip("\n")
            if found := _UNFINISHED.match(line):
                begun[found[1]] = found[2]
            elif found := _RESUMED.match(line):
                yield f"{found[1]} {begun.pop(found[1])}{found[2]}"
            else:
                yield line


def _unescape(text: str) -> bytes:
    return codecs.escape_decode(text.encode("latin-1", "surrogateescape"))[0]


def _text(arguments: str) -> bytes:
    found = _TEXT.search(arguments)
    return _unescape(found[1]) if found else b""


def _descriptor(arguments: str) -> tuple[int, str, str]:
    """Return number, path and the rest of arguments that begin with an open file."""
    first, _comma, rest = arguments.partition(", ")
    found = _FD.match(first)
    assert found is not None, arguments
    return int(found[1]), found[2] or "", rest


def _place(arguments: str) -> tuple[str, str]:
    """Return the absolute path that a call names first, and what follows it."""
    base = ""
    if not arguments.startswith('"'):
        first, _comma, arguments = arguments.partition(", ")
        found = _FD.match(first)
        base = (found[2] or "") if found else ""
    text = _TEXT.match(arguments)
    assert text is not None, arguments
    path = PurePosixPath(base) / _unescape(text[1]).decode()
    return str(path), arguments[text.end() :].removeprefix(", ")


def _places(arguments: str) -> tuple[str, str]:
    old, rest = _place(arguments)
    return old, _place(rest)[0]
