# SPDX-License-Identifier: Apache-2.0
"""Gemma 4's text models: layers of several sizes in one stack, each fed an input of its own.

Layers that look at everything have wider heads than those with a window. The last layers may have
no keys and values, and take those of the last layer of their kind before them; their MLP may be
twice as wide. The small models have a second embedding, which feeds each layer. All of it follows
transformers' model code, modeling_gemma4.py and modeling_gemma4_unified.py.
"""

from __future__ import annotations

from gettext import gettext as _
from typing import Any, cast

from engine.errors import ModelInvalid
from engine.store.decoder_shapes import FOUR_NORMS, Config, Shapes, linear, norms

_FULL, _WINDOW = "full_attention", "sliding_attention"
_PATTERN = 6
_GLOBAL_HEAD, _FED_VOCABULARY = 512, 262_144
"""What transformers takes where config.json is silent (configuration_gemma4.py)."""

_BY_LENGTH = ("dynamic", "longrope")
_OF_LAYERS = "per_layer_config"

FED_KEYS = ("hidden_size_per_layer_input", "vocab_size_per_layer_input")
KEYS = (
    *FED_KEYS,
    _OF_LAYERS,
    "attention_k_eq_v",
    "global_head_dim",
    "num_global_key_value_heads",
    "num_kv_shared_layers",
    "use_double_wide_mlp",
)
"""Keys of config.json that no other family has."""


def derive(config: Config, *, fed: int) -> None:
    """Fill in the width of what feeds each layer.

    Args:
        config: Not yet checked.
        fed: The width where the file is silent; 0 for the unified models, which have no such thing.
    """
    config.setdefault("hidden_size_per_layer_input", fed)
    if not fed:
        config["hidden_size_per_layer_input"] = 0


def settle(config: Config) -> None:
    """Fill in what is different in each layer, once every value by itself was found sound.

    Raises:
        ModelInvalid: The values do not fit together.
    """
    count = config["num_hidden_layers"]
    kinds = config.get("layer_types") or [
        _FULL if (number + 1) % _PATTERN == 0 else _WINDOW for number in range(count)
    ]
    config["layer_types"] = [*kinds[:-1], _FULL]
    for key, value in (
        ("num_kv_shared_layers", 0),
        ("vocab_size_per_layer_input", _FED_VOCABULARY),
    ):
        config.setdefault(key, value)
    config[_OF_LAYERS] = _differences(config)
    # What reads text alone never looks ahead; "vision" is about pictures.
    for key in ("global_head_dim", "num_global_key_value_heads", "use_bidirectional_attention"):
        config.pop(key, None)
    for key in [key for key in KEYS if config.get(key, 0) is None]:
        del config[key]
    fault = _fault_of(config)
    if fault:
        raise ModelInvalid(fault)


def _differences(config: Config) -> dict[int, dict[str, int]]:
    """Return what single layers have unlike the others, by their numbers."""
    written = config.get(_OF_LAYERS)
    if written is not None:
        return {int(number): values for number, values in written.items()}
    found = {"head_dim": config.get("global_head_dim") or _GLOBAL_HEAD}
    if config.get("attention_k_eq_v") and config.get("num_global_key_value_heads"):
        found["num_key_value_heads"] = config["num_global_key_value_heads"]
    kinds = config["layer_types"]
    return {number: dict(found) for number, kind in enumerate(kinds) if kind == _FULL}


def _fault_of(config: Config) -> str:
    """Return what does not fit together; empty where everything does."""
    count, shared = config["num_hidden_layers"], config["num_kv_shared_layers"]
    kinds, is_fed = config["layer_types"], bool(config["hidden_size_per_layer_input"])
    own = set(kinds[: count - shared])
    ropes: dict[str, Any] = config.get("rope_parameters") or {}
    sizes = each_layer(config)
    by_kind = {(kind, one["head_dim"]) for kind, one in zip(kinds, sizes, strict=True)}
    rules = (
        (_OF_LAYERS, any(number >= count for number in config[_OF_LAYERS])),
        (_OF_LAYERS, len(by_kind) != len(set(kinds))),
        ("num_kv_shared_layers", shared >= count or (shared and own != set(kinds))),
        ("num_key_value_heads", any(_is_uneven(one) for one in sizes)),
        ("vocab_size_per_layer_input", is_fed and _is_short(config)),
        ("hidden_size_per_layer_input", _is_unfed(config)),
        ("rope_parameters", any(map(_is_by_length, ropes.values()))),
    )
    key = next((key for key, is_wrong in rules if is_wrong), "")
    text = _("config.json gives {key} a value that does not fit its other values.")
    return text.format(key=key) if key else ""


def _is_uneven(config: Config) -> bool:
    return bool(config["num_attention_heads"] % config["num_key_value_heads"])


def _is_short(config: Config) -> bool:
    """Return whether a token has no row in the embedding that feeds the layers."""
    return config["vocab_size_per_layer_input"] < config["vocab_size"]


def _is_unfed(config: Config) -> bool:
    """Return whether layers share keys and values without being fed.

    transformers does not run such a model of this type; there is none.
    """
    is_fed = bool(config["hidden_size_per_layer_input"])
    is_shared = bool(config["num_kv_shared_layers"])
    return is_shared and not is_fed and config["model_type"] == "gemma4_text"


def _is_by_length(settings: Any) -> bool:
    """Return whether angles depend on the length of a row, and so on its other examples."""
    is_set = isinstance(settings, dict)
    return is_set and cast("dict[str, Any]", settings).get("rope_type") in _BY_LENGTH


def each_layer(config: Config) -> list[Config]:
    """Return the config as each layer has it, of one that is settled.

    `key_value_matrices` says how many of the matrices of keys and values a layer has: both, the one
    that is taken for both, or none where it takes those of an earlier layer.
    """
    count, shared = config["num_hidden_layers"], config["num_kv_shared_layers"]
    found: list[Config] = []
    for number, kind in enumerate(config["layer_types"]):
        one = config | config[_OF_LAYERS].get(number, {})
        is_one = bool(config.get("attention_k_eq_v")) and kind == _FULL
        one["key_value_matrices"] = 1 if is_one else 2
        if number >= count - shared:
            one["key_value_matrices"] = 0
            is_double = bool(config.get("use_double_wide_mlp"))
            one["intermediate_size"] = config["intermediate_size"] * (2 if is_double else 1)
        found.append(one)
    return found


def layer(config: Config) -> Shapes:
    """Return the weights of one layer: as Gemma 3, with what feeds it, and a factor."""
    hidden, head, inner = config["hidden_size"], config["head_dim"], config["intermediate_size"]
    wide, narrow = config["num_attention_heads"] * head, config["num_key_value_heads"] * head
    biased, fed = bool(config.get("attention_bias")), config.get("hidden_size_per_layer_input", 0)
    own = ("k_proj", "v_proj")[: config.get("key_value_matrices", 2)]
    found = linear("self_attn.q_proj", wide, hidden, bias=biased)
    for name in own:
        found |= linear(f"self_attn.{name}", narrow, hidden, bias=biased)
    found |= {
        **linear("self_attn.o_proj", hidden, wide, bias=biased),
        **linear("mlp.gate_proj", inner, hidden),
        **linear("mlp.up_proj", inner, hidden),
        **linear("mlp.down_proj", hidden, inner),
        **norms(hidden, *FOUR_NORMS),
        **norms(head, "self_attn.q_norm", *(("self_attn.k_norm",) if own else ())),
        "layer_scalar": (1,),
    }
    if fed:
        found |= linear("per_layer_input_gate", fed, hidden)
        found |= linear("per_layer_projection", hidden, fed)
        found |= norms(hidden, "post_per_layer_input_norm")
    return found


def around(config: Config) -> Shapes:
    """Return the weights outside the layers that feed them."""
    fed = config["hidden_size_per_layer_input"]
    all_fed = config["num_hidden_layers"] * fed
    if not fed:
        return {}
    return {
        "model.embed_tokens_per_layer.weight": (config["vocab_size_per_layer_input"], all_fed),
        **linear("model.per_layer_model_projection", all_fed, config["hidden_size"]),
        **norms(fed, "model.per_layer_projection_norm"),
    }
