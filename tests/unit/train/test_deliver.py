# SPDX-License-Identifier: Apache-2.0
"""Delivering an adapter while memory is short: the same bytes, and the model is still asked."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.errors import NotEnoughMemory
from engine.protocol.events import AdapterCommitted, CheckpointCommitted, Finished
from engine.train import adapter, deliver, loop
from tests.unit.train.runs import Desk, make_desk

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return make_desk(tmp_path_factory.mktemp("deliver"), spread=0.12)


def train(desk: Desk) -> tuple[bytes, bytes]:
    """Train two steps; return the bytes of the adapter, and those of the optimizer's state."""
    run_id = f"run-{next(_numbers)}"
    desk.add_run(run_id, desk.recipe(max_steps=2, eval_rows=1, divergence_guard=False))
    loop.train_adapter(desk.context(run_id), quantised=False)
    folder = desk.layout.job(run_id)
    newest: Path = folder.checkpoints / desk.of(CheckpointCommitted)[-1].name
    return (
        (folder.adapter / adapter.WEIGHTS).read_bytes(),
        (newest / "optimizer.safetensors").read_bytes(),
    )


def answering(most_tokens: int, asked: list[int]) -> Callable[..., Any]:
    """Return an answerer that runs out of memory on longer prompts."""
    original = deliver.answer_greedily

    def answer(model: Any, prompt: Sequence[int], **options: Any) -> Any:
        asked.append(len(prompt))
        if len(prompt) > most_tokens:
            raise torch.OutOfMemoryError("no room")
        return original(model, prompt, **options)

    return answer


def test_deliver_without_memory_for_the_prompt_asks_with_its_end(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected, asked = train(desk), list[int]()
    monkeypatch.setattr(deliver, "answer_greedily", answering(6, asked))
    assert train(desk) == expected
    assert len(asked) > 1
    assert asked == [asked[0] >> times for times in range(len(asked))]
    assert asked[-1] <= 6 < asked[-2]


def test_deliver_without_memory_for_one_token_ends_with_the_named_error(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliver, "answer_greedily", answering(0, []))
    with pytest.raises(NotEnoughMemory):
        train(desk)
    assert desk.of(AdapterCommitted) == []
    assert desk.of(CheckpointCommitted)


def test_save_without_memory_for_a_block_writes_the_same_bytes(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = train(desk)
    original = adapter._moved
    failed: list[int] = []

    def moved(part: torch.Tensor, dtype: torch.dtype, *, is_last: bool) -> torch.Tensor | None:
        if len(part) > 100 and not is_last:
            failed.append(len(part))
            return None
        return original(part, dtype, is_last=is_last)

    monkeypatch.setattr(adapter, "_moved", moved)
    monkeypatch.setattr(adapter, "_BLOCK_BYTES", 2000)
    monkeypatch.setattr(adapter, "_SMALLEST_BLOCK_BYTES", 400)
    assert train(desk) == expected
    assert failed == [500, 250, 125] * 3  # two files of the checkpoint, and the adapter
    assert isinstance(desk.events[-1], Finished)
