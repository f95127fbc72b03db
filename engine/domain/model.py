# SPDX-License-Identifier: Apache-2.0
"""What Burnish knows of a base model: facts read from its folder, which is never changed."""

from __future__ import annotations

from collections import Counter

import msgspec


class LayerShape(msgspec.Struct, frozen=True, kw_only=True):
    """Sizes of one layer where not all layers are alike.

    Attributes:
        intermediate: Width of the MLP.
        kv_heads: Key/value heads.
        head_dim: Width of one head.
        key_value_matrices: Matrices that make keys and values; none where an earlier layer's are
            taken.
    """

    intermediate: int
    kv_heads: int
    head_dim: int
    key_value_matrices: int


class ModelShape(msgspec.Struct, frozen=True, kw_only=True):
    """Sizes that memory and time follow from.

    Attributes:
        layers: Decoder layers.
        hidden: Width of the residual stream.
        intermediate: Width of the MLP.
        heads: Attention heads.
        kv_heads: Key/value heads.
        head_dim: Width of one head.
        vocabulary: Rows of the embedding.
        tied: The head shares the embedding's weights.
        linear_parameters: Parameters in the layers' linear weights (what NF4 quantises).
        key_value_matrices: Matrices of a layer that make keys and values.
        fed: Width of what each layer is fed besides hidden states; 0 for nothing.
        fed_rows: Rows of the embedding that it comes from.
        unlike: Sizes of each layer, where not all are alike.
    """

    layers: int
    hidden: int
    intermediate: int
    heads: int
    kv_heads: int
    head_dim: int
    vocabulary: int
    tied: bool
    linear_parameters: int
    key_value_matrices: int = 2
    fed: int = 0
    fed_rows: int = 0
    unlike: tuple[LayerShape, ...] = ()

    def layer_kinds(self, first: int = 0, stop: int | None = None) -> list[tuple[ModelShape, int]]:
        """Return each kind of layer as a model that has no other, and how many there are of it.

        Args:
            first: Only layers from this number on,
            stop: and before this one; None for all that follow.
        """
        last = self.layers if stop is None else stop
        if not self.unlike:
            return [(self, max(0, last - first))]
        counts = Counter(self.unlike[first:last])
        alike = msgspec.structs.replace(self, unlike=())
        return [
            (msgspec.structs.replace(alike, **msgspec.structs.asdict(one)), count)
            for one, count in counts.items()
        ]


class ModelInfo(msgspec.Struct, frozen=True, kw_only=True):
    """model.json: one base model.

    Attributes:
        schema_version: Version of this document.
        id: Folder name in the workspace.
        name: Name for people.
        path: Absolute path of the untouched local folder.
        architecture: Class name, e.g. `LlamaForCausalLM`.
        model_type: As in config.json, e.g. `llama`.
        parameters: Number of weights, counted from the safetensors headers.
        shape: Sizes.
        weights_dtype: Type of most weights, e.g. `bfloat16`.
        size_bytes: Size of the safetensors files.
        context_tokens: Longest sequence the model was made for.
        licence: From the model card, or an empty text.
        has_chat_template: Whether conversations can be rendered.
        end_of_turn: Text of the end-of-turn token, or an empty text.
        fingerprint: SHA-256 over config, tokenizer, template and safetensors headers.
        files: Names of the safetensors files.
        added_at: UTC, ISO 8601.
        bundled: It came with Burnish.
        notes: Plain sentences on what was ignored or is unusual.
        weights: SHA-256 over pieces of its weight files; empty where an older version added it.
    """

    schema_version: int = 1
    id: str
    name: str
    path: str
    architecture: str
    model_type: str
    parameters: int
    shape: ModelShape
    weights_dtype: str
    size_bytes: int
    context_tokens: int
    licence: str
    has_chat_template: bool
    end_of_turn: str
    fingerprint: str
    files: tuple[str, ...]
    added_at: str
    bundled: bool = False
    notes: tuple[str, ...] = ()
    weights: str = ""
