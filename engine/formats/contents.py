# SPDX-License-Identifier: Apache-2.0
"""The files that a dropped path stands for: a file, a folder's, or those packed into one file."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from gettext import gettext as _
from pathlib import Path, PurePosixPath

from engine.domain.dataset import Reject
from engine.errors import (
    ArchiveNested,
    ArchiveUnsafe,
    EngineError,
    FileEmpty,
    FileEncrypted,
    FileUnreadable,
    FormatUnknown,
)
from engine.formats import saved_dataset
from engine.formats.format import Format
from engine.formats.packed import (
    check_bomb,
    is_compressed,
    is_zip,
    place_of,
    shown_path,
    unpacked_path,
)
from engine.formats.refusal import RefusedRecord, reject
from engine.formats.source import naming_read_errors, read_head
from engine.formats.zip_archive import members

_DOCUMENT_MARKS = ("mimetype", "[Content_Types].xml", "META-INF/MANIFEST.MF", "AndroidManifest.xml")
"""Files that stand in documents and programs which are zip archives only by their form."""

LEFT_OUT = (
    ArchiveNested, ArchiveUnsafe, FileEmpty, FileEncrypted, FileUnreadable, FormatUnknown,
)  # fmt: skip
"""What keeps one file of many from being read, but not the others."""

Found = tuple[dict[Path, Format], list[Reject]]


def contents_of(path: Path, check: Callable[[], None]) -> Found:
    """Return the files to read for a path with their formats, and a reject for each left out.

    Of many files, those in no known format are left out, and so is text beside rows (a README, for
    example); a single one must be readable.

    Args:
        path: A file, a folder, an archive or a compressed file.
        check: Called before each file; may raise to end it.

    Raises:
        FileMissing, FileUnreadable, FileEmpty, FormatUnknown: It cannot be used.
        ArchiveUnsafe, ArchiveNested, FileEncrypted: The archive cannot be used.
    """
    check()
    if path.is_dir():
        return _formats_of(path, _files_of(path), check)
    from engine.formats.registry import best_match

    path, head = _unpacked(path)
    try:
        return {path: best_match(path)}, []
    except FormatUnknown:
        if not is_zip(head):
            raise
    if _is_inside(path):
        raise _nested(path)
    with naming_read_errors(path):
        names = list(members(path))
    if not names:
        raise FileEmpty(_("{name} is empty.").format(name=path.name))
    if not set(names).isdisjoint(_DOCUMENT_MARKS):
        raise FormatUnknown(
            _("{name} is a document or a program that Burnish does not read.").format(
                name=path.name
            )
        )
    return _formats_of(path, [path / name for name in names if not _is_hidden(name)], check)


def _unpacked(path: Path) -> tuple[Path, bytes]:
    """Return the path, or that of what it unpacks to where it is compressed, and its head."""
    head = read_head(path)
    if is_compressed(head):
        if place_of(path).is_compressed:
            raise _nested(path)
        path = unpacked_path(path)
        with naming_read_errors(path):
            check_bomb(path)
        head = read_head(path)
        if is_compressed(head):
            raise _nested(path)
    return path, head


def _is_inside(path: Path) -> bool:
    place = place_of(path)
    return place.member is not None or place.is_compressed


def _nested(path: Path) -> ArchiveNested:
    return ArchiveNested(
        _("{name} holds another archive, which was not opened.").format(name=shown_path(path))
    )


def _files_of(folder: Path) -> list[Path]:
    """Return the ordinary files in a folder and its folders, sorted, without hidden ones.

    Raises:
        FileUnreadable: The folder cannot be listed.
    """
    with naming_read_errors(folder):
        found = sorted(path for path in folder.rglob("*") if path.is_file())
    return [path for path in found if not _is_hidden(path.relative_to(folder).as_posix())]


def _is_hidden(name: str) -> bool:
    return any(part.startswith(".") for part in PurePosixPath(name).parts)


def _formats_of(folder: Path, files: Sequence[Path], check: Callable[[], None]) -> Found:
    """Return the formats of many files, and what of them is left out."""
    found: dict[Path, Format] = {}
    left_out: list[Reject] = []
    for path in _data_files(files, left_out):
        try:
            inside, rest = contents_of(path, check)
        except LEFT_OUT as error:
            if len(files) == 1:
                raise
            left_out.append(left_out_file(path, error))
        else:
            found.update(inside)
            left_out += rest
    if any(used.blocks is None for used in found.values()):
        beside = [path for path, used in found.items() if used.blocks is not None]
        left_out += [reject(shown_path(path), 0, _beside_rows()) for path in beside]
        found = {path: used for path, used in found.items() if used.blocks is None}
    if not found:
        raise FormatUnknown(
            _("No file in {path} is in a format that Burnish reads.").format(path=folder),
            detail="\n".join(f"{one.file}: {one.reason}" for one in left_out[:20]),
        )
    return found, left_out


def _data_files(files: Sequence[Path], left_out: list[Reject]) -> list[Path]:
    """Return the files without those that only describe a dataset which stands beside them."""
    folders: defaultdict[Path, list[Path]] = defaultdict(list)
    for path in files:
        folders[path.parent].append(path)
    stray = {one for beside in folders.values() for one in saved_dataset.stray_files(beside)}
    refused = RefusedRecord(
        "not_in_dataset", _("This file is not part of the dataset that was saved in its folder.")
    )
    left_out += [
        reject(shown_path(one), 0, refused)
        for one in sorted(stray)
        if one.name not in saved_dataset.SIDE_FILES
    ]
    return [path for path in files if path not in stray]


def left_out_file(path: Path, error: EngineError) -> Reject:
    """Return the reject for one file of many that cannot be read."""
    from engine.formats.registry import shown_name

    shown = shown_name(path)
    name = shown_path(path) if shown == path.name else shown
    return reject(name, 0, RefusedRecord(error.code, error.message))


def _beside_rows() -> RefusedRecord:
    return RefusedRecord(
        "text_beside_rows",
        _("This text was left out, for the other files of its folder hold rows."),
    )
