# SPDX-License-Identifier: Apache-2.0
"""Entries are found by name, and what they import is never searched for garbage."""

from __future__ import annotations

import gc
from collections.abc import Generator

import pytest

from engine.worker.entries import resolved
from tests.fakes import entries


@pytest.fixture(params=[True, False])
def is_on(request: pytest.FixtureRequest) -> Generator[bool]:
    """Switch the search for garbage on or off; it is on again behind the test."""
    (gc.enable if request.param else gc.disable)()
    yield request.param
    gc.enable()


def test_resolved_entry_is_the_function_and_the_search_for_garbage_is_as_before(
    is_on: bool,
) -> None:
    gc.unfreeze()
    assert resolved("tests.fakes.entries:quick") is entries.quick
    assert gc.isenabled() is is_on
    assert gc.get_freeze_count() > 0


def test_resolved_entry_that_is_not_there_leaves_the_search_for_garbage_on() -> None:
    with pytest.raises(ModuleNotFoundError):
        resolved("engine.nothing:train")
    assert gc.isenabled()
