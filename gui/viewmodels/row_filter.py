# SPDX-License-Identifier: Apache-2.0
"""Which rows the table shows: the choices of its filter, and what was found in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Sized
from gettext import gettext as _
from gettext import ngettext
from typing import TYPE_CHECKING

from engine.domain.row_query import RowMark, RowQuery, RowSort
from gui.viewmodels import numbers

if TYPE_CHECKING:
    from engine.api.reports import Check, Report

ALL_PARTS = "all"
"""Key of the part that shows all rows of the current version together."""
LEFT_OUT = "left_out"
"""Key of the part that shows the rows that the current version leaves out."""


def filter_key(*, check: str = "", label: str = "", tag: str = "") -> str:
    """Return the key of a choice."""
    return f"check:{check}:{label}" if check else f"tag:{tag}"


def marks_of(keys: Sequence[str]) -> tuple[RowMark, ...]:
    """Return what choices of the filter stand for."""
    marks: list[RowMark] = []
    for key in keys:
        kind, _colon, rest = key.partition(":")
        check, _colon, label = rest.partition(":")
        is_tag = kind == "tag"
        marks.append(RowMark(tag=rest) if is_tag else RowMark(check=check, label=label))
    return tuple(marks)


def filter_choices(
    report: Report | None, checks: Sequence[Check], tags: Mapping[str, Sized]
) -> tuple[tuple[str, str], ...]:
    """Return the choices of the filter: what checks found, and tags."""
    found: list[tuple[str, str]] = []
    for check in checks:
        result = report.result(check.id) if report is not None else None
        if result is None or not result.rows:
            continue
        found.append((filter_key(check=check.id), _counted(check.title(), result.rows)))
        if len(result.labels) > 1:
            found += [
                (
                    filter_key(check=check.id, label=label),
                    _counted(f"{check.title()}: {check.name_label(label)}", count),
                )
                for label, count in result.labels.items()
            ]
    for tag, ids in tags.items():
        found.append((filter_key(tag=tag), _counted(_("Tag: {tag}").format(tag=tag), len(ids))))
    return tuple(found)


def filter_words(chosen: Sequence[str]) -> str:
    """Return what the filter says of what is chosen."""
    if len(chosen) == 1:
        return chosen[0]
    return _("Any of {count} kinds").format(count=numbers.count(len(chosen)))


def _counted(name: str, count: int) -> str:
    return f"{name} ({numbers.count(count)})"


def sort_choices() -> tuple[tuple[str, str], ...]:
    """Return the orders of the table."""
    return (
        (RowSort.STORED.value, _("As imported")),
        (RowSort.LONGEST.value, _("Longest first")),
        (RowSort.SHORTEST.value, _("Shortest first")),
    )


def found_words(found: int, total: int, query: RowQuery, *, is_over: bool, groups: int = 0) -> str:
    """Return how many rows are shown of how many, and in how many groups."""
    if not is_over:
        return _("{count} found so far").format(count=numbers.count(found))
    if query.takes_all or (found == total and not groups):
        return ngettext("{count} row", "{count} rows", total).format(count=numbers.count(total))
    count, of = numbers.count(found), numbers.count(total)
    if groups:
        return ngettext(
            "{count} of {total} rows, {groups} group",
            "{count} of {total} rows, {groups} groups",
            groups,
        ).format(count=count, total=of, groups=numbers.count(groups))
    return _("{count} of {total} rows").format(count=count, total=of)


def nothing_words(query: RowQuery) -> str:
    """Return what an empty table says."""
    if query.text:
        return _("No row holds this text.")
    return _("No row is like this.") if not query.takes_all else _("There are no rows here.")


def chosen_words(count: int) -> str:
    """Return how many rows are chosen."""
    return ngettext("{count} row chosen", "{count} rows chosen", count).format(
        count=numbers.count(count)
    )
