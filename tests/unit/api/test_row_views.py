# SPDX-License-Identifier: Apache-2.0
"""Rows by finding and tag, and as two versions have them."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest

from engine.api import checking
from engine.api.facade import Api, open_api
from engine.api.row_views import RowMark, RowQuery
from engine.domain.dataset import ChatRow, Role, Turn
from engine.domain.split import EVAL, TRAIN
from engine.errors import WrongUsage
from tests.builders.dataset_import import ImportRun
from tests.builders.jobs import JobRun


@pytest.fixture
def api(tmp_path: Path) -> Api:
    """Return a workspace with 30 rows for training, of which 0, 10 and 20 are equal."""
    found = open_api(tmp_path / "workspace")
    source = tmp_path / "rows.jsonl"
    rows = [{"prompt": f"q{one if one % 10 else 0}", "completion": "a"} for one in range(30)]
    source.write_text("\n".join(json.dumps(one) for one in rows), encoding="utf-8")
    ImportRun(found.layout, [source], eval_ratio=0.0, dataset_id="d1").run()
    return found


def check(api: Api) -> None:
    options = {"dataset_id": "d1", "settings": {"near_similarity": 0.8, "eval_margin": 0.05}}
    JobRun(api.layout, checking.run, options)


def found(api: Api, query: RowQuery) -> list[int]:
    with closing(api.datasets.open_rows("d1")) as table:
        search = api.row_views.search("d1", table, query)
        while not search.is_over:
            search.go_on(1.0)
        return [int(one) for one in search.found().positions]


def turn(role: Role, content: str) -> Turn:
    return Turn(role=role, content=content)


def test_rows_of_a_finding_are_found_also_behind_later_changes(api: Api) -> None:
    copies = RowMark(check="exact_copies")
    with pytest.raises(WrongUsage, match="not checked"):
        found(api, RowQuery(marks=(copies,)))
    check(api)
    assert found(api, RowQuery(marks=(copies,))) == [0, 10, 20]
    api.versions.remove_rows("d1", [0, 3])
    assert found(api, RowQuery(marks=(copies,))) == [8, 18]
    assert found(api, RowQuery(marks=(copies,), text="q5")) == []


def test_rows_of_a_tag_are_found(api: Api) -> None:
    api.versions.tag("d1", [4, 7], "odd")
    odd = RowMark(tag="odd")
    assert found(api, RowQuery(marks=(odd,))) == [4, 7]
    assert found(api, RowQuery(marks=(odd,), text="q7")) == [7]
    assert found(api, RowQuery(marks=(RowMark(tag="none"),))) == []


def test_rows_with_any_of_several_marks_are_found(api: Api) -> None:
    check(api)
    api.versions.tag("d1", [4, 10], "odd")
    marks = (RowMark(tag="odd"), RowMark(check="exact_copies"))
    assert found(api, RowQuery(marks=marks)) == [0, 10, 20, 4]
    assert found(api, RowQuery(marks=marks, text="q4")) == [4]


def test_rows_of_a_group_stand_together_over_both_parts(tmp_path: Path) -> None:
    api = open_api(tmp_path / "workspace")
    source = tmp_path / "rows.jsonl"
    long = [" ".join(f"word{one}x{place}" for place in range(20)) for one in range(12)]
    # 0 = 4 = 9 exactly, 1 ~ 10, 2 ~ 11, and 11 = 8: all of 2, 8, 11 are one kin.
    answers = [*long[:4], long[0], *long[5:8], f"{long[2]} indeed", long[0]]
    answers += [f"{long[1]} indeed", f"{long[2]} indeed"]
    rows = [{"prompt": "q", "completion": one} for one in answers]
    source.write_text("\n".join(json.dumps(one) for one in rows), encoding="utf-8")
    ImportRun(api.layout, [source], eval_ratio=0.0, dataset_id="d1").run()
    ids = api.versions.order("d1").splits[TRAIN]
    api.versions.split_anew("d1", {TRAIN: ids[:8], EVAL: ids[8:]}, detail="by hand")
    check(api)

    def groups(*checks: str, split: str | None) -> list[tuple[int, int]]:
        marks = tuple(RowMark(check=one) for one in checks)
        with closing(api.datasets.open_rows("d1", split)) as table:
            search = api.row_views.search("d1", table, RowQuery(marks=marks))
            hits = search.found()
            assert hits.groups is not None
            ids = table.ids[hits.positions]
            return list(zip(ids.tolist(), hits.groups.tolist(), strict=True))

    leaked = [(0, 0), (4, 0), (9, 0), (1, 1), (10, 1), (2, 2), (8, 2), (11, 2)]
    assert groups("leakage", split=None) == leaked
    assert groups("leakage", split=EVAL) == [(8, 0), (11, 0), (9, 1), (10, 2)]
    assert groups("exact_copies", split=None) == [(0, 0), (4, 0), (9, 0), (8, 1), (11, 1)]
    assert groups("exact_copies", "leakage", split=None) == leaked
    # All rows have one question, so that the contradiction joins every group of copies.
    joined = groups("contradicting_answers", "exact_copies", split=None)
    assert joined == [(one, 0) for one in range(12)]


def test_finding_without_groups_has_none(api: Api) -> None:
    check(api)
    with closing(api.datasets.open_rows("d1")) as table:
        marks = (RowMark(check="end_blanks"), RowMark(tag="odd"))
        assert api.row_views.search("d1", table, RowQuery(marks=marks)).found().groups is None


def test_changes_pair_an_edited_row_with_what_it_was(api: Api) -> None:
    edited = ChatRow(messages=(turn(Role.USER, "other"), turn(Role.ASSISTANT, "b")))
    added = ChatRow(messages=(turn(Role.USER, "new"), turn(Role.ASSISTANT, "c")))
    api.versions.edit_rows("d1", {5: edited})
    api.versions.remove_rows("d1", [2])
    api.versions.add_rows("d1", [added], split="train")
    changes = api.row_views.changes("d1", 1, 4)
    first, went, came = changes
    assert first.after == edited
    assert isinstance(first.before, ChatRow)
    assert first.before.messages[0].content == "q5"
    assert (went.after, came.before) == (None, None)
    assert came.after == added
    assert len(api.row_views.changes("d1", 1, 4, limit=2)) == 2
    assert api.row_views.changes("d1", 4, 4) == []


def test_row_that_a_person_wrote_without_an_answer_is_refused(api: Api) -> None:
    with pytest.raises(WrongUsage, match="not kept"):
        api.versions.add_rows(
            "d1", [ChatRow(messages=(turn(Role.USER, "only asked"),))], split="train"
        )
    with pytest.raises(WrongUsage, match="not kept"):
        api.versions.edit_rows("d1", {0: ChatRow(messages=())})
    assert api.datasets.get("d1").version == 1


def test_left_out_rows_can_be_opened_and_taken_back(api: Api) -> None:
    api.versions.remove_rows("d1", [3, 4])
    with closing(api.versions.open_left_out("d1")) as table:
        assert [int(one) for one in table.ids] == [3, 4]
        row = table.row(0)
        assert isinstance(row, ChatRow)
        assert row.messages[0].content == "q3"
