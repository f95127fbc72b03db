# SPDX-License-Identifier: Apache-2.0
"""The datasets that a run reads, and the rows of them that it must not train."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from gettext import ngettext
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec.structs import replace

from engine.domain.dataset import DatasetInfo, Row
from engine.domain.recipe import Recipe
from engine.domain.split import EVAL, TRAIN
from engine.domain.start import HeldOutData
from engine.formats.row_table import RowTable
from engine.formats.versions import iter_rows, open_table, read_version
from engine.protocol.events import Warned
from engine.quality.check import CheckSettings
from engine.quality.near_copies import LEAKAGE
from engine.quality.runner import run_checks
from engine.store.documents import read_document
from engine.store.layout import DatasetFolder, Layout

if TYPE_CHECKING:
    from pyarrow import RecordBatch

Marks = npt.NDArray[np.bool_]


class RowSource(msgspec.Struct, frozen=True, kw_only=True):
    """One dataset of a run, at one version.

    Attributes:
        folder: Where it is.
        info: Its description, as the import wrote it.
        version: Which version.
        is_replay: It is replayed: its held-out rows take no part in the held-out check.
        is_former: The adapter that a run begins with was measured on it: none of it is read but
            to leave out what is held out.
        left_out: For each row of `train`, whether it must not be trained; None trains all.
    """

    folder: DatasetFolder
    info: DatasetInfo
    version: int
    is_replay: bool = False
    is_former: bool = False
    left_out: Marks | None = None

    @property
    def count(self) -> int:
        """Return the rows of `train`."""
        return read_version(self.folder, self.info, self.version).splits.get(TRAIN, 0)

    @property
    def held_out_count(self) -> int:
        """Return the rows of `eval`."""
        return read_version(self.folder, self.info, self.version).splits.get(EVAL, 0)

    def training_rows(self) -> Iterator[Row]:
        """Yield the rows of `train` in their fixed order, those that are left out too.

        Raises:
            DatasetDamaged: The rows are not what was written.
        """
        for _digest, row in iter_rows(self.folder, TRAIN, self.version):
            yield row

    def held_out_rows(self) -> Iterator[tuple[str, Row]]:
        """Yield content hash (hex) and row of each row that is held out, in their fixed order.

        Raises:
            DatasetDamaged: The rows are not what was written.
        """
        return iter_rows(self.folder, EVAL, self.version)

    def open_split(self, split: str) -> RowTable:
        """Map the rows of a split into memory."""
        return open_table(self.folder, self.info, self.version, split)


def sources_of(layout: Layout, recipe: Recipe) -> tuple[RowSource, ...]:
    """Return the datasets of a recipe, the replayed one behind the others, former ones last.

    Raises:
        DocumentDamaged: The description of one cannot be read.
    """
    found: list[RowSource] = []
    for one in recipe.read_datasets:
        folder = layout.dataset(one.dataset_id)
        found.append(
            RowSource(
                folder=folder,
                info=read_document(folder.info, DatasetInfo),
                version=one.dataset_version,
                is_replay=one is recipe.replay,
                is_former=isinstance(one, HeldOutData),
            )
        )
    return tuple(found)


def without_copies(
    sources: Sequence[RowSource], *, on_rows: Callable[[int], None]
) -> tuple[RowSource, ...]:
    """Return datasets that are mixed without the training rows that are held out in any of them.

    Each dataset is split by itself, so that a row that one trains may be held out in another,
    exactly or nearly (`engine.quality.near_copies`). Held out counts, wherever it is.

    Args:
        sources: The datasets, at least two.
        on_rows: Told how many rows were compared; may raise to end the work.

    Raises:
        DatasetDamaged: The rows of one cannot be read.
    """
    with ExitStack() as open_tables:
        tables = [
            (split == EVAL, open_tables.enter_context(closing(one.open_split(split))))
            for one in sources
            for split in (TRAIN, EVAL)
        ]
        found = run_checks(_batches(tables), [LEAKAGE], CheckSettings(), on_rows=on_rows)
        sizes = [len(table) for _is_eval, table in tables]
    is_found = np.zeros(sum(sizes), np.bool_)
    is_found[found[LEAKAGE.id].rows] = True
    marks = np.split(is_found, np.cumsum(sizes)[:-1])
    return tuple(replace(one, left_out=mark) for one, mark in zip(sources, marks[::2], strict=True))


def _batches(tables: Sequence[tuple[bool, RowTable]]) -> Iterator[tuple[RecordBatch, Marks]]:
    for is_eval, table in tables:
        for batch in table.batches():
            yield batch, np.full(batch.num_rows, is_eval)


def copy_warnings(sources: Sequence[RowSource]) -> list[Warned]:
    """Say of each dataset how many rows are left out because they are held out elsewhere.

    Of a former one it is said how many rows that were trained before are held out now.
    """
    told: list[Warned] = []
    for one in sources:
        count = 0 if one.left_out is None else int(np.count_nonzero(one.left_out))
        if count and one.is_former:
            told.append(_seen_before(one, count))
        elif count:
            message = ngettext(
                "{count} row of {dataset} is left out: a held-out row is equal or near to it.",
                "{count} rows of {dataset} are left out: held-out rows are equal or near to them.",
                count,
            ).format(count=count, dataset=one.info.name)
            told.append(Warned(code="copies_of_held_out", message=message))
    return told


def _seen_before(source: RowSource, count: int) -> Warned:
    message = ngettext(
        "{count} row of {dataset}, which the adapter was trained on, is equal or near to a "
        "held-out row of this run: the held-out loss looks a little better than it is.",
        "{count} rows of {dataset}, which the adapter was trained on, are equal or near to "
        "held-out rows of this run: the held-out loss looks better than it is.",
        count,
    ).format(count=count, dataset=source.info.name)
    return Warned(code="held_out_seen_before", message=message)
