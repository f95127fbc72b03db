# SPDX-License-Identifier: Apache-2.0
"""Which rows a version of a dataset has, and how a change makes another list of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from engine.formats.row_table import RowTable

    Ids = NDArray[np.int64]


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """Which rows a version has.

    Attributes:
        splits: For each split its row ids in order, int64 of shape (rows,).
        tags: For each tag the ids of its rows, ascending.
    """

    splits: dict[str, Ids]
    tags: dict[str, Ids]


def all_ids(order: Order) -> Ids:
    """Return the ids of all rows, split after split."""
    import numpy as np

    return np.concatenate([*order.splits.values()])


def as_ids(ids: Iterable[int]) -> Ids:
    """Return ids ascending, each once."""
    import numpy as np

    return np.unique(np.array([int(one) for one in ids], dtype=np.int64))


def splits_of_hashes(table: RowTable, order: Order, hashes: Sequence[str]) -> list[str]:
    """Return for each hash the split in which an equal row stands, or an empty text."""
    import numpy as np
    import pyarrow as pa
    from pyarrow import compute

    if not hashes:
        return []
    wanted, position = pa.array(sorted(set(hashes))), 0
    homes: dict[str, str] = {}
    for batch in table.batches():
        column = batch.column("row_hash")
        for place in (
            compute.is_in(column, value_set=wanted).to_numpy(zero_copy_only=False).nonzero()[0]
        ):
            row_id = table.ids[position + int(place)]
            home = next(one for one, ids in order.splits.items() if bool(np.any(ids == row_id)))
            homes.setdefault(str(column[int(place)].as_py()), home)
        position += batch.num_rows
    return [homes.get(one, "") for one in hashes]


def without_and_replaced(order: Order, gone: Ids, replaced: Ids, first: int) -> Order:
    """Return the order without some rows, and with others replaced by ids from `first` on."""
    import numpy as np

    def renamed(ids: Ids) -> Ids:
        """Return ids without those that are gone, the replaced ones under their new ids."""
        kept = ids[~np.isin(ids, gone)]
        where = np.searchsorted(replaced, kept)
        hit = np.isin(kept, replaced)
        return np.where(hit, first + where, kept)

    splits = {split: renamed(ids) for split, ids in order.splits.items()}
    tags = {tag: np.sort(renamed(ids)) for tag, ids in order.tags.items()}
    return Order(splits=splits, tags={tag: ids for tag, ids in tags.items() if len(ids)})


def rehomed(order: Order, homes: Sequence[str], first: int) -> Order:
    """Move new rows to the split in which their equals stand."""
    import numpy as np

    splits = dict(order.splits)
    for index, home in enumerate(homes):
        row_id = np.int64(first + index)
        if home and not bool(np.any(splits[home] == row_id)):
            splits = {split: ids[ids != row_id] for split, ids in splits.items()}
            splits[home] = np.append(splits[home], row_id)
    return Order(splits=splits, tags=order.tags)


def appended(order: Order, ids: Ids, homes: Sequence[str], split: str) -> Order:
    """Return the order with more rows: each in the split of its equal, or else in `split`."""
    import numpy as np

    targets = np.array([home or split for home in homes], dtype=object)
    splits = {
        one: np.concatenate([before, ids[targets == one]]) for one, before in order.splits.items()
    }
    return Order(splits=splits, tags=order.tags)
