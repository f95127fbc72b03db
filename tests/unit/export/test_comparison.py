# SPDX-License-Identifier: Apache-2.0
"""What counts as equal answers, and what does not."""

from __future__ import annotations

import math

import pytest
import torch

from engine.export.comparison import (
    Comparison,
    compare,
    is_exact,
    is_rounded,
    undecided_below,
)

REFERENCE = [torch.tensor([[2.0, 1.0, -4.0], [0.0, 0.1, 0.0]]), torch.tensor([[5.0, 0.0, 0.0]])]


def moved(by: float) -> list[torch.Tensor]:
    """Return the reference with one logit of each position moved."""
    return [one + torch.tensor([by, 0.0, 0.0]) for one in REFERENCE]


def test_same_logits_do_not_differ() -> None:
    found = compare(REFERENCE, REFERENCE)
    assert (found.prompts, found.positions, found.largest_logit) == (2, 3, 5.0)
    assert (found.max_logit_difference, found.mean_kl, found.top1_agreement_ratio) == (0, 0, 1)
    assert is_exact(found)


def test_divergence_is_that_of_the_formula() -> None:
    found = compare([torch.tensor([[0.0, 0.0]])], [torch.tensor([[math.log(3), 0.0]])])
    assert found.mean_kl == pytest.approx(0.5 * math.log(0.5 / 0.75) + 0.5 * math.log(0.5 / 0.25))


def test_changed_most_likely_token_lowers_the_agreement() -> None:
    found = compare(REFERENCE, moved(0.2))
    assert found.max_logit_difference == pytest.approx(0.2)
    assert found.top1_agreement_ratio == pytest.approx(2 / 3)


def test_position_that_rounding_decides_is_no_fault() -> None:
    assert compare(REFERENCE, moved(0.2)).sure_agreement_ratio == pytest.approx(2 / 3)
    assert compare(REFERENCE, moved(0.2), undecided_below=0.5).sure_agreement_ratio == 1.0
    assert compare(REFERENCE, moved(0.2), undecided_below=99.0).sure_agreement_ratio == 1.0


@pytest.mark.parametrize(("by", "expected"), [(4e-4, True), (6e-4, False), (math.nan, False)])
def test_exact_allows_a_ten_thousandth_of_the_largest_logit(by: float, expected: bool) -> None:
    assert is_exact(compare(REFERENCE, moved(by))) is expected


def numbers(mean_kl: float, sure: float = 1.0) -> Comparison:
    return Comparison(
        prompts=1,
        positions=1,
        largest_logit=1.0,
        max_logit_difference=0.25,
        top1_agreement_ratio=1.0,
        mean_kl=mean_kl,
        sure_agreement_ratio=sure,
    )


@pytest.mark.parametrize(
    ("found", "shaken", "expected"),
    [
        (numbers(9e-4), numbers(0.0), True),
        (numbers(2e-3), numbers(0.0), False),
        (numbers(2e-3), numbers(6e-4), True),
        (numbers(2e-3), numbers(4e-4), False),
        (numbers(0.0, sure=0.98), numbers(0.0), False),
        (numbers(math.nan), numbers(0.0), False),
    ],
)
def test_rounding_allows_four_times_the_divergence_of_shaking(
    found: Comparison, shaken: Comparison, *, expected: bool
) -> None:
    assert is_rounded(found, shaken) is expected


def test_rounding_may_turn_what_twice_the_shaking_moves_on_both_sides() -> None:
    assert undecided_below(numbers(0.0)) == 1.0
