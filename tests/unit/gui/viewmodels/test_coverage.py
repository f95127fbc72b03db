# SPDX-License-Identifier: Apache-2.0
"""What will be trained of all rows: numbers, with a warning where they are bad, and sentences."""

from __future__ import annotations

import pytest

from engine.domain.coverage import (
    Coverage,
    EndsOfTurn,
    LengthBin,
    PackedRow,
    RoleTokens,
    RowGroup,
)
from gui.viewmodels.coverage import coverage_view, packed_words
from tests.fakes.coverages import a_coverage


def facts(coverage: Coverage) -> dict[str, tuple[str, str]]:
    return {one.name: (one.value, one.colour) for one in coverage_view(coverage).facts}


def test_facts_are_those_of_the_coverage() -> None:
    shown = facts(a_coverage())
    assert shown["Trained tokens"][0] == "1.4 million"
    assert shown["Read-only tokens"][0] == "2.5 million"
    assert shown["Share trained"][0] == "35"
    assert shown["Rows with none trained"] == ("14", "warning")
    assert shown["Rows cut at 2,048"] == ("212", "warning")
    assert shown["Trained tokens cut off"] == ("9,417", "warning")


def test_facts_of_a_sound_dataset_warn_of_nothing() -> None:
    cut = RowGroup(code="cut", text="", rows=0)
    sound = a_coverage(trained_rows=11_874, lost_tokens=0, cut=cut, ends=EndsOfTurn(trained=5))
    assert "warning" not in {colour for _value, colour in facts(sound).values()}
    assert "Trained tokens cut off" not in facts(sound)


@pytest.mark.parametrize(
    ("ends", "value"),
    [
        (EndsOfTurn(trained=3), "100"),
        (EndsOfTurn(trained=99_999, cut=1), "99.9"),
        (EndsOfTurn(trained=1, cut=1), "50.0"),
        (EndsOfTurn(cut=1), "0"),
        (EndsOfTurn(off=4), "0"),
    ],
)
def test_share_of_ends_is_never_rounded_up_to_all(ends: EndsOfTurn, value: str) -> None:
    assert facts(a_coverage(ends=ends))["Answer ends trained"][0] == value


def test_sentences_name_rows_as_people_count_them() -> None:
    assert coverage_view(a_coverage()).sentences == (
        "14 rows, such as 17, 41, 78: The conversation has no answer of the assistant.",
        "Row 6: Reasoning is lost.",
    )


def test_packed_words_name_the_others_and_the_fill() -> None:
    packed = PackedRow(step=3, rows=(16, 40, 7), lengths=(14, 900, 800), capacity=2048)
    assert packed_words(packed, 16) == (
        "Step 3 of the first epoch packs it with rows 41, 8 (1,714 of 2,048 tokens). "
        "The rows do not see each other."
    )
    alone = PackedRow(step=1, rows=(0,), lengths=(2048,), capacity=2048)
    assert packed_words(alone, 0) == (
        "Step 1 of the first epoch takes it alone (2,048 of 2,048 tokens)."
    )


def test_roles_and_lengths_are_bars_with_their_shares() -> None:
    lengths = (
        LengthBin(from_tokens=1, to_tokens=64, rows=30),
        LengthBin(from_tokens=65, to_tokens=0, rows=60),
    )
    roles = (
        RoleTokens(role="user", tokens=300, trained_tokens=0),
        RoleTokens(role="assistant", tokens=600, trained_tokens=300),
        RoleTokens(role="template", tokens=100, trained_tokens=0),
    )
    shown = coverage_view(a_coverage(tokens=1_000, roles=roles, lengths=lengths))
    assert [(one.name, one.value, one.share) for one in shown.lengths] == [
        ("1 to 64 tokens", "30 rows", 0.5), ("from 65 tokens", "60 rows", 1.0),
    ]  # fmt: skip
    assert [one.name for one in shown.roles] == ["User", "Assistant", "Chat template"]
    assert shown.roles[1].value == "60 %, 50 % of it trained"
    assert coverage_view(a_coverage(lengths=(), roles=())).lengths == ()
