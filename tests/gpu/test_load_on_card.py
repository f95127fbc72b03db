# SPDX-License-Identifier: Apache-2.0
"""Loading onto a graphics card: pinned memory, kept weights bit for bit, nothing held back."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from engine.store.known_model import find_model
from engine.train.base_weights import FROM_CACHE, FROM_SOURCE, BaseWeights, load_base
from engine.train.device import Placement
from engine.train.load import load_model
from engine.train.read_ahead import ReadAhead
from tests.builders.model_folder import tiny_model_folder
from tests.builders.packed_model_folder import pack_folder
from tests.unit.train.runs import MODEL, Desk, make_desk
from tests.unit.train.test_read_ahead import units_of

pytestmark = pytest.mark.gpu
CARD = torch.device("cuda")


def load(desk: Desk) -> BaseWeights:
    placement = Placement(device=CARD, dtype=torch.bfloat16, decisions={})
    info = find_model(desk.layout, MODEL)
    return load_base(desk.context("job"), info, placement, quantised=True)


def test_read_ahead_for_a_card_hands_out_pinned_memory(tmp_path: Path) -> None:
    with ReadAhead(units_of(tiny_model_folder(tmp_path)), device=CARD) as reading:
        assert all(values.is_pinned() for one in reading for values in one.tensors.values())


def test_load_model_on_a_card_holds_what_the_files_hold(tmp_path: Path) -> None:
    folder = tiny_model_folder(tmp_path, layers=8)
    nets = [
        load_model(folder, dtype=torch.bfloat16, device=device, quantised=False).net
        for device in (CARD, torch.device("cpu"))
    ]
    for name, values in nets[0].named_parameters():
        assert values.is_cuda
        assert torch.equal(values.cpu(), nets[1].get_parameter(name))


def test_load_base_on_a_card_kept_weights_give_the_same_bits(tmp_path: Path) -> None:
    desk = make_desk(tmp_path, spread=0.12)
    first, second = load(desk), load(desk)
    sources = [one.decisions["packed_weights"].value for one in (first, second)]
    assert sources == [FROM_SOURCE, FROM_CACHE]
    for path, linear in first.model.linears.items():
        again = second.model.linears[path]
        assert again.restored_weight().is_cuda
        assert torch.equal(linear.restored_weight(), again.restored_weight())


def test_load_model_packed_folder_on_a_card_restores_as_on_the_processor(tmp_path: Path) -> None:
    folder = tiny_model_folder(tmp_path, spread=0.12)
    expected = pack_folder(folder)
    model = load_model(folder, dtype=torch.bfloat16, device=CARD, quantised=True)
    for path, linear in model.linears.items():
        found = linear.restored_weight().cpu()
        torch.testing.assert_close(found, expected[f"{path}.weight"], rtol=0.01, atol=1e-3)
