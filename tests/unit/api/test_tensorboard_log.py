# SPDX-License-Identifier: Apache-2.0
"""The log of a run for TensorBoard: what is in it, and what is left out. No worker is started."""

from __future__ import annotations

import random
import struct
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest

from engine.api.facade import Api, open_api
from engine.api.run_curves import fold_curves
from engine.api.tensorboard_log import Standing
from engine.domain.recipe import Recipe
from engine.domain.run import JobKind
from engine.errors import RunNotFound, TargetExists
from engine.protocol.codec import Envelope
from engine.protocol.events import EvalDone, Event, RolledBack, SampleMade, StepDone
from engine.store.eventlog import EventWriter
from tests.fakes.api import a_step

RECIPE = Recipe(dataset_id="d1", model_id="a|b")
SECRET = "a row of somebody"


def a_check(step: int, loss: float = 2.0) -> EvalDone:
    return EvalDone(
        step=step, loss=loss, supervised_tokens=1, examples=1, is_best=False, eval_s=0.1
    )


def back_to(step: int) -> RolledBack:
    return RolledBack(step=9, to_step=step, count=1, rate_factor=0.5, tokens_seen=1)


def told(*events: Event) -> list[Envelope]:
    return [Envelope(v=1, seq=i, t="", kind="", event=one) for i, one in enumerate(events, 1)]


def a_run(api: Api, name: str, *events: Event) -> str:
    """Return a run whose events come a second apart."""
    run_id = api.jobs.create(JobKind.TRAIN, name, "x:y", {}, RECIPE)
    tell(api, run_id, *events)
    return run_id


def tell(api: Api, run_id: str, *events: Event) -> None:
    seconds = count(1_800_000_000)
    writer = EventWriter(
        api.layout.job(run_id).events, now=lambda: datetime.fromtimestamp(next(seconds), UTC)
    )
    for one in events:
        writer.append(one)
    writer.close()


def contents(path: Path) -> list[bytes]:
    """Return what the records of a file hold."""
    rest, found = path.read_bytes(), list[bytes]()
    while rest:
        (size,) = struct.unpack_from("<Q", rest)
        found.append(rest[12 : 12 + size])
        rest = rest[16 + size :]
    return found


@pytest.fixture
def api(tmp_path: Path) -> Api:
    """Return an empty workspace."""
    return open_api(tmp_path / "workspace")


def test_log_holds_recipe_and_every_step_in_order(api: Api, tmp_path: Path) -> None:
    run_id = a_run(
        api, "first", a_check(0, 3.0), *(a_step(one) for one in range(1, 301)), a_check(300)
    )
    (path,) = api.curves.save_tensorboard([run_id], tmp_path / "logs")
    start, recipe, *points = contents(path)
    assert b"brain.Event:2" in start
    assert b"| model_id | a&#124;b |" in recipe
    assert b"| lora_rank | 16 |" in recipe
    assert len(points) == 302
    assert b"eval/loss" in points[0]
    tags = ("loss", "learning_rate", "grad_norm", "epoch", "tokens_per_second", "tokens_seen")
    assert all(f"train/{tag}".encode() in points[1] for tag in tags)
    # Step 300 as a varint behind the key of the second field, after a wall time of nine bytes.
    assert points[300][9:12] == b"\x10\xac\x02"


def test_wall_time_is_that_of_the_event(api: Api, tmp_path: Path) -> None:
    run_id = a_run(api, "first", a_step(1), a_step(2))
    (path,) = api.curves.save_tensorboard([run_id], tmp_path)
    first, second = (struct.unpack_from("<d", one, 1)[0] for one in contents(path)[2:])
    assert second - first == 1
    assert 1_800_000_000 <= first < 1_800_000_010


def test_loss_that_was_not_finite_is_not_a_number(api: Api, tmp_path: Path) -> None:
    run_id = a_run(api, "first", a_step(1, loss=None))
    (path,) = api.curves.save_tensorboard([run_id], tmp_path)
    assert b"train/loss\x15\x00\x00\xc0\x7f" in contents(path)[2]


def test_log_holds_no_text_of_a_row(api: Api, tmp_path: Path) -> None:
    sample = SampleMade(step=1, prompt=SECRET, answer=SECRET, expected=SECRET)
    run_id = a_run(api, "first", a_step(1), sample)
    (path,) = api.curves.save_tensorboard([run_id], tmp_path)
    assert SECRET.encode() not in path.read_bytes()


def test_log_of_a_run_that_went_on_takes_the_place_of_the_earlier(api: Api, tmp_path: Path) -> None:
    run_id = a_run(api, "first", a_step(1))
    (early,) = api.curves.save_tensorboard([run_id], tmp_path)
    before = early.read_bytes()
    tell(api, run_id, a_step(2))
    (late,) = api.curves.save_tensorboard([run_id], tmp_path)
    assert late == early
    assert late.read_bytes().startswith(before)
    assert len(contents(late)) == 4
    assert [one.name for one in late.parent.iterdir()] == [late.name]


def test_runs_of_one_name_have_folders_of_their_own(api: Api, tmp_path: Path) -> None:
    runs = [a_run(api, name) for name in ("a/b: c", "a/b: c", "../..")]
    paths = api.curves.save_tensorboard(runs, tmp_path / "logs")
    folders = [one.parent for one in paths]
    assert len(set(folders)) == 3
    assert {one.parent for one in folders} == {tmp_path / "logs"}
    assert folders[0].name == f"a_b_c-{runs[0]}"
    assert folders[2].name == runs[2]


def test_folder_that_cannot_be_is_named(api: Api, tmp_path: Path) -> None:
    run_id = a_run(api, "first")
    (tmp_path / "file").write_bytes(b"in the way")
    with pytest.raises(TargetExists):
        api.curves.save_tensorboard([run_id], tmp_path / "file")
    with pytest.raises(RunNotFound):
        api.curves.save_tensorboard(["nobody"], tmp_path)


def any_events(seed: int) -> list[Event]:
    """Return steps, checks, rollbacks and resumes in any order; no step is left out."""
    draw = random.Random(seed)
    done, found = 0, list[Event]()
    for _event in range(draw.randrange(60)):
        match draw.choice(("step", "step", "step", "step", "check", "back", "resume")):
            case "step":
                done += 1
                found.append(a_step(done))
            case "check":
                found.append(a_check(done))
            case "back":
                done = draw.randrange(done + 1)
                found.append(back_to(done))
            case _:
                done = draw.randrange(done + 1)
    return found


@pytest.mark.parametrize("seed", range(200))
def test_what_stands_is_what_the_curves_show(seed: int) -> None:
    log = told(*any_events(seed))
    curves, standing = fold_curves(log), Standing(log)
    kept = [(standing.step_of(one), one.event) for one in log]
    steps = [step for step, event in kept if step is not None and isinstance(event, StepDone)]
    checks = [step for step, event in kept if step is not None and isinstance(event, EvalDone)]
    assert steps == [one.step for one in curves.points]
    assert checks == [step for step, _loss in curves.held_out]


def test_what_came_since_the_first_reading_waits_for_the_next() -> None:
    log = told(a_step(1), a_step(2), back_to(1))
    assert [Standing(log[:2]).step_of(one) for one in log] == [1, 2, None]
    assert Standing(log[:1]).step_of(log[1]) is None
