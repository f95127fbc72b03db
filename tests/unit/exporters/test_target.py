# SPDX-License-Identifier: Apache-2.0
"""Export targets are found by their id, and an unknown one is answered with the known ones."""

from __future__ import annotations

import pytest

from engine.errors import WrongUsage
from engine.exporters.registry import TARGETS, target


@pytest.mark.parametrize("one", TARGETS, ids=lambda one: one.id)
def test_target_is_found_by_its_id(one: object) -> None:
    assert target(getattr(one, "id", "")) is one


def test_unknown_target_is_answered_with_the_known_ones() -> None:
    with pytest.raises(WrongUsage, match="no export target onnx") as caught:
        target("onnx")
    assert all(one.id in caught.value.remedy for one in TARGETS)


def test_only_the_adapter_leaves_without_its_base() -> None:
    assert {one.id for one in TARGETS if not one.has_base} == {"adapter"}
