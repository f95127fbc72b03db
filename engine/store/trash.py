# SPDX-License-Identifier: Apache-2.0
"""The trash of a workspace: what was removed is moved there as it is, and can be put back.

An object may be several folders (an export: its job and its files). It counts as removed from when
the first of them is in the trash until that is put back, so it is always one or the other; what an
interruption left behind is brought into line by `settle`. Nothing is copied: all that a removal
writes is a short note on what it was. Deleting for good writes nothing.
"""

from __future__ import annotations

import contextlib
from datetime import datetime, timedelta
from gettext import gettext as _
from pathlib import Path

from engine.domain.trash import KEEP_DAYS, TrashEntry
from engine.errors import DiskFull, DocumentDamaged, FileMissing, NotInTrash, TargetExists
from engine.store import atomicfs
from engine.store.checksum import encode_document
from engine.store.documents import read_document
from engine.store.layout import Layout
from engine.store.locks import held

_DOCUMENT = "trash.json"
_LOCK = "trash.lock"
_SHELVES = ("datasets", "models", "jobs", "exports")


def throw_away(layout: Layout, entry: TrashEntry) -> None:
    """Move the folders of an object into the trash.

    Raises:
        FileMissing: Somebody else removed it just now.
        InUse: Another process is busy with the trash.
        DiskFull: There is not even room for the note on what it was; nothing was removed.
        NotWritable: The place refuses, or another program holds a file open; nothing was removed.
    """
    atomicfs.make_folder(layout.trash)
    with held(layout.trash / _LOCK):
        if not (layout.root / entry.places[0]).exists():
            raise FileMissing(
                _("{name} was removed just now.").format(name=entry.name),
                remedy=_("Look at what is in the trash: it may be there."),
            )
        _write_note(layout.trash / entry.id, entry)
        try:
            for part, place in _parts(layout, entry):
                atomicfs.move_folder(place, part)
        except BaseException:
            _put_back(layout, entry)
            raise


def _write_note(folder: Path, entry: TrashEntry) -> None:
    """Make the folder of an entry with the note on what it is.

    Raises:
        DiskFull: There is no room for it.
    """
    try:
        with atomicfs.new_folder(folder) as building:
            atomicfs.write_file(building / _DOCUMENT, encode_document(entry), durable=False)
    except DiskFull as error:
        raise DiskFull(
            _("The disk is so full that nothing can be removed in a way that can be undone."),
            remedy=_("Empty the trash, or remove caches under Disk space: that needs no room."),
            detail=error.detail or error.message,
        ) from error


def entries(layout: Layout) -> list[TrashEntry]:
    """Return what is in the trash, newest first; entries that cannot be read are left out."""
    found: list[TrashEntry] = []
    for folder in folders(layout):
        entry = _entry(folder)
        if entry is not None and _is_removed(layout, entry):
            found.append(entry)
    return sorted(found, key=lambda one: one.thrown_at, reverse=True)


def restore(layout: Layout, entry_id: str) -> TrashEntry:
    """Put an object back to where it stood, and return what it is.

    Raises:
        NotInTrash: It is not in the trash any more.
        TargetExists: Something stands at its place; nothing was changed.
        InUse: Another process is busy with the trash.
        NotWritable: The place refuses.
    """
    if not layout.trash.is_dir():
        raise _not_there()
    with held(layout.trash / _LOCK):
        found = {one.id: one for one in entries(layout)}.get(entry_id)
        if found is None:
            raise _not_there()
        for part, place in _parts(layout, found):
            if part.exists() and place.exists():
                raise TargetExists(
                    _("{path} exists already, so nothing was put back.").format(path=place)
                )
        _put_back(layout, found)
    return found


def delete(layout: Layout, entry_id: str) -> None:
    """Delete an entry of the trash for good.

    Raises:
        NotInTrash: It is not there any more.
        InUse: Another process is busy with the trash.
        NotWritable: The place refuses.
    """
    folder = layout.trash / entry_id
    if not entry_id.isalnum() or not folder.is_dir():
        raise _not_there()
    with held(layout.trash / _LOCK):
        if not folder.is_dir():  # another one was quicker
            raise _not_there()
        atomicfs.remove_folder(folder)


def _not_there() -> NotInTrash:
    return NotInTrash(_("This is not in the trash any more."))


def empty(layout: Layout) -> int:
    """Delete everything for good, what cannot be read included; return how many things.

    Raises:
        InUse: Another process is busy with the trash.
        NotWritable: The place refuses; what was not deleted is still there.
    """
    if not layout.trash.is_dir():
        return 0
    with held(layout.trash / _LOCK):
        found = folders(layout)
        for folder in found:
            atomicfs.remove_folder(folder)
    return len(found)


def outdated(layout: Layout, *, now: datetime) -> list[TrashEntry]:
    """Return what has been in the trash for longer than it is kept."""
    oldest = now - timedelta(days=KEEP_DAYS)
    return [one for one in entries(layout) if datetime.fromisoformat(one.thrown_at) < oldest]


def settle(layout: Layout) -> None:
    """Bring what an interruption left between here and there to one side.

    Raises:
        InUse: Another process is busy with the trash, and settles it.
        DiskFull: There is no room for a lock; what is there is safe.
        NotWritable: The place refuses; what is there is safe.
    """
    if not layout.trash.is_dir():
        return
    with held(layout.trash / _LOCK, is_urgent=True):
        atomicfs.sweep(layout.trash)
        for folder in folders(layout):
            entry = _entry(folder)
            if entry is not None:
                # Where something else stands now, neither of the two is touched.
                with contextlib.suppress(TargetExists):
                    _settle(layout, entry)


def _settle(layout: Layout, entry: TrashEntry) -> None:
    if not _is_removed(layout, entry):
        _put_back(layout, entry)
        return
    for part, place in _parts(layout, entry):
        if place.exists() and not part.exists():
            atomicfs.move_folder(place, part)


def folders(layout: Layout) -> list[Path]:
    """Return the folder of each entry, those included whose note cannot be read."""
    if not layout.trash.is_dir():
        return []
    return [one for one in layout.trash.iterdir() if one.is_dir() and one.name.isalnum()]


def _entry(folder: Path) -> TrashEntry | None:
    """Return what a folder of the trash holds; None where its note cannot be read or believed.

    A workspace may come from somebody else: its notes move folders, so what they name is checked.
    """
    try:
        found = read_document(folder / _DOCUMENT, TrashEntry)
    except DocumentDamaged:
        return None
    is_sound = found.id == folder.name and bool(found.places)
    return found if is_sound and all(_is_object(one) for one in found.places) else None


def _is_object(place: str) -> bool:
    """Return whether the folder of an object is named, and nothing within it or elsewhere."""
    parts = Path(place).parts
    return len(parts) == 2 and parts[0] in _SHELVES and parts[1] != ".."


def _parts(layout: Layout, entry: TrashEntry) -> list[tuple[Path, Path]]:
    """Return the folders of an object: where each is in the trash, and where it belongs."""
    folder = layout.trash / entry.id
    return [
        (folder / f"part-{number}", layout.root / place)
        for number, place in enumerate(entry.places)
    ]


def _is_removed(layout: Layout, entry: TrashEntry) -> bool:
    return _parts(layout, entry)[0][0].exists()


def _put_back(layout: Layout, entry: TrashEntry) -> None:
    """Move everything back, the deciding folder last, and forget the entry."""
    for part, place in reversed(_parts(layout, entry)):
        if part.exists():
            atomicfs.make_folder(place.parent)
            atomicfs.move_folder(part, place)
    atomicfs.remove_folder(layout.trash / entry.id)
