# SPDX-License-Identifier: Apache-2.0
"""From source files to domain rows: which files, in which formats, of which kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from gettext import gettext as _
from itertools import islice
from pathlib import Path
from typing import cast

import msgspec

from engine.domain.dataset import Reject, Row, RowKind
from engine.errors import MixedKinds
from engine.formats import field_names
from engine.formats.contents import LEFT_OUT, contents_of, left_out_file
from engine.formats.format import Format, Seen
from engine.formats.packed import shown_path
from engine.formats.refusal import RefusedRecord, reject
from engine.formats.shapes import kind_of, normalise

SURVEYED_ROWS = 64
"""Usable rows of a file that settle its kind."""


class ShapedRow(msgspec.Struct, frozen=True, gc=False):
    """A row with where it stands, how it was recognised, and what else stood beside it (JSON)."""

    line: int
    shape: str
    row: Row
    fields: str | None = None


class SourcePlan(msgspec.Struct, frozen=True, kw_only=True):
    """A file that will be read.

    Attributes:
        path: The file.
        format: How it is read.
        kind: Kind of most of its first rows; None where no row of it is usable.
    """

    path: Path
    format: Format
    kind: RowKind | None


def shaped_rows(path: Path, used: Format, seen: Seen) -> Iterator[ShapedRow | Reject]:
    """Yield every record of a file as a row or as a reject.

    Raises:
        FileMissing: The file does not exist.
        FileUnreadable: It cannot be read to its end.
    """
    shown = shown_path(path)
    for item in used.read(path, seen):
        if isinstance(item, Reject):
            yield item if item.file == shown else msgspec.structs.replace(item, file=shown)
            continue
        try:
            shape, row = normalise(item.value)
        except RefusedRecord as refused:
            yield reject(shown, item.line, refused, _excerpt(item.value))
        else:
            yield ShapedRow(item.line, shape, row, other_fields(item.value))


def other_fields(value: object) -> str | None:
    """Return what a record says beside its row, as a JSON object: customer, date, category ..."""
    if not isinstance(value, dict):
        return None
    named = cast("dict[str, object]", value).items()
    others = {
        name: one
        for name, one in named
        if one is not None and str(name).lower() not in field_names.KNOWN
    }
    return msgspec.json.encode(others, enc_hook=str).decode() if others else None


def _excerpt(value: object) -> bytes:
    return msgspec.json.encode(value, enc_hook=str)


def plan_sources(paths: Sequence[Path], seen: Seen) -> tuple[list[SourcePlan], list[Reject]]:
    """Choose the files to read and settle the kind of each.

    A file that was named must be readable. Of a folder or an archive, files in no known format are
    left out, and so is text beside rows (a README, for example); a reject names each.

    Args:
        paths: Files, folders, archives and compressed files.
        seen: Called now and then; may raise to end it.

    Raises:
        FileMissing: A path does not exist.
        FileUnreadable: A named file cannot be read.
        FileEmpty: A named file holds nothing.
        FormatUnknown: A named file is in no known format, or a folder holds no file that is.
        ArchiveUnsafe, ArchiveNested, FileEncrypted: A named archive cannot be used.
        MixedKinds: The files hold rows of different kinds.
    """
    plans: dict[Path, SourcePlan] = {}
    left_out: list[Reject] = []
    for path in paths:
        found, rest = contents_of(path, lambda: seen(0))
        left_out += rest
        for one, used in found.items():
            try:
                kind = _kind(one, used, seen)
            except LEFT_OUT as error:
                if len(found) == 1 and not rest:
                    raise
                left_out.append(left_out_file(one, error))
            else:
                plans[one] = SourcePlan(path=one, format=used, kind=kind)
    _check_kinds(list(plans.values()))
    return list(plans.values()), left_out


def _kind(path: Path, used: Format, seen: Seen) -> RowKind | None:
    rows = (one for one in shaped_rows(path, used, seen) if isinstance(one, ShapedRow))
    kinds = Counter(kind_of(one.row) for one in islice(rows, SURVEYED_ROWS))
    return kinds.most_common(1)[0][0] if kinds else None


def _check_kinds(plans: list[SourcePlan]) -> None:
    """Refuse files of different kinds before anything of them is written."""
    files: dict[RowKind, str] = {}
    for plan in plans:
        if plan.kind is not None:
            files.setdefault(plan.kind, shown_path(plan.path))
    if len(files) > 1:
        named = ", ".join(f"{name} ({kind.value})" for kind, name in files.items())
        raise MixedKinds(
            _("These files hold rows of different kinds: {files}. Nothing was imported.").format(
                files=named
            )
        )
