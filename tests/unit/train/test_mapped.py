# SPDX-License-Identifier: Apache-2.0
"""Dense weights on a processor: used where they stand, and never taken for what they are not."""

from __future__ import annotations

import json
import mmap
import os
from pathlib import Path

import pytest
import torch

from engine.domain.checkpoint import CheckpointState
from engine.errors import FileUnreadable, ModelChanged, ModelInvalid
from engine.store import modelfolder
from engine.store.modelfolder import TensorHeader
from engine.train import mapped
from engine.train.adapter import commit_adapter
from engine.train.checkpoint import write_checkpoint
from engine.train.mapped import MappedFiles, can_map
from engine.train.optimizer import AdapterOptimizer
from tests.builders.model_folder import tiny_model_folder
from tests.unit.train.models import load_adapted, load_ours

WEIGHTS = "model.safetensors"
STATE = CheckpointState(
    run_id="run",
    step=1,
    tokens_seen=10,
    eval_before=2.0,
    eval_last=1.0,
    eval_best=0.5,
    eval_best_step=1,
    recipe_sha256="r",
    data_sha256="d",
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tiny_model_folder(tmp_path / "base", dtype="float32")


def spoil(path: Path) -> None:
    """Overwrite the last value of a file in place, as a program does that saves over it."""
    with path.open("r+b") as stream:
        stream.seek(-4, os.SEEK_END)
        stream.write(b"\0\0\0\0")
    os.utime(path, ns=(1, 1))


def test_dense_weights_on_a_processor_are_not_copied(folder: Path) -> None:
    model = load_ours(folder)
    assert model.mapped is not None
    headers = modelfolder.read_headers(folder)
    places = {
        name: model.mapped.tensor(header).data_ptr()
        for name, header in headers.items()
        if name in dict(model.net.named_parameters())
    }
    assert len(places) > 10
    assert places == {name: model.net.get_parameter(name).data_ptr() for name in places}


def test_writing_to_a_weight_does_not_reach_the_file(folder: Path) -> None:
    before = (folder / WEIGHTS).read_bytes()
    net = load_ours(folder).net
    for values in net.parameters():
        values.data.add_(1)
    assert (folder / WEIGHTS).read_bytes() == before


def test_file_that_is_written_to_stops_what_would_be_kept(folder: Path, tmp_path: Path) -> None:
    model = load_adapted(folder)
    optimizer = AdapterOptimizer(model.trainable(), weight_decay=0.0)
    model.check_unchanged()
    spoil(folder / WEIGHTS)
    with pytest.raises(ModelChanged, match="written to"):
        write_checkpoint(tmp_path / "checkpoints", STATE, model, optimizer)
    with pytest.raises(ModelChanged, match="written to"):
        commit_adapter(tmp_path / "adapter", model, lambda tensors: None)
    assert not (tmp_path / "checkpoints").exists()
    assert not (tmp_path / "adapter").exists()


def test_file_that_is_replaced_or_removed_does_no_harm(folder: Path) -> None:
    model = load_ours(folder)
    before = {name: values.clone() for name, values in model.net.named_parameters()}
    other = folder / "new"
    other.write_bytes(bytes((folder / WEIGHTS).stat().st_size))
    other.replace(folder / WEIGHTS)
    model.check_unchanged()
    (folder / WEIGHTS).unlink()
    model.check_unchanged()
    for name, values in model.net.named_parameters():
        assert torch.equal(values, before[name])


@pytest.mark.parametrize(("dtype", "quantised"), [(torch.bfloat16, False), (torch.float32, True)])
def test_weights_that_are_computed_anew_are_read(
    dtype: torch.dtype, quantised: bool, folder: Path
) -> None:
    model = load_ours(folder, dtype=dtype, quantised=quantised)
    spoil(folder / WEIGHTS)
    model.check_unchanged()


def test_weights_at_odd_places_are_read(folder: Path) -> None:
    expected = {name: one.clone() for name, one in load_ours(folder).net.named_parameters()}
    path = folder / WEIGHTS
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.dumps(json.loads(content[8 : 8 + length])).encode()
    header += b" " * (1 - len(header) % 2)
    path.write_bytes(len(header).to_bytes(8, "little") + header + content[8 + length :])
    one = next(iter(modelfolder.read_headers(folder).values()))
    assert one.offsets[0] % 4
    assert not can_map(one, dtype=torch.float32)
    for name, values in load_ours(folder).net.named_parameters():
        assert torch.equal(values, expected[name])


def test_file_that_became_shorter_is_refused(folder: Path) -> None:
    header = max(modelfolder.read_headers(folder).values(), key=lambda one: one.offsets)
    os.truncate(folder / WEIGHTS, header.offsets[1] - 4)
    with pytest.raises(ModelInvalid, match="became shorter"):
        MappedFiles(folder).tensor(header)


@pytest.mark.parametrize("code", [None, 22])
def test_reading_in_goes_without_the_system_call_but_not_past_a_bad_disk(
    code: int | None, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    header = next(iter(modelfolder.read_headers(folder).values()))
    known = MappedFiles(folder).tensor(header).clone()
    monkeypatch.setattr(mapped, "_POPULATE_READ", 9999)
    monkeypatch.setattr(mapped.sys, "platform", "linux" if code else "win32")
    assert torch.equal(MappedFiles(folder).tensor(header), known)
    if code:
        monkeypatch.setattr(mapped, "_NOT_KNOWN", ())
        with pytest.raises(FileUnreadable):
            MappedFiles(folder).tensor(header)


def test_tensor_of_no_numbers_at_the_end_of_a_file_is_none(folder: Path) -> None:
    size = 2 * mmap.PAGESIZE
    os.truncate(folder / WEIGHTS, size)
    header = TensorHeader(dtype="F32", shape=(0, 4), file=WEIGHTS, offsets=(size, size))
    assert MappedFiles(folder).tensor(header).shape == (0, 4)
