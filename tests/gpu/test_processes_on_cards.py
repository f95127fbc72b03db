# SPDX-License-Identifier: Apache-2.0
"""Two processes on two graphics cards train what one does; no socket is opened on the way."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import torch

from engine.domain.run import JobInfo, JobKind
from engine.launcher.deaths import log_tail
from engine.launcher.spawn import spawn
from engine.launcher.watch import JobFeed, wait_until_free
from engine.protocol.events import Finished, StepDone
from engine.store.documents import write_document
from engine.store.layout import JobFolder
from tests.unit.train.runs import CREATED, Desk, make_desk

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two graphics cards"),
]
LIMIT_S = 240.0


def losses(desk: Desk, run_id: str, *, processes: int) -> list[float]:
    """Train a run in real processes and return its loss curve."""
    recipe = desk.recipe(
        processes=processes, method="sft_qlora", device="cuda", dtype="bf16", max_steps=8
    )
    desk.add_run(run_id, recipe)
    folder: JobFolder = desk.layout.job(run_id)
    info = JobInfo(
        id=run_id,
        kind=JobKind.TRAIN,
        name="run",
        entry="engine.train.sft_qlora:train",
        created_at=CREATED,
        options={},
    )
    write_document(folder.info, info)
    spawn(folder)
    feed, deadline = JobFeed(folder), time.monotonic() + LIMIT_S
    while not feed.state().is_over:
        assert time.monotonic() < deadline, log_tail(folder)
        time.sleep(0.1)
    wait_until_free(folder)
    events = [one.event for one in JobFeed(folder).poll()]
    assert isinstance(events[-1], Finished), log_tail(folder)
    return [one.loss or 0.0 for one in events if isinstance(one, StepDone)]


def test_two_cards_train_as_one(tmp_path: Path) -> None:
    desk = make_desk(tmp_path)
    alone = losses(desk, "alone", processes=1)
    together = losses(desk, "together", processes=2)
    assert together == pytest.approx(alone, rel=0.01)
