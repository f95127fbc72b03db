# SPDX-License-Identifier: Apache-2.0
"""Jobs that make a new dataset of others: several merged, or a sample of one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from gettext import gettext as _
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from engine.api.datasets import Datasets
from engine.api.job_progress import RowProgress, ending_stopped, options_of
from engine.api.jobs import Jobs
from engine.api.splitting import near_groups
from engine.api.versions import Versions
from engine.domain.dataset import DatasetInfo, Reject, Row, SourceFile
from engine.domain.phase import Phase
from engine.domain.provenance import provenance_of
from engine.domain.split import EVAL, TRAIN, SplitRule, rule_text
from engine.domain.timestamp import timestamp
from engine.domain.version import FIRST, Action, VersionInfo
from engine.errors import MixedKinds, WrongUsage
from engine.formats.arrow_rows import RowPlace
from engine.formats.row_order import Order
from engine.formats.row_table import RowTable
from engine.formats.splitting import split_rows
from engine.formats.versions import open_table, write_version
from engine.protocol.events import DatasetCommitted, Finished, PhaseChanged
from engine.protocol.job import JobContext
from engine.store import atomicfs
from engine.store.documents import write_document
from engine.store.layout import DatasetFolder, Layout
from engine.store.ledger import Ledger

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Ids = NDArray[np.int64]

TELL_ROWS = 4096


class MergeOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Options of the job, see `Preparation.start_merge`."""

    dataset_ids: tuple[str, ...]
    new_id: str
    name: str
    rule: SplitRule


class SampleOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Options of the job, see `Preparation.start_sample`."""

    dataset_id: str
    new_id: str
    name: str
    rows: int
    seed: int


def run_merge(context: JobContext) -> None:
    """Make one dataset of the current versions of several, split anew.

    Held-out rows of a dataset whose `eval` is frozen stay held out, and rows of the others that are
    equal or near to them are left out and listed.

    Raises:
        MixedKinds: They hold rows of different kinds.
        DiskFull: No room; nothing is kept.
    """
    options = options_of(context, MergeOptions)
    layout = Layout(context.workspace)
    datasets = Datasets(layout, Jobs(layout))
    versions = Versions(layout, datasets)
    infos = [datasets.get(one) for one in options.dataset_ids]
    if len({one.kind for one in infos}) > 1:
        raise MixedKinds(
            _("These datasets hold rows of different kinds: {names}. Nothing was merged.").format(
                names=", ".join(f"{one.name} ({one.kind.value})" for one in infos)
            )
        )
    with ending_stopped(context), ExitStack() as open_tables:
        tables = [
            open_tables.enter_context(closing(datasets.open_rows(one.id, split)))
            for one in infos
            for split in one.splits
        ]
        is_frozen = [one.is_eval_frozen and split == EVAL for one in infos for split in one.splits]
        offsets = [
            sum(len(before.sources) for before in infos[:number])
            for number, one in enumerate(infos)
            for _split in one.splits
        ]
        frozen = _frozen(tables, is_frozen)
        described = _described(context, versions, infos, options.new_id, options.name)
        new = _Derived(context, layout, options.new_id, described)
        info = new.write(_placed(tables, offsets), sum(map(len, tables)), options.rule, frozen)
        _announce(context, info)


def run_sample(context: JobContext) -> None:
    """Make a dataset of some rows of another, each in the split where it was.

    Raises:
        WrongUsage: It has fewer rows than that.
        DiskFull: No room; nothing is kept.
    """
    import numpy as np

    options = options_of(context, SampleOptions)
    layout = Layout(context.workspace)
    datasets = Datasets(layout, Jobs(layout))
    versions = Versions(layout, datasets)
    info = datasets.get(options.dataset_id)
    if not 0 < options.rows <= info.rows:
        raise WrongUsage(
            _("{name} has {count} rows, so {wanted} cannot be taken.").format(
                name=info.name, count=f"{info.rows:,}", wanted=f"{options.rows:,}"
            )
        )
    with ending_stopped(context), closing(datasets.open_rows(info.id, None)) as table:
        marks = _marks(table, options.seed)
        chosen = np.sort(np.argsort(marks, kind="stable")[: options.rows])
        held = int(np.count_nonzero(chosen >= info.splits[TRAIN]))
        part = table.narrowed(table.ids[chosen])
        described = _described(context, versions, [info], options.new_id, options.name)
        new = _Derived(context, layout, options.new_id, described)
        done = new.write(_placed([part], [0]), options.rows, None, _last(options.rows, held))
        _announce(context, done)


def _last(count: int, held: int) -> NDArray[np.bool_]:
    import numpy as np

    return np.arange(count) >= count - held


def _marks(table: RowTable, seed: int) -> NDArray[np.uint64]:
    """Return a number for each row that its content and the seed decide."""
    import numpy as np

    key = seed.to_bytes(8, "big", signed=True)
    return np.array(
        [
            int.from_bytes(hashlib.blake2b(one.encode(), key=key, digest_size=8).digest(), "big")
            for batch in table.batches()
            for one in batch.column("row_hash").to_pylist()
        ],
        np.uint64,
    )


def _frozen(tables: Sequence[RowTable], is_frozen: Sequence[bool]) -> NDArray[np.bool_]:
    """Return which rows stay held out, bool of shape (rows,)."""
    import numpy as np

    return np.repeat(np.array(is_frozen), [len(table) for table in tables])


def _placed(tables: Sequence[RowTable], offsets: Sequence[int]) -> Iterator[tuple[RowPlace, Row]]:
    """Yield all rows, their source counted over all datasets."""
    for table, offset in zip(tables, offsets, strict=True):
        for place, row in table.placed_rows():
            source = place.source + offset if place.source >= 0 else place.source
            yield RowPlace(place.row_hash, source, place.line, place.fields), row


def _described(
    context: JobContext,
    versions: Versions,
    infos: Sequence[DatasetInfo],
    new_id: str,
    name: str,
) -> DatasetInfo:
    """Return what is known of a new dataset before its rows are written."""
    ways = [provenance_of(one, versions.history(one.id), one.version) for one in infos]
    sources: tuple[SourceFile, ...] = tuple(file for one in infos for file in one.sources)
    return DatasetInfo(
        id=new_id,
        name=name,
        kind=infos[0].kind,
        rows=0,
        rejects=0,
        duplicates=0,
        splits={},
        eval_ratio=0,
        created_at=timestamp(context.now()),
        sources=sources,
        licence=_joined(one.licence for one in infos),
        origin=_joined(one.origin for one in infos),
        consent=_joined(one.consent for one in infos),
        is_eval_frozen=any(one.is_eval_frozen for one in infos),
        earlier=tuple(f"{one.name}: {line}" for one in ways for line in one.way),
        made_of=tuple(dict.fromkeys(key for one in infos for key in (one.id, *one.made_of))),
    )


def _joined(texts: Iterator[str]) -> str:
    return "; ".join(dict.fromkeys(one for one in texts if one))


class _Derived:
    """A new dataset that is made of rows of others: version 1 has them all, version 2 is split."""

    def __init__(
        self, context: JobContext, layout: Layout, new_id: str, described: DatasetInfo
    ) -> None:
        self._context = context
        self._target = layout.dataset(new_id)
        self._info = described

    def write(
        self,
        rows: Iterator[tuple[RowPlace, Row]],
        total: int,
        rule: SplitRule | None,
        held: NDArray[np.bool_],
    ) -> DatasetInfo:
        """Write the dataset, whole or not at all.

        Args:
            rows: Its rows in order.
            total: How many.
            rule: How to split the rows that are not held; None leaves them in `train`.
            held: Which rows are held out in any case, bool of shape (rows,).
        """
        self._context.emit(PhaseChanged(phase=Phase.WRITING))
        progress = RowProgress(self._context, total)
        ledger = Ledger()
        with atomicfs.new_folder(self._target.root, ledger=ledger) as building:
            folder = DatasetFolder(building)
            info = self._rows(folder, rows, progress, ledger)
            with closing(open_table(folder, info, FIRST, None)) as table:
                splits, left_out = self._split(table, rule, held)
                rejects = [_held_out(table, info, int(row_id)) for row_id in left_out]
            atomicfs.write_file(
                folder.rejects, b"".join(msgspec.json.encode(one) + b"\n" for one in rejects)
            )
            info = replace(info, rejects=len(rejects))
            write_document(folder.info, info)
            version = VersionInfo(
                number=FIRST + 1,
                parent=FIRST,
                action=Action.SPLIT,
                detail=rule_text(rule) if rule else _("as it was"),
                changed=len(splits[EVAL]),
                splits={split: len(ids) for split, ids in splits.items()},
                made_at=timestamp(self._context.now()),
            )
            write_version(folder, info, version, Order(splits=splits, tags={}))
        return replace(info, splits=version.splits, rows=version.rows, version=version.number)

    def _rows(
        self,
        folder: DatasetFolder,
        rows: Iterator[tuple[RowPlace, Row]],
        progress: RowProgress,
        ledger: Ledger,
    ) -> DatasetInfo:
        from engine.formats.dataset_writer import DatasetWriter

        with DatasetWriter(folder.rows, self._info.kind, 0.0, ledger) as writer:
            for number, (place, row) in enumerate(rows, start=1):
                writer.add(row, place.source, place.line, place.fields)
                if number % TELL_ROWS == 0:
                    progress.seen(number)
            written = writer.finish()
        return replace(
            self._info, rows=writer.count, duplicates=written.duplicates, splits=written.splits
        )

    def _split(
        self, table: RowTable, rule: SplitRule | None, held: NDArray[np.bool_]
    ) -> tuple[dict[str, Ids], Ids]:
        """Return the splits, and the ids of rows that are too near to rows that stay held out."""
        import numpy as np

        if rule is None:
            return {TRAIN: table.ids[~held], EVAL: table.ids[held]}, table.ids[:0]
        near = near_groups(self._context, table) if rule.is_near_together else None
        if not held.any():
            return split_rows(table, rule, tags={}, near_groups=near), table.ids[:0]
        hashes = _marks(table, 0)
        is_near = np.isin(hashes, hashes[held])
        if near is not None:
            is_near |= np.isin(near, near[held & (near >= 0)])
        return (
            {TRAIN: table.ids[~is_near & ~held], EVAL: table.ids[held]},
            table.ids[is_near & ~held],
        )


def _held_out(table: RowTable, info: DatasetInfo, row_id: int) -> Reject:
    place = table.place(row_id)
    return Reject(
        file=info.sources[place.source].name if place.source >= 0 else "",
        line=place.line,
        reason="held_out",
        message=_("This row is equal or near to a row that stays held out, so it was left out."),
    )


def _announce(context: JobContext, info: DatasetInfo) -> None:
    context.emit(
        DatasetCommitted(
            dataset_id=info.id,
            kind=info.kind.value,
            rows=info.rows,
            rejects=info.rejects,
            splits=info.splits,
        )
    )
    context.emit(Finished(result={"dataset_id": info.id}))
