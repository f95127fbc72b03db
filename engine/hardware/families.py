# SPDX-License-Identifier: Apache-2.0
"""What differs between model families in memory: which matrices a layer has, and what it keeps.

One table for all of it. The constants were counted on the engine itself, with
`torch.autograd.graph.saved_tensors_hooks` on models of several widths, and are whole numbers there
(tests/unit/train/test_memory_terms.py counts them again). Public figures that they are held against
stand in docs of the estimate, engine.hardware.memory.
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.domain.model import ModelShape


@dataclass(frozen=True, kw_only=True)
class Family:
    """Constants of one `model_type`.

    Attributes:
        joined_attention: Query, key and value are one matrix.
        joined_mlp: Gate and up are one matrix.
        gated: The MLP has three matrices, not two.
        norms: Norms of a layer over the hidden width.
        attention_biases: Of the matrices q, k, v and o, how many have a bias: 0, 3 or 4.
        query_norm: `head`: query and key have a norm over one head each; `all`: over all heads.
        hidden_kept: Hidden-wide tensors that the backward pass keeps in the computing format.
        exact_hidden_kept: The same in 32 bits: the inputs of the norms.
        mlp_kept: MLP-wide tensors that it keeps: gate, up, activated gate, and their product.
    """

    joined_attention: bool = False
    joined_mlp: bool = False
    gated: bool = True
    norms: int = 2
    attention_biases: int = 0
    query_norm: str = ""
    hidden_kept: int = 2
    exact_hidden_kept: int = 2
    mlp_kept: int = 4


FAMILIES: dict[str, Family] = {
    "llama": Family(),
    "mistral": Family(),
    "smollm3": Family(),
    "granite": Family(),
    "stablelm": Family(),
    "qwen2": Family(attention_biases=3),
    "qwen3": Family(query_norm="head"),
    "olmo2": Family(query_norm="all"),
    "phi3": Family(joined_attention=True, joined_mlp=True),
    "gemma2": Family(norms=4, exact_hidden_kept=4),
    "gemma3_text": Family(norms=4, exact_hidden_kept=4, query_norm="head"),
    "starcoder2": Family(gated=False, attention_biases=4, mlp_kept=2),
    "gpt2": Family(joined_attention=True, gated=False, attention_biases=4, mlp_kept=2),
    "gpt_neox": Family(joined_attention=True, gated=False, attention_biases=4, mlp_kept=2),
    "falcon": Family(joined_attention=True, gated=False, mlp_kept=2),
}
"""By `model_type`. Counted on the engine: llama, granite, qwen2, qwen3, olmo2; mistral and smollm3
have llama's layers. The others follow from the model code of transformers and are not counted."""


def family(model_type: str) -> Family:
    """Return the constants of a family; one that is not in the table counts as llama's."""
    return FAMILIES.get(model_type, FAMILIES["llama"])


def matrices(shape: ModelShape, kind: Family) -> tuple[tuple[int, int], ...]:
    """Return (in, out) of every linear matrix of one layer."""
    hidden, inner = shape.hidden, shape.intermediate
    wide, narrow = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    attention = (
        ((hidden, wide + 2 * narrow),)
        if kind.joined_attention
        else ((hidden, wide), (hidden, narrow), (hidden, narrow))
    )
    ups = 2 if kind.gated else 1
    rise = ((hidden, ups * inner),) if kind.joined_mlp else ((hidden, inner),) * ups
    return (*attention, (wide, hidden), *rise, (inner, hidden))


def small_parameters(shape: ModelShape, kind: Family) -> int:
    """Return the weights of all layers that are no matrices: norms and biases."""
    wide, narrow = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    query = {"": 0, "head": 2 * shape.head_dim, "all": wide + narrow}[kind.query_norm]
    biases = (wide + 2 * narrow if kind.attention_biases else 0) + (
        shape.hidden if kind.attention_biases == 4 else 0
    )
    return shape.layers * (kind.norms * shape.hidden + query + biases)
