# SPDX-License-Identifier: Apache-2.0
"""Dividing rows into `train` and `eval` by a rule, whole families of rows at a time.

A family is what must stay together: equal rows, near copies, rows of one group. Families go to a
side by their content hash, so that neither order nor number of the files matters.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from gettext import gettext as _
from typing import TYPE_CHECKING, cast

import msgspec

from engine.domain.split import EVAL, TRAIN, SplitBy, SplitRule
from engine.errors import WrongUsage

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from engine.formats.row_table import RowTable

    Ids = NDArray[np.int64]
    Numbers = NDArray[np.uint64]

TAG = "tag"

CLASS_FIELD = "label"
"""By this name the class of labelled rows, and the verdict of rated ones, can be split by."""


def split_rows(
    table: RowTable,
    rule: SplitRule,
    *,
    tags: Mapping[str, Ids],
    near_groups: Ids | None,
) -> dict[str, Ids]:
    """Return the row ids of both splits, each in the order of the table.

    Args:
        table: All rows of the dataset.
        rule: How to divide them, without faults.
        tags: Ids of the rows that carry each tag.
        near_groups: For each row of the table the number of its group of near copies, -1 for none;
            int64 of shape (rows,). None lets near copies be parted.

    Raises:
        WrongUsage: No row has the field that the rule names, or no time can be read from it.
    """
    import numpy as np

    hashes = _hash_numbers(table)
    keys = [np.unique(hashes, return_inverse=True)[1]]
    if near_groups is not None:
        keys.append(near_groups)
    values: list[str] = []
    if rule.by in (SplitBy.GROUP, SplitBy.STRATUM, SplitBy.TIME):
        values = _values(table, rule, tags)
    if rule.by is SplitBy.GROUP:
        codes = np.unique(np.array(values), return_inverse=True)[1]
        keys.append(np.where(np.array(values) == "", -1, codes))
    families = _families(keys)
    is_eval = _chosen(families, hashes, rule, values)
    return {TRAIN: table.ids[~is_eval], EVAL: table.ids[is_eval]}


def _hash_numbers(table: RowTable) -> Numbers:
    """Return the first 8 bytes of each content hash as numbers, uint64 of shape (rows,)."""
    import numpy as np

    parts = [
        np.array([int(one[:16], 16) for one in batch.column("row_hash").to_pylist()], np.uint64)
        for batch in table.batches()
    ]
    return np.concatenate(parts) if parts else np.zeros(0, np.uint64)


def _values(table: RowTable, rule: SplitRule, tags: Mapping[str, Ids]) -> list[str]:
    """Return the value of the rule's field for each row, empty where it has none."""
    if rule.by is SplitBy.STRATUM and rule.column == TAG:
        tag_of = {int(row_id): tag for tag, ids in tags.items() for row_id in ids}
        return [tag_of.get(int(row_id), "") for row_id in table.ids]
    values = list(_field_values(table, rule.column))
    if not any(values):
        raise WrongUsage(
            _("No row has a field {name}.").format(name=rule.column),
            remedy=_("Fields that were kept: {names}.").format(
                names=", ".join(field_names(table)) or "-"
            ),
        )
    return values


def _field_values(table: RowTable, name: str) -> Iterator[str]:
    for batch in table.batches():
        column = _class_column(batch.schema.names)
        if column and name in (CLASS_FIELD, column):
            yield from (str(one) for one in batch.column(column).to_pylist())
            continue
        for fields in _fields(batch.column("fields").to_pylist()):
            found = fields.get(name)
            yield "" if found is None else found if isinstance(found, str) else str(found)


def _class_column(names: Sequence[str]) -> str:
    """Return which column of labelled or rated rows says their class, or an empty text."""
    return next((one for one in ("label", "is_liked") if one in names), "")


def _fields(texts: Sequence[str | None]) -> Iterator[dict[str, object]]:
    for text in texts:
        yield cast("dict[str, object]", msgspec.json.decode(text)) if text else {}


def field_names(table: RowTable, *, limit: int = 1000) -> list[str]:
    """Return the names of the fields that the first rows of a table kept, in order."""
    names: dict[str, None] = {}
    seen = 0
    for batch in table.batches():
        if _class_column(batch.schema.names):
            names[CLASS_FIELD] = None
        for fields in _fields(batch.column("fields").slice(0, limit - seen).to_pylist()):
            names.update(dict.fromkeys(fields))
        seen += batch.num_rows
        if seen >= limit:
            break
    return list(names)


def _families(keys: Sequence[Ids]) -> Ids:
    """Return for each row the number of its family: rows that share a key, also over others.

    Args:
        keys: Each int64 of shape (rows,); rows with an equal number belong together, -1 to none.
    """
    import numpy as np

    family = keys[0].astype(np.int64)
    while True:
        before = family
        for key in keys:
            family = _lowest_of_group(family, key)
        if np.array_equal(before, family):
            return family


def _lowest_of_group(family: Ids, key: Ids) -> Ids:
    """Give all rows of a group the lowest family number among them."""
    import numpy as np

    rows = np.flatnonzero(key >= 0)
    if not len(rows):
        return family
    order = rows[np.argsort(key[rows], kind="stable")]
    starts = np.flatnonzero(np.diff(key[order], prepend=-1))
    lowest = np.minimum.reduceat(family[order], starts)
    found = family.copy()
    found[order] = np.repeat(lowest, np.diff(starts, append=len(order)))
    return found


def _chosen(
    families: Ids, hashes: Numbers, rule: SplitRule, values: Sequence[str]
) -> NDArray[np.bool_]:
    """Return which rows are held out, bool of shape (rows,)."""
    import numpy as np

    numbers, first_rows, members, sizes = np.unique(
        families, return_index=True, return_inverse=True, return_counts=True
    )
    marks = np.full(len(numbers), np.iinfo(np.uint64).max, np.uint64)
    np.minimum.at(marks, members, hashes)
    match rule.by:
        case SplitBy.FOLD:
            picked = marks % np.uint64(rule.folds) == np.uint64(rule.fold - 1)
        case SplitBy.STRATUM:
            strata = np.array(values)[first_rows]
            picked = _share_of_each(strata, marks, sizes, rule.eval_ratio)
        case SplitBy.TIME:
            times = np.full(len(numbers), -np.inf)
            np.maximum.at(times, members, _times(values, rule.column))
            picked = _newest(times, marks, sizes, rule.eval_ratio)
        case _:
            picked = _by_mark(marks, rule.eval_ratio)
    return picked[members]


def _by_mark(marks: Numbers, ratio: float) -> NDArray[np.bool_]:
    """Pick families by their hash; where that leaves a side empty, one family changes sides."""
    import numpy as np

    picked = marks.astype(np.float64) < ratio * 2.0**64
    if ratio > 0 and len(marks) > 1 and not picked.any():
        picked[np.argmin(marks)] = True
    if len(marks) and picked.all():
        picked[np.argmax(marks)] = False
    return picked


def _share_of_each(
    strata: NDArray[np.str_], marks: Numbers, sizes: Ids, ratio: float
) -> NDArray[np.bool_]:
    """Pick, in each stratum, families until the share of its rows is as close as can be."""
    import numpy as np

    picked = np.zeros(len(marks), np.bool_)
    for stratum in np.unique(strata):
        mine = np.flatnonzero(strata == stratum)
        mine = mine[np.argsort(marks[mine], kind="stable")]
        picked[mine[: _closest(sizes[mine], ratio)]] = True
    return picked


def _newest(
    times: NDArray[np.float64], marks: Numbers, sizes: Ids, ratio: float
) -> NDArray[np.bool_]:
    """Pick the families with the newest rows; rows without a time are never picked."""
    import numpy as np

    order = np.lexsort((marks, -times))
    order = order[np.isfinite(times[order])]
    picked = np.zeros(len(marks), np.bool_)
    share = ratio * float(sizes.sum()) / max(float(sizes[order].sum()), 1.0)
    picked[order[: _closest(sizes[order], min(share, 1.0))]] = True
    return picked


def _closest(sizes: Ids, ratio: float) -> int:
    """Return how many of these families come closest to a share of their rows, never all."""
    import numpy as np

    reached = np.concatenate([[0], np.cumsum(sizes)])[: max(len(sizes), 1)]
    return int(np.argmin(np.abs(reached - ratio * float(sizes.sum()))))


def _times(values: Sequence[str], column: str) -> NDArray[np.float64]:
    """Return times as numbers, -inf where there is none.

    Raises:
        WrongUsage: None of them is a number or a time in ISO 8601.
    """
    import numpy as np

    times = np.array([_time(one) for one in values])
    if not np.isfinite(times).any():
        raise WrongUsage(
            _("The field {name} holds no time that can be read.").format(name=column),
            remedy=_("Use numbers, or times such as 2026-01-31 or 2026-01-31T08:00:00Z."),
        )
    return times


def _time(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        pass
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        return float("-inf")
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
