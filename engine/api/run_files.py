# SPDX-License-Identifier: Apache-2.0
"""A run as one file: written whole and checked, and taken into another workspace the same way."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Iterator, Mapping
from gettext import gettext as _
from hashlib import sha256
from pathlib import Path, PurePosixPath

import msgspec

from engine.api.jobs import new_id
from engine.api.runs import Runs
from engine.domain.recipe import Recipe
from engine.domain.run import JobInfo, JobKind
from engine.errors import (
    AlreadyRunning,
    DocumentDamaged,
    FileMissing,
    RunFileInvalid,
    TargetExists,
    WrongUsage,
)
from engine.formats.zip_archive import Member, MemberStream, members
from engine.launcher.watch import JobFeed
from engine.methods.registry import method
from engine.store import atomicfs
from engine.store.atomicfs import FileEntry
from engine.store.checksum import checked, encode_document
from engine.store.documents import read_document
from engine.store.layout import JobFolder, Layout

LIST = "burnish-run.json"
"""The list of all files of a run file, with their sizes and SHA-256; it stands last."""

_DOCUMENTS = ("job.json", "recipe.json", "events.jsonl", "result.json", "note.json")
_START = "start.safetensors"
_ALLOWED = re.compile(
    r"(?:job|recipe|result|note)\.json|events\.jsonl|start\.safetensors"
    r"|(?:adapter|checkpoints/ck-[0-9]{1,12})/[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}"
)
_KEPT_OPTIONS = ("model_fingerprint", "data", "descent")
_ID = re.compile(r"[0-9a-f]{12}")
_LIST_CAP_BYTES = 16 << 20
_BLOCK_BYTES = 1 << 20


class PackedRun(msgspec.Struct, frozen=True, kw_only=True):
    """The list of a run file: every other file by its path."""

    schema_version: int = 1
    files: dict[str, FileEntry]


class RunFiles:
    """Writes runs of one workspace as files, and takes such files in."""

    def __init__(self, layout: Layout, runs: Runs, *, make_id: Callable[[], str] = new_id) -> None:
        """Work on one workspace."""
        self._layout = layout
        self._runs = runs
        self._make_id = make_id

    def save(
        self, key: str, path: Path, *, checkpoints: bool = True, replace: bool = False
    ) -> Path:
        """Write a run to one file, read it back, and return its path.

        It holds the recipe, the events, the note, the adapter and the checkpoints: neither rows of
        the dataset nor weights of the base model. Answers that the run gave while it learned are
        among the events.

        Raises:
            RunNotFound: There is no such run.
            AlreadyRunning: It is running.
            TargetExists: The file is there already, and may not be replaced.
            DocumentDamaged: The adapter or a checkpoint is not what was written.
            DiskFull: No room.
        """
        run = self._runs.get(key)
        if not run.state.is_over:
            raise AlreadyRunning(_("This run is still running. Nothing was written."))
        if path.exists() and not replace:
            raise TargetExists(_("{path} is there already.").format(path=path))
        folder = self._layout.job(run.id)
        sources = dict(_sources(folder, checkpoints=checkpoints))
        packed = PackedRun(files={name: _entry(one) for name, one in sources.items()})
        with (
            atomicfs.whole_file(path) as stream,
            zipfile.ZipFile(stream, "w", strict_timestamps=False) as archive,
        ):
            for name, source in sources.items():
                archive.write(source, name)
            archive.writestr(LIST, encode_document(packed))
        _check(path, _opened(path))
        return path

    def take(self, path: Path) -> str:
        """Take the run of a file into the workspace, all of it or nothing; return its id.

        The id of the run is kept unless it is taken. What the worker will call is decided by the
        method of the recipe, never by the file.

        Raises:
            FileMissing: The file is not there.
            ArchiveUnsafe: It holds something that no honest archive holds.
            FileUnreadable: It is a damaged archive, or none.
            RunFileInvalid: It is no run file, or is not what was written.
            DiskFull: No room.
        """
        if not path.is_file():
            raise FileMissing(_("There is no file {path}.").format(path=path))
        packed = _opened(path)
        info = self._info(path, packed)
        with atomicfs.new_folder(self._layout.job(info.id).root) as building:
            for name, found in packed.items():
                _copy(path, name, found, building)
            self._complete(JobFolder(building), info)
        return info.id

    def _info(self, path: Path, packed: Mapping[str, tuple[Member, FileEntry]]) -> JobInfo:
        """Return job.json as it is to be here."""
        try:
            content = checked(_content(path, packed["job.json"][0]))
            info = msgspec.json.decode(content, type=JobInfo)
            recipe = msgspec.json.decode(
                checked(_content(path, packed["recipe.json"][0])), type=Recipe
            )
            entry = method(recipe.method).entry
        except (KeyError, msgspec.DecodeError, WrongUsage) as error:
            raise _invalid(path, str(error)) from error
        if info.kind is not JobKind.TRAIN:
            raise _invalid(path, f"kind {info.kind}")
        is_free = _ID.fullmatch(info.id) and not self._layout.job(info.id).root.exists()
        options = {key: one for key, one in info.options.items() if key in _KEPT_OPTIONS}
        return msgspec.structs.replace(
            info, id=info.id if is_free else self._make_id(), entry=entry, options=options
        )

    def _complete(self, folder: JobFolder, info: JobInfo) -> None:
        atomicfs.write_file(folder.info, encode_document(info), durable=False)
        atomicfs.make_folder(folder.commands)
        _check_start(folder, read_document(folder.recipe, Recipe))
        for one in (folder.adapter, *sorted(folder.checkpoints.glob("ck-*"))):
            if one.is_dir():
                atomicfs.verify_folder(one)
        JobFeed(folder).catch_up()


def _check_start(folder: JobFolder, recipe: Recipe) -> None:
    """Check that the weights which a run began with are those that its recipe names.

    Raises:
        DocumentDamaged: They are others.
    """
    start = recipe.start
    if start is None or not folder.start.is_file():
        return
    if atomicfs.sha256_of(folder.start) != start.sha256:
        raise DocumentDamaged(_("{path} is not what was written.").format(path=_START))


def _sources(folder: JobFolder, *, checkpoints: bool) -> Iterator[tuple[str, Path]]:
    """Yield what belongs to a run: names in the file, and where each stands."""
    for name in (*_DOCUMENTS, _START):
        if (folder.root / name).is_file():
            yield name, folder.root / name
    folders = [folder.adapter] if folder.adapter.is_dir() else []
    if checkpoints and folder.checkpoints.is_dir():
        folders += sorted(folder.checkpoints.glob("ck-*"))
    for one in folders:
        names = [*atomicfs.verify_folder(one).files, atomicfs.MANIFEST]
        for name in names:
            inside = (one / name).relative_to(folder.root).as_posix()
            if not _ALLOWED.fullmatch(inside):
                raise DocumentDamaged(_("{path} does not belong to a run.").format(path=inside))
            yield inside, one / name


def _entry(path: Path) -> FileEntry:
    return FileEntry(size_bytes=path.stat().st_size, sha256=atomicfs.sha256_of(path))


def _opened(path: Path) -> dict[str, tuple[Member, FileEntry]]:
    """Return the files of a run file with what each has to be, once all names are checked."""
    found = dict(members(path))
    listed = found.pop(LIST, None)
    if listed is None or listed.size_bytes > _LIST_CAP_BYTES:
        raise _invalid(path, "no list of files")
    try:
        packed = msgspec.json.decode(checked(_content(path, listed)), type=PackedRun)
    except msgspec.DecodeError as error:
        raise _invalid(path, str(error)) from error
    if set(packed.files) != set(found):
        raise _invalid(path, "the list names other files")
    for name, entry in packed.files.items():
        if not _ALLOWED.fullmatch(name) or found[name].size_bytes != entry.size_bytes:
            raise _invalid(path, name)
    return {name: (found[name], entry) for name, entry in packed.files.items()}


def _blocks(path: Path, member: Member) -> Iterator[bytes]:
    with MemberStream(path, member) as stream:
        while block := stream.read(_BLOCK_BYTES):
            yield block


def _content(path: Path, member: Member) -> bytes:
    if member.size_bytes > _LIST_CAP_BYTES:
        raise _invalid(path, member.name)
    return b"".join(_blocks(path, member))


def _check(path: Path, packed: Mapping[str, tuple[Member, FileEntry]]) -> None:
    """Read every file back and compare it with the list.

    Raises:
        RunFileInvalid: One is not what was written.
    """
    for name, (member, entry) in packed.items():
        digest = sha256()
        for block in _blocks(path, member):
            digest.update(block)
        if digest.hexdigest() != entry.sha256:
            raise _invalid(path, name)


def _copy(path: Path, name: str, found: tuple[Member, FileEntry], building: Path) -> None:
    member, entry = found
    target = building.joinpath(*PurePosixPath(name).parts)
    atomicfs.make_folder(target.parent)
    digest = sha256()
    with atomicfs.new_file(target) as stream:
        for block in _blocks(path, member):
            digest.update(block)
            stream.write(block)
    if digest.hexdigest() != entry.sha256:
        raise _invalid(path, name)


def _invalid(path: Path, why: str) -> RunFileInvalid:
    words = _("{name} is not a run as it was written. Nothing was taken from it.")
    return RunFileInvalid(words.format(name=path.name), detail=why)
