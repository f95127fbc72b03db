# SPDX-License-Identifier: Apache-2.0
"""A run as one file: written whole and checked, and taken into another workspace the same way."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from gettext import gettext as _
from hashlib import sha256
from pathlib import Path, PurePosixPath

import msgspec

from engine.api.ids import new_id
from engine.api.runs import Runs
from engine.domain.provenance import Provenance
from engine.domain.recipe import Recipe
from engine.domain.run import JobInfo, JobKind
from engine.domain.start import Ancestor
from engine.errors import (
    AlreadyRunning,
    ArchiveUnsafe,
    DocumentDamaged,
    FileMissing,
    FileUnreadable,
    RunFileInvalid,
    TargetExists,
    WrongUsage,
)
from engine.formats.zip_archive import Member, MemberStream, members
from engine.launcher.watch import JobFeed
from engine.methods.registry import method
from engine.protocol.codec import VersionUnknown
from engine.store import atomicfs
from engine.store.atomicfs import FileEntry
from engine.store.checksum import checked, encode_document
from engine.store.documents import read_document, write_document
from engine.store.layout import JobFolder, Layout
from engine.store.leftovers import making_job

LIST = "burnish-run.json"
"""The list of all files of a run file, with their sizes and SHA-256; it stands last."""

_DOCUMENTS = ("job.json", "recipe.json", "events.jsonl", "result.json", "note.json")
_START = "start.safetensors"
_ALLOWED = re.compile(
    r"(?:job|recipe|result|note)\.json|events\.jsonl|start\.safetensors"
    r"|(?:adapter|checkpoints/ck-[0-9]{1,12})/[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}"
)
_KEPT_OPTIONS = {
    "model_fingerprint": str,
    "data": tuple[Provenance, ...],
    "descent": tuple[Ancestor, ...],
}
_ID = re.compile(r"[0-9a-f]{12}")
_LIST_CAP_BYTES = 16 << 20
_BLOCK_BYTES = 1 << 20
_AT_ONCE = 10_000
_LONG = 200
_FIRST_YEAR, _LAST_YEAR = 2000, 2999


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
            DocumentDamaged: The adapter or a checkpoint is not what was written, or the file does
                not read back as it was written; there is none then, or the one that was there.
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
            atomicfs.whole_file(path, check=lambda one: _check(one, path)) as stream,
            zipfile.ZipFile(stream, "w", strict_timestamps=False) as archive,
        ):
            for name, source in sources.items():
                archive.write(source, name)
            archive.writestr(LIST, encode_document(packed))
        return path

    def take(self, path: Path) -> str:
        """Take the run of a file into the workspace, all of it or nothing; return its id.

        The id of the run is kept unless it is taken. What the worker will call is decided by the
        method of the recipe, never by the file.

        Raises:
            FileMissing: The file is not there.
            ArchiveUnsafe: It holds something that no honest archive holds.
            FileUnreadable: It is a damaged archive, or none.
            RunFileInvalid: It is no run file, is of a newer Burnish, or not what was written.
            DiskFull: No room.
        """
        if not path.is_file():
            raise FileMissing(_("There is no file {path}.").format(path=path))
        packed = _opened(path)
        info = self._info(path, packed)
        root = self._layout.job(info.id).root
        with making_job(self._layout), atomicfs.new_folder(root) as building:
            for name, found in packed.items():
                _copy(path, name, found, building)
            self._complete(path, JobFolder(building), info)
        return info.id

    def _info(self, path: Path, packed: Mapping[str, tuple[Member, FileEntry]]) -> JobInfo:
        """Return job.json as it is to be here."""
        try:
            content = checked(_content(path, packed["job.json"][0]))
            info = msgspec.json.decode(content, type=JobInfo)
            options = _sound_options(info)
            _check_moment(info.created_at)
            recipe = msgspec.json.decode(
                checked(_content(path, packed["recipe.json"][0])), type=Recipe
            )
            entry = method(recipe.method).entry
        except (KeyError, ValueError, WrongUsage) as error:  # a DecodeError is a ValueError
            raise _invalid(path, str(error)) from error
        if info.kind is not JobKind.TRAIN:
            raise _invalid(path, f"kind {info.kind}")
        is_free = _ID.fullmatch(info.id) and not self._layout.job(info.id).root.exists()
        return msgspec.structs.replace(
            info,
            id=info.id if is_free else self._make_id(),
            name=_tidy_name(info.name) or path.stem,
            entry=entry,
            options=options,
        )

    def _complete(self, path: Path, folder: JobFolder, info: JobInfo) -> None:
        atomicfs.write_file(folder.info, encode_document(info), durable=False)
        atomicfs.make_folder(folder.commands)
        _check_start(folder, read_document(folder.recipe, Recipe))
        for one in (folder.adapter, *sorted(folder.checkpoints.glob("ck-*"))):
            if one.is_dir():
                atomicfs.verify_folder(one)
        _keep_state(path, folder)


def _sound_options(info: JobInfo) -> dict[str, msgspec.Raw]:
    """Return what is kept of the options of a run, each of its own form.

    Raises:
        msgspec.DecodeError: One is not.
    """
    kept = {name: one for name, one in info.options.items() if name in _KEPT_OPTIONS}
    for name, one in kept.items():
        msgspec.json.decode(one, type=_KEPT_OPTIONS[name])
    return kept


def _tidy_name(name: str) -> str:
    """Return a name of one short line, in which nothing steers a terminal."""
    return " ".join("".join(one if one.isprintable() else " " for one in name).split())[:_LONG]


def _check_moment(text: str) -> None:
    """Check that a time can be read and told in every time zone.

    Raises:
        ValueError: It cannot.
    """
    if not _FIRST_YEAR <= datetime.fromisoformat(text).year <= _LAST_YEAR:
        raise ValueError(text)


def _keep_state(path: Path, folder: JobFolder) -> None:
    """Write down where a run stands by its own events; what the file says of it is not believed.

    Raises:
        RunFileInvalid: The events are of a newer Burnish, or not as they were written.
    """
    feed = JobFeed(folder)
    try:
        while found := feed.poll(_AT_ONCE):
            for one in found:
                _check_moment(one.t)
    except VersionUnknown as error:
        words = _("{name} is of a newer Burnish. Nothing was taken from it.")
        remedy = _("Install the newest Burnish.")
        raise RunFileInvalid(words.format(name=path.name), remedy=remedy) from error
    except ValueError as error:
        raise _invalid(path, str(error)) from error
    folder.result.unlink(missing_ok=True)
    if feed.snapshot.state.is_over:
        write_document(folder.result, feed.snapshot, durable=False)


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


def _check(written: Path, path: Path) -> None:
    """Read every file of a run file back and compare it with the list.

    Args:
        written: The file.
        path: The name that it is to take.

    Raises:
        DocumentDamaged: It is not what was written.
    """
    try:
        for name, (member, entry) in _opened(written).items():
            digest = sha256()
            for block in _blocks(written, member):
                digest.update(block)
            if digest.hexdigest() != entry.sha256:
                raise _invalid(written, name)
    except (ArchiveUnsafe, FileUnreadable, RunFileInvalid) as error:
        raise DocumentDamaged(
            _("The run was not saved: {path} does not read back as it was written.").format(
                path=path
            ),
            remedy=_("Save it again, on another disk if this goes on."),
            detail=error.detail or error.message,
        ) from error


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
