# SPDX-License-Identifier: Apache-2.0
"""The kernel of packed rows gets what its version takes, and is used only where it is right.

The kernel itself runs on NVIDIA cards only (tests/gpu); here one written out takes its place.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import torch

from engine.train import varlen
from engine.train.attention import Segments
from engine.train.varlen import PackedEdges, VarlenKernel, choose_kernel, find_kernel, largest_gap
from tests.unit.train.test_attention import EDGES, attend, states

CPU = torch.device("cpu")


def written_out(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, edges: torch.Tensor,
    *, scale: float | None, back: int,
) -> torch.Tensor:  # fmt: skip
    """Causal attention inside each example, [T, heads, width]; sees `back` tokens back, -1 all."""
    parts: list[torch.Tensor] = []
    for start, stop in pairwise(edges.tolist()):
        q, k, v = (one[start:stop].transpose(0, 1).float() for one in (query, key, value))
        scores = q @ k.transpose(1, 2) * (scale or query.shape[-1] ** -0.5)
        away = torch.arange(stop - start)[:, None] - torch.arange(stop - start)[None]
        seen = (away >= 0) & ((away <= back) if back >= 0 else True)
        weights = scores.masked_fill(~seen, -torch.inf).softmax(-1)
        parts.append((weights @ v).transpose(0, 1))
    return torch.cat(parts).to(query.dtype)


def of_torch_2_10(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, cu_seq_q: torch.Tensor,
    cu_seq_k: torch.Tensor, max_q: int, max_k: int, is_causal: bool = False,
) -> torch.Tensor:  # fmt: skip
    assert is_causal
    assert max_q == max_k == 13
    assert torch.equal(cu_seq_q, cu_seq_k)
    assert query.shape == key.shape
    return written_out(query, key, value, cu_seq_q, scale=None, back=-1)


def of_torch_2_11(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, cu_seq_q: torch.Tensor,
    cu_seq_k: torch.Tensor, max_q: int, max_k: int, *, scale: float | None = None,
    window_size: tuple[int, int] = (-1, -1),
) -> torch.Tensor:  # fmt: skip
    del cu_seq_k, max_q, max_k
    assert query.shape == key.shape
    assert window_size[1] == 0
    return written_out(query, key, value, cu_seq_q, scale=scale, back=window_size[0])


def of_torch_2_12(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, cu_seq_q: torch.Tensor,
    cu_seq_k: torch.Tensor, max_q: int, max_k: int, *, scale: float | None = None,
    window_size: tuple[int, int] = (-1, -1), enable_gqa: bool = False,
) -> torch.Tensor:  # fmt: skip
    del cu_seq_k, max_q, max_k
    assert enable_gqa
    share = query.shape[1] // key.shape[1]
    key, value = (one.repeat_interleave(share, dim=1) for one in (key, value))
    return written_out(query, key, value, cu_seq_q, scale=scale, back=window_size[0])


NEWEST = frozenset({"window_size", "scale", "enable_gqa"})
VERSIONS = [of_torch_2_10, of_torch_2_11, of_torch_2_12]


def kernel_of(call: Callable[..., Any]) -> VarlenKernel:
    code = call.__code__
    count = code.co_argcount + code.co_kwonlyargcount
    return VarlenKernel(call=call, names=frozenset(code.co_varnames[:count]))


def packed() -> Segments:
    cumulative = torch.tensor(EDGES, dtype=torch.int32)
    return Segments(EDGES, PackedEdges(cumulative=cumulative, longest=13))


@pytest.mark.parametrize("call", VERSIONS)
@pytest.mark.parametrize("options", [{}, {"scaling": 0.3}])
def test_kernel_of_every_version_equals_attention_segment_by_segment(
    call: Callable[..., Any], options: dict[str, Any]
) -> None:
    parts = [one.bfloat16() for one in states()]
    expected = attend(*parts, segments=Segments(EDGES), **options)
    found = attend(*parts, segments=packed(), varlen=kernel_of(call), **options)
    torch.testing.assert_close(found, expected, rtol=0.02, atol=0.02)


@pytest.mark.parametrize("call", VERSIONS[1:])
@pytest.mark.parametrize("window", [1, 4, 13])
def test_kernel_sees_as_far_back_as_the_window_says(call: Callable[..., Any], window: int) -> None:
    parts = [one.bfloat16() for one in states()]
    expected = attend(*parts, segments=Segments(EDGES), sliding_window=window)
    found = attend(*parts, segments=packed(), varlen=kernel_of(call), sliding_window=window)
    torch.testing.assert_close(found, expected, rtol=0.02, atol=0.02)


@pytest.mark.parametrize(
    ("dtype", "width", "options"),
    [
        (torch.float32, 8, {}),
        (torch.bfloat16, 12, {}),
        (torch.bfloat16, 264, {}),
        (torch.bfloat16, 8, {"dropout": 0.1}),
        (torch.bfloat16, 8, {"softcap": 5.0}),
        (torch.bfloat16, 8, {"sliding_window": 4}),
    ],
)
def test_what_a_kernel_cannot_do_goes_segment_by_segment(
    dtype: torch.dtype, width: int, options: dict[str, Any]
) -> None:
    def never(*_args: object, **_named: object) -> None:
        raise AssertionError("the kernel was called")

    parts = [one.to(dtype) for one in states(width=width)]
    kernel = VarlenKernel(call=never, names=frozenset({"is_causal"}))
    found = attend(*parts, segments=packed(), varlen=kernel, **options)
    assert found.shape == (1, 19, 4, width)


def test_kernel_of_the_installed_torch_is_found_with_its_parameters() -> None:
    kernel = find_kernel()
    assert kernel is not None
    assert {"cu_seq_q", "max_q"} <= kernel.names
    assert kernel.names & {"is_causal", "window_size"}


def test_on_a_processor_no_kernel_is_chosen_and_the_reason_says_so() -> None:
    kernel, choice = choose_kernel(CPU, torch.bfloat16, head_width=64)
    assert kernel is None
    assert choice.value == "segments"
    assert "processor" in choice.reason


def one_token_too_far(*args: Any, window_size: tuple[int, int], **named: Any) -> torch.Tensor:
    """Count a window without the token itself, as some versions of a kernel might."""
    back = window_size[0] + 1 if window_size[0] >= 0 else -1
    return of_torch_2_12(*args, window_size=(back, 0), **named)


def unscaled(*args: Any, scale: float | None, **named: Any) -> torch.Tensor:
    """Take no notice of the scale of the scores."""
    del scale
    return of_torch_2_12(*args, **named)


@pytest.mark.parametrize(
    ("call", "value", "word"),
    [
        (of_torch_2_12, "varlen", "tried"),
        (unscaled, "segments", "off by"),
        (lambda query, *_args, **_named: query * 1.0, "segments", "off by"),
        (None, "segments", "does not run"),
    ],
)
def test_kernel_is_chosen_only_if_its_numbers_are_right(
    call: Callable[..., Any] | None, value: str, word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_args: object, **_named: object) -> None:
        raise RuntimeError("no image for this card")

    kernel = VarlenKernel(call=call or refuse, names=NEWEST)
    monkeypatch.setattr(varlen, "find_kernel", lambda: kernel)
    monkeypatch.setattr(varlen, "_why_not", lambda *_args: "")
    found, choice = choose_kernel(CPU, torch.bfloat16, head_width=16)
    assert choice.value == value
    assert (found is kernel) == (value == "varlen")
    assert word in choice.reason


def no_windows_here(*args: Any, window_size: tuple[int, int], **named: Any) -> torch.Tensor:
    """Refuse windows, as a version might whose backward pass has none."""
    if window_size[0] >= 0:
        raise RuntimeError("windows are not supported")
    return of_torch_2_12(*args, window_size=window_size, **named)


@pytest.mark.parametrize("call", [one_token_too_far, no_windows_here])
def test_kernel_that_is_wrong_in_windows_alone_serves_layers_without(
    call: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel = VarlenKernel(call=call, names=NEWEST)
    monkeypatch.setattr(varlen, "find_kernel", lambda: kernel)
    monkeypatch.setattr(varlen, "_why_not", lambda *_args: "")
    found, choice = choose_kernel(CPU, torch.bfloat16, head_width=16)
    assert found is not None
    query = torch.zeros(1, 4, 3, 16, dtype=torch.bfloat16)
    assert found.can(query, window=None, dropout=0.0)
    assert not found.can(query, window=2, dropout=0.0)
    assert choice.value == "varlen"
    assert "sliding window" in choice.reason


def test_kernel_without_windows_of_its_own_is_told_to_be_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def of_any_length(
        query: Any, key: Any, value: Any, edges: Any, *_rest: Any, is_causal: bool
    ) -> Any:
        assert is_causal
        return written_out(query, key, value, edges, scale=None, back=-1)

    kernel = VarlenKernel(call=of_any_length, names=frozenset({"is_causal"}))
    monkeypatch.setattr(varlen, "find_kernel", lambda: kernel)
    monkeypatch.setattr(varlen, "_why_not", lambda *_args: "")
    _found, choice = choose_kernel(CPU, torch.bfloat16, head_width=16)
    assert "sliding window" in choice.reason


def test_largest_gap_also_looks_at_gradients() -> None:
    class Wrong(torch.autograd.Function):
        """The right output with a gradient that is not."""

        @staticmethod
        def forward(ctx: Any, values: torch.Tensor) -> torch.Tensor:
            return values.clone()

        @staticmethod
        def backward(ctx: Any, *gradients: torch.Tensor) -> torch.Tensor:
            return gradients[0] * 2

    def wrong(*args: Any, **named: Any) -> torch.Tensor:
        return Wrong.apply(of_torch_2_12(*args, **named))

    names = frozenset({"window_size", "scale", "enable_gqa"})
    right = VarlenKernel(call=of_torch_2_12, names=names)
    assert largest_gap(right, CPU, torch.bfloat16, head_width=16) < 0.05
    assert (
        largest_gap(VarlenKernel(call=wrong, names=names), CPU, torch.bfloat16, head_width=16) > 1
    )


@pytest.mark.parametrize("options", [{"softcap": 2.0}, {"softcap": 2.0, "sliding_window": 7}])
def test_long_examples_in_blocks_equal_one_block_with_their_gradients(
    options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[list[torch.Tensor]] = []
    for size in (1024, 5):
        monkeypatch.setattr("engine.train.attention._BLOCK_TOKENS", size)
        parts = [one.double().requires_grad_() for one in states()]
        out = attend(*parts, **options)
        out.square().sum().backward()
        found.append([out.detach(), *(one.grad for one in parts if one.grad is not None)])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


def test_long_capped_examples_keep_no_square_of_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.train.attention._BLOCK_TOKENS", 16)
    parts = [one.requires_grad_() for one in states(256)]
    sizes: list[int] = []

    def note(values: torch.Tensor) -> torch.Tensor:
        sizes.append(values.numel())
        return values

    with torch.autograd.graph.saved_tensors_hooks(note, lambda values: values):
        attend(*parts, softcap=2.0)
    assert sum(sizes) < 4 * 256 * 256
