# SPDX-License-Identifier: Apache-2.0
"""Reads a LoRA adapter in peft's file format and applies it by plain arithmetic.

The arithmetic is Burnish's own, so that it can be compared with what peft computes from the same
files: W + scale * B @ A in fp32, rounded once to the type of W (Hu et al. 2021, arXiv 2106.09685;
scale with the square root of the rank where `use_rslora` is set, Kalajdzievski 2023, 2312.03732).
With `use_dora` each row of the sum is brought to its trained length (Liu et al. 2024, 2402.09353);
each column where the files hold the weight transposed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from gettext import gettext as _
from pathlib import Path
from typing import Any

import msgspec
import torch
from safetensors import SafetensorError, safe_open

from engine.domain.adapter import AdapterShape, Pattern
from engine.errors import AdapterUnusable
from engine.store.adapterfolder import CONFIG, WEIGHTS, odd_settings

_PREFIX = "base_model.model."
_A, _B, _MAGNITUDE = ".lora_A.weight", ".lora_B.weight", ".lora_magnitude_vector"


class LoraAdapter(msgspec.Struct, frozen=True, kw_only=True):
    """A checked adapter.

    Attributes:
        folder: Where its files are.
        config: adapter_config.json.
        shape: Ranks and alphas.
        shapes: By module path of the base model: (rows, columns) of the weight it changes.
        is_transposed: Those weights are stored as [in, out], as GPT-2's are.
    """

    folder: Path
    config: Mapping[str, Any]
    shape: AdapterShape
    shapes: Mapping[str, tuple[int, int]]
    is_transposed: bool = False

    def matrices(self, module: str) -> tuple[torch.Tensor, torch.Tensor]:
        """Return scale-free B [rows, rank] and A [rank, columns] of a module, fp32.

        Rows and columns are those of the stored weight: of one that is stored transposed, the
        update is (B A)^T = A^T B^T.
        """
        with safe_open(self.folder / WEIGHTS, framework="pt") as file:
            b = file.get_tensor(f"{_PREFIX}{module}{_B}")
            a = file.get_tensor(f"{_PREFIX}{module}{_A}")
        if self.is_transposed:
            return a.float().t().contiguous(), b.float().t().contiguous()
        return b.float(), a.float()

    def scale(self, module: str) -> float:
        """Return the factor on B @ A of a module."""
        return self.shape.scale_of(module)

    def row_lengths(self, module: str) -> torch.Tensor | None:
        """Return the trained lengths of a module's rows [rows], fp32, or None without DoRA.

        None, too, where the weight is stored transposed: then they are those of its columns.
        """
        return None if self.is_transposed else self._lengths(module)

    def column_lengths(self, module: str) -> torch.Tensor | None:
        """Return the trained lengths of a stored weight's columns [columns], fp32, or None."""
        return self._lengths(module) if self.is_transposed else None

    def _lengths(self, module: str) -> torch.Tensor | None:
        if not self.config.get("use_dora"):
            return None
        with safe_open(self.folder / WEIGHTS, framework="pt") as file:
            return file.get_tensor(f"{_PREFIX}{module}{_MAGNITUDE}").float()

    def applied(self, module: str, weight: torch.Tensor) -> torch.Tensor:
        """Return W + scale * B @ A for a whole weight [rows, columns], fp32, at its row lengths."""
        b, a = self.matrices(module)
        total = brought_to(weight.float() + self.scale(module) * (b @ a), self.row_lengths(module))
        wanted = self.column_lengths(module)
        return total if wanted is None else total * column_factors(wanted, [total])


def brought_to(rows: torch.Tensor, lengths: torch.Tensor | None) -> torch.Tensor:
    """Return rows [n, columns] at the given lengths [n], or as they are where there are none."""
    return rows if lengths is None else rows * (lengths / rows.norm(dim=1)).unsqueeze(1)


def column_factors(lengths: torch.Tensor, blocks: Iterable[torch.Tensor]) -> torch.Tensor:
    """Return what brings the columns of a matrix to given lengths [columns], fp32.

    Args:
        lengths: Wanted.
        blocks: The matrix in blocks of rows [n, columns], fp32; summed in 64 bits, so that the
            blocks do not show in the result.
    """
    squares = torch.zeros(lengths.shape, dtype=torch.float64)
    for block in blocks:
        squares += block.double().square().sum(dim=0)
    return (lengths.double() / squares.sqrt()).float()


def merged_rows(
    rows: torch.Tensor,
    b: torch.Tensor,
    a: torch.Tensor,
    *,
    scale: float,
    lengths: torch.Tensor | None = None,
    factors: torch.Tensor | None = None,
) -> torch.Tensor:
    """Return rows + scale * B @ A, summed in fp32 and rounded once to the type of the rows.

    Args:
        rows: Some rows of a weight, [n, columns].
        b: The same rows of B, [n, rank], fp32.
        a: All of A, [rank, columns], fp32.
        scale: Factor on the product.
        lengths: The trained lengths of these rows [n], fp32, or None without DoRA.
        factors: What brings the columns to their trained lengths [columns], fp32, or None.
    """
    total = b @ a
    total *= scale
    total += rows
    if factors is not None:
        total *= factors
    return brought_to(total, lengths).to(rows.dtype)


def read_adapter(folder: Path) -> LoraAdapter:
    """Read and check an adapter.

    Raises:
        AdapterUnusable: It is not a plain LoRA adapter, is damaged, or changes nothing.
    """
    config = _read_config(folder / CONFIG)
    shape = _read_shape(config)
    is_transposed, has_lengths = bool(config.get("fan_in_fan_out")), bool(config.get("use_dora"))
    shapes = _read_shapes(folder / WEIGHTS, shape, has_lengths=has_lengths)
    if is_transposed:
        shapes = {module: (columns, rows) for module, (rows, columns) in shapes.items()}
    return LoraAdapter(
        folder=folder,
        config=config,
        shape=shape,
        shapes=shapes,
        is_transposed=is_transposed,
    )


def _read_config(path: Path) -> dict[str, Any]:
    try:
        config: dict[str, Any] = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.DecodeError) as error:
        raise _unusable(_("{name} cannot be read.").format(name=path.name), str(error)) from error
    odd = odd_settings(config)
    if odd:
        raise _unexportable(odd)
    numbers = (config.get("r"), config.get("lora_alpha"))
    if not all(isinstance(one, int | float) and one > 0 for one in numbers):
        raise _unusable(_("The adapter does not say its rank and alpha."))
    return config


def _read_shape(config: Mapping[str, Any]) -> AdapterShape:
    """Return ranks and alphas; `config` is checked but for its patterns."""
    found: dict[str, Pattern] = {}
    for name in ("rank_pattern", "alpha_pattern"):
        values: Any = config.get(name) or {}
        if not _is_pattern(values):
            raise _unusable(_("The adapter does not say its rank and alpha."), name)
        found[name] = tuple((key, float(value)) for key, value in values.items())
    return AdapterShape(
        rank=config["r"],
        alpha=float(config["lora_alpha"]),
        dropout_ratio=0.0,
        targets=(),
        use_rslora=bool(config.get("use_rslora")),
        rank_pattern=found["rank_pattern"],
        alpha_pattern=found["alpha_pattern"],
    )


def _is_pattern(values: Any) -> bool:
    """Return whether values are positive numbers by regular expressions, as peft saves them."""
    try:
        return all(bool(re.compile(key)) and float(value) > 0 for key, value in values.items())
    except (AttributeError, TypeError, ValueError, re.error):
        return False


def _read_shapes(
    path: Path, shape: AdapterShape, *, has_lengths: bool
) -> dict[str, tuple[int, int]]:
    shapes: dict[str, tuple[int, int]] = {}
    is_empty = True
    try:
        with safe_open(path, framework="pt") as file:
            for module in _modules(set(file.keys()), has_lengths=has_lengths):
                a = file.get_tensor(f"{_PREFIX}{module}{_A}")
                b = file.get_tensor(f"{_PREFIX}{module}{_B}")
                _check_pair(module, b, a, shape.rank_of(module))
                if has_lengths:
                    _check_lengths(module, file.get_tensor(f"{_PREFIX}{module}{_MAGNITUDE}"), b)
                shapes[module] = (b.shape[0], a.shape[1])
                is_empty = is_empty and not (b.any() and a.any())
    except (OSError, SafetensorError) as error:
        raise _unusable(_("{name} cannot be read.").format(name=path.name), str(error)) from error
    if is_empty:
        raise _unusable(_("The adapter changes nothing: every value of it is zero."))
    return shapes


def _modules(names: set[str], *, has_lengths: bool) -> list[str]:
    """Return the modules that have both an A and a B, and row lengths where there are any."""
    modules = sorted(
        name.removeprefix(_PREFIX).removesuffix(_A) for name in names if name.endswith(_A)
    )
    ends = (_A, _B, _MAGNITUDE) if has_lengths else (_A, _B)
    expected = {f"{_PREFIX}{module}{end}" for module in modules for end in ends}
    odd = sorted(expected ^ names)
    if odd or not modules:
        raise _unusable(
            _("The tensors of the adapter are not pairs of A and B."), ", ".join(odd[:8])
        )
    return modules


def _check_lengths(module: str, lengths: torch.Tensor, b: torch.Tensor) -> None:
    if lengths.shape != b.shape[:1] or not lengths.isfinite().all():
        detail = f"{module}: B {tuple(b.shape)}, row lengths {tuple(lengths.shape)}"
        raise _unusable(_("The row lengths of the adapter do not fit its matrices."), detail)


def _check_pair(module: str, b: torch.Tensor, a: torch.Tensor, rank: int) -> None:
    detail = f"{module}: B {tuple(b.shape)}, A {tuple(a.shape)}, r = {rank}"
    if a.dim() != 2 or b.dim() != 2 or a.shape[0] != rank or b.shape[1] != rank:
        raise _unusable(_("The tensors of the adapter do not have the rank it states."), detail)
    if not (a.isfinite().all() and b.isfinite().all()):
        raise _unusable(_("The adapter holds values that are not numbers."), detail)


def _unusable(message: str, detail: str = "") -> AdapterUnusable:
    return AdapterUnusable(
        message,
        remedy=_("Export an earlier checkpoint of the run, or train again."),
        detail=detail,
    )


def _unexportable(names: list[str]) -> AdapterUnusable:
    return _unusable(
        _("The adapter uses settings that cannot be exported: {names}.").format(
            names=", ".join(names)
        )
    )
