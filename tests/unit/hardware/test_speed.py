# SPDX-License-Identifier: Apache-2.0
"""The rough speed of a card lies where the limit model and published runs put it."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from engine.hardware.speed import rough_speed, token_operations
from tests.unit.hardware.test_memory import CARD, LLAMA_8B


def operations(*, recomputed: bool = True, sequence: int = 1024) -> float:
    return token_operations(
        LLAMA_8B,
        sequence_tokens=sequence,
        adapter_parameters=83_886_080,
        recomputed=recomputed,
    )


def test_recomputing_costs_about_half_of_the_rest_again() -> None:
    linear = LLAMA_8B.linear_parameters
    assert operations() - operations(recomputed=False) == pytest.approx(2 * linear, rel=0.05)


def test_longer_sequences_cost_more_a_token() -> None:
    assert operations(sequence=16_384) > 1.05 * operations()


def test_rough_speed_of_a_4090_spans_a_published_run() -> None:
    # torchtune's README: Llama-3.1-8B QLoRA on a 4090, 2,413 tokens a second.
    found = rough_speed(CARD, operations())
    assert found is not None
    assert found[0] < 2413 < found[1]


def test_unknown_card_and_processor_have_no_rough_speed() -> None:
    assert rough_speed(replace(CARD, name="Some card"), operations()) is None
    assert rough_speed(None, operations()) is None
