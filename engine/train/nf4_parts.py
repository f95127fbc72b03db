# SPDX-License-Identifier: Apache-2.0
"""A weight in 4 bits as the tensors that stand for it in a safetensors file, and back.

The form is that of bitsandbytes (`engine.store.modelfolder_packed`), so that folders which others
packed and the cache of Burnish are read by the same code. Both ways are exact to the bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec
import torch

from engine.store.modelfolder_packed import (
    ABSMAX,
    NESTED_ABSMAX,
    NESTED_QUANT_MAP,
    PACKED,
    QUANT_MAP,
    STATE,
    PackedState,
)
from engine.train.nf4 import PackedWeight

if TYPE_CHECKING:
    from bitsandbytes.functional import QuantState


def join_parts(parts: Mapping[str, torch.Tensor], *, dtype: torch.dtype) -> PackedWeight:
    """Return the weight that parts stand for, on the device where they are.

    Args:
        parts: As `fold_packed` checked them, by name.
        dtype: Number format that the weight is restored to for computing.
    """
    from bitsandbytes.functional import QuantState

    described = msgspec.json.decode(parts[STATE].cpu().numpy().tobytes(), type=PackedState)
    inner, offset = None, None
    if described.nested_blocksize is not None and described.nested_offset is not None:
        inner = QuantState(
            absmax=parts[NESTED_ABSMAX],
            blocksize=described.nested_blocksize,
            code=parts[NESTED_QUANT_MAP],
            dtype=torch.float32,
        )
        offset = torch.tensor(described.nested_offset, device=parts[PACKED].device)
    state = QuantState(
        absmax=parts[ABSMAX],
        shape=torch.Size(described.shape),
        dtype=dtype,
        blocksize=described.blocksize,
        code=parts[QUANT_MAP],
        quant_type="nf4",
        offset=offset,
        state2=inner,
    )
    return PackedWeight(parts[PACKED], state)


def split_parts(weight: PackedWeight, *, dtype: torch.dtype) -> dict[str, torch.Tensor]:
    """Return the parts of a weight by name; those that have memory share it.

    Args:
        weight: The weight.
        dtype: Number format that is named in the description.
    """
    state = weight.state
    parts = {PACKED: weight.packed, ABSMAX: state.absmax, QUANT_MAP: state.code}
    described: dict[str, Any] = {
        "quant_type": "nf4",
        "blocksize": state.blocksize,
        "dtype": str(dtype).removeprefix("torch."),
        "shape": tuple(state.shape or ()),
    }
    inner: QuantState | None = state.state2
    if inner is not None and state.offset is not None:
        parts |= {NESTED_ABSMAX: inner.absmax, NESTED_QUANT_MAP: inner.code}
        described |= {
            "nested_blocksize": inner.blocksize,
            "nested_dtype": "float32",
            "nested_offset": state.offset.item(),
        }
    text = bytearray(msgspec.json.encode(described))
    return parts | {STATE: torch.frombuffer(text, dtype=torch.uint8)}
