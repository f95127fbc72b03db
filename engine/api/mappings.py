# SPDX-License-Identifier: Apache-2.0
"""What the columns of files mean: what was recognised, what a person says, what was saved."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from gettext import gettext as _
from itertools import islice
from pathlib import Path

import msgspec

from engine.api.clock import utc_now
from engine.domain.dataset import Mapping, Reject, Row
from engine.domain.expression import ExpressionFault, parse
from engine.domain.mapping import SCHEMA_VERSION, ColumnInfo, SavedMapping, problems_of_mapping
from engine.domain.problem import Problem
from engine.domain.shape import ShapeGuess
from engine.domain.timestamp import timestamp
from engine.errors import DocumentDamaged, WrongUsage
from engine.formats.columns import columns_of, names_of
from engine.formats.contents import contents_of
from engine.formats.format import Record
from engine.formats.mapping import Mapper
from engine.formats.packed import shown_path, spooling_in
from engine.formats.proposal import propose
from engine.formats.recognition import CLASSED_ROWS, Survey, survey
from engine.formats.refusal import RefusedRecord
from engine.store import atomicfs
from engine.store.documents import read_document, write_document
from engine.store.layout import Layout

__all__ = ["ColumnInfo", "FileGuess", "Mappings", "PreviewRow", "Sample"]

KEPT_ROWS = 50
"""Rows of each file that a mapping is tried on."""

SHOWN_ROWS = 20
SAMPLED_FILES = 20
"""Files that are looked into; a folder may hold thousands."""

LONGEST_NAME = 80


class FileGuess(msgspec.Struct, frozen=True, kw_only=True):
    """What was recognised in one file."""

    file: str
    guess: ShapeGuess


class PreviewRow(msgspec.Struct, frozen=True, kw_only=True):
    """What a record becomes.

    Attributes:
        file: Name of the file.
        line: Where it stands there.
        row: The row, or None where it is refused.
        reason: Stable name of the reason; empty for a row.
        message: The reason as a sentence; empty for a row.
    """

    file: str
    line: int
    row: Row | None
    reason: str = ""
    message: str = ""


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """The first records of some files, read once, so that a mapping can be tried on them at once.

    Attributes:
        files: What was recognised in each file.
        columns: The columns of all, with the places in them.
        names: Names of the columns in lower case, sorted.
        proposal: The mapping to begin with.
        records: File and record, or reject, of each row.
    """

    files: tuple[FileGuess, ...]
    columns: tuple[ColumnInfo, ...]
    names: tuple[str, ...]
    proposal: Mapping
    records: tuple[tuple[str, Record | Reject], ...]

    @property
    def is_unclear(self) -> bool:
        """Return whether a person has to say what the columns mean: there are some, none is known.

        A mapping is for all files, so one that was recognised is enough not to ask.
        """
        return bool(self.columns) and not any(one.guess.is_sure for one in self.files)


class Mappings:
    """Mappings of columns, tried on files and saved in one workspace."""

    def __init__(self, layout: Layout, *, now: Callable[[], datetime] = utc_now) -> None:
        """Work on one workspace."""
        self._layout = layout
        self._now = now

    def sample(self, paths: Sequence[Path]) -> Sample:
        """Read the first rows of the first files and say what they look like.

        Args:
            paths: Files, folders and archives, as for an import.

        Raises:
            WrongUsage: No path was given.
            FileMissing, FileUnreadable, FileEmpty, FormatUnknown: A path cannot be used.
            ArchiveUnsafe, ArchiveNested, FileEncrypted: An archive cannot be used.
        """
        if not paths:
            raise WrongUsage(_("No file was given."), remedy=_("Name at least one file."))
        records: list[tuple[str, Record | Reject]] = []
        surveys: list[tuple[str, Survey]] = []
        with spooling_in(self._layout.datasets):
            for path in dict.fromkeys(paths):
                found, _left_out = contents_of(path, lambda: None)
                for one, used in islice(found.items(), SAMPLED_FILES - len(surveys)):
                    shown = shown_path(one)
                    kept: list[Record | Reject] = []
                    # Without an end a large file in which nothing fits would be read as a whole.
                    first = islice(used.read(one, lambda _done: None), CLASSED_ROWS)
                    items = _keeping(first, kept)
                    surveys.append((shown, survey(items)))
                    records += [(shown, item) for item in kept]
        return _sample(surveys, records)

    def problems(self, sample: Sample, mapping: Mapping) -> list[Problem]:
        """Return everything that is wrong with a mapping for these files."""
        return problems_of_mapping(mapping, sample.names)

    def preview(
        self, sample: Sample, mapping: Mapping, *, limit: int = SHOWN_ROWS
    ) -> list[PreviewRow]:
        """Return what the first records of each file become, each a row or the reason why not.

        Raises:
            WrongUsage: The mapping cannot be used at all; see `problems`.
        """
        mapper = Mapper(mapping)
        share = max(1, limit // max(1, len(sample.files)))
        taken: Counter[str] = Counter()
        shown: list[PreviewRow] = []
        for file, item in sample.records:
            taken[file] += 1
            if taken[file] <= share and len(shown) < limit:
                shown.append(_preview(mapper, file, item))
        return shown

    # --- saved ones -----------------------------------------------------------------------------

    def save(self, name: str, mapping: Mapping, columns: Sequence[str]) -> SavedMapping:
        """Save a mapping under a name; an older one of this name is replaced.

        Args:
            name: Name for people.
            mapping: What it says.
            columns: Names of the columns of the file it was made for.

        Raises:
            WrongUsage: The name is blank or too long, or the mapping cannot be used.
            DiskFull: No room.
        """
        name = " ".join(name.split())
        if not 0 < len(name) <= LONGEST_NAME:
            raise WrongUsage(
                _("A mapping needs a name of at most {count} characters.").format(
                    count=LONGEST_NAME
                ),
                remedy=_("Give it a name."),
            )
        saved = SavedMapping(
            name=name,
            columns=tuple(sorted({one.lower() for one in columns})),
            mapping=Mapper(mapping).mapping,
            saved_at=timestamp(self._now()),
        )
        atomicfs.make_folder(self._layout.mappings)
        write_document(self._path(name), saved)
        return saved

    def list(self) -> list[SavedMapping]:
        """Return all saved mappings that can be read, by name."""
        found: list[SavedMapping] = []
        for path in self._layout.mappings.glob("*.json"):
            try:
                one = read_document(path, SavedMapping)
            except DocumentDamaged:
                # Left where it is: only this one cannot be offered.
                continue
            if one.schema_version <= SCHEMA_VERSION:
                found.append(one)
        return sorted(found, key=lambda one: one.name.casefold())

    def get(self, name: str) -> SavedMapping:
        """Return a saved mapping by its name.

        Raises:
            WrongUsage: There is none of this name.
        """
        found = next((one for one in self.list() if _key(one.name) == _key(name)), None)
        if found is not None:
            return found
        known = ", ".join(one.name for one in self.list())
        raise WrongUsage(
            _("There is no mapping {name}.").format(name=name),
            remedy=_("The saved mappings are: {names}.").format(names=known) if known else None,
        )

    def remove(self, name: str) -> SavedMapping:
        """Remove a saved mapping and return it; datasets that were imported with it stay.

        Raises:
            WrongUsage: There is none of this name.
        """
        found = self.get(name)
        self._path(found.name).unlink()
        return found

    def matching(self, sample: Sample) -> list[SavedMapping]:
        """Return the saved mappings that fit files, those made for the very same columns first."""
        names = set(sample.names)
        fitting = [one for one in self.list() if _taken(one.mapping) <= names]
        return sorted(fitting, key=lambda one: -_likeness(set(one.columns), names))

    def _path(self, name: str) -> Path:
        digest = hashlib.sha256(_key(name).encode("utf-8")).hexdigest()
        return self._layout.mappings / f"{digest[:32]}.json"


def _key(name: str) -> str:
    return " ".join(name.split()).casefold()


def _taken(mapping: Mapping) -> set[str]:
    """Return the names of the columns that a mapping takes."""
    found: set[str] = set()
    for part in mapping.parts:
        try:
            found.update(str(one.steps[0]).lower() for one in parse(part.value).columns)
        except ExpressionFault:
            continue
    return found


def _likeness(one: set[str], other: set[str]) -> float:
    """Return the share (0..1) of all names that are in both."""
    return len(one & other) / max(1, len(one | other))


def _keeping(
    items: Iterator[Record | Reject], kept: list[Record | Reject]
) -> Iterator[Record | Reject]:
    """Yield records, and keep the first of them; a single one may be many megabytes."""
    for item in items:
        if len(kept) < KEPT_ROWS:
            kept.append(item)
        yield item


def _sample(
    surveys: Sequence[tuple[str, Survey]], records: Sequence[tuple[str, Record | Reject]]
) -> Sample:
    values = [item.value for _file, item in records if isinstance(item, Record)]
    first = next((found for _file, found in surveys if found.guess.kind), surveys[0][1])
    return Sample(
        files=tuple(FileGuess(file=file, guess=found.guess) for file, found in surveys),
        columns=columns_of(values),
        names=names_of(values),
        proposal=propose(first, values),
        records=tuple(records),
    )


def _preview(mapper: Mapper, file: str, item: Record | Reject) -> PreviewRow:
    if isinstance(item, Reject):
        return PreviewRow(
            file=file, line=item.line, row=None, reason=item.reason, message=item.message
        )
    try:
        _shape, row = mapper.make(item.value)
    except RefusedRecord as refused:
        return PreviewRow(
            file=file, line=item.line, row=None, reason=refused.reason, message=refused.message
        )
    return PreviewRow(file=file, line=item.line, row=row)
