# SPDX-License-Identifier: Apache-2.0
"""Mixed datasets: no row that is held out anywhere is trained, exactly or nearly."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.domain.dataset import ChatRow, Row
from engine.domain.mix import MixedDataset, Replay
from engine.protocol.events import EvalDone, Event, PhaseChanged, PlanResolved, StepDone, Warned
from engine.store.workspace import open_workspace
from engine.train.sft_lora import train
from engine.train.sources import RowSource, copy_warnings, sources_of, without_copies
from tests.unit.train.runs import (
    DATASET,
    MOMENT,
    Desk,
    chat_row,
    chat_rows,
    make_desk,
    write_dataset,
)

WORDS = ("amber", "birch", "cedar", "delta", "ember", "frost", "grove")


def long_row(number: int, changed: int | None = None) -> ChatRow:
    """Return a row of forty words of its own; `changed` alters the last, so that it is near."""
    words = [f"{WORDS[at % 7]}{number * 40 + at}" for at in range(40)]
    if changed is not None:
        words[-1] = f"changed{changed}"
    return chat_row(" ".join(words[:20]), " ".join(words[20:]))


def key_of(row: Row) -> str:
    """Return what a row and its near copies have in common."""
    assert isinstance(row, ChatRow)
    return row.messages[0].content


def sources(desk: Desk, *, replay: str = "", others: list[str]) -> tuple[RowSource, ...]:
    recipe = desk.recipe(
        mix=[{"dataset_id": one} for one in others],
        replay={"dataset_id": replay} if replay else None,
    )
    return sources_of(desk.layout, recipe)


row_numbers = st.lists(
    st.tuples(st.integers(0, 25), st.one_of(st.none(), st.integers(0, 2))), min_size=2, max_size=20
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(row_numbers, row_numbers, row_numbers, st.booleans())
def test_without_copies_any_mix_trains_nothing_near_to_what_is_held_out(
    main: list[tuple[int, int | None]],
    other: list[tuple[int, int | None]],
    third: list[tuple[int, int | None]],
    is_replayed: bool,
) -> None:
    with tempfile.TemporaryDirectory() as place:
        layout = open_workspace(Path(place) / "workspace", now=MOMENT)
        desk = Desk(layout=layout, base=Path(place))
        for dataset_id, rows in ((DATASET, main), ("other", other), ("third", third)):
            made = [long_row(number, changed) for number, changed in rows]
            write_dataset(layout, made, eval_ratio=0.4, dataset_id=dataset_id)
        replay, others = ("third", ["other"]) if is_replayed else ("", ["other", "third"])
        found = without_copies(
            sources(desk, replay=replay, others=others), on_rows=lambda _count: None
        )
        trained = [
            key_of(row)
            for one in found
            for place, row in enumerate(one.training_rows())
            if one.left_out is None or not one.left_out[place]
        ]
        held = {key_of(row) for one in found for _digest, row in one.held_out_rows()}
        assert held.isdisjoint(trained)
        left_out = sum(int(one.left_out.sum()) for one in found if one.left_out is not None)
        assert len(trained) == sum(one.count for one in found) - left_out
        kept = {key_of(long_row(number)) for number, _changed in (*main, *other, *third)} - held
        assert kept <= set(trained)


def test_copy_warnings_name_the_dataset_and_count(tmp_path: Path) -> None:
    layout = open_workspace(tmp_path / "workspace", now=MOMENT)
    desk = Desk(layout=layout, base=tmp_path)
    write_dataset(layout, [long_row(one) for one in range(20)], eval_ratio=0.5)
    copies = [long_row(one) for one in range(20)] + [long_row(30), long_row(31)]
    write_dataset(layout, copies, eval_ratio=0.0, dataset_id="copies")
    found = without_copies(sources(desk, others=["copies"]), on_rows=lambda _count: None)
    held = sum(1 for _row in found[0].held_out_rows())
    assert held > 1
    warnings = copy_warnings(found)
    assert [one.code for one in warnings] == ["copies_of_held_out"]
    assert warnings[0].message.startswith(f"{held} rows of copies are left out")


def test_run_of_a_mix_sees_each_dataset_by_its_weight(tmp_path: Path) -> None:
    desk = make_desk(tmp_path, rows=chat_rows(40))
    write_dataset(
        desk.layout,
        [chat_row(f"Other question {one} of mine?", f"Other answer {one}.") for one in range(20)],
        eval_ratio=0.3,
        dataset_id="other",
    )
    write_dataset(
        desk.layout,
        [chat_row(f"General {one} in the world?", f"It is {one}.") for one in range(30)],
        eval_ratio=0.0,
        dataset_id="general",
    )
    recipe = desk.recipe(
        epochs=1.0,
        mix=[MixedDataset(dataset_id="other", weight=0.5)],
        replay=Replay(dataset_id="general", ratio=0.2),
    )
    desk.add_run("run-1", recipe)
    train(desk.context("run-1"))
    plan = desk.of(PlanResolved)[0]
    main, other, general = sources_of(desk.layout, recipe)
    phases = [one.phase for one in desk.of(PhaseChanged)]
    assert phases[:2] == ["comparing_rows", "reading_rows"]
    left = {one.message.split()[0] for one in desk.of(Warned) if one.code == "copies_of_held_out"}
    assert not left
    half = round(other.count * 0.5)
    replayed = round((main.count + half) * 0.25)
    assert plan.decisions["mix"].value == f"{main.count} + {half} + {replayed}"
    assert plan.train_examples == main.count + other.count + general.count
    steps = -(-(main.count + half + replayed) // recipe.effective_batch_size)
    assert plan.total_steps == steps == len(desk.of(StepDone))
    held = sum(1 for one in (main, other) for _row in one.held_out_rows())
    assert plan.eval_examples == held
    assert desk.of(EvalDone)


@pytest.mark.parametrize("is_replayed", [True, False])
def test_held_out_rows_of_a_replayed_dataset_are_not_checked(
    tmp_path: Path, is_replayed: bool
) -> None:
    desk = make_desk(tmp_path, rows=chat_rows(20))
    general = [chat_row(f"General {one} in the world?", f"It is {one}.") for one in range(20)]
    write_dataset(desk.layout, general, eval_ratio=0.5, dataset_id="general")
    values = (
        {"replay": Replay(dataset_id="general")}
        if is_replayed
        else {"mix": [MixedDataset(dataset_id="general")]}
    )
    desk.add_run("run-1", desk.recipe(max_steps=1, **values))
    train(desk.context("run-1"))
    main, other = sources_of(desk.layout, desk.recipe(**values))
    own = sum(1 for _row in main.held_out_rows())
    others = sum(1 for _row in other.held_out_rows())
    expected = own if is_replayed else own + others
    assert desk.of(PlanResolved)[0].eval_examples == expected


def test_resume_of_a_mix_changes_not_one_bit(tmp_path: Path) -> None:
    desk = make_desk(tmp_path, rows=chat_rows(20))
    others = [chat_row(f"Other question {one} of mine?", f"Other {one}.") for one in range(9)]
    write_dataset(desk.layout, others, eval_ratio=0.0, dataset_id="other")
    recipe = desk.recipe(epochs=3.0, mix=[MixedDataset(dataset_id="other", weight=0.5)])
    found: list[tuple[list[StepDone], bytes]] = []
    for run_id, stops in (("whole", (0,)), ("parted", (3, 8, 0))):
        desk.add_run(run_id, recipe)
        steps: list[StepDone] = []
        for stop in stops:
            train(desk.context(run_id, stop_when=partial(_is_step, stop)))
            steps += desk.of(StepDone)
        weights = desk.layout.job(run_id).adapter / "adapter_model.safetensors"
        found.append((steps, weights.read_bytes()))
    (whole, one), (parted, other) = found
    assert [(step.step, step.loss) for step in parted] == [(step.step, step.loss) for step in whole]
    assert one == other


def _is_step(step: int, event: Event) -> bool:
    return isinstance(event, StepDone) and event.step == step
