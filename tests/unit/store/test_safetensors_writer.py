# SPDX-License-Identifier: Apache-2.0
"""Files written tensor by tensor are what the stock reader expects."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from engine.export.base import content_of
from engine.store.safetensors_writer import TensorEntry, header_bytes, write_tensors

TENSORS = {
    "b": torch.arange(6, dtype=torch.bfloat16).view(2, 3),
    "a.weight": torch.randn(5, 4),
    "half": torch.ones(3, dtype=torch.float16),
    "empty": torch.zeros(0, 4),
    "grüße": torch.tensor([7], dtype=torch.int64),
}
CODES = {torch.bfloat16: "BF16", torch.float32: "F32", torch.float16: "F16", torch.int64: "I64"}


def entries() -> list[TensorEntry]:
    return [
        TensorEntry(
            name=name, dtype=CODES[one.dtype], shape=tuple(one.shape), size_bytes=one.nbytes
        )
        for name, one in TENSORS.items()
    ]


def halves(entry: TensorEntry) -> list[memoryview]:
    content = content_of(TENSORS[entry.name])
    middle = len(content) // 2
    return [content[:middle], content[middle:]]


def test_written_file_is_read_by_the_stock_reader(tmp_path: Path) -> None:
    write_tensors(tmp_path / "x.safetensors", entries(), halves)
    found = load_file(tmp_path / "x.safetensors")
    assert found.keys() == TENSORS.keys()
    for name, expected in TENSORS.items():
        assert found[name].dtype == expected.dtype
        assert torch.equal(found[name], expected)


def test_written_file_says_nothing_but_its_format(tmp_path: Path) -> None:
    write_tensors(tmp_path / "x.safetensors", entries(), halves)
    with safe_open(tmp_path / "x.safetensors", framework="pt") as file:
        assert file.metadata() == {"format": "pt"}


def test_header_ends_on_eight_bytes() -> None:
    for length in range(1, 12):
        entry = TensorEntry(name="n" * length, dtype="U8", shape=(1,), size_bytes=1)
        assert len(header_bytes([entry])) % 8 == 0


@pytest.mark.parametrize("content", [b"123", b"12345"])
def test_tensor_of_another_length_than_announced_is_refused(tmp_path: Path, content: bytes) -> None:
    entry = TensorEntry(name="x", dtype="U8", shape=(4,), size_bytes=4)
    with pytest.raises(ValueError, match=f"x: {len(content)} bytes came, 4 were announced"):
        write_tensors(tmp_path / "x.safetensors", [entry], lambda _entry: [content])


def test_existing_file_is_never_written_over(tmp_path: Path) -> None:
    (tmp_path / "x.safetensors").write_bytes(b"precious")
    with pytest.raises(FileExistsError):
        write_tensors(tmp_path / "x.safetensors", entries(), halves)
    assert (tmp_path / "x.safetensors").read_bytes() == b"precious"
