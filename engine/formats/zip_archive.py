# SPDX-License-Identifier: Apache-2.0
"""Zip archives, read in place: nothing of them is ever written under a name that they choose.

The directory of an archive is checked as a whole before a byte of its files is read. The layout is
that of APPNOTE.TXT 6.3.10 (PKWARE), the fields by its section numbers.
"""

from __future__ import annotations

import io
import re
import stat
import struct
import unicodedata
import zlib
from collections.abc import Iterator, Mapping
from functools import lru_cache
from gettext import gettext as _
from pathlib import Path
from typing import IO

import msgspec

from engine.errors import ArchiveUnsafe, FileEncrypted, FileUnreadable
from engine.formats.unpack_limits import CAP_BYTES, is_bomb

MAGICS = (b"PK\x03\x04", b"PK\x05\x06")
MEMBER_CAP = 100_000
_DIRECTORY_CAP_BYTES = 64 << 20
_END = struct.Struct("<4s4H2LH")  # 4.3.16
_END_MARK = b"PK\x05\x06"
_LOCATOR = struct.Struct("<4sLQL")  # 4.3.15
_END_64 = struct.Struct("<4sQ2H2L4Q")  # 4.3.14
_ENTRY = struct.Struct("<4s2B5H3L5H2L")  # 4.3.12
_LOCAL = struct.Struct("<4s5H3L2H")  # 4.3.7
_MAX_16, _MAX_32 = 0xFFFF, 0xFFFFFFFF
_ENCRYPTED, _UTF8_NAME = 1 << 0, 1 << 11
_STORED, _DEFLATED = 0, 8
_DRIVE = re.compile(r"[A-Za-z]:")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_RESERVED = re.compile(r"(?:CON|PRN|AUX|NUL|CLOCK\$|CONIN\$|CONOUT\$|(?:COM|LPT)[0-9¹²³])", re.I)


class Member(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One file of an archive.

    Attributes:
        name: Its path inside, with "/".
        offset: Where its own header stands, in bytes.
        packed_bytes: Its length inside the archive.
        size_bytes: Its length once unpacked, as the archive claims; held to it while it is read.
        method: 0 stored, 8 deflated.
        crc: CRC-32 of its content.
    """

    name: str
    offset: int
    packed_bytes: int
    size_bytes: int
    method: int
    crc: int


def members(path: Path) -> Mapping[str, Member]:
    """Return the files of an archive by name, in its order, once all of it is checked.

    Raises:
        ArchiveUnsafe: It holds something that no honest archive of data holds.
        FileEncrypted: It is protected by a password.
        FileUnreadable: It is damaged.
        OSError: It cannot be read.
    """
    found = path.stat()
    return _members(path, found.st_size, found.st_mtime_ns)


@lru_cache(maxsize=4)
def _members(path: Path, _size_bytes: int, _changed_ns: int) -> Mapping[str, Member]:
    with path.open("rb") as stream:
        return members_in(stream, path)


def members_in(stream: IO[bytes], path: Path) -> Mapping[str, Member]:
    """Return the files of an archive that is open, see `members`; errors name the path."""
    try:
        at, directory = _directory(stream, stream.seek(0, io.SEEK_END))
        found = list(_entries(directory))
        _check_together(found, at)
    except (struct.error, UnicodeDecodeError) as error:
        raise _damaged(path) from error
    except _Bad as bad:
        raise bad.error(path) from bad
    return {one.name: one for one in found if one.name}


class _Bad(Exception):
    """What is wrong with an archive; turned into an error where its path is known."""

    def __init__(self, reason: str, message: str = "", name: str = "") -> None:
        super().__init__(reason)
        self._reason, self._message, self._name = reason, message, name

    def error(self, path: Path) -> FileUnreadable | ArchiveUnsafe | FileEncrypted:
        """Return the error for the archive."""
        if self._reason == "damaged":
            return _damaged(path)
        if self._reason == "encrypted":
            return FileEncrypted(
                _("{name} is protected by a password. Nothing was imported.").format(name=path.name)
            )
        message = _("{name} was not opened: {why} Nothing was imported.")
        detail = f"{self._reason}: {self._name!r}" if self._name else self._reason
        return ArchiveUnsafe(message.format(name=path.name, why=self._message), detail=detail)


def _damaged(path: Path) -> FileUnreadable:
    return FileUnreadable(
        _("{path} is a damaged zip archive. Nothing was imported.").format(path=path),
        remedy=_("Pack or download the archive once more."),
    )


def _directory(stream: IO[bytes], size_bytes: int) -> tuple[int, bytes]:
    """Return where the directory of an archive begins, and its bytes."""
    tail_at = max(0, size_bytes - _END.size - _MAX_16)
    stream.seek(tail_at)
    tail = stream.read(_END.size + _MAX_16)
    end = tail.rfind(_END_MARK)
    if end < 0:
        raise _Bad("damaged")
    _mark, _disk, _start, _here, count, length, at, _comment = _END.unpack_from(tail, end)
    if count == _MAX_16 or _MAX_32 in (length, at):
        count, length, at = _end_64(stream, tail_at + end) or (count, length, at)
    if count > MEMBER_CAP or length > _DIRECTORY_CAP_BYTES:
        raise _too_many()
    if at + length > tail_at + end:
        raise _Bad("damaged")
    stream.seek(at)
    return at, stream.read(length)


def _end_64(stream: IO[bytes], end_at: int) -> tuple[int, int, int] | None:
    """Return count, length and place of the directory of an archive beyond 4 GiB or 65,535 files.

    None where it has no such record, so that the short one holds.
    """
    if end_at < _LOCATOR.size:
        return None
    stream.seek(end_at - _LOCATOR.size)
    mark, _disk, at, _disks = _LOCATOR.unpack(stream.read(_LOCATOR.size))
    if mark != b"PK\x06\x07":
        return None
    if at > end_at:
        raise _Bad("damaged")
    stream.seek(at)
    fields = _END_64.unpack(stream.read(_END_64.size))
    if fields[0] != b"PK\x06\x06":
        raise _Bad("damaged")
    return fields[7], fields[8], fields[9]


def _too_many() -> _Bad:
    why = _("it holds more than {cap:,} files.").format(cap=MEMBER_CAP)
    return _Bad("too_many", why)


def _entries(directory: bytes) -> Iterator[Member]:
    """Yield what the directory lists; a folder has the name ""."""
    at = count = 0
    while at < len(directory):
        count += 1
        if count > MEMBER_CAP:
            raise _too_many()
        fields = _ENTRY.unpack_from(directory, at)
        if fields[0] != b"PK\x01\x02":
            raise _Bad("damaged")
        flags, method = fields[4:6]
        name_bytes, extra_bytes, comment_bytes = fields[11:14]
        at += _ENTRY.size
        raw = directory[at : at + name_bytes]
        extra = directory[at + name_bytes : at + name_bytes + extra_bytes]
        at += name_bytes + extra_bytes + comment_bytes
        name = raw.decode("utf-8" if flags & _UTF8_NAME else "cp437").replace("\\", "/")
        if flags & _ENCRYPTED:
            raise _Bad("encrypted")
        _check_mode(name, fields[16] >> 16)
        packed, size, offset = _sizes_64(extra, (fields[9], fields[10], fields[17]))
        inside = "/".join(_parts(name))
        yield Member(
            name="" if name.endswith("/") else inside,
            offset=offset,
            packed_bytes=packed,
            size_bytes=size,
            method=method,
            crc=fields[8],
        )


def _sizes_64(extra: bytes, short: tuple[int, int, int]) -> tuple[int, int, int]:
    """Return packed size, size and offset, each from the extra field 1 where it is too large."""
    packed, size, offset = short
    at = 0
    while at + 4 <= len(extra) and _MAX_32 in (packed, size, offset):
        kind, length = struct.unpack_from("<HH", extra, at)
        if kind == 1:  # 4.5.3: only those that are too large, in this order
            values = iter(struct.unpack_from(f"<{length // 8}Q", extra, at + 4))
            size = next(values, size) if size == _MAX_32 else size
            packed = next(values, packed) if packed == _MAX_32 else packed
            offset = next(values, offset) if offset == _MAX_32 else offset
        at += 4 + length
    return packed, size, offset


def _check_mode(name: str, mode: int) -> None:
    kind = stat.S_IFMT(mode)
    if kind == stat.S_IFLNK:
        raise _Bad("link", _("it holds a link to another file."), name)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise _Bad("device", _("it holds a device or a pipe."), name)


def _parts(name: str) -> list[str]:
    """Return the folders and the file of a name, which must stay inside the archive."""
    if name.startswith("/") or _DRIVE.match(name):
        raise _Bad("absolute", _("it holds a file with a place outside of it."), name)
    parts = [one for one in name.split("/") if one not in ("", ".")]
    for one in parts:
        if one == ".." or _DRIVE.match(one):
            raise _Bad("outside", _("it holds a file with a place outside of it."), name)
        if _CONTROL.search(one):
            raise _Bad("control", _("it holds a file whose name has control characters."), name)
        if _RESERVED.fullmatch(one.partition(".")[0].rstrip(" ")):
            raise _Bad("reserved", _("it holds a file with the name of a device."), name)
    if not parts:
        raise _Bad("damaged")
    return parts


def _check_together(found: list[Member], directory_at: int) -> None:
    """Refuse files that fall together, share bytes or unpack to far more than they are."""
    _check_names([one.name for one in found if one.name])
    end = 0
    for one in sorted(found, key=lambda one: one.offset):
        if one.offset < end:
            raise _Bad("overlap", _("its files overlap, as those of a bomb do."), one.name)
        end = one.offset + _LOCAL.size + one.packed_bytes
        if end > directory_at:
            raise _Bad("damaged")
        if is_bomb(one.size_bytes, one.packed_bytes):
            raise _bomb(one.name)
    total, packed = (
        sum(one.size_bytes for one in found),
        sum(one.packed_bytes for one in found),
    )
    if total > CAP_BYTES or is_bomb(total, packed):
        raise _bomb()


def _bomb(name: str = "") -> _Bad:
    return _Bad("bomb", _("it unpacks to far more than any data does."), name)


def _check_names(names: list[str]) -> None:
    """Refuse names that some system takes for one, and files that are folders of others too."""
    seen: set[str] = set()
    for name in names:
        folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
        if folded in seen:
            raise _Bad("clash", _("two of its files have the same name on some systems."), name)
        seen.add(folded)
    folders = {one[:at] for one in seen for at in range(len(one)) if one[at] == "/"}
    if not seen.isdisjoint(folders):
        raise _Bad("clash", _("a file of it is a folder too."), min(seen & folders))


class MemberStream(io.RawIOBase):
    """The content of one file of an archive, unpacked while it is read, held to size and CRC."""

    def __init__(self, path: Path, member: Member) -> None:
        """Open the archive at the file.

        Raises:
            FileUnreadable: It is packed in a way that is not read, or damaged.
            OSError: The archive cannot be read.
        """
        super().__init__()
        self._path, self._member = path, member
        if member.method not in (_STORED, _DEFLATED):
            raise FileUnreadable(
                _("{name} in {path} is packed by a method that Burnish does not read.").format(
                    name=member.name, path=path
                ),
                remedy=_("Unpack the archive, and import the folder."),
                detail=f"method {member.method}",
            )
        self._unpack = zlib.decompressobj(-zlib.MAX_WBITS) if member.method == _DEFLATED else None
        self._left, self._pending = member.packed_bytes, b""
        self._size = self._crc = 0
        self._file = path.open("rb")
        self._file.seek(member.offset)
        header = self._file.read(_LOCAL.size)
        if len(header) < _LOCAL.size or header[:4] != MAGICS[0]:
            self._file.close()
            raise _damaged(path)
        name_bytes, extra_bytes = _LOCAL.unpack(header)[-2:]
        self._file.seek(name_bytes + extra_bytes, io.SEEK_CUR)

    def readable(self) -> bool:
        """Return True."""
        return True

    def close(self) -> None:
        """Close the archive."""
        self._file.close()
        super().close()

    def taken_bytes(self) -> int:
        """Return how many bytes of the archive were taken for it."""
        return self._member.packed_bytes - self._left

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes, fewer than `size` only at the end.

        Raises:
            FileUnreadable: The content is not what the archive claims.
        """
        wanted = self._member.size_bytes + 1 if size < 0 else size
        parts: list[bytes] = []
        while wanted > 0 and (part := self._next(wanted)):
            parts.append(part)
            wanted -= len(part)
            self._size += len(part)
            self._crc = zlib.crc32(part, self._crc)
        if wanted > 0 or self._size > self._member.size_bytes:
            self._check_end()
        return b"".join(parts)

    def _next(self, wanted: int) -> bytes:
        """Return some bytes; none at the end."""
        if self._unpack is None:
            return self._taken(wanted)
        while not self._unpack.eof:
            packed = self._pending or self._taken(1 << 16)
            try:
                part = self._unpack.decompress(packed, wanted)
            except zlib.error as error:
                raise _damaged(self._path) from error
            self._pending = self._unpack.unconsumed_tail
            if part or not packed:
                return part
        return b""

    def _taken(self, wanted: int) -> bytes:
        part = self._file.read(min(wanted, self._left))
        self._left -= len(part)
        return part

    def _check_end(self) -> None:
        if (self._size, self._crc) != (self._member.size_bytes, self._member.crc):
            raise _damaged(self._path)
