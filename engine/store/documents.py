# SPDX-License-Identifier: Apache-2.0
"""Typed JSON documents on disk: strict to read, atomic to write, each with a checksum."""

from __future__ import annotations

import hashlib
from gettext import gettext as _
from pathlib import Path
from typing import Protocol, TypeVar

import msgspec
from msgspec.structs import replace

from engine.errors import DocumentDamaged
from engine.store import atomicfs, renaming
from engine.store.checksum import checked, encode_document

Document = TypeVar("Document")


def write_document(path: Path, document: msgspec.Struct, *, durable: bool = True) -> None:
    """Write or replace a document in one step.

    Raises:
        DiskFull: No room; the old document is untouched.
    """
    atomicfs.write_file(path, encode_document(document), durable=durable)


def rewrite_listed(path: Path, document: msgspec.Struct) -> None:
    """Replace a document of a folder that has a manifest, and what the manifest says of it.

    Between the two writes the manifest is ahead: whoever repeats it after an interruption still
    finds the old document.

    Raises:
        DocumentDamaged: The manifest cannot be read.
        DiskFull: No room; what was not replaced is as it was.
    """
    content = encode_document(document)
    entry = atomicfs.FileEntry(size_bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
    manifest = atomicfs.read_manifest(path.parent)
    files = {**manifest.files, path.name: entry}
    write_document(path.parent / atomicfs.MANIFEST, replace(manifest, files=files))
    atomicfs.write_file(path, content)


class Identified(Protocol):
    """What a folder is named after."""

    @property
    def id(self) -> str:
        """Return the name of its folder."""
        ...


Own = TypeVar("Own", bound=Identified)


def read_own_document(path: Path, kind: type[Own]) -> Own:
    """Read a document whose id is the name of its folder.

    Who acts on an id acts on a folder: one that names another folder, because this one was copied
    or the workspace is somebody's trap, is not believed.

    Raises:
        DocumentDamaged: As of `read_document`, or it names another folder.
    """
    document = read_document(path, kind)
    if document.id != path.parent.name:
        raise DocumentDamaged(
            _("{path} belongs to another folder: it says {id!r}.").format(path=path, id=document.id)
        )
    return document


def read_document(path: Path, kind: type[Document]) -> Document:
    """Read a document.

    Raises:
        DocumentDamaged: It is missing, not what was written, or not of this kind; the detail
            names the field.
    """
    try:
        content = renaming.patiently(path.read_bytes)
        return msgspec.json.decode(checked(content), type=kind)
    except (OSError, msgspec.DecodeError) as error:
        raise DocumentDamaged(
            _("{path} cannot be read.").format(path=path), detail=str(error)
        ) from error
