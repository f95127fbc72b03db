# SPDX-License-Identifier: Apache-2.0
"""The import job: source files in, one committed dataset out, or nothing at all."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import threading
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import datetime, timedelta
from functools import partial
from gettext import ngettext
from pathlib import Path
from typing import IO

import msgspec
from msgspec.structs import replace

from engine.api.job_progress import is_time_again
from engine.api.token_counts import counter_of
from engine.domain.chunking import Chunking
from engine.domain.dataset import DatasetInfo, Reject, RowKind, SourceFile
from engine.domain.mapping import Mapping
from engine.domain.timestamp import timestamp
from engine.errors import Cancelled, DiskFailed, DiskFull, EngineError, FileUnreadable, NoUsableRows
from engine.formats.arrow_start import start_arrow
from engine.formats.dataset_writer import DatasetWriter, Prepared
from engine.formats.mapping import Mapper
from engine.formats.packed import (
    place_of,
    shown_path,
    size_bytes,
    spooling_in,
    unpacked_bytes,
)
from engine.formats.plain_rows import PlainRows
from engine.formats.reading import (
    ShapedRow,
    SourcePlan,
    plan_sources,
    shaped_parts,
    shaped_rows,
)
from engine.formats.refusal import UNKNOWN_SHAPE, RefusedRecord, reject
from engine.formats.shapes import kind_of
from engine.formats.source import blocks, naming_read_errors
from engine.formats.wording import translated as _
from engine.protocol.events import (
    DatasetCommitted,
    Finished,
    PhaseChanged,
    ProgressMade,
    Stopped,
    Warned,
)
from engine.protocol.job import JobContext
from engine.store import atomicfs
from engine.store.documents import read_document, write_document
from engine.store.layout import DatasetFolder, Layout
from engine.store.ledger import Ledger

PROGRESS_EVERY = timedelta(seconds=0.2)
NAMED_REJECTS = 20
ROOM_RATIO = 1.5
"""Bytes of a dataset for each byte of its sources, by an upper guess."""

_OF_ALL_PARTS = (Cancelled, DiskFull, DiskFailed)
"""Errors after which no other part would fare better."""

ROOM_LEFT_BYTES = 64 << 20
_encoder = msgspec.json.Encoder()


class ImportOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Options of an import job, see `Datasets.start_import`."""

    paths: tuple[str, ...]
    dataset_id: str
    name: str = ""
    eval_ratio: float = 0.1
    licence: str = ""
    origin: str = ""
    mapping: Mapping | None = None
    chunking: Chunking | None = None
    further_ids: tuple[str, ...] = ()

    def parts(self) -> list[ImportOptions]:
        """Return the options of each dataset; one, unless every path becomes one."""
        if not self.further_ids:
            return [self]
        ids = (self.dataset_id, *self.further_ids)
        return [
            replace(self, paths=(path,), dataset_id=one, name="", further_ids=())
            for path, one in zip(self.paths, ids, strict=True)
        ]


def run(context: JobContext) -> None:
    """Import the files that the job names; a stop leaves nothing of the present dataset behind.

    Where each path becomes a dataset, one that cannot is told, and the others go on.

    Raises:
        FileMissing, FileUnreadable, FileEmpty, FormatUnknown: A source cannot be used.
        MixedKinds: The sources hold rows of different kinds.
        NoUsableRows: Every row was rejected; the detail names the first of them.
        DiskFull: No room for the dataset.
    """
    start_arrow()
    options = msgspec.convert(_plain_options(context), ImportOptions)
    parts = options.parts()
    made: list[str] = []
    try:
        for part in parts:
            try:
                _import_part(context, part)
            except EngineError as error:
                is_last_hope = part is parts[-1] and not made
                if len(parts) == 1 or isinstance(error, _OF_ALL_PARTS) or is_last_hope:
                    raise
                context.emit(Warned(code=error.code, message=f"{error.message} {error.remedy}"))
            else:
                made.append(part.dataset_id)
    except Cancelled:
        context.emit(Stopped(step=0, checkpoint=""))
        return
    several = {"datasets": ",".join(made)} if len(parts) > 1 else {}
    context.emit(Finished(result={"dataset_id": made[-1], **several}))


def _import_part(context: JobContext, options: ImportOptions) -> None:
    """Import one dataset and tell so."""
    layout = Layout(context.workspace)
    target = layout.dataset(options.dataset_id)
    # An earlier attempt may have died between its commit and its last word.
    info = (
        read_document(target.info, DatasetInfo)
        if target.info.exists()
        else _import(context, options, layout)
    )
    context.emit(
        DatasetCommitted(
            dataset_id=info.id,
            kind=info.kind.value,
            rows=info.rows,
            rejects=info.rejects,
            splits=info.splits,
        )
    )


def _plain_options(context: JobContext) -> dict[str, object]:
    return {name: msgspec.json.decode(raw) for name, raw in context.info.options.items()}


class _Progress:
    """Says how many bytes are done, a few times a second, and ends the work where asked to."""

    def __init__(self, context: JobContext, total_bytes: int) -> None:
        self._context = context
        self._total_bytes = total_bytes
        self._said_at: datetime | None = None
        self.before_bytes = 0

    def seen(self, done_bytes: int) -> None:
        """Hear how far the current file is read.

        Raises:
            Cancelled: The job was asked to stop.
        """
        self.check()
        now = self._context.now()
        if is_time_again(now, self._said_at, PROGRESS_EVERY):
            self._said_at = now
            done = min(self.before_bytes + done_bytes, self._total_bytes)
            self._context.emit(ProgressMade(done=done, total=self._total_bytes, unit="bytes"))

    def check(self, _done_bytes: int = 0) -> None:
        """Say nothing; only end the work where asked to.

        Raises:
            Cancelled: The job was asked to stop.
        """
        if self._context.stop_requested():
            raise Cancelled(_("The import was stopped. Nothing was imported."))


class _Counts(msgspec.Struct, kw_only=True):
    """What was met, over all files or in one of them."""

    rows: int = 0
    rejects: int = 0
    shapes: Counter[str] = msgspec.field(default_factory=Counter[str])


class _Rejects:
    """Writes the rejects as they come, and remembers what an error message needs."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._reasons: Counter[str] = Counter()
        self._messages: dict[str, str] = {}
        self._first: list[str] = []

    def add(self, one: Reject) -> None:
        """Write one."""
        self._stream.write(_encoder.encode(one) + b"\n")
        self._reasons[one.reason] += 1
        self._messages.setdefault(one.reason, one.message)
        if len(self._first) < NAMED_REJECTS:
            self._first.append(f"{one.file}:{one.line} {one.reason}")

    @property
    def count(self) -> int:
        """Return how many there are."""
        return self._reasons.total()

    def error(self) -> NoUsableRows:
        """Return the error for sources of which nothing is left, without text of any row."""
        if not self.count:
            return NoUsableRows(
                _("These files hold no rows. Nothing was imported."),
                remedy=_("Choose files that hold rows below their header."),
            )
        often = self._reasons.most_common(3)
        reasons = [
            ngettext("{count} row: {message}", "{count} rows: {message}", count).format(
                count=count, message=self._messages[reason]
            )
            for reason, count in often
        ]
        if len(often) == 1:
            reasons = [self._messages[often[0][0]]]
        message = ngettext(
            "The only row could not be used. {reasons}",
            "None of the {count} rows could be used. {reasons}",
            self.count,
        )
        return NoUsableRows(
            message.format(count=self.count, reasons=" ".join(reasons)),
            remedy=_columns_remedy() if often[0][0] == UNKNOWN_SHAPE else None,
            detail="\n".join(self._first),
        )


def _columns_remedy() -> str:
    return _(
        "Say which column is which: “Map columns…” in the window, or “columns FILE” on the command "
        "line, shows what is there and proposes it."
    )


def _import(context: JobContext, options: ImportOptions, layout: Layout) -> DatasetInfo:
    """Read, write and commit."""
    context.emit(PhaseChanged(phase="reading"))
    paths = list(dict.fromkeys(Path(one) for one in options.paths))
    target = layout.dataset(options.dataset_id)
    mapper = None if options.mapping is None else Mapper(options.mapping)
    with spooling_in(layout.datasets):
        counter = counter_of(layout, options.chunking, clock=context.now())
        plans, left_out = plan_sources(
            paths, _Progress(context, 0).check, mapper, options.chunking, counter.count
        )
        progress = _Progress(context, sum(_size(plan.path) for plan in plans))
        _check_room(layout, sum(unpacked_bytes(plan.path) for plan in plans))
        ledger = Ledger()
        with atomicfs.new_folder(target.root, ledger=ledger) as building:
            folder = DatasetFolder(building)
            info = _build(context, options, folder, plans, left_out, progress, ledger)
            info = counter.told(info, plans, options.chunking)
            write_document(folder.info, info, durable=False)
            context.emit(PhaseChanged(phase="writing"))
    return info


def _build(
    context: JobContext,
    options: ImportOptions,
    folder: DatasetFolder,
    plans: list[SourcePlan],
    left_out: list[Reject],
    progress: _Progress,
    ledger: Ledger,
) -> DatasetInfo:
    """Write rows and rejects into the folder of the new dataset."""
    kind = next((plan.kind for plan in plans if plan.kind is not None), RowKind.CHAT)
    with (
        atomicfs.new_file(folder.rejects) as stream,
        DatasetWriter(folder.rows, kind, options.eval_ratio, ledger) as writer,
    ):
        rejects = _Rejects(stream)
        for one in left_out:
            rejects.add(one)
        sources = [
            _read_source(index, plan, kind, writer, rejects, progress)
            for index, plan in enumerate(plans)
        ]
        if not writer.count:
            raise rejects.error()
        progress.check()
        written = writer.finish()
    return DatasetInfo(
        id=options.dataset_id,
        name=options.name.strip() or Path(options.paths[0]).stem,
        kind=kind,
        rows=writer.count,
        rejects=rejects.count,
        duplicates=written.duplicates,
        splits=written.splits,
        eval_ratio=options.eval_ratio,
        created_at=timestamp(context.now()),
        sources=tuple(sources),
        licence=options.licence,
        origin=options.origin,
    )


def _read_source(
    index: int,
    plan: SourcePlan,
    kind: RowKind,
    writer: DatasetWriter,
    rejects: _Rejects,
    progress: _Progress,
) -> SourceFile:
    """Read one file to its end, and see that it stayed the same meanwhile."""
    path, counts = plan.path, _Counts()
    before = _state(path)
    with _hashing(path) as hashed:
        for item in _items(plan, kind, partial(writer.prepared, source=index), progress):
            if isinstance(item, Prepared):
                writer.add_prepared(item)
                counts.rows += len(item)
                counts.shapes[item.shape] += len(item)
            elif isinstance(item, ShapedRow):
                writer.add(item.row, index, item.line, item.fields)
                counts.rows += 1
                counts.shapes[item.shape] += 1
            else:
                counts.rejects += 1
                rejects.add(item)
        progress.check()
        sha256 = hashed()
    if _state(path) != before:
        raise FileUnreadable(
            _("{path} changed while it was read. Nothing was imported.").format(path=path),
            remedy=_("Import it again when nothing writes to it any more."),
        )
    progress.before_bytes += _size(path)
    return SourceFile(
        name=shown_path(path),
        path=str(path),
        size_bytes=_size(path),
        sha256=sha256,
        format=plan.format.id,
        shape=counts.shapes.most_common(1)[0][0] if counts.shapes else "",
        confidence=plan.guess.confidence,
        reason=plan.guess.reason,
        mapping=plan.maker.mapping if isinstance(plan.maker, Mapper) else None,
        rows=counts.rows,
        rejects=counts.rejects,
    )


def _items(
    plan: SourcePlan,
    kind: RowKind,
    prepare: Callable[[PlainRows], Prepared],
    progress: _Progress,
) -> Iterator[ShapedRow | Reject | Prepared]:
    """Yield the rows of the kind of the dataset, and a reject for whatever else there is."""
    shown = shown_path(plan.path)
    items = (
        shaped_parts(plan.path, plan.format, progress.seen, plan.maker, prepare)
        if kind is RowKind.CHAT
        else shaped_rows(plan.path, plan.format, progress.seen, plan.maker)
    )
    for item in items:
        if isinstance(item, ShapedRow) and kind_of(item.row) is not kind:
            yield _other_kind(shown, item, kind)
        else:
            yield item


@contextlib.contextmanager
def _hashing(path: Path) -> Generator[Callable[[], str], None, None]:
    """Hash a file while the block reads it; gives what waits for the hash, in hex."""
    is_over = threading.Event()
    with ThreadPoolExecutor(1, thread_name_prefix="sha256") as pool:
        future = pool.submit(copy_context().run, _sha256, path, is_over)
        try:
            yield future.result
        finally:
            is_over.set()


def _sha256(path: Path, is_over: threading.Event) -> str:
    digest = hashlib.sha256()
    for block in blocks(path, lambda _done: None):
        if is_over.is_set():
            break
        digest.update(block)
    return digest.hexdigest()


def _other_kind(file: str, item: ShapedRow, kind: RowKind) -> Reject:
    refused = RefusedRecord(
        "other_kind",
        _("This row is of the kind {found}, but most of the rows are of the kind {kind}.").format(
            found=kind_of(item.row).value, kind=kind.value
        ),
    )
    return reject(file, item.line, refused, _encoder.encode(item.row))


def _state(path: Path) -> tuple[int, int]:
    """Return size in bytes and time of the last change in nanoseconds of the file on disk."""
    with naming_read_errors(path):
        found = place_of(path).real.stat()
    return found.st_size, found.st_mtime_ns


def _size(path: Path) -> int:
    with naming_read_errors(path):
        return size_bytes(path)


def _check_room(layout: Layout, source_bytes: int) -> None:
    """Refuse early what would fill the disk.

    Raises:
        DiskFull: There is less room than the dataset may take.
    """
    needed = int(source_bytes * ROOM_RATIO) + ROOM_LEFT_BYTES
    free = shutil.disk_usage(layout.datasets).free
    if free < needed:
        raise DiskFull(
            _(
                "The import may need {needed} MB on the disk of {path}, which has {free} MB left. "
                "Nothing was written."
            ).format(needed=needed >> 20, path=layout.root, free=free >> 20)
        )
