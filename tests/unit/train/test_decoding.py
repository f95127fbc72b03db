# SPDX-License-Identifier: Apache-2.0
"""Greedy answers equal those of stock transformers without a cache."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from engine.train.decoding import answer_greedily
from engine.train.model import LanguageModel
from tests.builders.model_folder import tiny_model_folder
from tests.unit.train.models import edit_config, load_ours, load_stock

PROMPT = [5, 17, 230, 41]


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return tiny_model_folder(tmp_path, spread=0.12)


@pytest.fixture
def model(base: Path) -> LanguageModel:
    return load_ours(base)


@pytest.mark.parametrize("architecture", ["LlamaForCausalLM", "MistralForCausalLM"])
def test_answer_greedily_tokens_equal_stock_generate(tmp_path: Path, architecture: str) -> None:
    base = tiny_model_folder(tmp_path / "m", architecture=architecture, spread=0.12)
    if architecture == "MistralForCausalLM":
        edit_config(base, sliding_window=6)
    stock = load_stock(base)
    known = list(PROMPT)
    with torch.no_grad():
        for _number in range(20):
            known.append(int(stock(input_ids=torch.tensor([known])).logits[0, -1].argmax()))
    found = answer_greedily(load_ours(base), PROMPT, end_ids=frozenset(), limit=20)
    assert found.ids == known[len(PROMPT) :]
    assert (found.ended, found.is_finite) == (False, True)


def test_answer_greedily_end_token_ends_and_is_left_out(model: LanguageModel) -> None:
    whole = answer_greedily(model, PROMPT, end_ids=frozenset(), limit=12).ids
    end = whole[5]
    found = answer_greedily(model, PROMPT, end_ids=frozenset({end}), limit=12)
    assert found.ids == whole[: whole.index(end)]
    assert found.ended


def test_answer_greedily_is_told_to_stop_between_tokens(model: LanguageModel) -> None:
    asked = iter([False, False, True])
    found = answer_greedily(
        model, PROMPT, end_ids=frozenset(), limit=12, should_stop=lambda: next(asked)
    )
    assert len(found.ids) == 2


def test_answer_greedily_model_stays_in_the_mode_it_was_in(model: LanguageModel) -> None:
    model.net.train()
    answer_greedily(model, PROMPT, end_ids=frozenset(), limit=1)
    assert model.net.training


def test_answer_greedily_logits_that_are_no_numbers_are_told(model: LanguageModel) -> None:
    with torch.no_grad():
        model.head.get_parameter("weight").fill_(float("nan"))
    assert not answer_greedily(model, PROMPT, end_ids=frozenset(), limit=1).is_finite
