# SPDX-License-Identifier: Apache-2.0
"""Reading ahead: every byte, in bounded memory, with named errors, and nothing left behind."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch
from safetensors.torch import load_file

from engine.errors import Cancelled, FileMissing, FileUnreadable, ModelInvalid
from engine.store import atomicfs
from engine.store.modelfolder import read_headers
from engine.train import read_ahead
from engine.train.read_ahead import ALIVE, WHOLE, ReadAhead, Unit, in_file_order
from tests.builders.model_folder import safetensors_bytes, tiny_model_folder

CPU = torch.device("cpu")
FILE = "model.safetensors"


def units_of(folder: Path) -> list[Unit]:
    headers = read_headers(folder)
    return in_file_order([Unit(name, folder, one) for name, one in headers.items()])


def big_folder(folder: Path, *, tensors: int, values: int) -> Path:
    """Write a folder with bf16 tensors of a size of one's choice; on disk they take no room."""
    names = [f"w{number:03d}" for number in range(tensors)]
    content = safetensors_bytes({name: np.zeros((0,), np.float32) for name in names})
    text = content[8:].rstrip().decode()
    for number, name in enumerate(names):
        begin, end = 2 * values * number, 2 * values * (number + 1)
        old = f'"{name}": {{"dtype": "BF16", "shape": [0], "data_offsets": [0, 0]}}'
        assert old in text
        text = text.replace(
            old, old.replace("[0]", f"[{values}]").replace("0, 0", f"{begin}, {end}")
        )
    folder.mkdir(exist_ok=True)
    with (folder / FILE).open("wb") as stream:
        stream.write(len(text).to_bytes(8, "little") + text.encode())
        stream.truncate(8 + len(text) + 2 * values * tensors)
    return folder


def use_all(units: list[Unit], use: Callable[[], object], **options: Any) -> None:
    with ReadAhead(units, device=CPU, **options) as reading:
        for _unit in reading:
            use()


def assert_nothing_left() -> None:
    assert not [one for one in threading.enumerate() if one.name.startswith("read-ahead")]
    assert not [one for one in psutil.Process().open_files() if one.path.endswith(FILE)]


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32"])
def test_read_ahead_every_tensor_equals_the_library_s(tmp_path: Path, dtype: str) -> None:
    folder = tiny_model_folder(tmp_path, dtype=dtype)
    expected = load_file(folder / FILE)
    with ReadAhead(units_of(folder), device=CPU) as reading:
        found = {one.name: one.tensors[WHOLE].clone() for one in reading}
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    assert all(found[name].dtype == expected[name].dtype for name in expected)
    assert_nothing_left()


def test_read_ahead_slow_use_at_most_three_tensors_are_alive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alive: list[weakref.ref[torch.Tensor]] = []
    most: list[int] = []

    def counted(self: ReadAhead, *arguments: Any) -> torch.Tensor | None:
        found = original(self, *arguments)
        assert found is not None
        alive.append(weakref.ref(found))
        most.append(sum(one() is not None for one in alive))
        return found

    original = ReadAhead._read
    monkeypatch.setattr(ReadAhead, "_read", counted)
    folder = big_folder(tmp_path, tensors=20, values=1000)
    with ReadAhead(units_of(folder), device=CPU) as reading:
        for _unit in reading:
            time.sleep(0.002)
    assert len(most) == 20
    assert max(most) == ALIVE == 3


def test_read_ahead_memory_stays_far_below_the_file(tmp_path: Path) -> None:
    folder = big_folder(tmp_path, tensors=24, values=8 << 20)
    code = f"""
import torch
from pathlib import Path
from engine.train.device import peak_memory_bytes
from engine.train.read_ahead import WHOLE, ReadAhead
from tests.unit.train.test_read_ahead import units_of
units, device = units_of(Path({str(folder)!r})), torch.device("cpu")
before = peak_memory_bytes(device)
with ReadAhead(units, device=device) as reading:
    zeros = sum(int(one.tensors[WHOLE][0] == 0) for one in reading)
print(zeros, (peak_memory_bytes(device) - before) >> 20)
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=True,
    )
    count, grown_mib = map(int, done.stdout.split())
    assert count == 24
    assert grown_mib <= 16 * ALIVE + 8  # The file has 24 tensors of 16 MiB.


def test_read_ahead_progress_counts_every_byte(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    folder = big_folder(tmp_path, tensors=5, values=100)
    with ReadAhead(
        units_of(folder), device=CPU, on_progress=lambda *counts: told.append(counts)
    ) as reading:
        assert sum(1 for _unit in reading) == 5
    assert [one for one in told if one[0]][-5:] == [(200 * n, 1000) for n in range(1, 6)]


def test_read_ahead_stop_through_progress_leaves_no_thread_and_no_file(tmp_path: Path) -> None:
    folder = big_folder(tmp_path, tensors=50, values=100)

    def stop(done: int, _total: int) -> None:
        if done >= 400:
            raise Cancelled("stopped")

    used: list[None] = []
    with pytest.raises(Cancelled):
        use_all(units_of(folder), lambda: used.append(None), on_progress=stop)
    assert len(used) == 2
    assert_nothing_left()


def test_read_ahead_stop_is_heeded_while_a_tensor_is_still_being_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A drive that gives one block at a time; the wish to stop comes within the first tensor."""

    def slowly(self: Any, block: memoryview) -> None:
        blocks.append(len(block))
        time.sleep(0.02)

    def stop(_done: int, _total: int) -> None:
        raise Cancelled("stopped")

    blocks: list[int] = []
    monkeypatch.setattr(read_ahead, "_BLOCK_BYTES", 1000)
    monkeypatch.setattr(read_ahead._HashedFile, "fill", slowly)
    folder = big_folder(tmp_path, tensors=1, values=1 << 20)
    with (
        pytest.raises(Cancelled),
        ReadAhead(units_of(folder), device=CPU, on_progress=stop) as reading,
    ):
        list(reading)
    assert len(blocks) < 100  # of 2,098
    assert_nothing_left()


def test_read_ahead_error_of_the_consumer_ends_the_thread(tmp_path: Path) -> None:
    folder = big_folder(tmp_path, tensors=50, values=100)
    with pytest.raises(ZeroDivisionError):
        use_all(units_of(folder), lambda: 1 // 0)
    assert_nothing_left()


def test_read_ahead_file_that_became_shorter_is_named(tmp_path: Path) -> None:
    folder = big_folder(tmp_path, tensors=8, values=100)
    units = units_of(folder)
    with (folder / FILE).open("r+b") as stream:
        stream.truncate((folder / FILE).stat().st_size - 300)
    with pytest.raises(ModelInvalid, match=r"model\.safetensors became shorter"):
        use_all(units, lambda: None)
    assert_nothing_left()


def test_read_ahead_file_that_went_away_is_named(tmp_path: Path) -> None:
    folder = big_folder(tmp_path, tensors=2, values=100)
    units = units_of(folder)
    (folder / FILE).unlink()
    with pytest.raises(FileMissing, match=FILE), ReadAhead(units, device=CPU) as reading:
        list(reading)


def test_read_ahead_file_that_cannot_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken:
        def __getattr__(self, name: str) -> Any:
            return getattr(stream, name)

        def readinto(self, _block: memoryview) -> int:
            raise OSError(5, "Input/output error")

    folder = big_folder(tmp_path, tensors=2, values=100)
    units = units_of(folder)
    with (folder / FILE).open("rb") as stream:
        monkeypatch.setattr(Path, "open", lambda *_arguments: Broken())
        with (
            pytest.raises(FileUnreadable, match=FILE) as failure,
            ReadAhead(units, device=CPU) as reading,
        ):
            list(reading)
        assert "Input/output error" in failure.value.detail


def test_read_ahead_hashed_digests_are_those_of_the_whole_files(tmp_path: Path) -> None:
    folder = tiny_model_folder(tmp_path, shards=2)
    with ReadAhead(units_of(folder), device=CPU, hashed=True) as reading:
        assert list(reading)
    files = sorted(folder.glob("*.safetensors"))
    assert reading.digests == {path: atomicfs.sha256_of(path) for path in files}


def test_read_ahead_hashed_file_that_was_not_read_whole_has_no_digest(tmp_path: Path) -> None:
    folder = big_folder(tmp_path, tensors=3, values=100)
    for chosen in (units_of(folder)[:2], units_of(folder)[::-1]):
        with ReadAhead(chosen, device=CPU, hashed=True) as reading:
            assert list(reading)
        assert reading.digests == {}
