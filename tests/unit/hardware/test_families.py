# SPDX-License-Identifier: Apache-2.0
"""The table of families has the matrices and the small weights of every decoder that is trained."""

from __future__ import annotations

from typing import Any

import pytest

from engine.domain.model import ModelShape
from engine.hardware.families import (
    FAMILIES,
    adapted_paths,
    family,
    kept_scores,
    live_scores,
    matrices,
    small_parameters,
)
from engine.store.decoders import DECODERS
from engine.store.modelfolder_config import shape_of

SINGLE_KEY_VALUE = ("gpt2", "gpt_neox", "opt", "biogpt", "persimmon")
"""Families whose keys and values have as many heads as the queries."""


SIZES = ModelShape(
    layers=2,
    hidden=512,
    intermediate=1408,
    heads=8,
    kv_heads=4,
    head_dim=64,
    vocabulary=8192,
    tied=True,
    linear_parameters=1,
)


def config_of(architecture: str) -> dict[str, Any]:
    decoder = DECODERS[architecture]
    kv_heads = 4 if decoder.model_type in SINGLE_KEY_VALUE else 2
    config: dict[str, Any] = {
        "architectures": [architecture],
        "model_type": decoder.model_type,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": kv_heads,
        "head_dim": 8,
        "vocab_size": 100,
        "tie_word_embeddings": True,
    }
    decoder.derive(config)
    decoder.settle(config)
    return config


@pytest.mark.parametrize("architecture", sorted(DECODERS))
def test_family_has_the_matrices_and_the_small_weights_of_its_decoder(architecture: str) -> None:
    config, decoder = config_of(architecture), DECODERS[architecture]
    shape, kind = shape_of(config), family(decoder.model_type)
    total = small = 0
    for number, of_layer in enumerate(decoder.each_layer(config)):
        layer = decoder.layer(of_layer).values()
        [(one, _count)] = shape.layer_kinds(number, number + 1)
        wanted = sorted(tuple(sorted(size)) for size in layer if len(size) == 2)
        assert sorted(tuple(sorted(pair)) for pair in matrices(one, kind)) == wanted
        total += sum(before * after for before, after in matrices(one, kind))
        small += sum(size[0] for size in layer if len(size) == 1)
    assert total == shape.linear_parameters
    assert small_parameters(shape, kind) == small


@pytest.mark.parametrize("architecture", sorted(DECODERS))
def test_every_matrix_has_its_name(architecture: str) -> None:
    decoder = DECODERS[architecture]
    config, kind = config_of(architecture), family(decoder.model_type)
    for number, of_layer in enumerate(decoder.each_layer(config)):
        layer = decoder.layer(of_layer)
        sizes = {name: size for name, size in layer.items() if len(size) == 2}
        [(one, _count)] = shape_of(config).layer_kinds(number, number + 1)
        paths = [each[0] for each in adapted_paths(one, kind)]
        names = [path.removeprefix(f"{kind.layers}.0.") for path in paths]
        found = {
            f"{name}.weight": pair for name, pair in zip(names, matrices(one, kind), strict=True)
        }
        assert found.keys() == sizes.keys()
        assert all(sorted(found[name]) == sorted(size) for name, size in sizes.items())


def test_every_decoder_is_in_the_table() -> None:
    assert {one.model_type for one in DECODERS.values()} == set(FAMILIES)


def test_scores_of_long_sequences_are_those_of_a_block_and_none_is_kept() -> None:
    kind = FAMILIES["gemma2"]
    each = kind.score_bytes * SIZES.heads
    assert kept_scores(SIZES, kind, tokens=4096, sequence=1024) == each * 4096 * 1024
    assert live_scores(SIZES, kind, tokens=4096, sequence=1024) == each * 4096 * 1024
    assert kept_scores(SIZES, kind, tokens=4096, sequence=4096) == 0
    assert live_scores(SIZES, kind, tokens=4096, sequence=4096) == each * 1024 * 4096
    assert live_scores(SIZES, FAMILIES["llama"], tokens=4096, sequence=4096) == 0
