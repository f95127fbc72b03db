# SPDX-License-Identifier: Apache-2.0
"""A base model whose files are in 4 bits already, restored as bitsandbytes restores it.

An adapter can be checked on it. It cannot be merged into: the sum would have to be rounded to 4
bits again, which erases most of a fine-tune (peft issue 2321).
"""

from __future__ import annotations

from gettext import gettext as _

import torch
from bitsandbytes.functional import QuantState, dequantize_4bit
from transformers import AutoConfig, AutoModelForCausalLM

from engine.errors import EngineError, ModelInvalid
from engine.export import stock
from engine.export.base import FLOATS, ModelTensors, read_exactly, size_bytes
from engine.store.modelfolder import TensorHeader, safe_config
from engine.store.modelfolder_config import library_config
from engine.store.modelfolder_packed import PACKED

_BYTES = "U8"


def refuse_packed(base: ModelTensors) -> None:
    """Check that a base model is in 16 or 32 bits, so that an adapter can be merged into it.

    Raises:
        ModelInvalid: It is in 4 bits.
    """
    if base.is_packed:
        raise ModelInvalid(
            _(
                "The base model's own files are in 4 bits, so nothing can be merged into them: "
                "rounding the sum to 4 bits again would erase most of what was learned."
            ),
            remedy=_(
                "Export the adapter, or train on the 16-bit version of this model and merge there."
            ),
        )


def load_base(base: ModelTensors, *, error: type[EngineError]) -> torch.nn.Module:
    """Load a base model on the processor, for a check; a packed one in the type it stands for.

    Raises:
        EngineError: Of the given class: transformers refuses it or misses a weight.
    """
    if not base.is_packed:
        return stock.load_model(base.folder, base.dtype, error=error)
    config = AutoConfig.for_model(**library_config(safe_config(base.folder)))
    model = AutoModelForCausalLM.from_config(
        config, dtype=base.dtype, attn_implementation="eager"
    ).eval()
    weights = dict(model.named_parameters())
    missing = sorted(weights.keys() - base.headers.keys())
    if missing:
        raise error(
            _("The model lacks weights that transformers expects."), detail=str(missing[:8])
        )
    with torch.no_grad():
        for name, place in weights.items():
            place.copy_(_restored(base, base.headers[name]))
    return model


def _restored(base: ModelTensors, header: TensorHeader) -> torch.Tensor:
    if not header.parts:
        return _read(base, header)
    parts = {name: _read(base, one) for name, one in header.parts.items()}
    packed = parts.pop(PACKED)
    return dequantize_4bit(packed, QuantState.from_dict(parts, device=torch.device("cpu")))


def _read(base: ModelTensors, header: TensorHeader) -> torch.Tensor:
    with (base.folder / header.file).open("rb") as stream:
        stream.seek(header.offsets[0])
        content = read_exactly(stream, size_bytes(header))
    dtype = torch.uint8 if header.dtype == _BYTES else FLOATS[header.dtype]
    return torch.frombuffer(content, dtype=dtype).view(header.shape)
