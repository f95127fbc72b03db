# SPDX-License-Identifier: Apache-2.0
"""How the memory bar lays its parts side by side."""

from __future__ import annotations

import pytest

from gui.widgets.memory import MemoryPart, Segment, segments, value_text


def _part(low: float, high: float, role: str = "weights") -> MemoryPart:
    return MemoryPart(key=role, name=role, low_gb=low, high_gb=high, role=role)


def test_segments_of_sure_parts_stand_side_by_side() -> None:
    assert segments([_part(1, 1, "other"), _part(2, 2)], 24) == [
        Segment(0, 1, "other", False),
        Segment(1, 3, "weights", False),
    ]


def test_segments_of_an_unsure_part_hatch_what_is_not_sure() -> None:
    assert segments([_part(5, 7, "activations")], 24) == [
        Segment(0, 5, "activations", False),
        Segment(5, 7, "activations", True),
    ]


def test_segments_of_the_margin_are_hatched() -> None:
    assert segments([_part(1, 1, "reserve")], 24) == [Segment(0, 1, "reserve", True)]


def test_segments_past_the_card_are_a_part_of_their_own() -> None:
    assert segments([_part(20, 26)], 24) == [
        Segment(0, 20, "weights", False),
        Segment(20, 24, "weights", True),
        Segment(24, 26, "over", True),
    ]


def test_segments_of_empty_parts_are_none() -> None:
    assert segments([_part(0, 0)], 24) == []


@pytest.mark.parametrize(("low", "high", "text"), [(1, 1, "1.0 GB"), (5.1, 7.4, "5.1–7.4 GB")])
def test_value_text_is_a_number_or_a_range(low: float, high: float, text: str) -> None:
    assert value_text(_part(low, high)) == text
