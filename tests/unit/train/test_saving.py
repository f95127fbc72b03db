# SPDX-License-Identifier: Apache-2.0
"""Files of tensors: the bytes of safetensors itself, in bounded memory, also where it is short."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save

from engine.store import atomicfs
from engine.train import adapter
from engine.train.adapter import read_tensors, write_tensors

KINDS = (torch.float32, torch.uint8, torch.bfloat16, torch.int64, torch.float64)
FULL = "[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory"


def mixed_tensors() -> dict[str, torch.Tensor]:
    """Return odd sizes of many kinds, named so that no order of theirs is that of the names."""
    generator = torch.Generator().manual_seed(0)
    shapes = ((3, 5), (), (7,), (2, 3, 4), (11, 13))
    return {
        f"{number % 3}.{kind}": (torch.randn(shape, generator=generator) * 50).abs().to(kind)
        for number, (kind, shape) in enumerate(zip(KINDS, shapes, strict=True))
    }


def written(path: Path, tensors: dict[str, torch.Tensor], **options: Any) -> bytes:
    with atomicfs.new_folder(path) as folder:
        write_tensors(folder / "x", tensors, **options)
    return (path / "x").read_bytes()


class TooLittle:
    """Stands for the move to main memory, which some times finds no room."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, most_values: int) -> None:
        self._original, self._most = adapter._moved, most_values
        self.moved: list[int] = []
        monkeypatch.setattr(adapter, "_moved", self)

    def __call__(
        self, part: torch.Tensor, dtype: torch.dtype, *, is_last: bool
    ) -> torch.Tensor | None:
        self.moved.append(len(part))
        with pytest.MonkeyPatch.context() as patch:
            if len(part) > self._most:
                patch.setattr(torch.Tensor, "to", fail)
            return self._original(part, dtype, is_last=is_last)


def fail(*_args: object, **_options: object) -> torch.Tensor:
    raise RuntimeError(FULL)


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapter, "_BLOCK_BYTES", 256)
    monkeypatch.setattr(adapter, "_SMALLEST_BLOCK_BYTES", 8)
    monkeypatch.setattr(adapter, "free_unused", lambda device: None)


def test_write_tensors_mixed_kinds_are_the_bytes_of_safetensors(tmp_path: Path) -> None:
    tensors = mixed_tensors()
    assert written(tmp_path / "a", tensors) == save(tensors, metadata={"format": "pt"})


@pytest.mark.usefixtures("small_blocks")
def test_write_tensors_in_blocks_are_the_same_bytes(tmp_path: Path) -> None:
    tensors = mixed_tensors()
    assert written(tmp_path / "a", tensors) == save(tensors, metadata={"format": "pt"})


def test_write_tensors_other_format_is_cast_once(tmp_path: Path) -> None:
    exact = {"a": torch.randn(9, 7, dtype=torch.float64)}
    written(tmp_path / "a", exact, dtype=torch.float32)
    assert torch.equal(read_tensors(tmp_path / "a" / "x")["a"], exact["a"].float())


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("most_values", [9, 30])
def test_write_tensors_without_memory_takes_smaller_blocks_and_writes_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most_values: int
) -> None:
    tensors = mixed_tensors()
    room = TooLittle(monkeypatch, most_values=most_values)
    assert written(tmp_path / "a", tensors) == save(tensors, metadata={"format": "pt"})
    assert max(room.moved) > most_values >= min(room.moved)


@pytest.mark.usefixtures("small_blocks")
def test_write_tensors_without_memory_for_the_smallest_block_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    TooLittle(monkeypatch, most_values=0)
    with pytest.raises(RuntimeError, match="can't allocate memory"):
        written(tmp_path / "a", mixed_tensors())
    assert list(tmp_path.iterdir()) == []


def test_write_tensors_never_moves_more_than_a_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = TooLittle(monkeypatch, most_values=1 << 40)
    large = {"a": torch.zeros(3 * (4 << 20) // 4 + 1)}
    assert len(written(tmp_path / "a", large)) > 12 << 20
    assert room.moved == [1 << 20, 1 << 20, 1 << 20, 1]
