# SPDX-License-Identifier: Apache-2.0
"""Typed JSON documents on disk: strict to read, atomic to write, each with a checksum."""

from __future__ import annotations

from gettext import gettext as _
from pathlib import Path
from typing import TypeVar

import msgspec

from engine.errors import DocumentDamaged
from engine.store import atomicfs, renaming
from engine.store.checksum import checked, encode_document

Document = TypeVar("Document", bound=msgspec.Struct)


def write_document(path: Path, document: msgspec.Struct, *, durable: bool = True) -> None:
    """Write or replace a document in one step.

    Raises:
        DiskFull: No room; the old document is untouched.
    """
    atomicfs.write_file(path, encode_document(document), durable=durable)


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
