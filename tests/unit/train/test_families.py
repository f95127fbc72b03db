# SPDX-License-Identifier: Apache-2.0
"""Every family: the logits of stock transformers, packed or not, dense or in 4 bits."""

from __future__ import annotations

import pytest
import torch

from tests.builders.decoders import CASES, DecoderFolders
from tests.unit.train.models import (
    alone_logits,
    load_ours,
    load_stock,
    pack,
    packed_logits,
    random_examples,
)

LENGTHS = [21, 3, 30]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> DecoderFolders:
    return DecoderFolders(tmp_path_factory.mktemp("families"))


@pytest.mark.parametrize("name", CASES)
def test_family_packed_logits_equal_eager_ones_of_each_example_alone(
    name: str, folders: DecoderFolders
) -> None:
    examples = random_examples(LENGTHS)
    found = packed_logits(load_ours(folders[name]), pack(examples))
    expected = alone_logits(load_stock(folders[name]), examples)
    assert float(expected.std()) > 0.1
    torch.testing.assert_close(found, expected, rtol=0, atol=2e-5)


@pytest.mark.parametrize("name", CASES)
def test_family_every_linear_of_its_layers_gets_an_adapter(
    name: str, folders: DecoderFolders
) -> None:
    assert len(load_ours(folders[name], quantised=True).linears) == 2 * CASES[name].linears
