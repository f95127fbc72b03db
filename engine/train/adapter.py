# SPDX-License-Identifier: Apache-2.0
"""The adapter as peft writes and reads it: tensor names, file names, configuration."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from gettext import gettext as _
from pathlib import Path
from typing import Any

import msgspec
import torch

from engine.domain.adapter import AdapterShape
from engine.errors import CheckpointDamaged, DocumentDamaged
from engine.store import atomicfs
from engine.store.safetensors_writer import TensorEntry
from engine.store.safetensors_writer import write_tensors as write_entries
from engine.train.device import free_unused, is_out_of_memory
from engine.train.linear import MAGNITUDE
from engine.train.model import LanguageModel
from engine.train.read_ahead import DTYPES

WEIGHTS = "adapter_model.safetensors"
CONFIG = "adapter_config.json"
_PREFIX, _SUFFIX = "base_model.model.", ".weight"
_CODES = {dtype: code for code, dtype in DTYPES.items()}
_ORDER = ("I64", "F64", "F32", "I32", "BF16", "F16", "I16", "I8", "U8", "BOOL")
"""That of safetensors: the wider first, so that each stands at a multiple of its own width."""

_BLOCK_BYTES, _SMALLEST_BLOCK_BYTES = 4 << 20, 4 << 10


def _saved_name(name: str) -> str:
    """Return what peft calls a part of the adapter; a magnitude is no module there."""
    return f"{_PREFIX}{name}" if name.endswith(MAGNITUDE) else f"{_PREFIX}{name}{_SUFFIX}"


def held_tensors(model: LanguageModel) -> dict[str, torch.Tensor]:
    """Return what is trained of every layer where and as it is held, by the names of peft."""
    return {_saved_name(name): values.detach() for name, values in model.trainable().items()}


def saved_tensors(model: LanguageModel) -> dict[str, torch.Tensor]:
    """Return what is trained of every layer, in 32 bits on the CPU, by the names that peft uses."""
    return {
        name: values.to("cpu", torch.float32).contiguous()
        for name, values in held_tensors(model).items()
    }


def put_tensors(model: LanguageModel, tensors: dict[str, torch.Tensor]) -> None:
    """Take over saved parts; strict both ways.

    Raises:
        CheckpointDamaged: A tensor is missing, unknown, or of another shape.
    """
    places = {_saved_name(name): values for name, values in model.trainable().items()}
    wrong = sorted(places.keys() ^ tensors.keys()) or sorted(
        name for name, values in tensors.items() if values.shape != places[name].shape
    )
    if wrong:
        raise CheckpointDamaged(
            _("The saved adapter does not fit this model and recipe: {names}.").format(
                names=", ".join(wrong[:3])
            )
        )
    with torch.no_grad():
        for name, values in tensors.items():
            places[name].copy_(values)


def read_tensors(path: Path) -> dict[str, torch.Tensor]:
    """Read a safetensors file into memory.

    Raises:
        DocumentDamaged: It is missing or not whole.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        return load(path.read_bytes())
    except (OSError, SafetensorError) as error:
        raise DocumentDamaged(
            _("{path} cannot be read.").format(path=path), detail=str(error)
        ) from error


def write_tensors(
    path: Path, tensors: Mapping[str, torch.Tensor], *, dtype: torch.dtype | None = None
) -> None:
    """Write a safetensors file inside a folder that `atomicfs.new_folder` commits.

    The file is the one that `safetensors.torch.save` makes, to the byte, but no more than a block
    of one tensor is ever copied into main memory; where even that is too much, half of it is.

    Args:
        path: Where; nothing may be there.
        tensors: By name, on any device.
        dtype: Number format in the file; None leaves each as it is.

    Raises:
        DiskFull: No room.
    """
    forms = {name: dtype or values.dtype for name, values in tensors.items()}
    names = sorted(tensors, key=lambda name: (_ORDER.index(_CODES[forms[name]]), name))
    entries = [
        TensorEntry(
            name=name,
            dtype=_CODES[forms[name]],
            shape=tuple(tensors[name].shape),
            size_bytes=tensors[name].numel() * forms[name].itemsize,
        )
        for name in names
    ]
    room = _Room()
    write_entries(path, entries, lambda one: room.blocks(tensors[one.name], forms[one.name]))


class _Room:
    """How much of a tensor is moved into main memory at a time: less, once that was too much."""

    def __init__(self) -> None:
        self._bytes = _BLOCK_BYTES

    def blocks(self, values: torch.Tensor, dtype: torch.dtype) -> Iterator[memoryview]:
        """Yield the content of a tensor.

        Raises:
            RuntimeError, MemoryError: There is no room for the smallest block either.
        """
        flat, done = values.reshape(-1), 0
        while done < len(flat):
            part = flat[done : done + max(1, self._bytes // dtype.itemsize)]
            block = _moved(part, dtype, is_last=self._bytes <= _SMALLEST_BLOCK_BYTES)
            if block is None:
                # Only here, where the error and all that it held are gone.
                free_unused(values.device)
                self._bytes //= 2
                continue
            done += len(block)
            yield block.view(torch.uint8).numpy().data


def _moved(part: torch.Tensor, dtype: torch.dtype, *, is_last: bool) -> torch.Tensor | None:
    """Return some values in main memory, or None where they do not fit and fewer may."""
    try:
        return part.to("cpu", dtype)
    except (RuntimeError, MemoryError) as error:
        if is_last or not is_out_of_memory(error):
            raise
        return None


def _peft_config(shape: AdapterShape, *, is_transposed: bool) -> bytes:
    """Return adapter_config.json; no path of this computer is in it."""
    from peft import LoraConfig, TaskType

    config = LoraConfig(
        task_type=TaskType.CAUSAL_LM,
        r=shape.rank,
        lora_dropout=shape.dropout_ratio,
        target_modules=list(shape.targets),
        use_rslora=shape.use_rslora,
        use_dora=shape.use_dora,
        rank_pattern={key: int(value) for key, value in shape.rank_pattern},
        alpha_pattern={key: _alpha(value) for key, value in shape.alpha_pattern},
        bias="none",
        fan_in_fan_out=is_transposed,
        inference_mode=True,
        base_model_name_or_path="",
    )
    values = {
        name: sorted(value) if isinstance(value, set) else value
        for name, value in sorted((config.to_dict() | {"lora_alpha": _alpha(shape.alpha)}).items())
    }
    return msgspec.json.format(msgspec.json.encode(values), indent=2) + b"\n"


def _alpha(value: float) -> Any:
    """Return an alpha as it is saved: peft declares a whole number, but takes a fraction too."""
    return int(value) if value.is_integer() else value


def commit_adapter(
    target: Path, model: LanguageModel, check: Callable[[dict[str, torch.Tensor]], None]
) -> str:
    """Write the adapter folder, replacing an older one; return the SHA-256 of its weights.

    Args:
        target: Where; an older adapter stays there until the new one is found fit.
        model: Whose adapter.
        check: Called with the weights as they read back; what it raises keeps the old adapter.

    Raises:
        DiskFull: No room.
        ModelChanged: The base model's files were written to meanwhile.
        ValueError: The model has no adapter.
    """
    model.check_unchanged()
    if model.adapter is None:
        raise ValueError("the model has no adapter")
    weights = held_tensors(model)
    needed = sum(4 * one.numel() for one in weights.values())
    with atomicfs.new_folder(target, replace=True, needed_bytes=needed) as folder:
        write_tensors(folder / WEIGHTS, weights, dtype=torch.float32)
        atomicfs.write_file(
            folder / CONFIG, _peft_config(model.adapter, is_transposed=model.is_transposed)
        )
        check(read_tensors(folder / WEIGHTS))
    return atomicfs.read_manifest(target).files[WEIGHTS].sha256
