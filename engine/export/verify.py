# SPDX-License-Identifier: Apache-2.0
"""Proves that exported files answer as the trained model does, before they get their name.

First every tensor is read back from disk and checked by itself; then the folder is loaded by plain
transformers and peft, and answers real prompts as the base model with the adapter does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from gettext import gettext as _
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open

from engine.errors import AdapterUnusable, ExportNotEqual, ModelInvalid
from engine.export import comparison, stock
from engine.export.base import (
    FLOATS,
    ModelTensors,
    one_thread,
    read_blocks,
    read_model_tensors,
    read_row_blocks,
)
from engine.export.comparison import Comparison
from engine.export.lora import WEIGHTS, LoraAdapter, brought_to, column_factors
from engine.export.packed_base import load_base
from engine.export.progress import Progress

_BITS = {torch.bfloat16: 8, torch.float16: 11, torch.float32: 24}
"""Significant bits, the implied one included (IEEE 754; bfloat16 is the upper half of binary32)."""

_SUM_RATIO = 2.0**-20
"""What the order of a sum may make in fp32, of the largest value."""

_NOISE_LENGTH = 1_000_003
"""Numbers of the shaking pattern; a prime, so that it falls differently on every row."""


# ------------------------------------------------------------------------------------ the adapter


def check_adapter_files(folder: Path, adapter: LoraAdapter) -> None:
    """Check that a folder holds the tensors of an adapter, bit for bit.

    Raises:
        ExportNotEqual: One differs, is missing or is too many.
    """
    try:
        with (
            safe_open(adapter.folder / WEIGHTS, framework="pt") as source,
            safe_open(folder / WEIGHTS, framework="pt") as copy,
        ):
            names = set(source.keys())
            odd = names ^ set(copy.keys())
            odd |= {
                name
                for name in names - odd
                if not torch.equal(source.get_tensor(name), copy.get_tensor(name))
            }
    except (OSError, SafetensorError) as error:
        raise _unequal(str(error)) from error
    if odd:
        raise _unequal(", ".join(sorted(odd)[:8]))


def verify_adapter(
    folder: Path,
    adapter: LoraAdapter,
    base: ModelTensors,
    *,
    prompts: Sequence[str],
    progress: Progress,
) -> Comparison:
    """Check that peft, given the exported folder, answers as W + scale * B @ A does.

    Args:
        folder: The exported adapter.
        adapter: What was trained.
        base: The base model.
        prompts: Texts to compare on; empty for built-in ones.
        progress: Counts two checks.

    Raises:
        ExportNotEqual: The answers differ by more than the order of a sum.
    """
    check_adapter_files(folder, adapter)
    tokens = stock.encode_prompts(base.folder, prompts)
    model = load_base(base, error=ModelInvalid)
    expected = stock.logits(
        model,
        tokens,
        poll=progress.poll,
        change=lambda name, w: adapter.applied(name, w) if name in adapter.shapes else w,
    )
    progress.add(1)
    tuned = stock.load_adapter(model, folder, adapter, error=ExportNotEqual)
    found = comparison.compare(expected, stock.logits(tuned, tokens, poll=progress.poll))
    progress.add(1)
    if not comparison.is_exact(found):
        raise _unequal(_numbers(found))
    return found


# ------------------------------------------------------------------------------- the merged model


def check_merged_files(
    folder: Path, adapter: LoraAdapter, base: ModelTensors, *, poll: Callable[[], None]
) -> None:
    """Read every tensor of a merged model from disk and check it against base and adapter.

    Tensors without an adapter equal the base's byte for byte; the others lie within one rounding of
    the exact sum and differ from the base. All are finite.

    Raises:
        ExportNotEqual: A tensor is not as it should be; the detail names it.
    """
    merged = read_model_tensors(folder)
    kinds = {name: (one.dtype, one.shape) for name, one in base.headers.items()}
    if kinds != {name: (one.dtype, one.shape) for name, one in merged.headers.items()}:
        raise _unequal("names, types or shapes of the tensors")
    for name in merged.headers:
        poll()
        module = base.module_of(name)
        if module in adapter.shapes:
            _check_changed(merged, base, name, adapter)
        else:
            _check_unchanged(merged, base, name)


def _check_unchanged(merged: ModelTensors, base: ModelTensors, name: str) -> None:
    copy, original = merged.headers[name], base.headers[name]
    with (
        (merged.folder / copy.file).open("rb") as new,
        (base.folder / original.file).open("rb") as old,
    ):
        for found, expected in zip(read_blocks(new, copy), read_blocks(old, original), strict=True):
            if found != expected:
                raise _unequal(f"{name} differs from the base model")
            if copy.dtype in FLOATS and not _is_finite(found, FLOATS[copy.dtype]):
                raise _unequal(f"{name} holds values that are not numbers")


def _is_finite(block: memoryview, dtype: torch.dtype) -> bool:
    return bool(torch.frombuffer(block, dtype=dtype).isfinite().all())


def _check_changed(
    merged: ModelTensors, base: ModelTensors, name: str, adapter: LoraAdapter
) -> None:
    """Check a merged weight in blocks of rows, by a sum of another order than the merge's."""
    copy, original = merged.headers[name], base.headers[name]
    module = base.module_of(name)
    b, a = adapter.matrices(module)
    lengths = adapter.row_lengths(module)
    factors = _column_factors(base, name, adapter)
    unit = 2.0 ** -_BITS[FLOATS[copy.dtype]]
    is_same = True
    with (
        (merged.folder / copy.file).open("rb") as new,
        (base.folder / original.file).open("rb") as old,
    ):
        for (first, found), (_first, before) in zip(
            read_row_blocks(new, copy), read_row_blocks(old, original), strict=True
        ):
            some = slice(first, first + len(found))
            exact = torch.addmm(before.float(), b[some], a, alpha=adapter.scale(module))
            exact = brought_to(exact, None if lengths is None else lengths[some])
            exact = exact if factors is None else exact * factors
            allowed = (unit + _SUM_RATIO) * exact.abs() + _SUM_RATIO * exact.abs().max()
            if not bool(((found.float() - exact).abs() <= allowed).all()):
                raise _unequal(f"{name} is not base + adapter")
            is_same = is_same and torch.equal(found, before)
    if is_same and b.any() and a.any():
        raise _erased(name, FLOATS[copy.dtype])


def _column_factors(base: ModelTensors, name: str, adapter: LoraAdapter) -> torch.Tensor | None:
    """Return what brings the columns of a transposed weight to their lengths, or None."""
    module, header = base.module_of(name), base.headers[name]
    wanted = adapter.column_lengths(module)
    if wanted is None:
        return None
    b, a = adapter.matrices(module)
    with (base.folder / header.file).open("rb") as stream:
        sums = (
            torch.addmm(rows.float(), b[first : first + len(rows)], a, alpha=adapter.scale(module))
            for first, rows in read_row_blocks(stream, header)
        )
        return column_factors(wanted, sums)


def _erased(name: str, dtype: torch.dtype) -> ExportNotEqual:
    return ExportNotEqual(
        _(
            "What was learned is too faint for a {bits}-bit merge: rounding erases it. "
            "Nothing was kept."
        ).format(bits=dtype.itemsize * 8),
        remedy=_("Export the adapter, which keeps every digit."),
        detail=name,
    )


def verify_merged(
    folder: Path,
    adapter: LoraAdapter,
    base: ModelTensors,
    *,
    prompts: Sequence[str],
    progress: Progress,
) -> Comparison:
    """Check that transformers, given the merged folder, answers as base + adapter in peft does.

    Args:
        folder: The merged model.
        adapter: What was trained.
        base: The base model.
        prompts: Texts to compare on; empty for built-in ones.
        progress: Counts four checks.

    Raises:
        ExportNotEqual: The answers differ by more than the rounding of the weights explains.
    """
    with one_thread():
        check_merged_files(folder, adapter, base, poll=progress.poll)
    progress.add(1)
    tokens = stock.encode_prompts(base.folder, prompts)
    if stock.encode_prompts(folder, prompts) != tokens:
        raise _unequal("the tokenizer")
    expected, shaken = _reference(adapter, base, tokens, progress)
    model = stock.load_model(folder, base.dtype, error=ExportNotEqual)
    answers = stock.logits(model, tokens, poll=progress.poll)
    progress.add(1)
    return _judge(expected, shaken, answers, is_rounded=_changed_bits(adapter, base) < 24)


def _changed_bits(adapter: LoraAdapter, base: ModelTensors) -> int:
    """Return the significant bits of the shortest weights that an adapter changes."""
    kinds = {base.headers[base.weight_of(module)].dtype for module in adapter.shapes}
    return min(_BITS[FLOATS[kind]] for kind in kinds)


def _reference(
    adapter: LoraAdapter, base: ModelTensors, tokens: Sequence[Sequence[int]], progress: Progress
) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """Return the logits of base + adapter in peft, and those of the same, shaken."""
    model = stock.load_model(base.folder, base.dtype, error=ModelInvalid)
    tuned = stock.load_adapter(model, adapter.folder, adapter, error=AdapterUnusable)
    expected = stock.logits(tuned, tokens, poll=progress.poll)
    progress.add(1)
    shaking = Shaking(bits=_changed_bits(adapter, base))
    shaken = stock.logits(tuned, tokens, poll=progress.poll, change=shaking.change)
    progress.add(1)
    return expected, shaken


def _judge(
    expected: list[torch.Tensor],
    shaken: list[torch.Tensor],
    answers: list[torch.Tensor],
    *,
    is_rounded: bool,
) -> Comparison:
    allowed = comparison.compare(expected, shaken)
    found = comparison.compare(
        expected, answers, undecided_below=comparison.undecided_below(allowed)
    )
    is_equal = comparison.is_rounded(found, allowed) if is_rounded else comparison.is_exact(found)
    if not is_equal:
        raise _unequal(_numbers(found) + f"; rounding explains mean_kl {allowed.mean_kl:.3g}")
    return found


class Shaking:
    """Moves the weights under an adapter by as much as one rounding to `bits` can.

    The distance of a number to its neighbour is at most 2**(1 - bits) of it, so rounding moves it
    by up to half of that either way; here by a random part, the same at every call.
    """

    def __init__(self, *, bits: int) -> None:
        """Draw the pattern."""
        generator = torch.Generator().manual_seed(0)
        noise = torch.rand(_NOISE_LENGTH, generator=generator) - 0.5
        self._factors = 1 + 2.0 ** (1 - bits) * noise

    def change(self, name: str, weight: torch.Tensor) -> torch.Tensor:
        """Return the fp32 weight to compute with; only adapted modules are shaken."""
        if not name.endswith(".base_layer"):
            return weight
        shaken = torch.empty_like(weight)
        source, target = weight.view(-1), shaken.view(-1)
        for start in range(0, len(source), _NOISE_LENGTH):
            part = source[start : start + _NOISE_LENGTH]
            torch.mul(part, self._factors[: len(part)], out=target[start : start + _NOISE_LENGTH])
        return shaken


# ---------------------------------------------------------------------------------------- words


def _numbers(found: Comparison) -> str:
    return (
        f"{found.prompts} prompts, {found.positions} positions: "
        f"max_logit_difference {found.max_logit_difference:.3g}, "
        f"top1_agreement_ratio {found.top1_agreement_ratio:.4f}, mean_kl {found.mean_kl:.3g}"
    )


def _unequal(detail: str) -> ExportNotEqual:
    return ExportNotEqual(
        _("The exported files do not equal the trained model. Nothing of them was kept."),
        detail=detail,
    )
