# SPDX-License-Identifier: Apache-2.0
"""Makes a tiny model folder into one that bitsandbytes packed, by the library's own code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from bitsandbytes.functional import QuantState, dequantize_4bit, quantize_4bit
from safetensors.torch import load_file, save_file

from tests.builders.model_folder import LINEARS

FILE = "model.safetensors"


def pack_folder(
    folder: Path,
    *,
    double: bool = True,
    form: str = "nf4",
    blocksize: int = 64,
    settings: dict[str, Any] | None = None,
) -> dict[str, torch.Tensor]:
    """Pack the decoder linears of a model folder in place, as `save_pretrained` writes them.

    Args:
        folder: With one safetensors file.
        double: Round the scales too.
        form: `nf4` or `fp4`.
        blocksize: Values that share a scale.
        settings: Changes to `quantization_config`; None leaves it as it should be.

    Returns:
        Every weight as bitsandbytes restores it.
    """
    weights: dict[str, torch.Tensor] = {}
    restored: dict[str, torch.Tensor] = {}
    for name, values in load_file(folder / FILE).items():
        weights[name] = restored[name] = values
        if name.split(".")[-2] in LINEARS and name.endswith(".weight"):
            packed, state = quantize_4bit(
                values, blocksize=blocksize, compress_statistics=double, quant_type=form
            )
            parts: dict[str, torch.Tensor] = state.as_dict(packed=True)
            weights[name] = packed
            weights |= {f"{name}.{part}": one.contiguous() for part, one in parts.items()}
            again = QuantState.from_dict(dict(parts), device=torch.device("cpu"))
            restored[name] = dequantize_4bit(packed, again)
    save_file(weights, folder / FILE, metadata={"format": "pt"})
    path = folder / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config["quantization_config"] = {
        "quant_method": "bitsandbytes",
        "load_in_4bit": True,
        "load_in_8bit": False,
        "bnb_4bit_quant_type": form,
        "bnb_4bit_use_double_quant": double,
        "bnb_4bit_compute_dtype": "bfloat16",
        "bnb_4bit_quant_storage": "uint8",
    } | (settings or {})
    path.write_text(json.dumps(config), encoding="utf-8")
    return restored
