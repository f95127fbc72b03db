# SPDX-License-Identifier: Apache-2.0
"""From source files to domain rows: which files, in which formats, of which kind."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from gettext import gettext as _
from pathlib import Path
from typing import Protocol, TypeVar, cast

import msgspec

from engine.domain.chunking import Chunking, TokenCounts, estimated_tokens
from engine.domain.dataset import Reject, Row, RowKind
from engine.domain.in_order import in_order
from engine.domain.shape import ShapeGuess
from engine.errors import MixedKinds
from engine.formats import field_names
from engine.formats.classes import ClassField, subject_of
from engine.formats.contents import LEFT_OUT, contents_of, left_out_file
from engine.formats.document import cut
from engine.formats.format import Chunk, Format, Record, Seen
from engine.formats.mapping import Mapper
from engine.formats.packed import shown_path
from engine.formats.plain_chat import PlainChat
from engine.formats.plain_rows import PlainRows
from engine.formats.recognition import Survey, survey
from engine.formats.refusal import RefusedRecord, reject
from engine.formats.shapes import normalise
from engine.formats.turns import lower_names

Prepared = TypeVar("Prepared")
THREADS, WAITING_CHUNKS = 2, 3
"""Chunks that are worked on or wait; more would only take memory."""


class RowMaker(Protocol):
    """Makes rows of the records of one file."""

    def make(self, value: object) -> tuple[str, Row]:
        """Return the shape and the row of a record, or raise RefusedRecord."""
        ...

    def others(self, value: object) -> str | None:
        """Return what a record says beside its row, as a JSON object."""
        ...


class Recognised:
    """Makes rows by the shape that each record shows.

    Attributes:
        classed: The field of classes or verdicts, if the file has one.
    """

    def __init__(self, classed: ClassField | None = None) -> None:
        """Know the field of classes or verdicts."""
        self.classed = classed

    def make(self, value: object) -> tuple[str, Row]:
        """Return the shape and the row of a record.

        Raises:
            RefusedRecord: It cannot become a row.
        """
        return normalise(value, self.classed)

    def others(self, value: object) -> str | None:
        """Return what a record says beside its row: customer, date, category ..."""
        return other_fields(value, self.classed)


class ShapedRow(msgspec.Struct, frozen=True, gc=False):
    """A row with where it stands, how it was recognised, and what else stood beside it (JSON)."""

    line: int
    shape: str
    row: Row
    fields: str | None = None


RECOGNISED = Recognised()


class SourcePlan(msgspec.Struct, frozen=True, kw_only=True):
    """A file that will be read.

    Attributes:
        path: The file.
        format: How it is read.
        guess: What its first rows look like.
        maker: How its records become rows.
    """

    path: Path
    format: Format
    guess: ShapeGuess
    maker: RowMaker = RECOGNISED

    @property
    def kind(self) -> RowKind | None:
        """Return the kind of most of its first rows; None where no row of it is usable."""
        return self.guess.kind


def shaped_rows(
    path: Path, used: Format, seen: Seen, maker: RowMaker = RECOGNISED
) -> Iterator[ShapedRow | Reject]:
    """Yield every record of a file as a row or as a reject.

    Args:
        path: The file.
        used: How it is read.
        seen: Told how far it is read.
        maker: How its records become rows.

    Raises:
        FileMissing: The file does not exist.
        FileUnreadable: It cannot be read to its end.
    """
    return _shaped(shown_path(path), used.read(path, seen), maker)


def _shaped(
    shown: str, items: Iterable[Record | Reject], maker: RowMaker
) -> Iterator[ShapedRow | Reject]:
    for item in items:
        if isinstance(item, Reject):
            yield item if item.file == shown else msgspec.structs.replace(item, file=shown)
            continue
        try:
            shape, row = maker.make(item.value)
        except RefusedRecord as refused:
            yield reject(shown, item.line, refused, _excerpt(item.value))
        else:
            yield ShapedRow(item.line, shape, row, maker.others(item.value))


def shaped_parts(
    path: Path, used: Format, seen: Seen, maker: RowMaker, prepare: Callable[[PlainRows], Prepared]
) -> Iterator[ShapedRow | Reject | Prepared]:
    """Yield what `shaped_rows` does, plain conversations in columns where that is possible.

    Args:
        path: The file.
        used: How it is read.
        seen: Told how far it is read.
        maker: How its records become rows.
        prepare: What is yielded of conversations in columns; called in other threads.

    Raises:
        FileMissing: The file does not exist.
        FileUnreadable: It cannot be read to its end.
    """
    is_recognised = isinstance(maker, Recognised) and maker.classed is None
    if used.chunks is None or not is_recognised:
        yield from shaped_rows(path, used, seen, maker)
        return

    def work(chunk: Chunk) -> Prepared | None:
        """Read a chunk in columns where that is possible."""
        found = chunk.plain_rows()
        return None if found is None else prepare(found)

    shown = shown_path(path)
    for chunk, found in in_order(
        work, used.chunks(path, seen), threads=THREADS, waiting=WAITING_CHUNKS
    ):
        if found is not None:
            yield found
        else:
            yield from _shaped(shown, chunk.records(), maker)


def other_fields(value: object, classed: ClassField | None = None) -> str | None:
    """Return what a record says beside its row, as a JSON object: customer, date, category ..."""
    if not isinstance(value, dict):
        return None
    record = cast("dict[str, object]", value)
    known = field_names.KNOWN if classed is None else _known(record, classed)
    if known.issuperset(record):
        return None
    others = {
        name: one
        for name, one in record.items()
        if one is not None and str(name).lower() not in known
    }
    return msgspec.json.encode(others, enc_hook=str).decode() if others else None


def _known(value: object, classed: ClassField) -> frozenset[str]:
    """Return the names that make up a row with a class or a verdict."""
    if classed.kind is RowKind.RATED:
        return field_names.KNOWN | {classed.name}
    return frozenset((classed.name, subject_of(lower_names(value) or {})))


def _excerpt(value: object) -> bytes:
    if isinstance(value, PlainChat):
        value = {"messages": value.messages}
    return msgspec.json.encode(value, enc_hook=str)


def plan_sources(
    paths: Sequence[Path],
    seen: Seen,
    mapper: Mapper | None = None,
    chunking: Chunking | None = None,
    count: TokenCounts = estimated_tokens,
) -> tuple[list[SourcePlan], list[Reject]]:
    """Choose the files to read and settle the kind of each.

    A file that was named must be readable. Of a folder or an archive, files in no known format are
    left out, and so is text beside rows (a README, for example); a reject names each.

    Args:
        paths: Files, folders, archives and compressed files.
        seen: Called now and then; may raise to end it.
        mapper: What a person said of the columns; None where the shape says it.
        chunking: How documents are cut; None cuts them as their format does.
        count: Counts the tokens of their pieces.

    Raises:
        FileMissing: A path does not exist.
        FileUnreadable: A named file cannot be read.
        FileEmpty: A named file holds nothing.
        FormatUnknown: A named file is in no known format, or a folder holds no file that is.
        ArchiveUnsafe, ArchiveNested, FileEncrypted: A named archive cannot be used.
        MixedKinds: The files hold rows of different kinds.
    """
    surveys: dict[Path, tuple[Format, Survey]] = {}
    left_out: list[Reject] = []
    for path in paths:
        found, rest = contents_of(path, lambda: seen(0))
        left_out += rest
        for one, read_as in found.items():
            used = read_as if chunking is None else cut(read_as, chunking, count)
            try:
                found_rows = survey(used.read(one, seen), mapper)
            except LEFT_OUT as error:
                if len(found) == 1 and not rest:
                    raise
                left_out.append(left_out_file(one, error))
            else:
                surveys[one] = (used, found_rows)
    plans = _plans(surveys, mapper)
    if chunking is None or chunking.finds_questions:
        plans = _all_texts(plans, seen, mapper, chunking or Chunking(), count)
    _check_kinds(plans)
    return plans, left_out


def _plans(
    surveys: Mapping[Path, tuple[Format, Survey]], mapper: Mapper | None
) -> list[SourcePlan]:
    """Return the plan of each file; a short file is read as others with the same field are."""
    known = {one.classed for _used, one in surveys.values()} - {None}
    return [
        SourcePlan(
            path=path,
            format=used,
            guess=_as_others(one) if one.possible in known and not one.classed else one.guess,
            maker=mapper or Recognised(one.possible if one.possible in known else one.classed),
        )
        for path, (used, one) in surveys.items()
    ]


def _all_texts(
    plans: list[SourcePlan],
    seen: Seen,
    mapper: Mapper | None,
    chunking: Chunking,
    count: TokenCounts,
) -> list[SourcePlan]:
    """Return plans in which no document is read as questions where others hold mere text."""
    if {plan.kind for plan in plans} != {RowKind.CHAT, RowKind.TEXT}:
        return plans
    asking = [one for one in plans if one.kind is RowKind.CHAT and one.format.blocks is not None]
    if len(asking) != sum(one.kind is RowKind.CHAT for one in plans):
        return plans
    plain = msgspec.structs.replace(chunking, finds_questions=False)
    again = {
        one.path: (used, survey(used.read(one.path, seen), mapper))
        for one in asking
        for used in [cut(one.format, plain, count)]
    }
    anew = {one.path: one for one in _plans(again, mapper)}
    return [anew.get(one.path, one) for one in plans]


def _as_others(found: Survey) -> ShapeGuess:
    kind = None if found.possible is None else found.possible.kind
    reason = _("Another file shows what its field of this name means.")
    return msgspec.structs.replace(found.guess, kind=kind, reason=reason)


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
