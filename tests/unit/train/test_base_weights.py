# SPDX-License-Identifier: Apache-2.0
"""Kept 4-bit weights: the same bits as rounding anew, never trusted blindly, never in the way."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import filelock
import pytest
import torch

from engine.errors import Cancelled
from engine.protocol.events import Event, PhaseChanged, ProgressMade, Warned
from engine.store import atomicfs
from engine.store.known_model import find_model
from engine.train import nf4_cache
from engine.train.base_weights import (
    CACHE_REBUILT,
    FROM_CACHE,
    FROM_FOLDER,
    FROM_SOURCE,
    BaseWeights,
    load_base,
)
from engine.train.device import Placement
from engine.train.read_ahead import ReadAhead
from tests.builders.model_folder import tiny_model_folder
from tests.builders.packed_model_folder import pack_folder
from tests.unit.train.models import CPU
from tests.unit.train.runs import MODEL, Desk, add_model, make_desk

LINEARS = 14


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return make_desk(tmp_path, spread=0.12)


def load(
    desk: Desk,
    *,
    quantised: bool = True,
    dtype: torch.dtype = torch.float32,
    stop_when: Callable[[Event], bool] = lambda _event: False,
) -> BaseWeights:
    context = desk.context("job", stop_when=stop_when)
    placement = Placement(device=CPU, dtype=dtype, decisions={})
    return load_base(context, find_model(desk.layout, MODEL), placement, quantised=quantised)


def source_of(found: BaseWeights) -> str:
    return str(found.decisions["packed_weights"].value)


def bits(found: BaseWeights) -> dict[str, torch.Tensor]:
    """Return every bit of the packed weights that their use depends on."""
    parts: dict[str, torch.Tensor] = {}
    for path, linear in found.model.linears.items():
        packed = linear.packed
        assert packed is not None
        state, inner = packed.state, packed.state.state2
        assert inner is not None
        assert state.offset is not None
        assert state.code is not None
        parts |= {
            f"{path}.packed": packed.packed,
            f"{path}.absmax": state.absmax,
            f"{path}.code": state.code,
            f"{path}.offset": state.offset,
            f"{path}.inner": inner.absmax,
            f"{path}.inner_code": inner.code,
            f"{path}.restored": linear.restored_weight(),
            f"{path}.sizes": torch.tensor([*(state.shape or ()), state.blocksize, inner.blocksize]),
        }
    return parts


def assert_same_bits(one: BaseWeights, other: BaseWeights) -> None:
    mine, others = bits(one), bits(other)
    assert mine.keys() == others.keys()
    assert len(mine) == 8 * LINEARS
    for name, values in mine.items():
        assert values.dtype == others[name].dtype
        assert torch.equal(values, others[name]), name
    for name, values in one.model.net.named_parameters():
        assert torch.equal(values, other.model.net.get_parameter(name)), name


def current(desk: Desk) -> Path:
    return desk.layout.nf4_cache(MODEL) / "current"


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_load_base_second_time_gives_the_same_bits_from_the_cache(
    desk: Desk, dtype: torch.dtype
) -> None:
    first = load(desk, dtype=dtype)
    assert source_of(first) == FROM_SOURCE
    assert atomicfs.verify_folder(current(desk)).files.keys() == {"cache.json", "model.safetensors"}
    second = load(desk, dtype=dtype)
    assert source_of(second) == FROM_CACHE
    assert_same_bits(first, second)
    assert not desk.of(Warned)


def test_load_base_in_another_format_uses_the_same_cache(desk: Desk) -> None:
    load(desk, dtype=torch.bfloat16)
    found = load(desk, dtype=torch.float32)
    assert source_of(found) == FROM_CACHE
    shutil.rmtree(desk.layout.nf4_cache(MODEL))
    assert_same_bits(found, load(desk, dtype=torch.float32))


def test_load_base_from_the_cache_reads_no_linear_weight_of_the_model(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[tuple[str, str]] = []
    original = ReadAhead.__init__

    def noting(self: ReadAhead, units: list[nf4_cache.Unit], **options: Any) -> None:
        read.extend((str(one.folder), one.name) for one in units)
        original(self, units, **options)

    load(desk)
    monkeypatch.setattr(ReadAhead, "__init__", noting)
    load(desk)
    of_model = [name for folder, name in read if folder == str(desk.base)]
    of_cache = [name for folder, name in read if folder == str(current(desk))]
    assert len(of_cache) == LINEARS
    assert not [name for name in of_model if "proj" in name]
    assert len(of_model) == 6
    told = desk.of(ProgressMade)[-1]
    assert told.done == told.total
    assert told.total == 2 * 64 * (400 + 5) + (
        current(desk) / "model.safetensors"
    ).stat().st_size - (_header_bytes(current(desk) / "model.safetensors"))


def _header_bytes(file: Path) -> int:
    with file.open("rb") as stream:
        return 8 + int.from_bytes(stream.read(8), "little")


def flip(file: Path, place: int) -> None:
    content = bytearray(file.read_bytes())
    content[place] ^= 1
    file.write_bytes(content)


def damage_last(folder: Path) -> None:
    flip(folder / "model.safetensors", -1)


def damage_middle(folder: Path) -> None:
    flip(folder / "model.safetensors", (folder / "model.safetensors").stat().st_size // 2)


def damage_header(folder: Path) -> None:
    flip(folder / "model.safetensors", 20)


def cut_short(folder: Path) -> None:
    atomicfs.cut_file(folder / "model.safetensors", 5000)


def lose_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def lose_manifest(folder: Path) -> None:
    (folder / atomicfs.MANIFEST).unlink()


def lose_key(folder: Path) -> None:
    (folder / "cache.json").unlink()


def rewrite_key(folder: Path) -> None:
    path = folder / "cache.json"
    path.write_bytes(path.read_bytes() + b"\n")


@pytest.mark.parametrize(
    "damage",
    [
        damage_last,
        damage_middle,
        damage_header,
        cut_short,
        lose_weights,
        lose_manifest,
        lose_key,
        rewrite_key,
    ],
)
def test_load_base_damaged_cache_is_made_anew_with_a_warning(
    desk: Desk, damage: Callable[[Path], None]
) -> None:
    first = load(desk)
    damage(current(desk))
    second = load(desk)
    assert source_of(second) == FROM_SOURCE
    assert [one.code for one in desk.of(Warned)] == [CACHE_REBUILT]
    assert_same_bits(first, second)
    third = load(desk)
    assert source_of(third) == FROM_CACHE
    assert not desk.of(Warned)


def change_versions(_desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nf4_cache, "version", lambda name: f"{name} 99")


def change_device(_desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nf4_cache, "_describe", lambda _device: "another card")


def change_weights(desk: Desk, _monkeypatch: pytest.MonkeyPatch) -> None:
    """Write other numbers of the same shapes: config and headers, so the fingerprint, stay."""
    file = desk.base / "model.safetensors"
    before = file.stat().st_mtime_ns
    tiny_model_folder(desk.base, spread=0.12, seed=7)
    os.utime(file, ns=(before + 10**6, before + 10**6))
    add_model(desk.layout, desk.base)


def add_again(desk: Desk, _monkeypatch: pytest.MonkeyPatch) -> None:
    tiny_model_folder(desk.base, spread=0.12, licence="mit", vocabulary=410)
    add_model(desk.layout, desk.base)


@pytest.mark.parametrize("change", [change_versions, change_device, change_weights, add_again])
def test_load_base_stale_cache_is_made_anew_with_a_warning(
    desk: Desk,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[Desk, pytest.MonkeyPatch], None],
) -> None:
    load(desk)
    change(desk, monkeypatch)
    found = load(desk)
    assert source_of(found) == FROM_SOURCE
    assert [one.code for one in desk.of(Warned)] == [CACHE_REBUILT]
    assert "made from other files" in desk.of(Warned)[0].message
    again = load(desk)
    assert source_of(again) == FROM_CACHE
    assert_same_bits(found, again)


def test_load_base_without_room_says_so_and_writes_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nf4_cache, "KEPT_FREE_BYTES", 1 << 60)
    found = load(desk)
    assert source_of(found) == FROM_SOURCE
    assert "MB free" in found.decisions["packed_weights"].reason
    assert not current(desk).exists()
    assert not list(desk.layout.nf4_cache(MODEL).glob(".tmp-*"))


def test_load_base_while_another_job_writes_goes_on_without(desk: Desk) -> None:
    place = desk.layout.nf4_cache(MODEL)
    atomicfs.make_folder(place)
    with filelock.FileLock(place / "writer.lock"):
        found = load(desk)
    assert "Another job" in found.decisions["packed_weights"].reason
    assert source_of(load(desk)) == FROM_SOURCE
    assert source_of(load(desk)) == FROM_CACHE


def test_load_base_stop_while_weights_are_kept_leaves_nothing_half(desk: Desk) -> None:
    def is_keeping(event: Event) -> bool:
        return isinstance(event, PhaseChanged) and event.phase == "keeping_weights"

    with pytest.raises(Cancelled):
        load(desk, stop_when=is_keeping)
    assert not current(desk).exists()
    assert [one.name for one in desk.layout.nf4_cache(MODEL).iterdir()] in ([], ["writer.lock"])


def test_load_base_stop_while_reading_the_cache_keeps_it(desk: Desk) -> None:
    load(desk)
    with pytest.raises(Cancelled):
        load(desk, stop_when=lambda event: isinstance(event, ProgressMade) and event.done > 60_000)
    assert source_of(load(desk)) == FROM_CACHE


def test_load_base_leftovers_of_a_killed_writer_are_swept(desk: Desk) -> None:
    leftover = desk.layout.nf4_cache(MODEL) / f"{atomicfs.TEMPORARY_PREFIX}x"
    leftover.mkdir(parents=True)
    (leftover / "model.safetensors").write_bytes(b"half")
    load(desk)
    assert not leftover.exists()


def test_load_base_dense_has_no_cache_and_no_decision(desk: Desk) -> None:
    found = load(desk, quantised=False)
    assert found.decisions == {}
    assert not desk.layout.nf4_cache(MODEL).exists()


def test_load_base_packed_folder_is_its_own_cache(desk: Desk) -> None:
    pack_folder(desk.base)
    add_model(desk.layout, desk.base)
    found = load(desk)
    assert source_of(found) == FROM_FOLDER
    assert not desk.layout.nf4_cache(MODEL).exists()
    assert all(one.packed is not None for one in found.model.linears.values())


def test_size_bytes_of_weights_that_another_job_has_just_removed_is_nothing(tmp_path: Path) -> None:
    base = tiny_model_folder(tmp_path / "base")
    key = nf4_cache.key_of(base, fingerprint="f", device=CPU)
    assert nf4_cache.Nf4Cache(tmp_path / "cache", key).size_bytes == 0
