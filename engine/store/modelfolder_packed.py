# SPDX-License-Identifier: Apache-2.0
"""Weights that a model folder holds in 4 bits already, in the form that bitsandbytes writes.

A packed weight W is several tensors: `W` (two values per byte), `W.absmax`, `W.quant_map`, with
double quantisation `W.nested_absmax` and `W.nested_quant_map`, and a small JSON text with shape and
block sizes as `W.quant_state.bitsandbytes__nf4` (bitsandbytes 0.50, `QuantState.as_dict`). Every
size is checked here, because the library's own code reads as far as that text says.
"""

from __future__ import annotations

import math
from gettext import gettext as _
from pathlib import Path
from typing import Any, cast

import msgspec

from engine.errors import ArchitectureUnsupported, FileUnreadable, ModelInvalid
from engine.store.modelfolder_json import parse_object
from engine.store.modelfolder_weights import WEIGHT_DTYPES, TensorHeader, read_headers

CONFIG_KEY = "quantization_config"
PACKED, ABSMAX, QUANT_MAP = "packed", "absmax", "quant_map"
NESTED_ABSMAX, NESTED_QUANT_MAP = "nested_absmax", "nested_quant_map"
STATE = "quant_state.bitsandbytes__nf4"
"""Names of the parts of a packed weight; all but the first stand behind the weight's name."""

_PLAIN_PARTS = (ABSMAX, QUANT_MAP)
_NESTED_PARTS = (NESTED_ABSMAX, NESTED_QUANT_MAP)
_OTHER_STATE = ".quant_state.bitsandbytes__"
_STATE_LIMIT_BYTES = 4096
_BLOCK_SIZES = (32, 64, 128, 256, 512, 1024, 2048, 4096)
_CODES = {name: code for code, name in WEIGHT_DTYPES.items()}
_NF4_LEVELS, _BYTE_LEVELS = 16, 256


class PackedState(msgspec.Struct, frozen=True, kw_only=True):
    """The JSON text of a packed weight.

    Attributes:
        quant_type: Always `nf4` here.
        blocksize: Values that share a scale.
        dtype: Number format that was packed, e.g. `bfloat16`.
        shape: Of the weight.
        nested_blocksize: Scales that share a scale of their own; None without double quantisation.
        nested_dtype: Number format of those.
        nested_offset: Mean of the scales, which was subtracted before they were rounded.
    """

    quant_type: str
    blocksize: int
    dtype: str
    shape: tuple[int, ...]
    nested_blocksize: int | None = None
    nested_dtype: str | None = None
    nested_offset: float | None = None


def accepts_quantisation(found: Any) -> bool:
    """Return whether an entry `quantization_config` describes weights in NF4 of bitsandbytes."""
    if not isinstance(found, dict):
        return False
    settings = cast("dict[str, Any]", found)
    return (
        settings.get("quant_method", "bitsandbytes") == "bitsandbytes"
        and settings.get("load_in_4bit", settings.get("_load_in_4bit")) is True
        and settings.get("bnb_4bit_quant_type") == "nf4"
        and settings.get("bnb_4bit_quant_storage", "uint8") == "uint8"
    )


def form_of(found: Any) -> str:
    """Return a few words for a quantised form that is not accepted; empty if it is unknown."""
    settings = cast("dict[str, Any]", found) if isinstance(found, dict) else {}
    if settings.get("quant_method", "bitsandbytes") != "bitsandbytes":
        return str(settings.get("quant_method"))[:40]
    if settings.get("load_in_8bit"):
        return _("8 bits of bitsandbytes")
    if settings.get("load_in_4bit"):
        return _("{form} of bitsandbytes").format(
            form=str(settings.get("bnb_4bit_quant_type", "fp4")).upper()[:20]
        )
    return ""


def read_weights(path: Path) -> dict[str, TensorHeader]:
    """Return the header of every weight of the model; the parts of a packed one are put together.

    A packed weight has the shape and the number format that it stands for, and its parts in
    `parts`. What lies in the files is in `modelfolder_weights.read_headers`.

    Args:
        path: The model's folder.

    Raises:
        UnsafeWeights: A file is a pickle or a zip archive, whatever its name.
        ModelInvalid: A header is not sound, or a packed weight is incomplete.
        ArchitectureUnsupported: Weights are quantised in a form that is not read.
        FileMissing: A file that the index names is not there.
    """
    return fold_packed(path, read_headers(path))


def fold_packed(path: Path, headers: dict[str, TensorHeader]) -> dict[str, TensorHeader]:
    """Put the parts of packed weights together; see `read_weights`."""
    found = dict(headers)
    for name in headers:
        weight, separator, form = name.partition(_OTHER_STATE)
        if not separator:
            continue
        if form != "nf4":
            raise _refused(weight, form)
        parts = _parts(weight, headers)
        found[weight] = _folded(weight, parts, _read_state(path, weight, parts[STATE]))
        for part in parts.keys() - {PACKED}:
            del found[f"{weight}.{part}"]
    return found


def _refused(weight: str, form: str) -> ArchitectureUnsupported:
    return ArchitectureUnsupported(
        _("{name} is quantised as {form}; Burnish reads NF4 and the 16-bit original.").format(
            name=weight[:80], form=form[:20]
        ),
        remedy=_("Get the 16-bit version of this model; Burnish makes it 4-bit itself."),
    )


def _parts(weight: str, headers: dict[str, TensorHeader]) -> dict[str, TensorHeader]:
    is_nested = f"{weight}.{NESTED_ABSMAX}" in headers
    names = {part: f"{weight}.{part}" for part in (STATE, *_PLAIN_PARTS)}
    names |= {part: f"{weight}.{part}" for part in _NESTED_PARTS if is_nested}
    names[PACKED] = weight
    missing = next((one for one in names.values() if one not in headers), None)
    if missing is not None:
        raise _unsound(weight, _("{part} is missing").format(part=missing[:100]))
    return {part: headers[one] for part, one in names.items()}


def _read_state(path: Path, weight: str, header: TensorHeader) -> PackedState:
    begin, end = header.offsets
    if header.dtype != "U8" or end - begin > _STATE_LIMIT_BYTES:
        raise _unsound(weight, _("its description is too long"))
    try:
        with (path / header.file).open("rb") as stream:
            stream.seek(begin)
            content = stream.read(end - begin)
    except OSError as error:
        raise FileUnreadable(
            _("{path} cannot be read.").format(path=path / header.file), detail=str(error)
        ) from error
    state = parse_object(content, name=f"{weight[:80]}.{STATE}")
    try:
        return msgspec.convert(state, PackedState)
    except msgspec.ValidationError as error:
        raise _unsound(weight, str(error)[:200]) from error


def _folded(weight: str, parts: dict[str, TensorHeader], state: PackedState) -> TensorHeader:
    """Return what a packed weight stands for, after checking that every part has its size."""
    _check_state(weight, state, is_nested=NESTED_ABSMAX in parts)
    values = math.prod(state.shape)
    scales = -(-values // state.blocksize)
    expected = {
        PACKED: ("U8", -(-values // 2)),
        ABSMAX: ("F32", scales),
        QUANT_MAP: ("F32", _NF4_LEVELS),
    }
    if state.nested_blocksize is not None:
        expected |= {
            ABSMAX: ("U8", scales),
            NESTED_ABSMAX: ("F32", -(-scales // state.nested_blocksize)),
            NESTED_QUANT_MAP: ("F32", _BYTE_LEVELS),
        }
    for part, (dtype, size) in expected.items():
        if (parts[part].dtype, parts[part].size) != (dtype, size):
            raise _unsound(weight, _("its part {part} has another size").format(part=part))
    packed = parts[PACKED]
    return TensorHeader(
        dtype=_CODES[state.dtype],
        shape=state.shape,
        file=packed.file,
        offsets=packed.offsets,
        parts=parts,
    )


def _check_state(weight: str, state: PackedState, *, is_nested: bool) -> None:
    if state.quant_type != "nf4":
        raise _refused(weight, state.quant_type)
    is_plain = state.blocksize in _BLOCK_SIZES and state.dtype in _CODES
    is_shape = len(state.shape) == 2 and all(0 < one < 1 << 31 for one in state.shape)
    offset, nested = state.nested_offset, state.nested_blocksize
    is_whole = (
        nested in _BLOCK_SIZES
        and state.nested_dtype == "float32"
        and offset is not None
        and math.isfinite(offset)
        if is_nested
        else nested is None
    )
    if not (is_plain and is_shape and is_whole):
        raise _unsound(weight, _("its description is not plausible"))


def _unsound(weight: str, reason: str) -> ModelInvalid:
    return ModelInvalid(
        _("The 4-bit weight {name} is not sound: {reason}.").format(
            name=weight[:80], reason=reason
        ),
        remedy=_("Get the model again, with all of its files."),
    )
