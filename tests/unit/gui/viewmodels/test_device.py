# SPDX-License-Identifier: Apache-2.0
"""The device in the status bar: the card where there is one, else processor and memory."""

from __future__ import annotations

from typing import Any, cast

import pytest

from gui.viewmodels.device import short_name, status_device
from tests.fakes.api import FakeFacts, FakeGpu


def test_computer_with_a_card_shows_its_memory() -> None:
    shown = status_device(cast("Any", FakeFacts(gpus=(FakeGpu(),))))
    assert (shown.name, shown.text) == ("RTX 4090", "1.0 of 24.0 GB")
    assert shown.share == pytest.approx(1 / 24)


def test_computer_without_a_card_shows_the_memory_of_the_processor() -> None:
    shown = status_device(cast("Any", FakeFacts()))
    assert (shown.name, shown.share, shown.text) == ("Processor", None, "14.0 of 64.0 GB")


def test_short_name_keeps_a_name_of_makers_words_alone() -> None:
    assert short_name("NVIDIA GeForce RTX 3060") == "RTX 3060"
    assert short_name("NVIDIA") == "NVIDIA"
