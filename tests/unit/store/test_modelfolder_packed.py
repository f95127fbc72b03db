# SPDX-License-Identifier: Apache-2.0
"""Model folders in 4 bits: accepted in NF4 with exact facts, refused where a size is a lie."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.domain.model import ModelInfo
from engine.errors import ArchitectureUnsupported, ModelInvalid
from engine.store.modelfolder import inspect_model, read_weights
from tests.builders.model_folder import tiny_model_folder
from tests.builders.packed_model_folder import FILE, pack_folder

WEIGHT = "model.layers.1.mlp.down_proj.weight"
STATE = f"{WEIGHT}.quant_state.bitsandbytes__nf4"

Header = dict[str, Any]


def inspect(path: Path) -> ModelInfo:
    return inspect_model(path, model_id="m", name="tiny", added_at="2026-11-20T00:00:00Z")


@pytest.mark.parametrize("double", [True, False])
def test_inspect_packed_folder_tells_the_facts_of_the_original(
    tmp_path: Path, double: bool
) -> None:
    path = tiny_model_folder(tmp_path)
    original = inspect(path)
    pack_folder(path, double=double)
    found = inspect(path)
    assert (found.parameters, found.shape) == (original.parameters, original.shape)
    assert found.weights_dtype == "bfloat16"
    assert found.size_bytes < original.size_bytes
    assert [note for note in found.notes if "4 bits already" in note]
    assert not [note for note in found.notes if "does not use" in note]


def test_read_weights_packed_weight_has_its_shape_and_its_parts(tmp_path: Path) -> None:
    path = tiny_model_folder(tmp_path)
    before = read_weights(path)
    pack_folder(path)
    found = read_weights(path)
    assert found.keys() == before.keys()
    assert all(found[name].shape == one.shape for name, one in before.items())
    assert sum(bool(one.parts) for one in found.values()) == 14
    assert len(found[WEIGHT].parts) == 6


@pytest.mark.parametrize(
    ("form", "settings", "words"),
    [
        ("fp4", {}, "FP4 of bitsandbytes"),
        ("nf4", {"load_in_4bit": False, "load_in_8bit": True}, "8 bits of bitsandbytes"),
        ("nf4", {"quant_method": "awq"}, "awq"),
        ("nf4", {"bnb_4bit_quant_storage": "bfloat16"}, "NF4 of bitsandbytes"),
        ("fp4", {"bnb_4bit_quant_type": "nf4"}, "quantised as fp4"),
    ],
)
def test_inspect_other_forms_are_refused_by_name(
    tmp_path: Path, form: str, settings: dict[str, Any], words: str
) -> None:
    path = tiny_model_folder(tmp_path)
    pack_folder(path, form=form, settings=settings)
    with pytest.raises(ArchitectureUnsupported, match=words):
        inspect(path)


def edit(change: Callable[[Header, bytearray], None]) -> Callable[[Path], None]:
    """Return what changes header and tensors of a folder's file."""

    def apply(path: Path) -> None:
        content = (path / FILE).read_bytes()
        (length,) = struct.unpack("<Q", content[:8])
        header, body = json.loads(content[8 : 8 + length]), bytearray(content[8 + length :])
        change(header, body)
        text = json.dumps(header).encode()
        (path / FILE).write_bytes(struct.pack("<Q", len(text)) + text + body)

    return apply


def rename(old: str, new: str) -> Callable[[Path], None]:
    def change(header: Header, _body: bytearray) -> None:
        header[new] = header.pop(old)

    return edit(change)


def describe(**values: Any) -> Callable[[Path], None]:
    """Return what changes the description of a weight, at the same length."""

    def change(header: Header, body: bytearray) -> None:
        begin, end = header[STATE]["data_offsets"]
        state = json.loads(bytes(body[begin:end])) | values
        text = json.dumps(
            {key: one for key, one in state.items() if one != "gone"}, separators=(",", ":")
        ).encode()
        body[begin:end] = text.ljust(end - begin)
        assert len(text) <= end - begin

    return edit(change)


def scramble(header: Header, body: bytearray) -> None:
    begin, end = header[STATE]["data_offsets"]
    body[begin:end] = b"\xff" * (end - begin)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (rename(f"{WEIGHT}.absmax", f"{WEIGHT}.absmin"), r"weight\.absmax is missing"),
        (rename(f"{WEIGHT}.nested_quant_map", "x"), r"nested_quant_map is missing"),
        (rename(f"{WEIGHT}.nested_absmax", "x"), r"not plausible"),
        (rename(WEIGHT, "x"), r"down_proj\.weight is missing"),
        (edit(scramble), "not valid JSON"),
        (describe(shape=[64, 256]), "another size"),
        (describe(shape=[1 << 40, 1]), "not plausible"),
        (describe(shape=[8192]), "not plausible"),
        (describe(shape=[-64, -128]), "not plausible"),
        (describe(shape="64"), "shape"),
        (describe(blocksize=16), "not plausible"),
        (describe(blocksize=32), "absmax has another size"),
        (describe(nested_blocksize=32), "nested_absmax has another size"),
        (describe(nested_offset="gone"), "not plausible"),
        (describe(dtype="int8"), "not plausible"),
        (describe(quant_type="fp4"), "quantised as fp4"),
    ],
)
def test_inspect_packed_weight_that_lies_is_refused(
    tmp_path: Path, damage: Callable[[Path], None], words: str
) -> None:
    path = tiny_model_folder(tmp_path)
    pack_folder(path)
    damage(path)
    with pytest.raises((ModelInvalid, ArchitectureUnsupported), match=words):
        inspect(path)
