# SPDX-License-Identifier: Apache-2.0
"""The adapter as peft writes and reads it: tensor names, file names, configuration."""

from __future__ import annotations

from collections.abc import Callable
from gettext import gettext as _
from pathlib import Path
from typing import Any

import msgspec
import torch

from engine.domain.adapter import AdapterShape
from engine.errors import CheckpointDamaged, DocumentDamaged
from engine.store import atomicfs
from engine.train.linear import MAGNITUDE
from engine.train.model import LanguageModel

WEIGHTS = "adapter_model.safetensors"
CONFIG = "adapter_config.json"
_PREFIX, _SUFFIX = "base_model.model.", ".weight"


def _saved_name(name: str) -> str:
    """Return what peft calls a part of the adapter; a magnitude is no module there."""
    return f"{_PREFIX}{name}" if name.endswith(MAGNITUDE) else f"{_PREFIX}{name}{_SUFFIX}"


def saved_tensors(model: LanguageModel) -> dict[str, torch.Tensor]:
    """Return what is trained of every layer, in 32 bits on the CPU, by the names that peft uses."""
    return {
        _saved_name(name): values.detach().to("cpu", torch.float32).contiguous()
        for name, values in model.trainable().items()
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


def write_tensors(path: Path, tensors: dict[str, torch.Tensor]) -> None:
    """Write a safetensors file inside a folder that `atomicfs.new_folder` commits."""
    from safetensors.torch import save

    with atomicfs.new_file(path) as stream:
        stream.write(save(tensors, metadata={"format": "pt"}))


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
        bias="none",
        fan_in_fan_out=is_transposed,
        inference_mode=True,
        base_model_name_or_path="",
    )
    # peft declares alpha as a whole number, but takes and writes a fraction as well.
    alpha = int(shape.alpha) if shape.alpha.is_integer() else shape.alpha
    values = {
        name: sorted(value) if isinstance(value, set) else value
        for name, value in sorted((config.to_dict() | {"lora_alpha": alpha}).items())
    }
    return msgspec.json.format(msgspec.json.encode(values), indent=2) + b"\n"


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
    with atomicfs.new_folder(target, replace=True) as folder:
        write_tensors(folder / WEIGHTS, saved_tensors(model))
        atomicfs.write_file(
            folder / CONFIG, _peft_config(model.adapter, is_transposed=model.is_transposed)
        )
        check(read_tensors(folder / WEIGHTS))
    return atomicfs.read_manifest(target).files[WEIGHTS].sha256


def read_shape(folder: Path) -> AdapterShape:
    """Read what kind of update an adapter folder holds.

    Raises:
        DocumentDamaged: Its configuration cannot be read.
    """
    try:
        config: dict[str, Any] = msgspec.json.decode((folder / CONFIG).read_bytes(), type=dict)
        return AdapterShape(
            rank=config["r"],
            alpha=float(config["lora_alpha"]),
            dropout_ratio=config["lora_dropout"],
            targets=tuple(config["target_modules"]),
            use_rslora=bool(config.get("use_rslora")),
            use_dora=bool(config.get("use_dora")),
        )
    except (OSError, msgspec.DecodeError, KeyError, TypeError, ValueError) as error:
        raise DocumentDamaged(
            _("{path} cannot be read.").format(path=folder / CONFIG), detail=str(error)
        ) from error
