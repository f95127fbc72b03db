# SPDX-License-Identifier: Apache-2.0
"""The History tab as values: versions newest first, what can be undone, what a change did."""

from __future__ import annotations

from datetime import UTC, datetime

from engine.domain.dataset import TextRow
from engine.domain.version import Action, VersionDifference, VersionInfo
from gui.viewmodels.history import (
    change_view,
    difference_words,
    redo_reason,
    redo_words,
    undo_reason,
    undo_words,
    version_lines,
    word_difference,
)
from tests.fakes.api import MOMENT

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def version(number: int, parent: int, action: Action, rows: int) -> VersionInfo:
    return VersionInfo(
        number=number, parent=parent, action=action, changed=2, splits={"train": rows},
        made_at=MOMENT,
    )  # fmt: skip


HISTORY = [
    version(1, 0, Action.IMPORTED, 1_000),
    version(2, 1, Action.REMOVED, 998),
    version(3, 2, Action.EDITED, 998),
    version(4, 1, Action.ADDED, 1_002),
]


def test_versions_are_newest_first_with_what_they_changed() -> None:
    lines = version_lines(HISTORY, 3, now=NOW)
    assert [one.number for one in lines] == [4, 3, 2, 1]
    assert [one.change for one in lines] == ["+2", "±0", "−2", ""]
    assert [one.is_current for one in lines] == [False, True, False, False]
    assert lines[0].rows == "1,002"


def test_undo_and_redo_are_possible_where_the_tree_goes_on() -> None:
    assert "imported" in undo_reason(HISTORY, 1)
    assert undo_reason(HISTORY, 3) == ""
    assert redo_reason(HISTORY, 1) == ""
    assert redo_reason(HISTORY, 3) != ""


def test_undo_and_redo_name_what_they_would_do() -> None:
    assert undo_words(HISTORY, 2) == "Undo: Removed 2 rows (Ctrl+Z)"
    assert undo_words(HISTORY, 1) == "Undo the last change (Ctrl+Z)"
    assert redo_words(HISTORY, 1) == "Do again: Added 2 rows (Ctrl+Shift+Z)"
    assert redo_words(HISTORY, 4) == "Do it again (Ctrl+Shift+Z)"


def test_difference_counts_what_came_and_went() -> None:
    found = VersionDifference(added=(1, 2), removed=(3,), moved=())
    assert "2 rows came, 1 went, 0 changed" in difference_words(found, earlier=1, later=2)
    same = VersionDifference(added=(), removed=(), moved=())
    assert "same rows" in difference_words(same, earlier=1, later=2)


def test_word_difference_marks_what_went_and_came() -> None:
    assert (
        word_difference("Thank you all.", "Thank both all!")
        == "Thank [−you−]{+both+} all[−.−]{+!+}"
    )
    assert word_difference("same", "same") == "same"


def test_word_difference_of_long_texts_is_short_and_bounded() -> None:
    before = "word " * 100_000
    found = word_difference(before, before.replace("word", "other", 1))
    assert len(found) < 400


def test_change_tells_what_became_of_a_row() -> None:
    one, other = TextRow(text="a b"), TextRow(text="a c")
    assert change_view(one, None).title == "Went"
    assert change_view(None, other).text == "Text: a c"
    assert change_view(one, other).text == "Text: a [−b−]{+c+}"
