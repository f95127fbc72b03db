# SPDX-License-Identifier: Apache-2.0
"""Splits by rule: families stay together, shares are met, nothing depends on order."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.domain.dataset import LabelRow, RowKind, TextRow
from engine.domain.split import EVAL, TRAIN, SplitBy, SplitRule, problems_of_rule, rule_text
from engine.errors import WrongUsage
from engine.formats.arrow_rows import RowPlace, RowWriter
from engine.formats.row_table import RowTable
from engine.formats.splitting import field_names, split_rows

Record = tuple[str, dict[str, object]]


def table_of(folder: Path, records: list[Record]) -> RowTable:
    """Write texts with their fields and map them."""
    file = folder / "rows.arrow"
    with file.open("wb") as stream:
        writer = RowWriter(stream, RowKind.TEXT)
        for line, (text, fields) in enumerate(records):
            digest = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
            place = RowPlace(digest, 0, line, json.dumps(fields) if fields else None)
            writer.add(TextRow(text=text), place)
        writer.close()
    return RowTable([file], ["a"])


def held(folder: Path, records: list[Record], rule: SplitRule, **more: object) -> set[int]:
    """Return the numbers of the rows that a rule holds out."""
    table = table_of(folder, records)
    near = more.get("near")
    groups = np.array(near, np.int64) if isinstance(near, list) else None
    splits = split_rows(table, rule, tags={}, near_groups=groups)
    assert sorted([*splits[TRAIN].tolist(), *splits[EVAL].tolist()]) == list(range(len(records)))
    table.close()
    return set(splits[EVAL].tolist())


def numbered(count: int, **fields: list[object]) -> list[Record]:
    """Return different texts, each with its value of every field."""
    return [
        (f"text {one}", {name: values[one] for name, values in fields.items()})
        for one in range(count)
    ]


RULES = [
    SplitRule(eval_ratio=0.3),
    SplitRule(by=SplitBy.GROUP, column="g", eval_ratio=0.3),
    SplitRule(by=SplitBy.STRATUM, column="g", eval_ratio=0.3),
    SplitRule(by=SplitBy.TIME, column="t", eval_ratio=0.3),
    SplitRule(by=SplitBy.FOLD, folds=3, fold=2),
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.by.value)
@settings(deadline=None, max_examples=25, derandomize=True)
@given(
    rows=st.lists(
        st.tuples(st.integers(0, 12), st.integers(0, 4), st.integers(0, 50), st.integers(-1, 5)),
        min_size=1,
        max_size=40,
    )
)
def test_no_rule_parts_equal_rows_near_copies_or_groups(
    tmp_path_factory: pytest.TempPathFactory,
    rule: SplitRule,
    rows: list[tuple[int, int, int, int]],
) -> None:
    records: list[Record] = [(f"text {one}", {"g": f"g{g}", "t": t}) for one, g, t, _near in rows]
    near = [one[3] for one in rows]
    out = held(tmp_path_factory.mktemp("rows"), records, rule, near=near)
    for one in range(len(rows)):
        for other in range(one):
            together = rows[one][0] == rows[other][0] or near[one] == near[other] >= 0
            if rule.by is SplitBy.GROUP:
                together = together or rows[one][1] == rows[other][1]
            if together:
                assert (one in out) == (other in out)


def test_by_content_holds_out_the_share_and_ignores_the_order(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    records = numbered(400)
    one = held(tmp_path, records, SplitRule(eval_ratio=0.25))
    other = held(tmp_path / "b", records[::-1], SplitRule(eval_ratio=0.25))
    assert 70 <= len(one) <= 130
    assert {399 - number for number in other} == one


def test_by_content_leaves_no_split_empty_without_need(tmp_path: Path) -> None:
    assert len(held(tmp_path, numbered(2), SplitRule(eval_ratio=0.001))) == 1
    assert len(held(tmp_path, numbered(2), SplitRule(eval_ratio=0.9))) in (1,)
    assert held(tmp_path, numbered(2), SplitRule(eval_ratio=0)) == set()


def test_stratum_takes_the_share_of_each_value(tmp_path: Path) -> None:
    kinds: list[object] = ["rare" if one < 20 else "often" for one in range(200)]
    rule = SplitRule(by=SplitBy.STRATUM, column="kind", eval_ratio=0.2)
    out = held(tmp_path, numbered(200, kind=kinds), rule)
    assert (len([one for one in out if one < 20]), len(out)) == (4, 40)


def test_time_holds_out_the_newest_rows_and_never_those_without(tmp_path: Path) -> None:
    days: list[object] = [f"2026-01-{one + 1:02}" if one < 20 else None for one in range(25)]
    rule = SplitRule(by=SplitBy.TIME, column="day", eval_ratio=0.2)
    assert held(tmp_path, numbered(25, day=days), rule) == {15, 16, 17, 18, 19}


def test_folds_are_disjoint_and_cover_everything(tmp_path: Path) -> None:
    seen: list[int] = []
    for fold in range(1, 6):
        seen += held(tmp_path, numbered(60), SplitRule(by=SplitBy.FOLD, folds=5, fold=fold))
    assert sorted(seen) == list(range(60))


def test_stratum_by_tag_follows_the_tags(tmp_path: Path) -> None:
    table = table_of(tmp_path, numbered(30))
    rule = SplitRule(by=SplitBy.STRATUM, column="tag", eval_ratio=0.2)
    splits = split_rows(table, rule, tags={"hard": np.arange(10)}, near_groups=None)
    assert len([one for one in splits[EVAL] if one < 10]) == 2
    assert len(splits[EVAL]) == 6


def test_a_field_that_no_row_has_is_named_with_those_that_there_are(tmp_path: Path) -> None:
    table = table_of(tmp_path, numbered(3, kind=["a", "b", "c"], day=[1, 2, 3]))
    with pytest.raises(WrongUsage) as caught:
        split_rows(table, SplitRule(by=SplitBy.GROUP, column="kin"), tags={}, near_groups=None)
    assert "kind, day" in caught.value.remedy
    assert field_names(table) == ["kind", "day"]


def test_a_column_without_times_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WrongUsage, match="no time"):
        held(
            tmp_path,
            numbered(2, day=["soon", "later"]),
            SplitRule(by=SplitBy.TIME, column="day"),
        )


@pytest.mark.parametrize(
    ("rule", "faults"),
    [
        (SplitRule(), 0),
        (SplitRule(eval_ratio=0.95), 1),
        (SplitRule(by=SplitBy.GROUP), 1),
        (SplitRule(by=SplitBy.FOLD, folds=1, fold=2), 2),
        (SplitRule(by=SplitBy.FOLD, folds=3, fold=4), 1),
    ],
)
def test_every_fault_of_a_rule_is_named(rule: SplitRule, faults: int) -> None:
    assert len(problems_of_rule(rule)) == faults


def test_rule_text_says_what_decides() -> None:
    assert rule_text(SplitRule(by=SplitBy.FOLD, folds=4, fold=2)) == "fold 2 of 4"
    assert rule_text(SplitRule(by=SplitBy.TIME, column="day")) == "the newest 10 % by day"


def test_labelled_rows_are_split_by_their_class(tmp_path: Path) -> None:
    file = tmp_path / "rows.arrow"
    with file.open("wb") as stream:
        writer = RowWriter(stream, RowKind.LABEL)
        for line in range(40):
            row = LabelRow(text=f"text {line}", label="rare" if line < 10 else "common")
            writer.add(
                row, RowPlace(hashlib.blake2b(bytes([line]), digest_size=16).hexdigest(), 0, line)
            )
        writer.close()
    table = RowTable([file], ["a"])
    assert field_names(table) == ["label"]
    rule = SplitRule(by=SplitBy.STRATUM, column="label", eval_ratio=0.2)
    held_out = split_rows(table, rule, tags={}, near_groups=None)[EVAL].tolist()
    assert sorted(one < 10 for one in held_out) == [False] * 6 + [True] * 2
    table.close()
