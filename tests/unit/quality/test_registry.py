# SPDX-License-Identifier: Apache-2.0
"""All checks together: their names, their texts, their fixes."""

from __future__ import annotations

import numpy as np
import pytest

from engine.domain.dataset import RowKind, TextRow
from engine.errors import WrongUsage
from engine.quality.check import Check, CheckSettings
from engine.quality.fixes import FIXES
from engine.quality.registry import CHECKS, check_of
from engine.quality.runner import run_checks
from tests.builders.conversations import chat
from tests.builders.turn_batches import stored


def test_ids_are_unique_and_resolve() -> None:
    ids = [one.id for one in CHECKS]
    assert len(set(ids)) == len(ids)
    assert [check_of(one) for one in ids] == list(CHECKS)
    with pytest.raises(WrongUsage, match="nothing"):
        check_of("nothing")


@pytest.mark.parametrize("check", CHECKS, ids=lambda one: one.id)
def test_check_explains_itself_and_names_a_fix_that_exists(check: Check) -> None:
    assert check.title()
    assert check.why().endswith((".", ")"))
    assert not check.fix or check.fix in {one.id for one in FIXES}
    assert check.fix or not check.is_safe


def test_safe_repair_of_garbled_text_comes_before_the_removal_of_characters() -> None:
    safe = [one.fix for one in CHECKS if one.is_safe]
    assert safe.index("repair_mojibake") < safe.index("strip_unseen_characters")


def test_all_checks_run_over_several_batches_of_every_kind_they_can_judge() -> None:
    talks = stored([chat("Write to jo@acme.com", "Done \u200b"), chat("Hi", "Hello")])
    texts = stored([TextRow(text="Ã©"), TextRow(text="x")])
    for kind, batch in ((RowKind.CHAT, talks), (RowKind.TEXT, texts)):
        checks = [one for one in CHECKS if kind in one.kinds]
        batches = [(batch, np.zeros(batch.num_rows, np.bool_))] * 3
        found = run_checks(batches, checks, CheckSettings(), on_rows=lambda _rows: None)
        assert set(found) == {one.id for one in checks}
        if kind is RowKind.CHAT:
            assert list(found["personal_data"].rows) == [0, 2, 4]
        else:
            assert list(found["mojibake"].rows) == [0, 2, 4]
