# SPDX-License-Identifier: Apache-2.0
"""Why a model is not trained: one plain sentence for each kind, told from its config.json alone."""

from __future__ import annotations

from typing import Any, cast

from engine.errors import mark

EXPERTS = mark(
    "It is a mixture of experts, whose expert weights are not plain linear layers that the "
    "trainer can adapt."
)
STATE = mark(
    "It keeps a running state from token to token instead of looking back by attention alone, and "
    "that state would run across the examples that are packed side by side."
)
DISTANCE_BIAS = mark(
    "It weighs its attention by distance (ALiBi), which the trainer does not compute."
)
OWN_ATTENTION = mark(
    "Its program code computes attention in a place of its own, where examples that are packed "
    "side by side cannot be kept apart."
)
MORE_THAN_TEXT = mark(
    "It reads more than text: pictures, sound or video. Only models of text alone are trained."
)
TEXT_PART = mark(
    "It reads more than text: pictures, sound or video. Its text part can be trained once it is "
    "saved as a model of its own; the user guide shows how, under Models that can be trained."
)
TWO_PARTS = mark("It is an encoder with a decoder; only decoders alone are trained.")
NOT_WRITING = mark("It does not write text: it was made to fill gaps, rate or embed.")
COMPRESSED = mark(
    "It keeps its keys and values in a compressed form (latent attention), which the trainer does "
    "not compute."
)
SEVERAL_STREAMS = mark(
    "Its layers keep several versions of each token side by side and predict one from another "
    "(AltUp), which the trainer does not compute. Gemma 4 of a like size is trained."
)
LOOPED = mark("Its layers are not one stack that each token passes once.")
OTHER_HEAD = mark(
    "Its output layer does more than one product, and the trainer computes just that one."
)
DRAFTS = mark("It drafts for another model and reads that model's states; it is none by itself.")
BYTES = mark("It reads bytes, which models of its own cut into patches, instead of tokens.")
UNKNOWN = mark(
    "It is not among the families that were proven to train right: packed examples kept apart, and "
    "the same answers when the result is loaded elsewhere."
)
BOTH_WAYS = mark("It looks at later tokens as well as earlier ones, so that it cannot write text.")

_EXPERT_KEYS = (
    "num_experts",
    "num_local_experts",
    "n_routed_experts",
    "moe_intermediate_size",
    "moe_num_experts",
    "num_experts_per_tok",
    "num_experts_per_token",
    "enable_moe_block",
)
_STATE_KEYS = (
    "mamba_d_state",
    "mamba_n_heads",
    "mamba_expand",
    "ssm_cfg",
    "state_size",
    "ssm_state_size",
    "lru_width",
    "linear_num_value_heads",
    "linear_attn_config",
    "conv_L_cache",
    "full_attn_idxs",
    "attn_layer_indices",
    "hybrid_override_pattern",
)
_STATE_WORDS = ("mamba", "linear_attention", "recurrent", "conv", "rwkv", "hybrid", "ssm")
_STATE_TYPES = (
    "mamba", "jamba", "bamba", "zamba", "rwkv", "xlstm", "recurrent_gemma", "falcon_h1", "lfm2",
    "lfm3", "qwen3_next", "qwen3_5", "granitemoehybrid", "olmo_hybrid", "nemotron_h",
    "bailing_hybrid", "kimi_linear", "minimax",
)  # fmt: skip
_EXPERT_TYPES = (
    "moe", "mixtral", "dbrx", "jetmoe", "gpt_oss", "deepseek_v2", "deepseek_v3", "deepseek_v32",
    "deepseek_v4", "llama4", "flex_olmo", "dots1", "longcat_flash", "glm_moe", "afmoe",
)  # fmt: skip
_MORE_KEYS = ("vision_config", "audio_config", "text_config", "image_token_id", "vision_tower")
_TEXT_PARTS = ("gemma3", "gemma4", "gemma4_unified")
"""Models around a text model of a family that is trained, proven by test."""

_MORE_NAMES = ("ConditionalGeneration", "Vision", "Audio", "ImageText", "Llava", "VL")
_PICTURES_AHEAD = ("gemma4_text", "gemma4_unified_text")
_BIASED_TYPES = ("bloom", "mpt")
_BY_TYPE: dict[str, tuple[str, ...]] = {
    OWN_ATTENTION: (
        "gptj", "gpt_neo", "gpt_neox_japanese", "codegen", "xglm", "ctrl", "xlnet", "openai-gpt",
        "cpmant", "reformer",
    ),
    NOT_WRITING: (
        "bert", "bert-generation", "big_bird", "camembert", "data2vec-text", "electra", "ernie",
        "megatron-bert", "rembert", "roberta", "roberta-prelayernorm", "roc_bert", "roformer",
        "xlm", "xlm-roberta", "xlm-roberta-xl", "xmod",
    ),
    TWO_PARTS: (
        "bart", "bigbird_pegasus", "blenderbot", "blenderbot-small", "marian", "mbart", "mvp",
        "pegasus", "plbart", "prophetnet", "musicgen", "musicgen_melody", "trocr", "whisper",
    ),
    MORE_THAN_TEXT: ("moshi", "cohere_compass_text", "git", "fuyu", "emu3", "phi4_multimodal"),
    COMPRESSED: ("minicpm3", "youtu"),
    SEVERAL_STREAMS: ("gemma3n_text",),
    LOOPED: ("hrm_text",),
    OTHER_HEAD: ("modernbert-decoder",),
    DRAFTS: ("gemma4_assistant", "gemma4_unified_assistant"),
    BYTES: ("blt",),
}  # fmt: skip
"""By `model_type`, as found in the model code of transformers 5.23."""

_HEADS = ("ForMaskedLM", "ForSequenceClassification", "ForTokenClassification", "RewardModel")


def refusal_of(architecture: str, config: dict[str, Any]) -> str:
    """Return why a model cannot be trained, as a message to translate; empty where nothing is seen.

    A family that is unknown here and not trained either is refused all the same, see `UNKNOWN`.

    Args:
        architecture: Its class name.
        config: config.json as it stands, not yet checked.
    """
    kind = config.get("model_type")
    model_type = kind if isinstance(kind, str) else ""
    rules = (
        (TEXT_PART, model_type in _TEXT_PARTS),
        (MORE_THAN_TEXT, _reads_more(architecture, config)),
        (TWO_PARTS, config.get("is_encoder_decoder") is True),
        (STATE, _has_state(model_type, architecture, config)),
        (EXPERTS, _has_experts(model_type, architecture, config)),
        (DISTANCE_BIAS, model_type in _BIASED_TYPES or config.get("alibi") is True),
        (BOTH_WAYS, _looks_ahead(model_type, config)),
        *((reason, model_type in types) for reason, types in _BY_TYPE.items()),
        (NOT_WRITING, any(one in architecture for one in _HEADS)),
    )
    return next((reason for reason, is_seen in rules if is_seen), "")


def _reads_more(architecture: str, config: dict[str, Any]) -> bool:
    is_named = any(one in architecture for one in _MORE_NAMES)
    return is_named or any(isinstance(config.get(key), dict | int) for key in _MORE_KEYS)


def _looks_ahead(model_type: str, config: dict[str, Any]) -> bool:
    """Return whether tokens see later ones; Gemma 4 may let those of pictures, never of text."""
    asked = config.get("use_bidirectional_attention")
    return asked not in (None, False) and not (asked == "vision" and model_type in _PICTURES_AHEAD)


def _has_state(model_type: str, architecture: str, config: dict[str, Any]) -> bool:
    layers: list[Any] = []
    for key in ("layer_types", "layers_block_type", "block_types"):
        value: Any = config.get(key)
        if isinstance(value, list):
            layers += cast("list[Any]", value)
    is_written = any(isinstance(one, str) and _is_state_word(one) for one in layers)
    is_named = any(one in model_type for one in _STATE_TYPES) or "Mamba" in architecture
    return is_written or is_named or any(config.get(key) for key in _STATE_KEYS)


def _is_state_word(layer: str) -> bool:
    return any(one in layer for one in _STATE_WORDS)


def _has_experts(model_type: str, architecture: str, config: dict[str, Any]) -> bool:
    is_named = any(one in model_type for one in _EXPERT_TYPES)
    is_said = any(one in architecture for one in ("Moe", "MoE", "Mixtral"))
    return is_named or is_said or any(config.get(key) for key in _EXPERT_KEYS)
