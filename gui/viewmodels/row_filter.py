# SPDX-License-Identifier: Apache-2.0
"""Which rows the table shows: the choices of its filter, and what was found in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Sized
from gettext import gettext as _
from gettext import ngettext
from typing import TYPE_CHECKING

from engine.domain.row_query import RowQuery, RowSort
from gui.viewmodels import numbers

if TYPE_CHECKING:
    from engine.api.reports import Check, Report

ALL = ""
LEFT_OUT = "left_out"
"""Key of the part that shows the rows that the current version leaves out."""


def filter_key(*, check: str = "", label: str = "", tag: str = "") -> str:
    """Return the key of a choice."""
    if tag:
        return f"tag:{tag}"
    return f"check:{check}:{label}" if check else ALL


def with_filter(query: RowQuery, key: str) -> RowQuery:
    """Return a query with what a choice of the filter stands for."""
    kind, _colon, rest = key.partition(":")
    check, _colon, label = rest.partition(":") if kind == "check" else ("", "", "")
    return RowQuery(
        text=query.text,
        is_pattern=query.is_pattern,
        sort=query.sort,
        check=check,
        label=label,
        tag=rest if kind == "tag" else "",
    )


def filter_choices(
    report: Report | None, checks: Sequence[Check], tags: Mapping[str, Sized]
) -> tuple[tuple[str, str], ...]:
    """Return the choices of the filter: every row, what checks found, tags."""
    found = [(ALL, _("Every row"))]
    for check in checks:
        result = report.result(check.id) if report is not None else None
        if result is None or not result.rows:
            continue
        found.append((filter_key(check=check.id), _counted(check.title(), result.rows)))
        if len(result.labels) > 1:
            found += [
                (
                    filter_key(check=check.id, label=label),
                    _counted(f"{check.title()}: {label.replace('_', ' ')}", count),
                )
                for label, count in result.labels.items()
            ]
    for tag, ids in tags.items():
        found.append((filter_key(tag=tag), _counted(_("Tag: {tag}").format(tag=tag), len(ids))))
    return tuple(found)


def _counted(name: str, count: int) -> str:
    return f"{name} ({numbers.count(count)})"


def sort_choices() -> tuple[tuple[str, str], ...]:
    """Return the orders of the table."""
    return (
        (RowSort.STORED.value, _("As imported")),
        (RowSort.LONGEST.value, _("Longest first")),
        (RowSort.SHORTEST.value, _("Shortest first")),
    )


def found_words(found: int, total: int, query: RowQuery, *, is_over: bool) -> str:
    """Return how many rows are shown of how many."""
    if not is_over:
        return _("{count} found so far").format(count=numbers.count(found))
    if query.takes_all or found == total:
        return ngettext("{count} row", "{count} rows", total).format(count=numbers.count(total))
    return _("{count} of {total} rows").format(
        count=numbers.count(found), total=numbers.count(total)
    )


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
