# SPDX-License-Identifier: Apache-2.0
"""Weights and gradients reach the other processes of a run, and nothing of them stays behind."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from engine.train.ranks_memory import SharedNumbers, file_of_numbers, size_bytes

WITHOUT_NAME = pytest.param(
    "linux", marks=pytest.mark.skipif(sys.platform != "linux", reason="a call of Linux")
)


def parameters(start: int) -> dict[str, nn.Parameter]:
    shapes = {"a": (2, 3), "b": (4,), "c": (1, 1)}
    return {
        name: nn.Parameter(
            torch.arange(start, start + torch.Size(shape).numel()).float().view(shape)
        )
        for name, shape in shapes.items()
    }


def shared_by(folder: Path, *held: dict[str, nn.Parameter]) -> list[SharedNumbers]:
    """Return what each of some processes has of the shared numbers."""
    count = len(held)
    with file_of_numbers(folder, size_bytes=size_bytes(held[0], processes=count)) as path:
        found = [SharedNumbers(path, one, processes=count) for one in held]
    found[0].reserve()
    return found


@pytest.mark.parametrize("system", [WITHOUT_NAME, "win32"])
def test_what_one_process_shows_is_what_the_others_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, system: str
) -> None:
    monkeypatch.setattr(sys, "platform", system)
    ours, peers = parameters(1), [parameters(100), parameters(200)]
    worker, *others = shared_by(tmp_path, ours, *peers)
    worker.put_weights()
    for rank, (own, peer) in enumerate(zip(peers, others, strict=True), 1):
        peer.take_weights()
        assert all(torch.equal(own[name], ours[name]) for name in ours)
        own["a"].grad = torch.full((2, 3), float(rank))
        own["b"].grad = torch.arange(4.0)
        peer.put_gradients(rank)
    ours["a"].grad = torch.full((2, 3), 10.0)
    for rank in (1, 2):
        worker.add_gradients(rank)
    grads = [one.grad for one in ours.values()]
    expected = [torch.full((2, 3), 13.0), 2 * torch.arange(4.0), torch.zeros(1, 1)]
    for found, wanted in zip(grads, expected, strict=True):
        assert found is not None
        assert torch.equal(found, wanted)


@pytest.mark.parametrize("system", [WITHOUT_NAME, "win32"])
def test_no_file_stays_in_the_folder_of_the_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, system: str
) -> None:
    monkeypatch.setattr(sys, "platform", system)
    shared_by(tmp_path, parameters(1), parameters(2))
    assert list(tmp_path.iterdir()) == []


def test_file_of_a_run_that_was_killed_goes_at_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    (tmp_path / "ranks-1.numbers").write_bytes(bytes(100))
    (tmp_path / "events.jsonl").write_bytes(b"")
    shared_by(tmp_path, parameters(1), parameters(2))
    assert [one.name for one in tmp_path.iterdir()] == ["events.jsonl"]


@pytest.mark.skipif(sys.platform != "linux", reason="a call of Linux")
def test_file_without_a_name_needs_no_call_that_some_builds_of_python_lack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "memfd_create", raising=False)
    with file_of_numbers(tmp_path, size_bytes=4096) as path:
        assert path.stat().st_size == 4096
        assert not os.get_inheritable(int(path.name))
