# SPDX-License-Identifier: Apache-2.0
"""Families: every one that is trained is described as transformers builds it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from transformers import AutoConfig

from engine.errors import ModelInvalid
from engine.store.decoders import DECODERS, left_out_prefix
from engine.store.modelfolder import inspect_model, read_headers, safe_config
from engine.store.modelfolder_config import expected_shapes, library_config
from tests.builders.decoders import CASES, DecoderFolders, build

OF_THE_FILE = ("use_cache", "transformers_version", "dtype", "architectures", "_name_or_path")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> DecoderFolders:
    return DecoderFolders(tmp_path_factory.mktemp("families"))


def test_every_family_has_a_case() -> None:
    assert {one.model_type for one in CASES.values()} == {
        one.model_type for one in DECODERS.values()
    }


@pytest.mark.parametrize("name", CASES)
def test_family_shapes_and_configuration_equal_what_transformers_saved(
    name: str, folders: DecoderFolders
) -> None:
    folder = folders[name]
    config = safe_config(folder)
    saved = {key: header.shape for key, header in read_headers(folder).items()}
    assert expected_shapes(config) == saved
    ours = AutoConfig.for_model(**library_config(config)).to_dict()
    stock = AutoConfig.from_pretrained(folder).to_dict()
    odd = [key for key in stock.keys() - OF_THE_FILE if ours.get(key) != stock[key]]
    # What Burnish leaves out of a file must not have mattered to the model.
    # The library counts keys and values of GPT-BigCode by the default number of heads there.
    known = ("eod_token_id", "summary_first_dropout")
    known += ("num_key_value_heads",) if name == "gpt_bigcode_apart" else ()
    assert [key for key in odd if key not in known] == []


@pytest.mark.parametrize("name", CASES)
def test_family_facts_follow_from_its_folder(name: str, folders: DecoderFolders) -> None:
    folder = folders[name]
    info = inspect_model(folder, model_id="m", name="x", added_at="")
    net = build(CASES[name])
    saved = ("act_fn", "layer_scalar")
    constants = sum(
        one.numel() for path, one in net.named_buffers() if any(part in path for part in saved)
    )
    assert info.parameters == sum(one.numel() for one in net.parameters()) + constants
    assert (info.shape.layers, info.shape.hidden, info.shape.heads) == (CASES[name].layers, 32, 4)
    assert info.shape.intermediate == (128 if name in ("falcon", "falcon_new") else 48)
    assert info.context_tokens == 128
    assert info.shape.linear_parameters > 0


@pytest.mark.parametrize("name", ["gpt2", "falcon"])
@pytest.mark.parametrize("size", ["32", 3.5, None, [32], {}])
def test_family_with_a_derived_size_that_is_no_number_is_refused(
    name: str, size: object, folders: DecoderFolders, tmp_path: Path
) -> None:
    config = json.loads((folders[name] / "config.json").read_text(encoding="utf-8"))
    config["n_embd" if name == "gpt2" else "hidden_size"] = size
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(ModelInvalid, match=r"hidden_size|n_embd"):
        safe_config(tmp_path)


def test_left_out_prefix_is_told_from_the_names() -> None:
    assert left_out_prefix(["wte.weight", "h.0.ln_1.weight"]) == "transformer."
    assert left_out_prefix(["transformer.h.0.ln_1.weight"]) == ""
