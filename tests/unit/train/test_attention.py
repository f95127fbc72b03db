# SPDX-License-Identifier: Apache-2.0
"""Attention inside segments equals plain attention on each example alone."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import nn

from engine.train import attention
from engine.train.attention import Segments, segment_attention

EDGES = (0, 5, 6, 19)


def states(
    tokens: int = 19, *, heads: int = 4, kv_heads: int = 2, width: int = 8
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return (
        torch.randn(1, heads, tokens, width, generator=generator),
        torch.randn(1, kv_heads, tokens, width, generator=generator),
        torch.randn(1, kv_heads, tokens, width, generator=generator),
    )


def plain(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    *,
    window: int | None = None,
    softcap: float | None = None,
    scaling: float | None = None,
) -> torch.Tensor:
    """Attention written out, [1, T, heads, width]."""
    share = query.shape[1] // key.shape[1]
    key, value = key.repeat_interleave(share, 1), value.repeat_interleave(share, 1)
    scores = query @ key.transpose(2, 3) * (scaling or query.shape[-1] ** -0.5)
    if softcap is not None:
        scores = softcap * torch.tanh(scores / softcap)
    back = torch.arange(query.shape[2])[:, None] - torch.arange(key.shape[2])[None]
    seen = (back >= 0) & (back < (window or 1 << 30))
    return (scores.masked_fill(~seen, -torch.inf).softmax(-1) @ value).transpose(1, 2)


def attend(*parts: torch.Tensor, mask: torch.Tensor | None = None, **options: Any) -> torch.Tensor:
    query, key, value = parts
    found, weights = segment_attention(nn.Identity(), query, key, value, mask, **options)
    assert weights is None
    return found


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"scaling": 0.3},
        {"window": 4},
        {"window": 13},
        {"softcap": 2.0},
        {"softcap": 2.0, "window": 3},
    ],
)
def test_segment_attention_each_segment_equals_plain_attention(options: dict[str, Any]) -> None:
    parts = states()
    expected = torch.cat(
        [plain(*(one[:, :, a:b] for one in parts), **options) for a, b in Segments(EDGES).spans()],
        dim=1,
    )
    asked = {"sliding_window": options.get("window"), **options}
    found = attend(*parts, segments=Segments(EDGES), **asked)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


def test_segment_attention_changing_one_segment_leaves_the_others_alone() -> None:
    query, key, value = states()
    before = attend(query, key, value, segments=Segments(EDGES))
    changed = [one.clone() for one in (query, key, value)]
    for one in changed:
        one[:, :, 6:] += 1.0
    after = attend(*changed, segments=Segments(EDGES))
    assert torch.equal(before[:, :6], after[:, :6])
    assert not torch.equal(before[:, 6:], after[:, 6:])


def test_segment_attention_without_segments_is_one_example() -> None:
    parts = states()
    torch.testing.assert_close(attend(*parts), plain(*parts), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("window", [None, 6])
def test_segment_attention_decoding_equals_the_last_position(window: int | None) -> None:
    query, key, value = states()
    whole = attend(query, key, value, sliding_window=window)
    last = attend(query[:, :, -1:], key, value, sliding_window=window)
    torch.testing.assert_close(last[:, 0], whole[:, -1], rtol=1e-5, atol=1e-6)


def test_segment_attention_short_bf16_on_a_processor_is_close_to_exact() -> None:
    parts = states()
    exact = attend(*parts, segments=Segments(EDGES))
    rounded = attend(*(one.bfloat16() for one in parts), segments=Segments(EDGES))
    assert rounded.dtype == torch.bfloat16
    torch.testing.assert_close(rounded.float(), exact, rtol=0.03, atol=0.03)


def test_segment_attention_with_a_mask_is_refused() -> None:
    parts = states()
    with pytest.raises(ValueError, match="without a mask"):
        attend(*parts, mask=torch.zeros(1, 1, 19, 19))


def test_segment_attention_with_a_batch_is_refused() -> None:
    with pytest.raises(ValueError, match="one row"):
        attend(*(one.repeat(2, 1, 1, 1) for one in states()))


@pytest.mark.parametrize("block", [4, 1024])
@pytest.mark.parametrize("window", [None, 3])
def test_sinks_take_their_share_as_the_model_code_says(
    window: int | None, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reference is the form of transformers: what comes out times sigmoid(lse - sink)."""
    from transformers.models.granite_swa.modeling_granite_swa import eager_attention_forward

    monkeypatch.setattr(attention, "_BLOCK_TOKENS", block)
    sinks = torch.tensor([0.5, -1.0, 2.0, 0.0], dtype=torch.float64)
    module = nn.Module()
    module.sinks = nn.Parameter(sinks)
    vars(module)["num_key_value_groups"] = 2
    parts = tuple(one.double().requires_grad_() for one in states())
    found = attend(
        *parts, segments=Segments(EDGES), s_aux=sinks, sliding_window=window, scaling=0.3
    )
    expected: list[torch.Tensor] = []
    for start, stop in pairwise(EDGES):
        query, key, value = (one[:, :, start:stop] for one in parts)
        back = torch.arange(stop - start)[:, None] - torch.arange(stop - start)[None]
        seen = (back >= 0) & (back < (window or 1 << 30))
        mask = torch.zeros(seen.shape, dtype=torch.float64).masked_fill(~seen, -torch.inf)
        expected.append(eager_attention_forward(module, query, key, value, mask, scaling=0.3)[0])
    # The reference rounds its weights to 32 bits.
    torch.testing.assert_close(found, torch.cat(expected, dim=1), rtol=0, atol=1e-6)
    found.sum().backward()
    assert all(one.grad is not None and bool(one.grad.isfinite().all()) for one in parts)
