# SPDX-License-Identifier: Apache-2.0
"""Notes, tags, curves and comparisons of runs; no worker is started."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import cast

import msgspec
import pytest

from engine.api.facade import Api, open_api
from engine.api.run_compare import compare_runs
from engine.api.run_curves import CurveReader, Curves, curves_csv, fold_curves
from engine.domain.mix import Replay
from engine.domain.recipe import Recipe
from engine.domain.run import JobKind
from engine.domain.run_note import LONGEST_NOTE, LONGEST_TAG, MOST_TAGS, RunNote
from engine.errors import DocumentDamaged, RunNotFound, TargetExists, WrongUsage
from engine.launcher.watch import JobFeed
from engine.protocol.codec import Envelope
from engine.protocol.events import EvalDone, Event, RolledBack
from tests.fakes.api import a_step

RECIPE = Recipe(dataset_id="d1", model_id="m1")


@pytest.fixture
def api(tmp_path: Path) -> Api:
    """Return an empty workspace."""
    return open_api(tmp_path / "workspace")


def a_run(api: Api, name: str, recipe: Recipe = RECIPE) -> str:
    return api.jobs.create(JobKind.TRAIN, name, "x:y", {}, recipe)


def told(*events: Event) -> list[Envelope]:
    return [Envelope(v=1, seq=i, t="", kind="", event=one) for i, one in enumerate(events, 1)]


def a_check(step: int, loss: float) -> EvalDone:
    return EvalDone(
        step=step, loss=loss, supervised_tokens=1, examples=1, is_best=False, eval_s=0.1
    )


def back_to(step: int) -> RolledBack:
    return RolledBack(
        step=9, to_step=step, count=1, rate_factor=0.5, tokens_seen=1, eval_last=None,
        eval_best=None,
    )  # fmt: skip


class LongLog:
    """A log of steps, of which each poll gives what is new; `given` counts the events."""

    def __init__(self) -> None:
        self.waiting: list[Envelope] = []
        self.given = 0

    def poll(self, limit: int | None = None) -> list[Envelope]:
        found, self.waiting = self.waiting[:limit], self.waiting[limit:]
        self.given += len(found)
        return found


def test_curves_that_go_on_are_read_from_where_they_were_left() -> None:
    log = LongLog()
    reader = CurveReader(cast("JobFeed", log))
    log.waiting = told(*(a_step(step) for step in range(1, 6)), a_check(5, 1.0))
    assert [one.step for one in reader.read().points] == [1, 2, 3, 4, 5]
    log.waiting = told(back_to(3), a_step(4), a_check(4, 0.9))
    found = reader.read()
    assert [one.step for one in found.points] == [1, 2, 3, 4]
    assert found.held_out == ((4, 0.9),)
    assert log.given == 9


def test_note_and_tags_are_kept_beside_the_job(api: Api) -> None:
    run_id = a_run(api, "first")
    assert api.notes.read(run_id) == RunNote()
    api.notes.set_text(run_id, "  Slow start.\nGood end.  ")
    api.notes.change_tags(run_id, add=["keep", "Keep", "  for   support "])
    again = open_api(api.layout.root)
    assert again.runs.get("first").note == RunNote(
        text="Slow start.\nGood end.", tags=("keep", "for support")
    )


def test_tag_is_taken_away_whatever_its_capitals(api: Api) -> None:
    run_id = a_run(api, "first")
    api.notes.set_tags(run_id, ["keep", "bad"])
    assert api.notes.change_tags(run_id, add=["new"], remove=["BAD"]).tags == ("keep", "new")


def test_note_and_tags_that_are_too_long_change_nothing(api: Api) -> None:
    run_id = a_run(api, "first")
    api.notes.set_text(run_id, "kept")
    for change in (
        lambda: api.notes.set_text(run_id, "x" * (LONGEST_NOTE + 1)),
        lambda: api.notes.set_tags(run_id, ["x" * (LONGEST_TAG + 1)]),
        lambda: api.notes.set_tags(run_id, [f"t{one}" for one in range(MOST_TAGS + 1)]),
    ):
        with pytest.raises(WrongUsage):
            change()
    assert api.notes.read(run_id) == RunNote(text="kept")


def test_damaged_note_hides_no_run(api: Api) -> None:
    run_id = a_run(api, "first")
    api.notes.set_text(run_id, "kept")
    api.layout.job(run_id).note.write_bytes(b"not what was written")
    assert "damaged" in api.runs.get(run_id).note.text


def test_note_that_cannot_be_read_now_is_not_written_over(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tag must not cost the text, nor the text the tags, because a disk failed for once."""
    run_id = a_run(api, "first")
    api.notes.write(run_id, text="kept", tags=["kept"])
    read_bytes = Path.read_bytes

    def fail(path: Path) -> bytes:
        if path.name == "note.json":
            raise OSError(errno.EIO, "Input/output error")
        return read_bytes(path)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", fail)
        with pytest.raises(DocumentDamaged, match="note"):
            api.notes.set_tags(run_id, ["new"])
        with pytest.raises(DocumentDamaged, match="note"):
            api.notes.set_text(run_id, "new")
    assert api.notes.read(run_id) == RunNote(text="kept", tags=("kept",))


def test_damaged_note_can_be_written_anew(api: Api) -> None:
    run_id = a_run(api, "first")
    api.notes.set_text(run_id, "lost")
    api.layout.job(run_id).note.write_bytes(b"not what was written")
    api.notes.set_text(run_id, "new")
    assert api.notes.read(run_id) == RunNote(text="new")


def test_note_of_no_run_is_named(api: Api) -> None:
    with pytest.raises(RunNotFound):
        api.notes.set_text("nobody", "x")


def test_curves_forget_what_the_run_went_back_behind() -> None:
    found = fold_curves(
        told(
            a_check(0, 3.0),
            *(a_step(one, loss=float(one)) for one in range(1, 7)),
            a_check(5, 2.0),
            back_to(3),
            a_step(4, loss=40.0),
        )
    )
    assert [(one.step, one.loss) for one in found.points] == [(1, 1), (2, 2), (3, 3), (4, 40)]
    assert found.held_out == ((0, 3.0),)


def test_curves_end_where_the_run_went_back_to() -> None:
    found = fold_curves(
        told(
            *(a_step(one) for one in (1, 2, 3, 4, 5)), a_check(3, 1.0), a_check(5, 2.0), back_to(3)
        )
    )
    assert [one.step for one in found.points] == [1, 2, 3]
    assert found.held_out == ((3, 1.0),)


def test_curves_of_a_resumed_run_have_each_step_once() -> None:
    found = fold_curves(told(*(a_step(one) for one in (1, 2, 3, 2, 3, 4)), a_check(3, 1.0)))
    assert [one.step for one in found.points] == [1, 2, 3, 4]
    assert found.held_out == ((3, 1.0),)


def test_csv_has_a_row_for_each_step_and_check() -> None:
    found = fold_curves(told(a_check(0, 3.0), a_step(1, loss=None), a_step(2), a_check(2, 1.25)))
    lines = curves_csv([("first", found)]).decode().splitlines()
    assert lines[0].startswith("step,training_loss,held_out_loss,learning_rate")
    assert lines[1] == "0,,3.0,,,,"
    assert lines[2].startswith("1,,,")
    assert lines[3].startswith("2,1.5,1.25,")


def test_csv_of_several_runs_names_them() -> None:
    one = fold_curves(told(a_step(1)))
    lines = curves_csv([("a, b", one), ("c", Curves())]).decode().splitlines()
    assert lines[0].startswith("run,step,")
    assert lines[1].startswith('"a, b",1,')
    assert len(lines) == 2


def test_curves_are_saved_once(api: Api, tmp_path: Path) -> None:
    run_id = a_run(api, "first")
    path = api.curves.save_csv([run_id], tmp_path / "first.csv")
    assert path.read_bytes().startswith(b"step,")
    with pytest.raises(TargetExists):
        api.curves.save_csv([run_id], path)
    assert api.curves.save(b"x", path, replace=True).read_bytes() == b"x"


def test_comparison_names_only_what_differs(api: Api) -> None:
    changed = msgspec.structs.replace(
        RECIPE, lora_rank=64, replay=Replay(dataset_id="d9", dataset_version=1, ratio=0.1)
    )
    a_run(api, "first")
    a_run(api, "second", changed)
    runs = [api.runs.get("first"), api.runs.get("second")]
    found = compare_runs(runs, name_of={"d9": "General"}.__getitem__)
    assert [one.name for one in found.runs] == ["first", "second"]
    assert {one.name: one.values for one in found.differences} == {
        "replayed_data": ("", "General: replayed, 10 % of every pass"),
        "lora_rank": (RECIPE.lora_rank, 64),
    }


def test_comparison_needs_two_runs(api: Api) -> None:
    a_run(api, "first")
    run = api.runs.get("first")
    with pytest.raises(WrongUsage):
        compare_runs([run, run], name_of=str)
