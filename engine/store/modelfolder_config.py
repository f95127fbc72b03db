# SPDX-License-Identifier: Apache-2.0
"""config.json of a foreign model folder: what is allowed of it, and the sizes that follow.

Nothing of the file reaches a library as it stands. Known keys with plausible values are copied; all
others are left out and named. An entry that asks for code, of the folder or of a hub, is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from gettext import gettext as _
from pathlib import Path
from typing import Any, cast

from engine.domain.model import LayerShape, ModelShape
from engine.errors import ArchitectureUnsupported, ModelInvalid, RemoteCodeRefused
from engine.store.decoder_refusals import UNKNOWN, refusal_of
from engine.store.decoders import DECODERS
from engine.store.modelfolder_json import MEBIBYTE, read_object
from engine.store.modelfolder_packed import CONFIG_KEY, accepts_quantisation, form_of

CONFIG = "config.json"
_CONFIG_LIMIT_BYTES = MEBIBYTE

_QUANTISED_KEYS = ("quantization_config", "compression_config", "quantization")
_ACTIVATIONS = (
    "silu",
    "gelu",
    "gelu_new",
    "gelu_fast",
    "gelu_pytorch_tanh",
    "relu",
    "relu2",
    "xielu",
)
_DTYPES = ("bfloat16", "float16", "float32")
_ROPE_TYPES = ("default", "linear", "dynamic", "yarn", "longrope", "llama3", "proportional")
_LAYER_TYPES = ("full_attention", "sliding_attention")
_ROPE_TEXTS, _ROPE_LISTS = ("rope_type", "type"), ("short_factor", "long_factor")
_BENIGN = (
    "enable_moe_block",
    "use_cache",
    "transformers_version",
    "pretraining_tp",
    "_name_or_path",
)

_Check = Callable[[Any], bool]


def _whole(low: int, high: int) -> _Check:
    return lambda value: type(value) is int and low <= value <= high


def _number(low: float, high: float) -> _Check:
    return lambda value: type(value) in (int, float) and low <= value <= high


def _flag(value: Any) -> bool:
    return type(value) is bool


def _one_of(*choices: str) -> _Check:
    return lambda value: isinstance(value, str) and value in choices


def _optional(check: _Check) -> _Check:
    return lambda value: value is None or check(value)


def _list_of(check: _Check, limit: int = 65_536) -> _Check:
    def every(value: Any) -> bool:
        """Return whether a value is a list whose items all pass."""
        if not isinstance(value, list):
            return False
        items = cast("list[Any]", value)
        return len(items) <= limit and all(check(one) for one in items)

    return every


_TOKEN_ID = _whole(-1, 2_000_000)
_FACTOR = _number(-1e9, 1e9)


def _token_ids(value: Any) -> bool:
    return _TOKEN_ID(value) or _list_of(_TOKEN_ID, 256)(value)


def _rope(value: Any) -> bool:
    """Accept rotary settings, or one set of them for each kind of layer."""
    if not isinstance(value, dict):
        return False
    settings = cast("dict[str, Any]", value)
    if settings and settings.keys() <= {*_LAYER_TYPES}:
        return all(one is None or _rope_of_layers(one) for one in settings.values())
    return _rope_of_layers(value)


def _rope_of_layers(value: Any) -> bool:
    """Accept one level of rotary settings: a known type, numbers, and lists of numbers."""
    if not isinstance(value, dict):
        return False
    for key, item in cast("dict[str, Any]", value).items():
        if key in _ROPE_TEXTS:
            is_sound = _one_of(*_ROPE_TYPES)(item)
        elif key in _ROPE_LISTS:
            is_sound = _list_of(_FACTOR)(item)
        else:
            is_sound = item is None or _flag(item) or _FACTOR(item)
        if not is_sound:
            return False
    return True


_OTHER_SIZES = (
    "n_embd",
    "n_layer",
    "n_head",
    "n_inner",
    "n_positions",
    "num_kv_heads",
    "num_ln_in_parallel_attn",
    "ffn_dim",
    "ffn_hidden_size",
    "original_max_position_embeddings",
    "sliding_window_pattern",
    "word_embed_proj_dim",
)
_FLAGS = (
    "_remove_final_layer_norm",
    "add_cross_attention",
    "alibi",
    "attention_out_bias",
    "bias",
    "do_layer_norm_before",
    "enable_bias",
    "layer_norm_elementwise_affine",
    "multi_query",
    "new_decoder_architecture",
    "parallel_attn",
    "qk_layernorm",
    "reorder_and_upcast_attn",
    "scale_attn_by_inverse_layer_idx",
    "scale_attn_weights",
    "scale_embedding",
    "use_bias",
    "use_parallel_residual",
    "use_post_norm",
    "use_qk_norm",
    "use_qkv_bias",
)
_RATIOS = (
    "activation_dropout",
    "attention_probs_dropout_prob",
    "attn_pdrop",
    "dropout",
    "embd_pdrop",
    "embedding_dropout",
    "hidden_dropout",
    "hidden_dropout_prob",
    "lambda_std_dev",
    "layerdrop",
    "layer_norm_eps",
    "layer_norm_epsilon",
    "norm_eps",
    "norm_epsilon",
    "partial_rotary_factor",
    "resid_pdrop",
    "residual_dropout",
    "rotary_pct",
)
_ACTIVATION_KEYS = ("activation", "activation_function", "hidden_activation")
_FACTOR_KEYS = (
    "attn_logit_softcapping",
    "clip_qkv",
    "final_logit_softcapping",
    "logit_scale",
    "query_pre_attn_scalar",
    "rope_local_base_freq",
    "rotary_emb_base",
)
"""Further keys that are taken over; the family's model code says what each of them does."""

_SIZES: dict[str, _Check] = {
    "vocab_size": _whole(1, 2_000_000),
    "hidden_size": _whole(1, 65_536),
    "intermediate_size": _whole(1, 1_048_576),
    "num_hidden_layers": _whole(1, 512),
    "num_attention_heads": _whole(1, 1024),
}
_ALLOWED: dict[str, _Check] = {
    **_SIZES,
    "num_key_value_heads": _optional(_whole(1, 1024)),
    "head_dim": _optional(_whole(1, 1024)),
    "hidden_act": _one_of(*_ACTIVATIONS),
    "max_position_embeddings": _whole(1, 100_000_000),
    "initializer_range": _number(0, 1),
    "rms_norm_eps": _number(0, 1),
    "tie_word_embeddings": _flag,
    "rope_theta": _optional(_number(1, 1e12)),
    "rope_scaling": _optional(_rope),
    "rope_parameters": _optional(_rope),
    "attention_bias": _flag,
    "attention_dropout": _optional(_number(0, 1)),
    "mlp_bias": _flag,
    "bos_token_id": _optional(_token_ids),
    "eos_token_id": _optional(_token_ids),
    "pad_token_id": _optional(_token_ids),
    "dtype": _optional(_one_of(*_DTYPES)),
    "torch_dtype": _optional(_one_of(*_DTYPES)),
    "sliding_window": _optional(_whole(1, 100_000_000)),
    "use_sliding_window": _flag,
    "max_window_layers": _optional(_whole(0, 512)),
    "layer_types": _optional(_list_of(_one_of(*_LAYER_TYPES), 512)),
    "no_rope_layers": _optional(_list_of(_whole(0, 1), 512)),
    "no_rope_layer_interval": _whole(1, 512),
    "embedding_multiplier": _number(1e-6, 1e6),
    "logits_scaling": _number(1e-6, 1e6),
    "residual_multiplier": _number(1e-6, 1e6),
    "attention_multiplier": _optional(_number(1e-6, 1e6)),
    "layer_rope_theta": _optional(_list_of(_number(0, 1e12), 512)),
    **dict.fromkeys(_OTHER_SIZES, _optional(_whole(0, 100_000_000))),
    **dict.fromkeys(_FLAGS, _optional(_flag)),
    "use_bidirectional_attention": lambda value: value in (None, False, "vision"),
    **dict.fromkeys(_RATIOS, _optional(_number(0, 1))),
    **dict.fromkeys(_ACTIVATION_KEYS, _optional(_one_of(*_ACTIVATIONS))),
    **dict.fromkeys(_FACTOR_KEYS, _optional(_number(0, 1e12))),
}


def _of_layers(value: Any) -> bool:
    """Accept sizes of single layers by their numbers."""
    if not isinstance(value, dict):
        return False
    return all(
        number.isdecimal() and number == str(int(number)) and _sizes_of_layer(sizes)
        for number, sizes in cast("dict[str, Any]", value).items()
    )


def _sizes_of_layer(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    sizes, known = cast("dict[str, Any]", value), ("head_dim", "num_key_value_heads")
    return all(key in known and _whole(1, 1024)(size) for key, size in sizes.items())


_OWN: dict[str, _Check] = {
    "per_layer_config": _optional(_of_layers),
    "attention_k_eq_v": _optional(_flag),
    "use_double_wide_mlp": _optional(_flag),
    "global_head_dim": _optional(_whole(1, 1024)),
    "num_global_key_value_heads": _optional(_whole(1, 1024)),
    "hidden_size_per_layer_input": _whole(0, 65_536),
    "num_kv_shared_layers": _whole(0, 512),
    "vocab_size_per_layer_input": _whole(1, 2_000_000),
}
"""Keys that are taken over for the families alone that name them, see `Decoder.own_keys`."""


def safe_config(path: Path) -> dict[str, Any]:
    """Return the allowed part of a folder's config.json, with derived sizes filled in.

    The result always has `model_type`, `architectures`, `num_key_value_heads`, `head_dim` and
    `tie_word_embeddings`, so that a configuration built from it depends on no library's defaults.

    Args:
        path: The model's folder.

    Raises:
        FileMissing: There is no config.json.
        ModelInvalid: A key is missing or has an implausible value; the message names it.
        RemoteCodeRefused: The file asks for program code.
        ArchitectureUnsupported: The architecture is not trained, or the weights are quantised.
    """
    found = read_object(path / CONFIG, limit_bytes=_CONFIG_LIMIT_BYTES, constants_as_text=True)
    _refuse_code(found)
    _refuse_quantised(found)
    architecture = _architecture(found)
    config = {key: found[key] for key in _keys_of(architecture) if key in found}
    _complete_sizes(config, architecture)
    _check_values(config)
    config["architectures"] = [architecture]
    config["model_type"] = DECODERS[architecture].model_type
    config = _completed(config, architecture)
    DECODERS[architecture].settle(config)
    return config


def _keys_of(architecture: str) -> tuple[str, ...]:
    return (*_ALLOWED, *DECODERS[architecture].own_keys)


def library_config(config: dict[str, Any]) -> dict[str, Any]:
    """Return what of an allowed config transformers' own configuration class takes.

    A family that names its sizes differently gets them by its own names only.
    """
    left_out = DECODERS[config["architectures"][0]].not_for_library
    return {key: value for key, value in config.items() if key not in left_out}


def ignored_keys(path: Path) -> tuple[str, ...]:
    """Return the top-level keys of config.json that are left out and may mean something."""
    found = read_object(path / CONFIG, limit_bytes=_CONFIG_LIMIT_BYTES, constants_as_text=True)
    known = {*_keys_of(_architecture(found)), *_BENIGN, "architectures", "model_type", CONFIG_KEY}
    return tuple(key for key, value in found.items() if key not in known and value is not None)


def shape_of(config: dict[str, Any]) -> ModelShape:
    """Return the sizes that an allowed config describes."""
    decoder = DECODERS[config["architectures"][0]]
    each = [_layer_shape(one) for one in decoder.each_layer(config)]
    is_alike = len(set(each)) == 1
    usual = each[0] if is_alike else _layer_shape(config)
    return ModelShape(
        layers=config["num_hidden_layers"],
        hidden=config["hidden_size"],
        intermediate=usual.intermediate,
        heads=config["num_attention_heads"],
        kv_heads=usual.kv_heads,
        head_dim=usual.head_dim,
        vocabulary=config["vocab_size"],
        tied=config["tie_word_embeddings"],
        linear_parameters=decoder.linear_parameters(config),
        key_value_matrices=usual.key_value_matrices,
        fed=config.get("hidden_size_per_layer_input", 0),
        fed_rows=config.get("vocab_size_per_layer_input", 0),
        unlike=() if is_alike else tuple(each),
    )


def _layer_shape(config: dict[str, Any]) -> LayerShape:
    return LayerShape(
        intermediate=config["intermediate_size"],
        kv_heads=config["num_key_value_heads"],
        head_dim=config["head_dim"],
        key_value_matrices=config.get("key_value_matrices", 2),
    )


def expected_shapes(config: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """Return the shape of every weight that the architecture needs, by its name in the files."""
    return DECODERS[config["architectures"][0]].expected_shapes(config)


def _entries(value: Any, path: str = "") -> Iterator[tuple[str, str, Any]]:
    """Yield every key at any depth with its dotted path and its value."""
    if isinstance(value, dict):
        for key, item in cast("dict[str, Any]", value).items():
            yield f"{path}{key}", key, item
            yield from _entries(item, f"{path}{key}.")
    elif isinstance(value, list):
        for item in cast("list[Any]", value):
            yield from _entries(item, path)


def _refuse_code(found: dict[str, Any]) -> None:
    for path, key, value in _entries(found):
        is_code = (key in ("auto_map", "custom_pipelines") and value) or (
            key == "trust_remote_code" and value is not False and value is not None
        )
        is_hub = "implementation" in key and isinstance(value, str) and "/" in value
        if is_code or is_hub:
            raise RemoteCodeRefused(
                _(
                    "{file} has the entry {key}, which asks to run program code that came with the "
                    "model or from a hub. Nothing of it was run."
                ).format(file=CONFIG, key=path)
            )


def _refuse_quantised(found: dict[str, Any]) -> None:
    for key in _QUANTISED_KEYS:
        if found.get(key) and not (key == CONFIG_KEY and accepts_quantisation(found[key])):
            form = form_of(found[key])
            raise ArchitectureUnsupported(
                _(
                    "The model is already quantised ({key} in {file}: {form}); "
                    "Burnish needs the 16-bit original, or NF4 of bitsandbytes."
                ).format(key=key, file=CONFIG, form=form or _("a form that is not known")),
                remedy=_("Get the 16-bit version of this model; Burnish makes it 4-bit itself."),
            )


def _architecture(found: dict[str, Any]) -> str:
    named: Any = found.get("architectures")
    names = cast("list[Any]", named) if isinstance(named, list) else []
    if len(names) != 1 or not isinstance(names[0], str):
        raise ModelInvalid(
            _("{file} does not name one architecture under the key architectures.").format(
                file=CONFIG
            )
        )
    name, kind = names[0], found.get("model_type")
    reason = refusal_of(name, found)
    if reason or name not in DECODERS:
        raise _unsupported(name, reason or UNKNOWN)
    needed = DECODERS[name].model_type
    if kind != needed:
        raise ModelInvalid(
            _("{file} says model_type {found}, but {architecture} needs {needed}.").format(
                file=CONFIG, found=kind, architecture=name, needed=needed
            )
        )
    return name


def _unsupported(name: str, reason: str) -> ArchitectureUnsupported:
    message = _("The architecture {name} is not one that Burnish trains.").format(name=name[:80])
    return ArchitectureUnsupported(
        f"{message} {_(reason)}",
        remedy=_("Choose a model of one of these families: {names}.").format(
            names=", ".join(one.model_type for one in DECODERS.values())
        ),
    )


def _check_values(config: dict[str, Any]) -> None:
    checks = _ALLOWED | _OWN
    for key, value in config.items():
        if not checks[key](value):
            raise ModelInvalid(
                _("{file} gives {key} an implausible value: {value}.").format(
                    file=CONFIG, key=key, value=str(value)[:60]
                )
            )
    missing = [key for key in _SIZES if key not in config]
    if missing:
        raise ModelInvalid(
            _("{file} has no entry {key}.").format(file=CONFIG, key=", ".join(missing))
        )
    for key in ("layer_types", "no_rope_layers", "layer_rope_theta"):
        if config.get(key) is not None and len(config[key]) != config["num_hidden_layers"]:
            raise ModelInvalid(
                _("{file} has {found} entries in {key}, but the model has {layers} layers.").format(
                    file=CONFIG, key=key, found=len(config[key]), layers=config["num_hidden_layers"]
                )
            )


def _complete_sizes(config: dict[str, Any], architecture: str) -> None:
    """Give sizes their common names, where a family has names of its own."""
    decoder = DECODERS[architecture]
    for own, common in decoder.own_names.items():
        if config.get(own) is not None:
            config[common] = config[own]
    decoder.derive(config)


def _completed(config: dict[str, Any], architecture: str) -> dict[str, Any]:
    defaults, heads = DECODERS[architecture].defaults, config["num_attention_heads"]
    if config.get("num_key_value_heads") is None:
        is_named = "num_key_value_heads" in config
        default = defaults.get("num_key_value_heads", heads)
        config["num_key_value_heads"] = heads if is_named else default
    if config.get("head_dim") is None:
        default = 0 if "head_dim" in config else defaults.get("head_dim", 0)
        config["head_dim"] = default or config["hidden_size"] // heads
    config.setdefault("tie_word_embeddings", defaults.get("tie_word_embeddings", False))
    config.setdefault("max_position_embeddings", defaults["max_position_embeddings"])
    if heads % config["num_key_value_heads"]:
        raise ModelInvalid(
            _("{file} shares {heads} heads among {kv_heads}, which does not divide.").format(
                file=CONFIG, heads=heads, kv_heads=config["num_key_value_heads"]
            )
        )
    return config
