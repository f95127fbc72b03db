# SPDX-License-Identifier: Apache-2.0
"""The safetensors files of a foreign model folder, checked by our own code before any library.

A safetensors file is an 8-byte little-endian length, a JSON header of that length, and the tensors
one after another without gaps (https://github.com/huggingface/safetensors, "Format").
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from gettext import gettext as _
from pathlib import Path
from typing import Any, cast

import msgspec

from engine.errors import ArchitectureUnsupported, FileUnreadable, ModelInvalid, UnsafeWeights
from engine.store.modelfolder_json import MEBIBYTE, parse_object, read_object, size_of

SINGLE, INDEX = "model.safetensors", "model.safetensors.index.json"
_LENGTH_BYTES = 8
_HEADER_LIMIT_BYTES = 100 * MEBIBYTE
_SMALL_HEADER_BYTES, _HEADER_SHARE = 16 * MEBIBYTE, 0.01
_TENSOR_LIMIT, _DIMENSION_LIMIT, _NAME_LIMIT = 200_000, 8, 512
_INDEX_LIMIT_BYTES = 64 * MEBIBYTE
_ITEM_BYTES = {
    "F64": 8,
    "F32": 4,
    "F16": 2,
    "BF16": 2,
    "I64": 8,
    "I32": 4,
    "I16": 2,
    "I8": 1,
    "U64": 8,
    "U32": 4,
    "U16": 2,
    "U8": 1,
    "BOOL": 1,
}
_QUANTISED = ("F8_E4M3", "F8_E5M2", "F8_E8M0", "F4", "F6_E2M3", "F6_E3M2")
WEIGHT_DTYPES = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}
"""Number formats that weights may have, by their name in the files."""

_UNSAFE_SUFFIXES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".npy", ".msgpack", ".h5")
_ZIP, _TAR_AT = b"PK\x03\x04", 257
_BINARY_PICKLE = re.compile(rb"\x80[\x02-\x05]")
_TEXT_PICKLE = re.compile(rb"[(\]}]*[ci][A-Za-z_][\w.]*\r?\n[A-Za-z_]\w*\r?\n")


class TensorHeader(msgspec.Struct, frozen=True, kw_only=True):
    """Where one tensor stands, by the header of its file.

    Attributes:
        dtype: Number format as the file names it, e.g. `BF16`.
        shape: Its dimensions.
        file: Name of the file in the model's folder.
        offsets: First byte and the byte after the last, from the start of the file.
        parts: Of a weight that the files hold in 4 bits: the tensors that it is made of.
    """

    dtype: str
    shape: tuple[int, ...]
    file: str
    offsets: tuple[int, int]
    parts: dict[str, TensorHeader] = {}

    @property
    def size(self) -> int:
        """Return the number of values."""
        return math.prod(self.shape)


def weight_files(path: Path) -> tuple[str, ...]:
    """Return the names of the safetensors files that make up the model, in order.

    Raises:
        UnsafeWeights: There are weights only in a form that can run code.
        ModelInvalid: There are no weights, or the index is not sound.
        FileMissing: A file that the index names is not there.
    """
    if (path / INDEX).exists():
        return tuple(sorted(set(_weight_map(path).values())))
    if (path / SINGLE).exists():
        return (SINGLE,)
    raise _no_weights(path)


def read_headers(path: Path) -> dict[str, TensorHeader]:
    """Return the header of every tensor of the model, after checking every file.

    Args:
        path: The model's folder.

    Raises:
        UnsafeWeights: A file is a pickle or a zip archive, whatever its name.
        ModelInvalid: A header is not sound; the message names the file and what is wrong.
        ArchitectureUnsupported: The weights are already quantised.
        FileMissing: A file that the index names is not there.
    """
    files = weight_files(path)
    found: dict[str, TensorHeader] = {}
    for file in files:
        for name, header in read_file_headers(path / file).items():
            if name in found:
                raise ModelInvalid(
                    _("The tensor {name} is in {first} and again in {second}.").format(
                        name=name, first=found[name].file, second=file
                    )
                )
            found[name] = header
    if (path / INDEX).exists():
        _compare_with_index(found, _weight_map(path))
    return found


def unsafe_files(path: Path) -> tuple[str, ...]:
    """Return the names of files whose form can run code when it is read; they are never opened."""
    return tuple(
        sorted(one.name for one in path.iterdir() if one.suffix.lower() in _UNSAFE_SUFFIXES)
    )


def _no_weights(path: Path) -> UnsafeWeights | ModelInvalid:
    unsafe = unsafe_files(path)
    others = sorted(one.name for one in path.glob("*.safetensors"))
    if unsafe and not others:
        return UnsafeWeights(
            _(
                "The folder holds weights only as {name}, a form that can run code when it is "
                "loaded. Nothing of it was opened."
            ).format(name=unsafe[0])
        )
    if others:
        return ModelInvalid(
            _("The folder has {other}, but neither {single} nor {index}.").format(
                other=others[0], single=SINGLE, index=INDEX
            )
        )
    return ModelInvalid(
        _("The folder holds no weights: {single} is missing.").format(single=SINGLE)
    )


def _weight_map(path: Path) -> dict[str, str]:
    index = read_object(path / INDEX, limit_bytes=_INDEX_LIMIT_BYTES)
    found: Any = index.get("weight_map")
    if not isinstance(found, dict) or not found:
        raise ModelInvalid(_("{index} has no weight_map.").format(index=INDEX))
    for file in cast("dict[str, Any]", found).values():
        is_plain = isinstance(file, str) and Path(file).name == file and "\\" not in file
        if not is_plain or not file.endswith(".safetensors") or ":" in file:
            raise ModelInvalid(
                _("{index} names {file}, which is not a safetensors file of this folder.").format(
                    index=INDEX, file=str(file)[:80]
                )
            )
    return cast("dict[str, str]", found)


def _compare_with_index(found: dict[str, TensorHeader], where: dict[str, str]) -> None:
    for name, file in where.items():
        if name not in found or found[name].file != file:
            raise ModelInvalid(
                _("{index} says that {name} is in {file}, but it is not there.").format(
                    index=INDEX, name=name[:80], file=file
                )
            )


def read_file_headers(path: Path) -> dict[str, TensorHeader]:
    """Return the header of every tensor of one safetensors file, after checking the file.

    Raises:
        UnsafeWeights: It is a pickle or a zip archive, whatever its name.
        ModelInvalid: It is not sound; the message says what is wrong.
        ArchitectureUnsupported: It holds numbers in 8 bits or fewer.
        FileMissing: It is not there.
    """
    size = size_of(path)
    try:
        with path.open("rb") as stream:
            start = stream.read(_LENGTH_BYTES + 512)
            length = int.from_bytes(start[:_LENGTH_BYTES], "little")
            _check_start(path.name, start, length, size)
            stream.seek(_LENGTH_BYTES)
            content = stream.read(length)
    except OSError as error:
        raise FileUnreadable(
            _("{path} cannot be read.").format(path=path), detail=str(error)
        ) from error
    entries = parse_object(content, name=path.name)
    entries.pop("__metadata__", None)
    if len(entries) > _TENSOR_LIMIT:
        raise _unsound(path.name, _("it names {count} tensors").format(count=len(entries)))
    body = _LENGTH_BYTES + length
    found = {name: _header(path.name, name, entry, body) for name, entry in entries.items()}
    _check_contiguous(path.name, list(found.values()), body, size)
    return found


def _check_start(file: str, start: bytes, length: int, size: int) -> None:
    limit = min(_HEADER_LIMIT_BYTES, max(_SMALL_HEADER_BYTES, int(size * _HEADER_SHARE)))
    is_plausible = 2 <= length <= min(limit, size - _LENGTH_BYTES)
    if is_plausible and start[_LENGTH_BYTES : _LENGTH_BYTES + 1] == b"{":
        return
    form = _unsafe_form(start)
    if form:
        raise UnsafeWeights(
            _(
                "{file} is named safetensors but is {form}, which can run code when it is loaded. "
                "It was not loaded."
            ).format(file=file, form=form)
        )
    if size < _LENGTH_BYTES + 2:
        raise _unsound(file, _("it is only {size} bytes long").format(size=size))
    raise _unsound(file, _("it claims a header of {length} bytes").format(length=length))


def _unsafe_form(start: bytes) -> str:
    if start.startswith(_ZIP):
        return _("a zip archive")
    if start[_TAR_AT : _TAR_AT + 5] == b"ustar":
        return _("a tar archive")
    if _BINARY_PICKLE.match(start) or _TEXT_PICKLE.match(start):
        return _("a Python pickle")
    return ""


def _unsound(file: str, reason: str) -> ModelInvalid:
    return ModelInvalid(
        _("{file} is not a sound safetensors file: {reason}.").format(file=file, reason=reason),
        remedy=_("Get this file again; it may be incomplete."),
    )


def _header(file: str, name: str, entry: Any, body: int) -> TensorHeader:
    """Check one entry of a header; `body` is where the tensors begin in the file."""
    label = name[:80]
    if not isinstance(entry, dict) or len(name) > _NAME_LIMIT:
        raise _unsound(file, _("its entry {name} is not a tensor").format(name=label))
    values = cast("dict[str, Any]", entry)
    dtype = _dtype(file, label, values.get("dtype"))
    shape, offsets = _sizes(values.get("shape")), _sizes(values.get("data_offsets"))
    if shape is None:
        raise _unsound(file, _("{name} has an impossible shape").format(name=label))
    if offsets is None or len(offsets) != 2 or offsets[0] > offsets[1]:
        raise _unsound(file, _("{name} has impossible offsets").format(name=label))
    if math.prod(shape) * _ITEM_BYTES[dtype] != offsets[1] - offsets[0]:
        raise _unsound(
            file, _("the size of {name} does not follow from its shape").format(name=label)
        )
    return TensorHeader(
        dtype=dtype, shape=shape, file=file, offsets=(body + offsets[0], body + offsets[1])
    )


def _dtype(file: str, label: str, value: Any) -> str:
    if isinstance(value, str) and value in _QUANTISED:
        raise ArchitectureUnsupported(
            _(
                "The model is already quantised ({name} is {dtype} in {file}); "
                "Burnish needs the 16-bit original."
            ).format(name=label, dtype=value, file=file)
        )
    if not isinstance(value, str) or value not in _ITEM_BYTES:
        raise _unsound(
            file,
            _("{name} has the unknown number format {dtype}").format(
                name=label, dtype=str(value)[:20]
            ),
        )
    return value


def _sizes(value: Any) -> tuple[int, ...] | None:
    """Return a short list of plausible sizes as a tuple, or None where it is not one."""
    if not isinstance(value, list):
        return None
    items = cast("list[Any]", value)
    is_sound = len(items) <= _DIMENSION_LIMIT and all(
        type(one) is int and 0 <= one < 1 << 48 for one in items
    )
    return tuple(items) if is_sound else None


def _check_contiguous(file: str, headers: list[TensorHeader], body: int, size: int) -> None:
    at = body
    for begin, end in sorted(one.offsets for one in headers):
        if begin != at:
            raise _unsound(file, _("its tensors overlap or leave gaps"))
        at = end
    if at != size:
        raise _unsound(
            file,
            _("{count} bytes are missing at its end").format(count=at - size)
            if at > size
            else _("{count} bytes follow after the last tensor").format(count=size - at),
        )


def check_shapes(headers: dict[str, TensorHeader], expected: dict[str, tuple[int, ...]]) -> None:
    """Compare the files with what the config asks for, before anything is allocated.

    Raises:
        ModelInvalid: A weight is missing, has another shape, or is no floating-point weight.
    """
    for name, shape in expected.items():
        header = headers.get(name)
        if header is None:
            raise ModelInvalid(
                _("The weights lack {name}, which config.json asks for.").format(name=name),
                remedy=_("Get the model again, with all of its files."),
            )
        if header.shape != shape:
            raise ModelInvalid(
                _(
                    "{name} has the shape {found} in {file}, but config.json asks for {shape}."
                ).format(
                    name=name, found=_times(header.shape), file=header.file, shape=_times(shape)
                )
            )
        if header.dtype not in WEIGHT_DTYPES:
            raise ModelInvalid(
                _(
                    "{name} in {file} has the number format {dtype}; weights must be one of "
                    "{known}."
                ).format(
                    name=name, file=header.file, dtype=header.dtype, known=", ".join(WEIGHT_DTYPES)
                )
            )


def _times(shape: tuple[int, ...]) -> str:
    return " x ".join(str(one) for one in shape)


def main_dtype(headers: dict[str, TensorHeader]) -> str:
    """Return the number format of most weights, e.g. `bfloat16`."""
    counts: dict[str, int] = {}
    for header in headers.values():
        counts[header.dtype] = counts.get(header.dtype, 0) + header.size
    most = max(counts, key=lambda one: counts[one])
    return WEIGHT_DTYPES.get(most, most.lower())


def header_bytes(path: Path) -> Iterator[bytes]:
    """Yield length and header of each weight file, for a fingerprint that reads no tensors."""
    for file in weight_files(path):
        with (path / file).open("rb") as stream:
            start = stream.read(_LENGTH_BYTES)
            yield start
            yield stream.read(min(int.from_bytes(start, "little"), _HEADER_LIMIT_BYTES))
