# SPDX-License-Identifier: Apache-2.0
"""Which rows a version of a dataset has, and how a change makes another list of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from pyarrow import RecordBatch

    from engine.formats.row_table import RowTable

    Ids = NDArray[np.int64]
    Hashes = NDArray[np.bytes_]

HASH_FORM = "S16"
"""The 16 bytes of a content hash, see `engine.domain.split.row_hash`."""


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


def hashes_in(batch: RecordBatch) -> Hashes:
    """Return the content hashes of a batch of rows, bytes of shape (rows,)."""
    import numpy as np

    digests = bytes.fromhex("".join(batch.column("row_hash").to_pylist()))
    return np.frombuffer(digests, HASH_FORM)


def without_and_replaced(order: Order, gone: Ids, replaced: Ids, first: int) -> Order:
    """Return the order without some rows, and with others replaced.

    Args:
        order: Which rows there are.
        gone: Ids of the rows to leave out.
        replaced: Ids of the rows to replace, in any order.
        first: The id that takes the place of `replaced[0]`; the others follow it.
    """
    import numpy as np

    by_id = np.argsort(replaced)

    def renamed(ids: Ids) -> Ids:
        """Return ids without those that are gone, the replaced ones under their new ids."""
        kept = ids[~np.isin(ids, gone)]
        hit = np.isin(kept, replaced)
        kept[hit] = first + by_id[np.searchsorted(replaced, kept[hit], sorter=by_id)]
        return kept

    splits = {split: renamed(ids) for split, ids in order.splits.items()}
    tags = {tag: np.sort(renamed(ids)) for tag, ids in order.tags.items()}
    return Order(splits=splits, tags={tag: ids for tag, ids in tags.items() if len(ids)})


def appended(order: Order, ids: Ids, split: str) -> Order:
    """Return the order with more rows at the end of a split."""
    import numpy as np

    longer = np.concatenate([order.splits[split], ids])
    return Order(splits={**order.splits, split: longer}, tags=order.tags)


def kept_apart(order: Order, new: Ids, hashes: Hashes, others: RowTable) -> Order:
    """Return the order with no row in two splits: new rows go where their equals stand.

    Of new rows that equal each other alone, all go to the last of their splits, so that what is
    held out stays so.

    Args:
        order: Which rows there are, the new ones among them.
        new: Ids of the new rows, ascending.
        hashes: Their content hashes.
        others: The other rows.
    """
    import numpy as np

    if not len(new):
        return order
    known, number_of = np.unique(hashes, return_inverse=True)
    at, others_at = _split_numbers(order, new), _split_numbers(order, others.ids)
    home = np.full(len(known), -1, np.int8)
    np.maximum.at(home, number_of, at)
    position = 0
    for batch in others.batches():
        found = hashes_in(batch)
        equal = np.flatnonzero(np.isin(found, known))
        home[np.searchsorted(known, found[equal])] = others_at[position + equal]
        position += batch.num_rows
    target = home[number_of]
    moved = target != at
    splits = {
        split: np.concatenate([ids[~np.isin(ids, new[moved])], new[moved & (target == number)]])
        for number, (split, ids) in enumerate(order.splits.items())
    }
    return Order(splits=splits, tags=order.tags)


def _split_numbers(order: Order, ids: Ids) -> NDArray[np.int8]:
    """Return for each id the number of its split, -1 for none."""
    import numpy as np

    found = np.full(len(ids), -1, np.int8)
    for number, there in enumerate(order.splits.values()):
        found[np.isin(ids, there)] = number
    return found
