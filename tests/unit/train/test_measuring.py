# SPDX-License-Identifier: Apache-2.0
"""What a run measures of its device: a layer by two passes, and its own speed."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from engine.chat.packing import StepOrder, whole
from engine.domain.mix import Part
from engine.domain.recipe import Recipe
from engine.hardware.adapter_form import AdapterForm
from engine.hardware.calibration import Surroundings, read_measurements
from engine.hardware.families import family
from engine.hardware.held import input_bytes
from engine.hardware.layer import flowing_per_token, kept_per_token
from engine.store.modelfolder import inspect_model
from engine.train import measuring, resolve
from engine.train.device import choose_placement
from engine.train.loop import train_adapter
from engine.train.loss import batch_loss
from engine.train.measuring import calibrate, calibrate_once, plain_batch, remember_speed
from engine.train.model import LanguageModel
from engine.train.setup import prepare_run
from tests.builders.model_folder import tiny_model_folder
from tests.unit.train.models import CPU, load_adapted, random_examples
from tests.unit.train.runs import MOMENT, make_desk

HERE = Surroundings(device="card", driver="1", libraries="torch 2")
RECIPE = Recipe(dataset_id="d", model_id="m")


@pytest.mark.parametrize("share", [0.8, 1.3])
def test_layer_that_takes_a_share_of_its_count_is_found_whatever_else_is_held(
    tmp_path: Path, share: float
) -> None:
    folder = tiny_model_folder(tmp_path / "m", layers=3)
    info = inspect_model(folder, model_id="m", name="m", added_at="")
    model, kind = load_adapted(folder), family("llama")
    layer = kept_per_token(
        info.shape, kind, item=4, form=AdapterForm.of(RECIPE)
    ) + flowing_per_token(info.shape, kind, item=4)
    inputs = input_bytes(info.shape, tokens=1, item=4, layers=3, offload=False)
    found = calibrate(
        model,
        info,
        RECIPE,
        quantised=False,
        surroundings=HERE,
        measure=lambda tokens: 10**9 + round(tokens * (inputs + share * layer)),
        context_bytes=lambda: 123,
        now=MOMENT,
    )
    assert found is not None
    assert found.layer_scale == pytest.approx(share, rel=1e-3)
    assert (found.item, found.model_type, found.context_bytes) == (4, "llama", 123)


def test_implausible_measurement_is_left_out(tmp_path: Path) -> None:
    folder = tiny_model_folder(tmp_path / "m")
    info = inspect_model(folder, model_id="m", name="m", added_at="")
    found = calibrate(
        load_adapted(folder),
        info,
        RECIPE,
        quantised=False,
        surroundings=HERE,
        measure=lambda tokens: 5,
        context_bytes=lambda: 0,
        now=MOMENT,
    )
    assert found is None


def test_row_that_is_measured_goes_through_the_model_in_segments_and_trains_few_tokens(
    tmp_path: Path,
) -> None:
    model = load_adapted(tiny_model_folder(tmp_path / "m"))
    batch = plain_batch(100, vocabulary=400, longest=64)
    assert batch.segments.edges == (0, 64, 100)
    assert int(batch.positions.max()) == 63
    assert len(batch.rows) == len(batch.targets) == 16
    batch_loss(model, batch).backward()
    assert all(one.grad is not None for one in model.trainable().values())


@pytest.mark.parametrize("kept", [0, 1])
def test_run_that_keeps_layers_measures_all_of_them_and_keeps_these_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: int
) -> None:
    """A card is stood in for: its passes would be counted by torch's own allocator."""
    desk = make_desk(tmp_path, layers=3)
    info = inspect_model(desk.base, model_id="m", name="m", added_at="")
    form = AdapterForm(rank=4)
    layer = kept_per_token(info.shape, family("llama"), item=4, form=form)
    layer += flowing_per_token(info.shape, family("llama"), item=4)
    stored: list[int] = []

    def peak(model: LanguageModel, tokens: int, *, longest: int) -> int:
        assert longest == info.context_tokens
        stored.append(model.stored_layers)
        return tokens * (3 * 4 * info.shape.hidden + layer)

    monkeypatch.setattr(measuring, "_card", lambda device: HERE)
    monkeypatch.setattr(measuring, "_context_bytes", lambda: 7)
    monkeypatch.setattr(measuring, "peak_of_pass", peak)
    monkeypatch.setattr(resolve, "free_memory_bytes", lambda device: 0)
    recipe = desk.recipe(uncheckpointed_layers=kept)
    desk.add_run("run-1", recipe)
    placement = choose_placement(recipe.device, recipe.dtype)
    run = prepare_run(desk.context("run-1"), recipe, placement, quantised=False)
    assert stored == [0, 0]
    assert run.model.stored_layers == kept
    known = read_measurements(desk.layout.measurements).calibrations
    assert [one.layer_scale for one in known] == [pytest.approx(1.0)]


def test_nothing_is_measured_on_a_processor(tmp_path: Path) -> None:
    desk = make_desk(tmp_path)
    info = inspect_model(desk.base, model_id="m", name="m", added_at="")
    found = calibrate_once(
        desk.context("run-1"),
        load_adapted(desk.base),
        info,
        RECIPE,
        quantised=False,
        recomputes=True,
    )
    assert found is None
    assert desk.events == []


def test_speed_counts_the_tokens_of_the_newest_steps(tmp_path: Path) -> None:
    desk = make_desk(tmp_path)
    lengths = random_examples([10, 20, 30, 40]).lengths
    order = StepOrder(parts=whole(4), effective_batch_size=2, seed=1)
    context = desk.context("run-1", options={"model_fingerprint": "f"})
    remember_speed(
        context,
        RECIPE,
        device=CPU,
        order=order,
        lengths=lengths,
        step=2,
        step_times=[0.25, 0.25],
    )
    (found,) = read_measurements(desk.layout.measurements).speeds
    assert found.tokens_per_s == 200.0
    assert found.tokens_per_row == 25.0
    assert found.fingerprint == "f"


def test_speed_without_a_row_of_the_main_dataset_is_not_kept(tmp_path: Path) -> None:
    desk = make_desk(tmp_path)
    parts = (Part(rows=0, per_pass=0), Part(rows=4, per_pass=4))
    remember_speed(
        desk.context("run-1", options={"model_fingerprint": "f"}),
        RECIPE,
        device=CPU,
        order=StepOrder(parts=parts, effective_batch_size=2, seed=1),
        lengths=random_examples([10, 20, 30, 40]).lengths,
        step=2,
        step_times=[0.25, 0.25],
    )
    assert read_measurements(desk.layout.measurements).speeds == ()


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("no room"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    ],
)
def test_measuring_that_runs_out_of_memory_is_told_and_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: RuntimeError
) -> None:
    def fail(*_args: object, **_options: object) -> None:
        raise error

    desk = make_desk(tmp_path)
    monkeypatch.setattr(measuring, "_card", lambda _device: HERE)
    monkeypatch.setattr(measuring, "calibrate", fail)
    found = calibrate_once(
        desk.context("run-1"),
        load_adapted(desk.base),
        inspect_model(desk.base, model_id="m", name="m", added_at=""),
        RECIPE,
        quantised=False,
        recomputes=True,
    )
    assert found is not None
    assert found.value is None
    assert "too little free memory" in found.reason


def test_finished_run_leaves_its_speed_and_an_unknown_model_leaves_none(tmp_path: Path) -> None:
    desk = make_desk(tmp_path)
    recipe = desk.recipe(max_steps=3)
    info = inspect_model(desk.base, model_id="m", name="m", added_at="")
    for run_id, options in (("run-1", {}), ("run-2", {"model_fingerprint": info.fingerprint})):
        desk.add_run(run_id, recipe)
        train_adapter(desk.context(run_id, options=options), quantised=False)
        kept = read_measurements(desk.layout.measurements).speeds
        assert len(kept) == len(options)
    assert kept[0].tokens_per_s > 0
    assert not torch.cuda.is_initialized()
