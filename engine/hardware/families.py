# SPDX-License-Identifier: Apache-2.0
"""What differs between model families in memory: which matrices a layer has, and what it keeps.

One table for all of it. The constants were counted on the engine itself, with
`torch.autograd.graph.saved_tensors_hooks` on models of several widths, and are whole numbers there
(tests/unit/train/test_memory_terms.py counts them again). Public figures that they are held against
stand in docs of the estimate, engine.hardware.memory.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec
from msgspec.structs import replace

from engine.domain.adapter import LoraTargets
from engine.domain.model import ModelShape
from engine.store.decoders import DECODERS, Decoder


class Family(msgspec.Struct, frozen=True, kw_only=True):
    """Constants of one `model_type`.

    Attributes:
        joined_attention: Query, key and value are one matrix.
        joined_mlp: Gate and up are one matrix.
        gated: The MLP has three matrices, not two.
        norms: Norms of a layer over the hidden width.
        norm_biases: The norms have biases too.
        attention_biases: Of the matrices q, k, v and o, how many have a bias: 0, 3 or 4.
        mlp_biases: The matrices of the MLP have biases.
        query_norm: `head`: query and key have a norm over one head each; `all`: over all heads.
        value_norm: Where query and key have a norm over one head each, the value has one too.
        norm_numbers: Numbers that a norm keeps for each row beside its input.
        inner_norms: Norms over the width of attention and over that of the MLP: one of each.
        head_vectors: Further weights of a layer that are as wide as one head.
        head_scalars: Further weights of a layer, so many for each head.
        scalars: Further weights of a layer, whatever its sizes.
        hidden_kept: Hidden-wide tensors that the backward pass keeps in the computing format.
        exact_hidden_kept: The same in 32 bits: the inputs of the norms.
        mlp_kept: MLP-wide tensors that it keeps: gate, up, activated gate, and their product.
        score_bytes: What it keeps of each attention score; 0 where a fused kernel keeps none.
        layers: Module that holds the layers.
        names: Of the matrices below a layer, in the order of `matrices`.
    """

    joined_attention: bool = False
    joined_mlp: bool = False
    gated: bool = True
    norms: int = 2
    norm_biases: bool = False
    attention_biases: int = 0
    mlp_biases: bool = False
    query_norm: str = ""
    value_norm: bool = False
    norm_numbers: int = 1
    inner_norms: int = 0
    head_vectors: int = 0
    head_scalars: int = 0
    scalars: int = 0
    hidden_kept: int = 2
    exact_hidden_kept: int = 2
    mlp_kept: int = 4
    score_bytes: int = 0
    layers: str = ""
    names: tuple[str, ...] = ()


_PLAIN = Family(gated=False, norm_biases=True, attention_biases=4, mlp_biases=True, mlp_kept=2)
"""Two matrices in the MLP, and biases everywhere."""

FAMILIES: dict[str, Family] = {
    **dict.fromkeys(
        ("llama", "mistral", "smollm3", "granite", "gemma", "helium", "ernie4_5"), Family()
    ),
    "qwen2": Family(attention_biases=3),
    "seed_oss": Family(attention_biases=3),
    **dict.fromkeys(("qwen3", "exaone4", "hunyuan_v1_dense"), Family(query_norm="head")),
    **dict.fromkeys(("olmo2", "olmo3"), Family(query_norm="all")),
    "olmo": Family(norms=0, hidden_kept=5),
    "cohere": Family(norms=1, exact_hidden_kept=5),
    "cohere2": Family(norms=1),
    "phi3": Family(joined_attention=True, joined_mlp=True, mlp_kept=6),
    "glm": Family(joined_mlp=True, attention_biases=3, mlp_kept=5),
    "glm4": Family(joined_mlp=True, attention_biases=3, norms=4, exact_hidden_kept=4, mlp_kept=5),
    "gemma2": Family(norms=4, exact_hidden_kept=4, score_bytes=9),
    "gemma3_text": Family(norms=4, exact_hidden_kept=4, query_norm="head"),
    **dict.fromkeys(
        ("gemma4_text", "gemma4_unified_text"),
        Family(
            norms=4,
            exact_hidden_kept=4,
            query_norm="head",
            value_norm=True,
            norm_numbers=2,
            scalars=1,
        ),
    ),
    "stablelm": Family(norm_biases=True),
    "arcee": Family(gated=False, mlp_kept=2),
    "nemotron": Family(gated=False, norm_biases=True, mlp_kept=2),
    "phi": replace(_PLAIN, norms=1, mlp_kept=4),
    "starcoder2": _PLAIN,
    "gpt2": replace(_PLAIN, joined_attention=True),
    "gpt_neox": replace(_PLAIN, joined_attention=True),
    "gpt_bigcode": replace(_PLAIN, joined_attention=True, exact_hidden_kept=1),
    "opt": replace(_PLAIN, exact_hidden_kept=1, mlp_kept=1),
    "biogpt": replace(_PLAIN, exact_hidden_kept=1),
    "jais2": replace(_PLAIN, exact_hidden_kept=1),
    "persimmon": replace(_PLAIN, joined_attention=True, head_vectors=4, exact_hidden_kept=3),
    **dict.fromkeys(("cwm", "ministral", "ministral3"), Family()),
    "granite_swa": Family(head_scalars=1, hidden_kept=3, score_bytes=7),
    "hyperclovax": Family(norms=4, exact_hidden_kept=4),
    "apertus": Family(gated=False, query_norm="head", scalars=2, mlp_kept=5),
    "vaultgemma": Family(score_bytes=9),
    "nanochat": Family(norms=0, gated=False, hidden_kept=3, exact_hidden_kept=3, mlp_kept=2),
    "bitnet": Family(inner_norms=1, hidden_kept=3, exact_hidden_kept=3, mlp_kept=6),
    "diffllama": Family(head_vectors=4, hidden_kept=3, exact_hidden_kept=4),
    "falcon": Family(joined_attention=True, gated=False, norms=1, norm_biases=True, mlp_kept=2),
}
"""By `model_type`. Matrices are those of engine.store.decoders, by test. What a layer keeps was
counted on the engine: to the byte for llama, granite, qwen2, qwen3, olmo2 and gemma4_text, within a
sixth for all others but gpt2, which is like gpt_neox by its model code. Gemma 2 and VaultGemma cap
their scores, and Granite SWA adds sinks to them, which no fused kernel does."""


_HIDDEN, _INNER, _HEADS = 64, 48, 4
"""Sizes that tell the matrices of a layer apart."""


def family(model_type: str) -> Family:
    """Return the constants of a family; one that is not in the table counts as llama's."""
    return _named().get(model_type, FAMILIES["llama"])


@cache
def _named() -> dict[str, Family]:
    """Return the table with the names of the matrices."""
    return {
        one.model_type: replace(
            FAMILIES[one.model_type], layers=one.layers, names=_names(FAMILIES[one.model_type], one)
        )
        for one in DECODERS.values()
    }


def _names(kind: Family, decoder: Decoder) -> tuple[str, ...]:
    """Return the names of a family's matrices, found by their sizes."""
    config: dict[str, Any] = {
        "hidden_size": _HIDDEN,
        "intermediate_size": _INNER,
        "num_hidden_layers": 1,
        "num_attention_heads": _HEADS,
        "num_key_value_heads": _HEADS,
        "head_dim": _HIDDEN // _HEADS,
        "vocab_size": 1,
        "tie_word_embeddings": True,
    }
    decoder.derive(config)
    left = {
        name.removesuffix(".weight"): tuple(sorted(size))
        for name, size in decoder.layer(config).items()
        if len(size) == 2
    }
    shape = ModelShape(
        layers=1,
        hidden=_HIDDEN,
        intermediate=config["intermediate_size"],
        heads=_HEADS,
        kv_heads=config["num_key_value_heads"],
        head_dim=_HIDDEN // _HEADS,
        vocabulary=1,
        tied=True,
        linear_parameters=0,
        fed=config.get("hidden_size_per_layer_input", 0),
    )
    found: list[str] = []
    for pair in matrices(shape, kind):
        name = next((one for one, size in left.items() if size == tuple(sorted(pair))), "")
        left.pop(name, None)
        found.append(name)
    return tuple(found)


WIDEST_GROUPED_HEAD = 256
"""Keys and values of wider heads are repeated on a card, as engine.train.attention does it."""

ATTENTION_BLOCK_TOKENS = 1024
"""Scores of longer sequences are made and dropped in blocks of so many queries, as
engine.train.attention does it."""


def kept_scores(shape: ModelShape, kind: Family, *, tokens: int, sequence: int) -> int:
    """Return the bytes of scores that a layer keeps until its backward pass.

    Args:
        shape: Sizes of the model.
        kind: Its family.
        tokens: Tokens that go through the device together.
        sequence: The most of them that attend to each other.
    """
    if sequence > ATTENTION_BLOCK_TOKENS:
        return 0
    return kind.score_bytes * shape.heads * tokens * sequence


def live_scores(shape: ModelShape, kind: Family, *, tokens: int, sequence: int) -> int:
    """Return the bytes of scores while a layer is worked on: all of them, or those of a block."""
    if sequence > ATTENTION_BLOCK_TOKENS:
        return kind.score_bytes * shape.heads * ATTENTION_BLOCK_TOKENS * sequence
    return kept_scores(shape, kind, tokens=tokens, sequence=sequence)


def matrices(shape: ModelShape, kind: Family) -> tuple[tuple[int, int], ...]:
    """Return (in, out) of every linear matrix of one layer; all layers of the shape are alike."""
    hidden, inner = shape.hidden, shape.intermediate
    wide, narrow = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    attention = (
        ((hidden, wide + 2 * narrow),)
        if kind.joined_attention
        else ((hidden, wide), *((hidden, narrow),) * shape.key_value_matrices)
    )
    ups = 2 if kind.gated else 1
    rise = ((hidden, ups * inner),) if kind.joined_mlp else ((hidden, inner),) * ups
    fed = ((hidden, shape.fed), (shape.fed, hidden)) if shape.fed else ()
    return (*attention, (wide, hidden), *rise, (inner, hidden), *fed)


def adapted(
    shape: ModelShape, kind: Family, targets: LoraTargets = LoraTargets.ALL
) -> tuple[tuple[int, int], ...]:
    """Return (in, out) of the matrices of one layer that get an adapter."""
    return matrices(shape, kind)[_part(shape, kind, targets)]


def adapted_paths(
    shape: ModelShape, kind: Family, targets: LoraTargets = LoraTargets.ALL
) -> tuple[tuple[str, ...], ...]:
    """Return for each matrix that gets an adapter its paths in all layers."""
    names = kind.names
    if not kind.joined_attention:
        names = (*names[: 1 + shape.key_value_matrices], *names[3:])
    names = names[: len(matrices(shape, kind))][_part(shape, kind, targets)]
    return tuple(
        tuple(f"{kind.layers}.{number}.{name}" for number in range(shape.layers)) for name in names
    )


def _part(shape: ModelShape, kind: Family, targets: LoraTargets) -> slice:
    first = 2 if kind.joined_attention else 2 + shape.key_value_matrices
    parts = {LoraTargets.ATTENTION: slice(first), LoraTargets.MLP: slice(first, None)}
    return parts.get(targets, slice(None))


def small_parameters(shape: ModelShape, kind: Family) -> int:
    """Return the weights of all layers that are no matrices: norms and biases."""
    return sum(count * _small_of_layer(one, kind) for one, count in shape.layer_kinds())


def _small_of_layer(shape: ModelShape, kind: Family) -> int:
    wide, narrow = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    of_heads = (2 if shape.key_value_matrices else 1) * shape.head_dim
    query = {"": 0, "head": of_heads, "all": wide + narrow}[kind.query_norm]
    biases = {0: 0, 3: wide + 2 * narrow, 4: wide + 2 * narrow + shape.hidden}
    norms = (kind.norms + bool(shape.fed)) * shape.hidden * (2 if kind.norm_biases else 1)
    ups = 2 if kind.gated else 1
    mlp = ups * shape.intermediate + shape.hidden if kind.mlp_biases else 0
    inner = kind.inner_norms * (shape.hidden + shape.intermediate)
    own = kind.head_vectors * shape.head_dim + kind.head_scalars * shape.heads + kind.scalars
    return norms + query + biases[kind.attention_biases] + mlp + inner + own
