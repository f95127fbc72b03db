# SPDX-License-Identifier: Apache-2.0
"""The list of mutants is not stale; `python -m tests.faults.mutants` tries them."""

from __future__ import annotations

import pytest

from tests.faults.mutant import Mutant
from tests.faults.mutants import MUTANTS, ROOT

FEWEST = 30


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda one: one.name)
def test_mutant_changes_one_place_of_the_present_code(mutant: Mutant) -> None:
    assert (ROOT / mutant.path).read_text(encoding="utf-8").count(mutant.old) == 1
    assert mutant.old != mutant.new
    for name in mutant.tests:
        assert (ROOT / name).exists()


def test_there_are_enough_mutants_of_different_names() -> None:
    assert len({one.name for one in MUTANTS}) == len(MUTANTS) >= FEWEST
