# SPDX-License-Identifier: Apache-2.0
"""Changing the rows of a dataset: every change is a new version, and none is ever lost."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import datetime
from gettext import gettext as _
from typing import TYPE_CHECKING

import filelock

from engine.api.clock import utc_now
from engine.api.datasets import Datasets
from engine.api.row_changes import RowChange, RowRewrite, check_kind, check_rows, no_such_rows
from engine.domain.dataset import DatasetInfo, Row
from engine.domain.split import TRAIN
from engine.domain.timestamp import timestamp
from engine.domain.version import Action, VersionDifference, VersionInfo
from engine.errors import InUse, NothingToUndo, WrongUsage
from engine.formats.row_order import (
    HASH_FORM,
    Order,
    all_ids,
    appended,
    as_ids,
    hashes_in,
    kept_apart,
)
from engine.formats.row_table import RowTable
from engine.formats.versions import (
    files_of_version,
    head_of,
    new_version,
    open_table,
    read_order,
    read_version,
    read_versions,
    set_head,
    version_numbers,
    write_version,
)
from engine.store.documents import read_document
from engine.store.layout import DatasetFolder, Layout

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Ids = NDArray[np.int64]

LOCK_TIMEOUT_S = 10.0


class Versions:
    """The versions of all datasets of one workspace. Rows are named by their ids."""

    def __init__(
        self,
        layout: Layout,
        datasets: Datasets,
        *,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        """Work on one workspace."""
        self._layout = layout
        self._datasets = datasets
        self._now = now

    # --- looking -----------------------------------------------------------------------------

    def history(self, dataset_id: str) -> list[VersionInfo]:
        """Return all versions of a dataset, oldest first.

        Raises:
            DatasetNotFound: There is no such dataset.
            DatasetDamaged: A version cannot be read.
        """
        folder, info = self._open(dataset_id)
        return read_versions(folder, info)

    def tags(self, dataset_id: str) -> dict[str, Ids]:
        """Return the ids of the rows that carry each tag, in the current version."""
        folder, info = self._open(dataset_id)
        return read_order(folder, info, head_of(folder)).tags

    def order(self, dataset_id: str, *, version: int = 0) -> Order:
        """Return which rows stand in which split; version 0 is the current one.

        Raises:
            DatasetDamaged: There is no such version.
        """
        folder, info = self._open(dataset_id)
        return read_order(folder, info, version or head_of(folder))

    def compare(self, dataset_id: str, earlier: int, later: int) -> VersionDifference:
        """Return what sets one version apart from another.

        Raises:
            DatasetDamaged: There is no such version.
        """
        import numpy as np

        folder, info = self._open(dataset_id)
        one, other = (read_order(folder, info, number) for number in (earlier, later))
        before, after = all_ids(one), all_ids(other)
        moved = [
            np.intersect1d(ids, other.splits[target])
            for split, ids in one.splits.items()
            for target in other.splits
            if target != split
        ]
        return VersionDifference(
            added=tuple(np.setdiff1d(after, before).tolist()),
            removed=tuple(np.setdiff1d(before, after).tolist()),
            moved=tuple(np.sort(np.concatenate(moved)).tolist()),
        )

    def removed(self, dataset_id: str) -> Ids:
        """Return the ids of imported or written rows that the current version leaves out."""
        import numpy as np

        folder, info = self._open(dataset_id)
        number = head_of(folder)
        table = open_table(folder, info, number, None)
        total = _row_count(folder, info, number)
        left = np.setdiff1d(np.arange(total, dtype=np.int64), table.ids)
        table.close()
        return left

    def open_left_out(self, dataset_id: str) -> RowTable:
        """Map the rows that the current version leaves out; close the table when it is done with.

        Raises:
            DatasetDamaged: The rows are missing or not what was written.
        """
        ids = self.removed(dataset_id)
        folder, info = self._open(dataset_id)
        return open_table(folder, info, head_of(folder), None).narrowed(ids)

    # --- going through the history -------------------------------------------------------------

    def undo(self, dataset_id: str) -> VersionInfo:
        """Go back to the version before the current one, and return it.

        Raises:
            NothingToUndo: The current version is the import.
        """
        folder, info = self._open(dataset_id)
        with _Locked(folder):
            parent = read_version(folder, info, head_of(folder)).parent
            if not parent:
                raise NothingToUndo(_("This is the dataset as it was imported."))
            set_head(folder, parent)
        return read_version(folder, info, parent)

    def redo(self, dataset_id: str) -> VersionInfo:
        """Go on to the newest version that was made of the current one, and return it.

        Raises:
            NothingToUndo: None was made of it.
        """
        folder, info = self._open(dataset_id)
        with _Locked(folder):
            head = head_of(folder)
            later = [one for one in read_versions(folder, info) if one.parent == head]
            if not later:
                raise NothingToUndo(_("Nothing was undone, so there is nothing to do again."))
            set_head(folder, later[-1].number)
        return later[-1]

    def go_to(self, dataset_id: str, number: int) -> VersionInfo:
        """Make any version the current one, and return it.

        Raises:
            WrongUsage: There is none of this number.
        """
        folder, info = self._open(dataset_id)
        with _Locked(folder):
            found = [one for one in read_versions(folder, info) if one.number == number]
            if not found:
                raise WrongUsage(
                    _("The dataset {name} has no version {number}.").format(
                        name=info.name, number=number
                    )
                )
            set_head(folder, number)
        return found[0]

    # --- changing --------------------------------------------------------------------------------

    def remove_rows(
        self,
        dataset_id: str,
        ids: Iterable[int],
        *,
        action: Action = Action.REMOVED,
        detail: str = "",
    ) -> VersionInfo:
        """Leave rows out of the dataset.

        Raises:
            WrongUsage: None of these rows is in it, or none would be left.
            InUse: Another program is changing the dataset.
        """
        return self.change(dataset_id, removed=ids, action=action, detail=detail)

    def restore_rows(self, dataset_id: str, ids: Iterable[int]) -> VersionInfo:
        """Put rows back that the current version leaves out; they go to `train`.

        A row whose equal stands in another split goes there, so that no row is in two splits.

        Raises:
            WrongUsage: A row does not exist, or is there already.
            InUse: Another program is changing the dataset.
        """
        import numpy as np

        folder, info = self._open(dataset_id)
        with _Locked(folder):
            number = head_of(folder)
            order = read_order(folder, info, number)
            back = as_ids(ids)
            total = _row_count(folder, info, number)
            known = bool(len(back)) and 0 <= int(back[0]) <= int(back[-1]) < total
            if not known or len(np.intersect1d(back, all_ids(order))):
                raise no_such_rows(info)
            with closing(open_table(folder, info, number, None)) as table:
                hashes = np.concatenate([hashes_in(one) for one in table.narrowed(back).batches()])
                new = kept_apart(appended(order, back, TRAIN), back, hashes, table)
            return self._write(folder, info, new, Action.RESTORED, "", len(back))

    def edit_rows(
        self,
        dataset_id: str,
        rows: Mapping[int, Row],
        *,
        action: Action = Action.EDITED,
        detail: str = "",
    ) -> VersionInfo:
        """Replace rows by others, which take their places.

        Raises:
            WrongUsage: A row is not in the dataset, or the new one is of another kind or nothing
                can be learned from it.
            InUse: Another program is changing the dataset.
        """
        check_rows(rows.values())
        return self.change(dataset_id, edited=rows, action=action, detail=detail)

    def add_rows(self, dataset_id: str, rows: Sequence[Row], *, split: str) -> VersionInfo:
        """Add rows at the end of a split.

        A row whose equal stands in another split goes there, so that no row is in two splits.

        Raises:
            WrongUsage: There is no such split, or a row is of another kind or nothing can be
                learned from it.
            InUse: Another program is changing the dataset.
        """
        import numpy as np

        folder, info = self._open(dataset_id)
        check_kind(info, rows)
        check_rows(rows)
        with _Locked(folder):
            number = head_of(folder)
            order = read_order(folder, info, number)
            if split not in order.splits:
                raise WrongUsage(_("There is no split {name}.").format(name=split))
            newest = _newest(folder)
            first = _row_count(folder, info, newest)
            ids = np.arange(first, first + len(rows), dtype=np.int64)
            with (
                closing(open_table(folder, info, number, None)) as table,
                new_version(folder, info, newest + 1) as writer,
            ):
                for row in rows:
                    writer.add(row, -1, 0)
                hashes = np.frombuffer(writer.hashes, HASH_FORM)
                new = kept_apart(appended(order, ids, split), ids, hashes, table)
                version = self._version(folder, new, Action.ADDED, "", len(rows))
                writer.finish(version, new)
            return version

    def tag(self, dataset_id: str, ids: Iterable[int], tag: str, *, on: bool = True) -> VersionInfo:
        """Give rows a tag, or take it off them.

        Raises:
            WrongUsage: The tag is blank, or a row is not in the dataset.
            InUse: Another program is changing the dataset.
        """
        import numpy as np

        folder, info = self._open(dataset_id)
        name = tag.strip()
        if not name:
            raise WrongUsage(_("A tag needs a name."))
        with _Locked(folder):
            order = read_order(folder, info, head_of(folder))
            chosen = as_ids(ids)
            if not len(chosen) or len(np.setdiff1d(chosen, all_ids(order))):
                raise no_such_rows(info)
            tagged = order.tags.get(name, np.zeros(0, np.int64))
            left = np.union1d(tagged, chosen) if on else np.setdiff1d(tagged, chosen)
            tags = {**order.tags, name: left}
            action = Action.TAGGED if on else Action.UNTAGGED
            kept = {one: these for one, these in sorted(tags.items()) if len(these)}
            return self._write(
                folder, info, Order(splits=order.splits, tags=kept), action, name, len(chosen)
            )

    def split_anew(self, dataset_id: str, splits: Mapping[str, Ids], *, detail: str) -> VersionInfo:
        """Put the rows of the dataset into other splits.

        Args:
            dataset_id: Which dataset.
            splits: All its rows, each in one split.
            detail: The rule, for people.

        Raises:
            WrongUsage: Rows are missing, strange, or in two splits.
            InUse: Another program is changing the dataset.
        """
        import numpy as np

        folder, info = self._open(dataset_id)
        with _Locked(folder):
            order = read_order(folder, info, head_of(folder))
            given = np.sort(np.concatenate([*splits.values()]))
            if not np.array_equal(given, np.sort(all_ids(order))):
                raise WrongUsage(
                    _("The dataset changed while it was split. Nothing was changed."),
                    remedy=_("Split it again."),
                )
            new = Order(splits=dict(splits), tags=order.tags)
            moved = sum(
                len(np.setdiff1d(ids, order.splits.get(one, ids[:0])))
                for one, ids in splits.items()
            )
            return self._write(folder, info, new, Action.SPLIT, detail, moved)

    def change(
        self,
        dataset_id: str,
        *,
        removed: Iterable[int] = (),
        edited: Mapping[int, Row] | None = None,
        action: Action,
        detail: str = "",
    ) -> VersionInfo:
        """Leave some rows out and replace others, in one version.

        An edited row whose equal stands in another split goes there, so that no row is in two.

        Raises:
            WrongUsage: A row is not in the dataset, of another kind, or none would be left.
            InUse: Another program is changing the dataset.
        """
        import numpy as np

        _folder, info = self._open(dataset_id)
        new_rows = dict(edited or {})
        gone, replaced = as_ids(removed), as_ids(new_rows)
        check_kind(info, new_rows.values())

        def changes(table: RowTable) -> Iterator[RowChange]:
            """Yield the rows to leave out and those to replace."""
            if len(np.setdiff1d(np.union1d(gone, replaced), table.ids)):
                raise no_such_rows(info)
            for row_id in np.setdiff1d(gone, replaced).tolist():
                yield RowChange(row_id)
            before = table.narrowed(replaced)
            for index, row_id in enumerate(replaced.tolist()):
                yield RowChange(row_id, new_rows[row_id], before.place(index))

        return self.rewrite(info.id, changes, action=action, detail=detail)

    def rewrite(
        self,
        dataset_id: str,
        changes: Callable[[RowTable], Iterable[RowChange]],
        *,
        action: Action,
        detail: str = "",
    ) -> VersionInfo:
        """Leave out and replace any number of rows, in one version; each is written as it comes.

        An edited row whose equal stands in another split goes there, so that no row is in two.

        Args:
            dataset_id: Which dataset.
            changes: Yields the changes to the rows of the current version, each row once.
            action: What is done.
            detail: More of it, for people.

        Raises:
            WrongUsage: There is no change, a row is not in the dataset, or none would be left.
            InUse: Another program is changing the dataset.
            DiskFull: No room; the version before stays current.
        """
        folder, info = self._open(dataset_id)
        with _Locked(folder):
            number, newest = head_of(folder), _newest(folder)
            with (
                closing(open_table(folder, info, number, None)) as table,
                new_version(folder, info, newest + 1) as writer,
            ):
                rewrite = RowRewrite(info, table, writer)
                rewrite.take(changes(table))
                first = _row_count(folder, info, newest)
                order = rewrite.order(read_order(folder, info, number), first)
                version = self._version(folder, order, action, detail, rewrite.rows)
                writer.finish(version, order)
        return version

    def _write(
        self,
        folder: DatasetFolder,
        info: DatasetInfo,
        order: Order,
        action: Action,
        detail: str,
        changed: int,
    ) -> VersionInfo:
        version = self._version(folder, order, action, detail, changed)
        write_version(folder, info, version, order)
        return version

    def _version(
        self, folder: DatasetFolder, order: Order, action: Action, detail: str, changed: int
    ) -> VersionInfo:
        return VersionInfo(
            number=_newest(folder) + 1,
            parent=head_of(folder),
            action=action,
            detail=detail,
            changed=changed,
            splits={split: len(ids) for split, ids in order.splits.items()},
            tags={tag: len(ids) for tag, ids in order.tags.items()},
            made_at=timestamp(self._now()),
        )

    def _open(self, dataset_id: str) -> tuple[DatasetFolder, DatasetInfo]:
        """Return the folder of a dataset and its dataset.json as the import wrote it."""
        folder = self._layout.dataset(self._datasets.get(dataset_id).id)
        return folder, read_document(folder.info, DatasetInfo)


class _Locked:
    """Holds a dataset so that one version is made at a time."""

    def __init__(self, folder: DatasetFolder) -> None:
        self._folder = folder
        self._lock = filelock.FileLock(str(folder.lock), timeout=LOCK_TIMEOUT_S, mode=0o600)

    def __enter__(self) -> None:
        try:
            self._lock.acquire()
        except filelock.Timeout as error:
            raise InUse(
                _("Another program is changing this dataset. Nothing was changed here."),
                remedy=_("Try it again in a moment."),
            ) from error

    def __exit__(self, *_error: object) -> None:
        self._lock.release()


def _newest(folder: DatasetFolder) -> int:
    numbers = version_numbers(folder)
    return numbers[-1] if numbers else 1


def _row_count(folder: DatasetFolder, info: DatasetInfo, number: int) -> int:
    """Return how many rows were ever written up to a version."""
    table = RowTable(files_of_version(folder, info, number), ())
    count = len(table)
    table.close()
    return count
