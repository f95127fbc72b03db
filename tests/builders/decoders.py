# SPDX-License-Identifier: Apache-2.0
"""A tiny model folder of every family that is trained, as stock transformers itself saves it.

The weights are random and large enough that a missing bias, norm, window, cap or scale shows in the
logits. Dropout is off, so that training can be compared with evaluation.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel

from tests.builders.model_folder import tiny_model_folder, tiny_tokenizer

VOCABULARY = 400
COMMON: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
    "bos_token_id": None,
    "eos_token_id": 2,
    "pad_token_id": 0,
}
"""Half of the NF4 blocks straddle rows: 48 is no multiple of 64, and real sizes are not either."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One family, or one form of it.

    Attributes:
        model_type: As in config.json.
        values: What its configuration has beyond or unlike the common values.
        without: Common values that it does not take.
        linears: Matrices of a layer that get an adapter.
        all_linears: The same of all layers, where these differ.
    """

    model_type: str
    values: dict[str, Any] = field(default_factory=dict[str, Any])
    without: tuple[str, ...] = ()
    linears: int = 7
    all_linears: int = 0

    @property
    def layers(self) -> int:
        """Return the number of layers."""
        return self.config["num_hidden_layers"]

    @property
    def matrices(self) -> int:
        """Return the number of matrices of all layers that get an adapter."""
        return self.all_linears or self.layers * self.linears

    @property
    def config(self) -> dict[str, Any]:
        """Return the whole configuration."""
        kept = {key: value for key, value in COMMON.items() if key not in self.without}
        return kept | self.values


_WINDOWS = {"sliding_window": 5, "layer_types": ["sliding_attention", "full_attention"]}
_GPT2: dict[str, Any] = {
    "n_inner": 48,
    "resid_pdrop": 0.0,
    "embd_pdrop": 0.0,
    "attn_pdrop": 0.0,
    "pad_token_id": None,
}
_GEMMA4: dict[str, Any] = {
    "head_dim": 8,
    "global_head_dim": 16,
    "sliding_window": 5,
    "final_logit_softcapping": 2.0,
    "rope_parameters": {
        "full_attention": {
            "rope_type": "proportional",
            "partial_rotary_factor": 0.5,
            "rope_theta": 900.0,
        },
        "sliding_attention": {"rope_type": "default", "rope_theta": 100.0},
    },
}
_SHARING = ("sliding_attention", "full_attention", "full_attention")
_FALCON = ("num_key_value_heads", "intermediate_size")

CASES: dict[str, Case] = {
    "llama": Case(model_type="llama", values={"attention_bias": True, "mlp_bias": True}),
    "mistral": Case(model_type="mistral", values={"sliding_window": 5}),
    "qwen2": Case(model_type="qwen2", values={"use_sliding_window": True, **_WINDOWS}),
    "qwen3": Case(model_type="qwen3", values={"head_dim": 16}),
    "smollm3": Case(model_type="smollm3", values={"no_rope_layers": [1, 0]}),
    "granite": Case(
        model_type="granite",
        values={
            "attention_multiplier": 0.2,
            "embedding_multiplier": 2.0,
            "logits_scaling": 1.5,
            "residual_multiplier": 0.9,
        },
    ),
    "gemma": Case(model_type="gemma", values={"head_dim": 16, "num_key_value_heads": 1}),
    "gemma2": Case(
        model_type="gemma2",
        values={
            "head_dim": 16,
            "query_pre_attn_scalar": 20,
            "attn_logit_softcapping": 1.0,
            "final_logit_softcapping": 2.0,
            **_WINDOWS,
        },
    ),
    "gemma3": Case(
        model_type="gemma3_text",
        values={
            "head_dim": 16,
            "query_pre_attn_scalar": 20,
            "final_logit_softcapping": 2.0,
            "rope_parameters": {
                "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 900.0},
                "sliding_attention": {"rope_type": "default", "rope_theta": 100.0},
            },
            **_WINDOWS,
        },
    ),
    "gemma4": Case(
        model_type="gemma4_text",
        values={
            **_GEMMA4,
            "num_hidden_layers": 5,
            "layer_types": ["sliding_attention", "full_attention", *_SHARING],
            "num_kv_shared_layers": 3,
            "use_double_wide_mlp": True,
            "hidden_size_per_layer_input": 8,
            "vocab_size_per_layer_input": VOCABULARY,
        },
        all_linears=2 * 9 + 3 * 7,
    ),
    "gemma4_unfed": Case(
        model_type="gemma4_text",
        values={
            **_GEMMA4,
            "layer_types": ["sliding_attention", "full_attention"],
            "attention_k_eq_v": True,
            "num_global_key_value_heads": 1,
            "hidden_size_per_layer_input": 0,
        },
        all_linears=7 + 6,
    ),
    "gemma4_unified": Case(
        model_type="gemma4_unified_text",
        values={
            **_GEMMA4,
            "num_hidden_layers": 4,
            "layer_types": ["sliding_attention", "full_attention"] * 2,
            "num_kv_shared_layers": 2,
        },
        all_linears=2 * 7 + 2 * 5,
    ),
    "phi": Case(
        model_type="phi",
        values={"qk_layernorm": True, "partial_rotary_factor": 0.5},
        linears=6,
    ),
    "phi3": Case(
        model_type="phi3",
        values={"sliding_window": 5, "partial_rotary_factor": 0.5},
        linears=4,
    ),
    "olmo": Case(model_type="olmo", values={"clip_qkv": 0.5}),
    "olmo2": Case(model_type="olmo2"),
    "olmo3": Case(model_type="olmo3", values=_WINDOWS),
    "cohere": Case(model_type="cohere", values={"logit_scale": 0.25, "use_qk_norm": True}),
    "cohere2": Case(model_type="cohere2", values={"logit_scale": 0.25, **_WINDOWS}),
    "glm": Case(model_type="glm", values={"head_dim": 16}, linears=6),
    "glm4": Case(model_type="glm4", values={"head_dim": 16}, linears=6),
    "stablelm": Case(
        model_type="stablelm", values={"use_qkv_bias": True, "partial_rotary_factor": 0.5}
    ),
    "stablelm_parallel": Case(
        model_type="stablelm", values={"use_parallel_residual": True, "qk_layernorm": True}
    ),
    "starcoder2": Case(
        model_type="starcoder2", values={"sliding_window": 5, "use_bias": True}, linears=6
    ),
    "seed_oss": Case(
        model_type="seed_oss",
        values={"head_dim": 16, "attention_dropout": 0.0, "residual_dropout": 0.0},
    ),
    "arcee": Case(model_type="arcee", linears=6),
    "nemotron": Case(model_type="nemotron", values={"partial_rotary_factor": 0.5}, linears=6),
    "helium": Case(model_type="helium", values={"head_dim": 8, "attention_bias": True}),
    "exaone4": Case(model_type="exaone4", values=_WINDOWS),
    "ernie4_5": Case(model_type="ernie4_5", values={"head_dim": 16, "use_bias": True}),
    "hunyuan": Case(model_type="hunyuan_v1_dense", values={"head_dim": 16}),
    "gpt_neox": Case(
        model_type="gpt_neox",
        values={"rotary_pct": 0.5},
        without=("num_key_value_heads",),
        linears=4,
    ),
    "gpt_neox_serial": Case(
        model_type="gpt_neox",
        values={"use_parallel_residual": False},
        without=("num_key_value_heads",),
        linears=4,
    ),
    "falcon": Case(model_type="falcon", without=_FALCON, linears=4),
    "falcon_new": Case(
        model_type="falcon",
        values={"new_decoder_architecture": True, "num_kv_heads": 2, "bias": True},
        without=_FALCON,
        linears=4,
    ),
    "falcon_serial": Case(
        model_type="falcon",
        values={"multi_query": False, "parallel_attn": False, "ffn_hidden_size": 48},
        without=_FALCON,
        linears=4,
    ),
    "gpt2": Case(
        model_type="gpt2",
        values={**_GPT2, "scale_attn_by_inverse_layer_idx": True},
        without=("num_key_value_heads", "intermediate_size"),
        linears=4,
    ),
    "gpt_bigcode": Case(
        model_type="gpt_bigcode",
        values=_GPT2,
        without=("num_key_value_heads", "intermediate_size"),
        linears=4,
    ),
    "gpt_bigcode_apart": Case(
        model_type="gpt_bigcode",
        values={**_GPT2, "multi_query": False},
        without=("num_key_value_heads", "intermediate_size"),
        linears=4,
    ),
    "opt": Case(
        model_type="opt",
        values={"ffn_dim": 48, "dropout": 0.0, "word_embed_proj_dim": 32},
        without=("num_key_value_heads", "intermediate_size"),
        linears=6,
    ),
    "opt_350m": Case(
        model_type="opt",
        values={
            "ffn_dim": 48,
            "dropout": 0.0,
            "word_embed_proj_dim": 16,
            "do_layer_norm_before": False,
            "enable_bias": False,
        },
        without=("num_key_value_heads", "intermediate_size"),
        linears=6,
    ),
    "biogpt": Case(
        model_type="biogpt",
        values={"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0},
        without=("num_key_value_heads",),
        linears=6,
    ),
    "persimmon": Case(model_type="persimmon", without=("num_key_value_heads",), linears=4),
    "cwm": Case(model_type="cwm", values={"head_dim": 16, "bos_token_id": 1, **_WINDOWS}),
    "ministral": Case(model_type="ministral", values={"head_dim": 16, **_WINDOWS}),
    "ministral3": Case(
        model_type="ministral3",
        values={
            "head_dim": 16,
            "rope_parameters": {
                "rope_type": "yarn",
                "rope_theta": 100.0,
                "factor": 8.0,
                "beta_fast": 32.0,
                "beta_slow": 1.0,
                "mscale": 1.0,
                "mscale_all_dim": 1.0,
                "llama_4_scaling_beta": 0.5,
                "original_max_position_embeddings": 8,
            },
        },
    ),
    "granite_swa": Case(
        model_type="granite_swa",
        values={
            "attention_multiplier": 0.2,
            "logits_scaling": 1.5,
            "layer_rope_theta": [0.0, 100.0],
            **_WINDOWS,
        },
    ),
    "hyperclovax": Case(
        model_type="hyperclovax", values={"attention_multiplier": 0.2, "logits_scaling": 1.5}
    ),
    "apertus": Case(model_type="apertus", linears=6),
    "jais2": Case(model_type="jais2", linears=6),
    "vaultgemma": Case(
        model_type="vaultgemma",
        values={
            "head_dim": 16,
            "query_pre_attn_scalar": 20,
            "attn_logit_softcapping": 1.0,
            "final_logit_softcapping": 2.0,
            **_WINDOWS,
        },
    ),
    "nanochat": Case(model_type="nanochat", values={"final_logit_softcapping": 2.0}, linears=6),
    "bitnet": Case(model_type="bitnet"),
    "diffllama": Case(model_type="diffllama"),
}


def build(case: Case, *, seed: int = 0) -> PreTrainedModel:
    """Return the stock model with random weights, fp32."""
    config = AutoConfig.for_model(case.model_type, **case.config)
    net = AutoModelForCausalLM.from_config(config, dtype=torch.float32, attn_implementation="eager")
    torch.manual_seed(seed)
    for values in net.parameters():
        is_norm = values.dim() == 1
        nn.init.normal_(values, mean=0.5 if is_norm else 0.0, std=0.3 if is_norm else 0.2)
    for name, values in net.named_buffers():
        if name.endswith("layer_scalar"):
            nn.init.uniform_(values, 0.6, 1.4)
    return net.eval()


def decoder_folder(path: Path, name: str, *, seed: int = 0, **values: Any) -> Path:
    """Write a tiny model of a family with tokenizer and template; return its folder.

    Args:
        path: The folder to make.
        name: One of CASES.
        seed: Of the weights.
        values: Changes of the configuration.
    """
    case = CASES[name]
    changed = Case(model_type=case.model_type, values=case.values | values, without=case.without)
    tiny_model_folder(path)
    (path / "model.safetensors").unlink()
    build(changed, seed=seed).save_pretrained(path)
    assert tiny_tokenizer().get_vocab_size() <= VOCABULARY
    return path


class DecoderFolders:
    """One folder of each family, made when it is first asked for; tests only read them."""

    def __init__(self, root: Path) -> None:
        """Remember where to make them."""
        self._root = root

    def __getitem__(self, name: str) -> Path:
        """Return the folder of a family."""
        folder = self._root / name
        return folder if folder.exists() else decoder_folder(folder, name)
