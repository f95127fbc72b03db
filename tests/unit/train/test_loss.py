# SPDX-License-Identifier: Apache-2.0
"""The chunked loss equals the plain one, value and gradient, whatever the chunk."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch.nn import functional

from engine.train.loss import batch_loss, chunk_rows, summed_loss
from tests.builders.model_folder import tiny_model_folder
from tests.unit.train.models import load_adapted, pack, random_examples

HEAD = torch.randn(50, 16, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
TARGETS = torch.randint(0, 50, (23,), generator=torch.Generator().manual_seed(2))


def head(hidden: torch.Tensor) -> torch.Tensor:
    """Return squeezed logits, as the most demanding models do."""
    return 3.0 * torch.tanh(hidden @ HEAD.to(hidden.dtype).t() / 3.0)


def hidden_states(dtype: torch.dtype = torch.float64) -> torch.Tensor:
    values = torch.randn(23, 16, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    return values.to(dtype).requires_grad_()


@pytest.mark.parametrize("rows", [1, 7, 23, 100])
def test_summed_loss_any_chunk_equals_plain_cross_entropy(rows: int) -> None:
    ours, plain = hidden_states(), hidden_states()
    found = summed_loss(ours, TARGETS, head, rows=rows)
    expected = functional.cross_entropy(head(plain), TARGETS, reduction="sum")
    (found / 5).backward()
    (expected / 5).backward()
    torch.testing.assert_close(found, expected, rtol=1e-13, atol=0)
    torch.testing.assert_close(ours.grad, plain.grad, rtol=1e-12, atol=1e-14)


def test_summed_loss_bf16_hidden_states_are_summed_in_32_bits() -> None:
    hidden = hidden_states(torch.bfloat16)
    found = summed_loss(hidden, TARGETS, head, rows=4)
    found.backward()
    assert found.dtype == torch.float32
    assert hidden.grad is not None
    assert hidden.grad.dtype == torch.bfloat16
    expected = functional.cross_entropy(head(hidden).float(), TARGETS, reduction="sum")
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=0)


def test_summed_loss_without_gradients_is_the_same_value() -> None:
    with torch.no_grad():
        found = summed_loss(hidden_states(), TARGETS, head, rows=4)
    torch.testing.assert_close(found, summed_loss(hidden_states(), TARGETS, head, rows=23))


def test_summed_loss_no_full_logits_are_ever_made() -> None:
    seen: list[int] = []

    def watched(part: torch.Tensor) -> torch.Tensor:
        seen.append(part.shape[0])
        return head(part)

    summed_loss(hidden_states(), TARGETS, watched, rows=4).backward()
    assert max(seen) == 4
    assert sum(seen) == 23


def test_chunk_rows_large_vocabulary_stays_within_a_quarter_of_a_gibibyte() -> None:
    sizes = (400, 32_000, 151_936, 262_144)
    assert all(12 * size * chunk_rows(size) <= 256 << 20 for size in sizes)


def test_batch_loss_packed_equals_the_sum_of_the_examples_alone(tmp_path: Path) -> None:
    model = load_adapted(tiny_model_folder(tmp_path, spread=0.12))
    examples = random_examples([12, 2, 31, 7])
    with torch.no_grad():
        together = batch_loss(model, pack(examples))
        alone = sum(batch_loss(model, pack(examples, one)) for one in range(4))
    torch.testing.assert_close(together, alone, rtol=1e-6, atol=0)


def test_make_batch_first_token_is_never_a_target_and_labels_stay_inside() -> None:
    examples = random_examples([5, 4], share=1.0)
    batch = pack(examples, 1, 0)
    ids = batch.ids[0]
    assert batch.positions[0].tolist() == [0, 1, 2, 3, 0, 1, 2, 3, 4]
    assert batch.segments.edges == (0, 4, 9)
    assert batch.rows.tolist() == [0, 1, 2, 4, 5, 6, 7]
    assert torch.equal(batch.targets, ids[batch.rows + 1])
    assert examples.supervised.tolist() == [4, 3]
