# SPDX-License-Identifier: Apache-2.0
"""A base model in 4 bits: restored as bitsandbytes does, and never merged into."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from engine.errors import ModelInvalid
from engine.export import merged
from engine.export.base import read_model_tensors
from engine.export.packed_base import load_base
from tests.builders.model_folder import tiny_model_folder
from tests.builders.packed_model_folder import pack_folder
from tests.unit.export.exporting import PEFT_WARNING, MakeJob, Trained

pytestmark = pytest.mark.filterwarnings(PEFT_WARNING)


@pytest.mark.parametrize("double", [True, False])
def test_load_base_holds_what_bitsandbytes_restores(tmp_path: Path, double: bool) -> None:
    folder = tiny_model_folder(tmp_path, spread=0.12)
    expected = pack_folder(folder, double=double)
    model = load_base(read_model_tensors(folder), error=ModelInvalid)
    weights = model.state_dict()
    assert all(torch.equal(weights[name], values) for name, values in expected.items())


def test_load_base_that_lacks_a_weight_is_named(tmp_path: Path) -> None:
    folder = tiny_model_folder(tmp_path)
    pack_folder(folder)
    path = folder / "config.json"
    config = json.loads(path.read_text(encoding="utf-8")) | {"num_hidden_layers": 3}
    path.write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(ModelInvalid) as failure:
        load_base(read_model_tensors(folder), error=ModelInvalid)
    assert "model.layers.2." in failure.value.detail


def test_export_merged_into_a_base_in_4_bits_is_refused(
    make_job: MakeJob, trained: Trained, tmp_path: Path
) -> None:
    base = shutil.copytree(trained.base, tmp_path / "packed")
    pack_folder(base)
    job = make_job(base, trained.adapter, target="merged")
    with pytest.raises(ModelInvalid, match="files are in 4 bits"):
        merged.export(job.context())
    assert not job.out.exists()
