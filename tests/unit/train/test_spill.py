# SPDX-License-Identifier: Apache-2.0
"""A driver that moves memory out without saying so is told once."""

from __future__ import annotations

import torch

from engine.train.spill import SpillWatch

CARD, CPU = torch.device("cuda", 0), torch.device("cpu")
GIB = 1 << 30


def test_warning_more_held_than_there_is_is_told_once() -> None:
    watch = SpillWatch(CARD, read=lambda _device: (13 * GIB, 12 * GIB))
    found = [watch.warning(step) for step in range(1, 60)]
    assert [one.code for one in found if one] == ["memory_spilled"]
    assert found[0] is not None
    assert "12.0 GiB" in found[0].message
    assert "13.0 GiB" in found[0].message


def test_warning_comes_when_it_begins_late() -> None:
    held = [5 * GIB]
    watch = SpillWatch(CARD, read=lambda _device: (held[0], 12 * GIB))
    assert watch.warning(1) is None
    held[0] = 12 * GIB + 1
    steps = [step for step in range(2, 60) if watch.warning(step)]
    assert steps == [26]


def test_warning_a_full_card_is_none() -> None:
    watch = SpillWatch(CARD, read=lambda _device: (12 * GIB, 12 * GIB))
    assert watch.warning(1) is None


def test_warning_a_processor_is_never_asked() -> None:
    def read(_device: torch.device) -> tuple[int, int]:
        raise AssertionError("asked")

    assert SpillWatch(CPU, read=read).warning(1) is None
