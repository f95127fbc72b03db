# SPDX-License-Identifier: Apache-2.0
"""Odd archives and compressed files, good ones and every bad kind."""

from __future__ import annotations

import gzip
import io
import stat
import struct
import unicodedata
import zipfile
from collections.abc import Mapping

import pyarrow as pa

from tests.builders.odd_files import LINE, ROW, OddFile, read, refused
from tests.builders.odd_tables import BOOK, STREAM, parquet

Entries = Mapping[str, bytes] | list[tuple[str | zipfile.ZipInfo, bytes]]


def zip_of(entries: Entries, packing: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return an archive with these files."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", packing) as archive:
        for name, content in entries.items() if isinstance(entries, Mapping) else entries:
            archive.writestr(name, content)
    return stream.getvalue()


def _special(kind: int, content: bytes = b"/etc/passwd") -> bytes:
    info = zipfile.ZipInfo("a.jsonl")
    info.create_system = 3
    info.external_attr = (kind | 0o644) << 16
    return zip_of([(info, content), ("b.jsonl", LINE)])


def _directory_at(content: bytes, number: int = 0) -> int:
    at = content.index(b"PK\x01\x02")
    for _one in range(number):
        at = content.index(b"PK\x01\x02", at + 4)
    return at


def _changed(content: bytes, at: int, form: str, value: int) -> bytes:
    new = struct.pack(form, value)
    return content[:at] + new + content[at + len(new) :]


def _encrypted() -> bytes:
    content = zip_of({"a.jsonl": LINE})
    return _changed(_changed(content, 6, "<H", 1), _directory_at(content) + 8, "<H", 1)


def _overlapping() -> bytes:
    content = zip_of({"a.jsonl": LINE, "b.jsonl": LINE})
    return _changed(content, _directory_at(content, 1) + 42, "<L", 0)


def _wrong_size(size: int) -> bytes:
    content = zip_of({"a.jsonl": LINE * 100})
    return _changed(content, _directory_at(content) + 24, "<L", size)


def _wrong_checksum() -> bytes:
    content = zip_of({"a.jsonl": LINE * 100})
    return _changed(content, _directory_at(content) + 16, "<L", 5)


def _unknown_method() -> bytes:
    content = zip_of({"a.jsonl": LINE})
    return _changed(content, _directory_at(content) + 10, "<H", 99)


def _many(count: int) -> bytes:
    """Return an archive that lists so many empty files, by a directory made by hand."""
    names = [b"f%d" % number for number in range(count)]
    entry = struct.Struct("<4s2B5H3L5H2L")
    listed = b"".join(
        entry.pack(b"PK\x01\x02", 20, 0, 20, 0, 0, 0, 0, 0, 0, 0, len(name), *[0] * 6) + name
        for name in names
    )
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 65535, 65535, len(listed), 4, 0)
    return b"PK\x03\x04" + listed + end


def _bad_name(name: str) -> bytes:
    return zip_of({name: LINE, "good.jsonl": LINE})


def _zstd(content: bytes) -> bytes:
    return pa.compress(content, "zstd", asbytes=True)


_MEGABYTE = LINE * 20_000
_INNER = zip_of({"a.jsonl": LINE})
_NFC, _NFD = (unicodedata.normalize(form, "é.jsonl") for form in ("NFC", "NFD"))
_UNSAFE = "archive_unsafe"
_DAMAGED = "file_unreadable"

_NAMES: tuple[OddFile, ...] = (
    refused("zip with two dots", _bad_name("../a.jsonl"), _UNSAFE, words="outside"),
    refused("zip with a sibling's prefix", _bad_name("../out_evil/a.jsonl"), _UNSAFE,
            words="outside"),
    refused("zip with dots inside", _bad_name("a/../../b.jsonl"), _UNSAFE, words="outside"),
    refused("zip with backslashes and dots", _bad_name("..\\a.jsonl"), _UNSAFE, words="outside"),
    refused("zip with an absolute name", _bad_name("/etc/a.jsonl"), _UNSAFE, words="absolute"),
    refused("zip with a drive letter", _bad_name("C:\\a.jsonl"), _UNSAFE, words="absolute"),
    refused("zip with a drive letter inside", _bad_name("a/C:b.jsonl"), _UNSAFE, words="outside"),
    refused("zip with a network name", _bad_name("\\\\host\\a.jsonl"), _UNSAFE, words="absolute"),
    refused("zip with the name CON", _bad_name("CON"), _UNSAFE, words="reserved"),
    refused("zip with the name aux.jsonl", _bad_name("a/aux.jsonl"), _UNSAFE, words="reserved"),
    refused("zip with the name LPT1.txt", _bad_name("LPT1.txt"), _UNSAFE, words="reserved"),
    refused("zip with a line end in a name", _bad_name("a\nb.jsonl"), _UNSAFE, words="control"),
    refused("zip with names that differ in case", zip_of({"A.jsonl": LINE, "a.jsonl": LINE}),
            _UNSAFE, words="clash"),
    refused("zip with names that differ in form", zip_of({_NFC: LINE, _NFD: LINE}), _UNSAFE,
            words="clash"),
    refused("zip with a name twice", zip_of({"a/b.jsonl": LINE, "a//b.jsonl": LINE}), _UNSAFE,
            words="clash"),
    refused("zip with a file that is a folder", zip_of({"a": LINE, "a/b": LINE}), _UNSAFE,
            words="clash"),
    refused("zip with a link", _special(stat.S_IFLNK), _UNSAFE, words="link"),
    refused("zip with a pipe", _special(stat.S_IFIFO), _UNSAFE, words="device"),
    refused("zip with a device", _special(stat.S_IFCHR), _UNSAFE, words="device"),
)  # fmt: skip

_SIZES: tuple[OddFile, ...] = (
    refused("zip with a password", _encrypted(), "file_encrypted"),
    refused("zip whose files overlap", _overlapping(), _UNSAFE, words="overlap"),
    refused("zip that claims 4 GB", _wrong_size(4_000_000_000), _UNSAFE, words="bomb"),
    refused("zip that claims too much", _wrong_size(9999), _DAMAGED, words="damaged zip"),
    refused("zip that claims too little", _wrong_size(99), _DAMAGED, words="damaged zip"),
    refused("zip with a wrong checksum", _wrong_checksum(), _DAMAGED, words="damaged zip"),
    refused("zip of an unknown method", _unknown_method(), _DAMAGED, words="method"),
    refused("zip with 100,001 files", _many(100_001), _UNSAFE, words="too_many"),
    refused("zip with nothing in it", zip_of({}), "file_empty"),
    refused("zip with only folders", zip_of({"a/": b"", "b/": b""}), "file_empty"),
    refused("zip that is cut off", zip_of({"a.jsonl": LINE * 9})[:-30], _DAMAGED),
    refused("zip with only its mark", b"PK\x03\x04", _DAMAGED),
    refused("zip with only its end mark", b"PK\x05\x06", _DAMAGED),
    refused("zip whose directory is noise", zip_of({"a.jsonl": LINE}).replace(
        b"PK\x01\x02", b"PK\x01\x03"), _DAMAGED),
    refused("zip that is a web archive", zip_of({"META-INF/MANIFEST.MF": b"", "a.txt": b"a"}),
            "format_unknown"),
    refused("zip with only an archive", zip_of({"a.zip": _INNER}), "archive_nested"),
)  # fmt: skip

_GOOD: tuple[OddFile, ...] = (
    read("zip of rows", zip_of({"a.jsonl": LINE, "b/c.jsonl": LINE}), 2),
    read("zip that is called jsonl", zip_of({"a.jsonl": LINE}), 1, ".jsonl"),
    read("zip that is not packed", zip_of({"a.jsonl": LINE}, zipfile.ZIP_STORED), 1),
    read("zip with an archive beside rows", zip_of({"a.jsonl": LINE, "b.zip": _INNER}), 1,
         archive_nested=1),
    read("zip of compressed files", zip_of({"a.gz": gzip.compress(LINE), "b.zst": _zstd(LINE)}), 2),
    read("zip with an archive compressed", zip_of({
        "a.jsonl": LINE, "b.gz": gzip.compress(_INNER)}), 1, archive_nested=1),
    read("zip of a workbook and tables", zip_of({
        "a.xlsx": BOOK, "b.parquet": parquet([ROW]), "c.arrow": STREAM}), 1004),
    read("zip with a comment", zip_of({"a.jsonl": LINE})[:-2] + b"\x05\0hello", 1),
    read("zip with a broken row", zip_of({"a.jsonl": LINE + b"{\n"}), 1, broken_json=1),
    read("zip of a mac", zip_of({"a.jsonl": LINE, "__MACOSX/._a.jsonl": b"\0\5\x16\7"}), 1),
    read("zip with a file without content", zip_of({"a.jsonl": LINE, "b.jsonl": b""}), 1,
         file_empty=1),
    read("zip with names of another alphabet", zip_of({"данные/файл.jsonl": LINE}), 1),
)  # fmt: skip

_COMPRESSED: tuple[OddFile, ...] = (
    read("gzip of rows", gzip.compress(LINE * 3), 3, ".jsonl.gz"),
    read("gzip that is called jsonl", gzip.compress(LINE * 3), 3, ".jsonl"),
    read("gzip in two parts", gzip.compress(LINE) + gzip.compress(LINE), 2, ".gz"),
    read("gzip of a table", gzip.compress(parquet([ROW])), 1, ".gz"),
    read("rows that are called gzip", LINE, 1, ".gz"),
    read("zstd of rows", _zstd(LINE * 3), 3, ".jsonl.zst"),
    read("zstd in two parts", _zstd(LINE) + _zstd(LINE), 2, ".zst"),
    refused("gzip that is cut off", gzip.compress(LINE * 3)[:-9], _DAMAGED, ".gz", "cut off"),
    refused("gzip with bytes behind it", gzip.compress(LINE) + b"hello", _DAMAGED, ".gz"),
    refused("gzip with only its mark", b"\x1f\x8b\x08", _DAMAGED, ".gz"),
    refused("gzip of nothing", gzip.compress(b""), "file_empty", ".gz"),
    refused("gzip of gzip", gzip.compress(gzip.compress(LINE)), "archive_nested", ".gz"),
    refused("gzip of a zip", gzip.compress(_INNER), "archive_nested", ".gz"),
    refused("gzip of a picture", gzip.compress(b"\x89PNG" + bytes(99)), "format_unknown", ".gz"),
    refused("zstd that is cut off", _zstd(LINE * 3)[:-3], _DAMAGED, ".zst"),
    refused("zstd with only its mark", b"\x28\xb5\x2f\xfd", _DAMAGED, ".zst"),
    refused("zstd with noise", b"\x28\xb5\x2f\xfd" + bytes(range(200)), _DAMAGED, ".zst"),
    refused("gzip bomb", gzip.compress(_MEGABYTE) * 300, _UNSAFE, ".gz", "bomb"),
    refused("zstd bomb", _zstd(_MEGABYTE) * 300, _UNSAFE, ".zst", "bomb"),
)  # fmt: skip

ODD_ARCHIVES = _NAMES + _SIZES + _GOOD + _COMPRESSED
