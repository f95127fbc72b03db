# SPDX-License-Identifier: Apache-2.0
"""What takes room in words: each kind has a name, and a reason where nothing can go."""

from __future__ import annotations

import pytest

from engine.domain.space import Place, SpaceKind, SpaceReport
from gui.viewmodels.space import has_trash, place_words, space_rows, total_words
from tests.fakes.trash import MB, an_item


@pytest.mark.parametrize("kind", SpaceKind)
def test_every_kind_has_a_name_and_tells_what_follows(kind: SpaceKind) -> None:
    report = SpaceReport(items=(an_item(kind, "x", "Tickets", 5 * MB, MB),), free_bytes=None)
    (row,) = space_rows(report)
    assert row.name
    assert "{" not in row.name
    assert row.about
    assert (row.size, row.freeable, row.remove_reason) == ("5 MB", "1 MB", "")


def test_what_cannot_go_says_why() -> None:
    items = (an_item(SpaceKind.DATASET, "d1", "Tickets", MB),
             an_item(SpaceKind.CHECKPOINTS, "r1", "Run 1", MB))  # fmt: skip
    dataset, checkpoints = space_rows(SpaceReport(items=items, free_bytes=None))
    assert dataset.freeable == "–"
    assert "page of the dataset" in dataset.remove_reason
    assert "while a run can go on" in checkpoints.remove_reason


def test_only_the_trash_can_be_put_back() -> None:
    items = (an_item(SpaceKind.TRASH, "t1", "Tickets", MB, MB),
             an_item(SpaceKind.TOKENS, "d1", "Tickets", MB, MB))  # fmt: skip
    rows = space_rows(SpaceReport(items=items, free_bytes=None))
    assert [one.entry_id for one in rows] == ["t1", ""]
    assert [one.remove_text for one in rows] == ["Delete for good", "Remove"]
    assert has_trash(rows)
    assert not has_trash(rows[1:])


def test_total_tells_what_can_go() -> None:
    items = (an_item(SpaceKind.TOKENS, "d", "A", 3 * MB, 3 * MB),
             an_item(SpaceKind.DATASET, "d", "A", 2 * MB))  # fmt: skip
    said = total_words(SpaceReport(items=items, free_bytes=None))
    assert said == "5 MB in all. 3 MB can go without losing a result."


@pytest.mark.parametrize(
    ("place", "word"),
    [
        (Place(is_read_only=True, network="nfs", free_bytes=1), "looked at"),
        (Place(is_read_only=False, network="nfs", free_bytes=1), "(nfs)"),
        (Place(is_read_only=False, network="", free_bytes=1), ""),
    ],
)
def test_odd_place_is_told_and_an_ordinary_one_is_not(place: Place, word: str) -> None:
    cause, consequence = place_words(place)
    assert word in cause
    assert bool(cause) == bool(consequence) == bool(word)
