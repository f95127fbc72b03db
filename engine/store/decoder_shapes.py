# SPDX-License-Identifier: Apache-2.0
"""The weights of one decoder layer in each family: names and shapes, from the sizes of a config.

A shape is [rows, columns] as it stands in the files: [out, in] for a plain linear layer, [in, out]
for the transposed ones of GPT-2. Names are those below the layer. The source of every shape is the
family's model code in transformers 5.23 (modeling_<model_type>.py).
"""

from __future__ import annotations

from typing import Any

Config = dict[str, Any]
Shapes = dict[str, tuple[int, ...]]


def linear(name: str, rows: int, columns: int, *, bias: bool = False) -> Shapes:
    """Return the weights of a linear layer."""
    found: Shapes = {f"{name}.weight": (rows, columns)}
    return found | {f"{name}.bias": (rows,)} if bias else found


def norms(size: int, *names: str, bias: bool = False) -> Shapes:
    """Return the weights of norms of one width."""
    ends = ("weight", "bias") if bias else ("weight",)
    return {f"{name}.{end}": (size,) for name in names for end in ends}


def _widths(config: Config) -> tuple[int, int]:
    """Return the widths of all queries and of all keys of a token."""
    head = config["head_dim"]
    return config["num_attention_heads"] * head, config["num_key_value_heads"] * head


def _attention(config: Config, *, biased: str = "", output: str = "o_proj") -> Shapes:
    """Return four projections; `biased` holds the letters of those with a bias."""
    hidden, (wide, narrow) = config["hidden_size"], _widths(config)
    return {
        **linear("self_attn.q_proj", wide, hidden, bias="q" in biased),
        **linear("self_attn.k_proj", narrow, hidden, bias="k" in biased),
        **linear("self_attn.v_proj", narrow, hidden, bias="v" in biased),
        **linear(f"self_attn.{output}", hidden, wide, bias="o" in biased),
    }


def _mlp(config: Config, ups: tuple[str, ...], down: str, *, bias: bool = False) -> Shapes:
    hidden, inner = config["hidden_size"], config["intermediate_size"]
    found = linear(f"mlp.{down}", hidden, inner, bias=bias)
    for name in ups:
        found |= linear(f"mlp.{name}", inner, hidden, bias=bias)
    return found


def _gated(config: Config, *, bias: bool = False) -> Shapes:
    return _mlp(config, ("gate_proj", "up_proj"), "down_proj", bias=bias)


def _fused_gated(config: Config) -> Shapes:
    hidden, inner = config["hidden_size"], config["intermediate_size"]
    return {
        **linear("mlp.gate_up_proj", 2 * inner, hidden),
        **linear("mlp.down_proj", hidden, inner),
    }


def _everywhere(config: Config, key: str = "attention_bias", *, default: bool = False) -> str:
    return "qkvo" if config.get(key, default) else ""


_AROUND = ("input_layernorm", "post_attention_layernorm")
_AFTER = ("post_attention_layernorm", "post_feedforward_layernorm")
FOUR_NORMS = (*_AROUND, "pre_feedforward_layernorm", "post_feedforward_layernorm")


def llama(config: Config) -> Shapes:
    """Llama, Granite, SmolLM3 and Gemma: four projections, a gated MLP, two norms."""
    return {
        **_attention(config, biased=_everywhere(config)),
        **_gated(config, bias=bool(config.get("mlp_bias"))),
        **norms(config["hidden_size"], *_AROUND),
    }


def mistral(config: Config) -> Shapes:
    """Mistral: as Llama, never with a bias."""
    return {**_attention(config), **_gated(config), **norms(config["hidden_size"], *_AROUND)}


def qwen2(config: Config) -> Shapes:
    """Qwen2: as Llama, with a bias on queries, keys and values."""
    return {
        **_attention(config, biased="qkv"),
        **_gated(config),
        **norms(config["hidden_size"], *_AROUND),
    }


def qwen3(config: Config) -> Shapes:
    """Qwen3: as Llama, with norms on queries and keys of each head."""
    return llama(config) | norms(config["head_dim"], "self_attn.q_norm", "self_attn.k_norm")


def olmo(config: Config) -> Shapes:
    """OLMo: as Llama, with norms that have no weights."""
    return {**_attention(config, biased=_everywhere(config)), **_gated(config)}


def olmo2(config: Config) -> Shapes:
    """OLMo 2 and 3: norms behind attention and MLP, and on all queries and keys of a token."""
    wide, narrow = _widths(config)
    return {
        **olmo(config),
        **norms(wide, "self_attn.q_norm"),
        **norms(narrow, "self_attn.k_norm"),
        **norms(config["hidden_size"], *_AFTER),
    }


def gemma2(config: Config) -> Shapes:
    """Gemma 2: as Llama, with norms before and behind both attention and MLP."""
    return llama(config) | norms(config["hidden_size"], *FOUR_NORMS)


def gemma3(config: Config) -> Shapes:
    """Gemma 3: as Gemma 2, with norms on queries and keys of each head."""
    return gemma2(config) | norms(config["head_dim"], "self_attn.q_norm", "self_attn.k_norm")


def phi(config: Config) -> Shapes:
    """Phi 1 and 2: biases everywhere, one norm for attention and MLP side by side."""
    head = config["head_dim"]
    extra = ("self_attn.q_layernorm", "self_attn.k_layernorm")
    return {
        **_attention(config, biased="qkvo", output="dense"),
        **{
            name.replace("mlp.up", "mlp.fc1").replace("mlp.down", "mlp.fc2"): shape
            for name, shape in _mlp(config, ("up",), "down", bias=True).items()
        },
        **norms(config["hidden_size"], "input_layernorm", bias=True),
        **(norms(head, *extra, bias=True) if config.get("qk_layernorm") else {}),
    }


def phi3(config: Config) -> Shapes:
    """Phi 3 and 4: queries, keys and values in one matrix, gate and up in another."""
    hidden, (wide, narrow) = config["hidden_size"], _widths(config)
    return {
        **linear("self_attn.qkv_proj", wide + 2 * narrow, hidden),
        **linear("self_attn.o_proj", hidden, wide),
        **_fused_gated(config),
        **norms(hidden, *_AROUND),
    }


def glm(config: Config) -> Shapes:
    """GLM: a bias on queries, keys and values; gate and up in one matrix."""
    return {
        **_attention(config, biased="qkv" if config.get("attention_bias", True) else ""),
        **_fused_gated(config),
        **norms(config["hidden_size"], *_AROUND),
    }


def glm4(config: Config) -> Shapes:
    """GLM 4: as GLM, with two norms more."""
    more = ("post_self_attn_layernorm", "post_mlp_layernorm")
    return glm(config) | norms(config["hidden_size"], *more)


def cohere(config: Config) -> Shapes:
    """Command R: one norm for attention and MLP side by side."""
    head = config["head_dim"]
    found = {
        **_attention(config, biased=_everywhere(config)),
        **_gated(config),
        **norms(config["hidden_size"], "input_layernorm"),
    }
    if config.get("use_qk_norm"):
        found["self_attn.q_norm.weight"] = (config["num_attention_heads"], head)
        found["self_attn.k_norm.weight"] = (config["num_key_value_heads"], head)
    return found


def starcoder2(config: Config) -> Shapes:
    """StarCoder2: biases, a plain MLP, norms with a bias."""
    biased = _everywhere(config, "use_bias", default=True)
    return {
        **_attention(config, biased=biased),
        **_mlp(config, ("c_fc",), "c_proj", bias=bool(biased)),
        **norms(config["hidden_size"], *_AROUND, bias=True),
    }


def stablelm(config: Config) -> Shapes:
    """StableLM: norms with a bias; the second is missing where attention and MLP are parallel."""
    around = _AROUND[:1] if config.get("use_parallel_residual") else _AROUND
    found = {
        **_attention(config, biased="qkv" if config.get("use_qkv_bias") else ""),
        **_gated(config),
        **norms(config["hidden_size"], *around, bias=True),
    }
    if config.get("qk_layernorm"):
        counts = {"q": config["num_attention_heads"], "k": config["num_key_value_heads"]}
        for letter, count in counts.items():
            names = (f"self_attn.{letter}_layernorm.norms.{one}" for one in range(count))
            found |= norms(config["head_dim"], *names)
    return found


def opt(config: Config) -> Shapes:
    """OPT and BioGPT: biases, a plain MLP, norms with a bias."""
    hidden, inner, biased = (
        config["hidden_size"],
        config["intermediate_size"],
        bool(config.get("enable_bias", True)),
    )
    has_norms = config.get("layer_norm_elementwise_affine", True)
    around = ("self_attn_layer_norm", "final_layer_norm")
    return {
        **_attention(config, biased="qkvo" if biased else "", output="out_proj"),
        **linear("fc1", inner, hidden, bias=biased),
        **linear("fc2", hidden, inner, bias=biased),
        **(norms(hidden, *around, bias=True) if has_norms else {}),
    }


def opt_around(config: Config) -> Shapes:
    """OPT outside its layers: embeddings of another width are mapped, and the norm may lack."""
    hidden, width = config["hidden_size"], config.get("word_embed_proj_dim")
    found: Shapes = {}
    is_before = config.get("do_layer_norm_before", True)
    is_last = is_before and not config.get("_remove_final_layer_norm")
    if is_last and config.get("layer_norm_elementwise_affine", True):
        found |= norms(hidden, "model.decoder.final_layer_norm", bias=True)
    if width not in (None, hidden):
        found["model.decoder.embed_tokens.weight"] = (config["vocab_size"], width)
        found |= linear("model.decoder.project_in", hidden, width)
        found |= linear("model.decoder.project_out", width, hidden)
    return found


def apertus(config: Config) -> Shapes:
    """Apertus: a plain MLP whose activation has weights; norms on queries and keys."""
    names = ("attention_layernorm", "feedforward_layernorm")
    return {
        **_attention(config, biased=_everywhere(config)),
        **_mlp(config, ("up_proj",), "down_proj"),
        **norms(config["head_dim"], "self_attn.q_norm", "self_attn.k_norm"),
        **norms(config["hidden_size"], *names),
        **{f"mlp.act_fn.{name}": (1,) for name in ("alpha_p", "alpha_n")},
        **{f"mlp.act_fn.{name}": () for name in ("beta", "eps")},
    }


def jais2(config: Config) -> Shapes:
    """Jais 2: as Nemotron, with biases everywhere."""
    biased = bool(config.get("mlp_bias", True))
    return {
        **_attention(config, biased=_everywhere(config, default=True)),
        **_mlp(config, ("up_proj",), "down_proj", bias=biased),
        **norms(config["hidden_size"], *_AROUND, bias=True),
    }


def granite_swa(config: Config) -> Shapes:
    """Granite SWA: as Llama, with a sink for each head."""
    return llama(config) | {"self_attn.sinks": (config["num_attention_heads"],)}


def hyperclovax(config: Config) -> Shapes:
    """HyperCLOVA X: as Llama, with norms behind attention and MLP as well."""
    more = ("post_norm1", "post_norm2") if config.get("use_post_norm", True) else ()
    return llama(config) | norms(config["hidden_size"], *more)


def vaultgemma(config: Config) -> Shapes:
    """VaultGemma: as Llama, with the second norm by another name."""
    return {
        **_attention(config, biased=_everywhere(config)),
        **_gated(config),
        **norms(config["hidden_size"], "input_layernorm", "pre_feedforward_layernorm"),
    }


def nanochat(config: Config) -> Shapes:
    """NanoChat: a plain MLP, and norms that have no weights."""
    return {
        **_attention(config, biased=_everywhere(config)),
        **_mlp(config, ("fc1",), "fc2"),
    }


def bitnet(config: Config) -> Shapes:
    """BitNet before its weights are rounded: as Llama, with norms inside attention and MLP."""
    return {
        **llama(config),
        **norms(config["hidden_size"], "self_attn.attn_sub_norm"),
        **norms(config["intermediate_size"], "mlp.ffn_sub_norm"),
    }


def diffllama(config: Config) -> Shapes:
    """DiffLlama: as Llama, with the factors of the attention that is taken off."""
    names = ("lambda_q1", "lambda_k1", "lambda_q2", "lambda_k2")
    found = {**_attention(config, biased=_everywhere(config)), **_gated(config)}
    found |= norms(config["hidden_size"], *_AROUND)
    return found | {f"self_attn.{name}": (config["head_dim"],) for name in names}


def persimmon(config: Config) -> Shapes:
    """Persimmon: as GPT-NeoX, with norms on queries and keys of each head."""
    hidden, inner = config["hidden_size"], config["intermediate_size"]
    names = ("self_attn.q_layernorm", "self_attn.k_layernorm")
    return {
        **linear("self_attn.query_key_value", 3 * hidden, hidden, bias=True),
        **linear("self_attn.dense", hidden, hidden, bias=True),
        **linear("mlp.dense_h_to_4h", inner, hidden, bias=True),
        **linear("mlp.dense_4h_to_h", hidden, inner, bias=True),
        **norms(hidden, *_AROUND, bias=True),
        **(
            norms(config["head_dim"], *names, bias=True) if config.get("qk_layernorm", True) else {}
        ),
    }


def gpt_bigcode(config: Config) -> Shapes:
    """GPT-BigCode and SantaCoder: queries, keys and values in one matrix, biases everywhere."""
    hidden, inner = config["hidden_size"], config["intermediate_size"]
    _wide, narrow = _widths(config)
    return {
        **linear("attn.c_attn", hidden + 2 * narrow, hidden, bias=True),
        **linear("attn.c_proj", hidden, hidden, bias=True),
        **linear("mlp.c_fc", inner, hidden, bias=True),
        **linear("mlp.c_proj", hidden, inner, bias=True),
        **norms(hidden, "ln_1", "ln_2", bias=True),
    }


def seed_oss(config: Config) -> Shapes:
    """Seed-OSS: biases of the output apart from those of the inputs."""
    biased = "qkv" if config.get("attention_bias", True) else ""
    return {
        **_attention(config, biased=biased + ("o" if config.get("attention_out_bias") else "")),
        **_gated(config, bias=bool(config.get("mlp_bias"))),
        **norms(config["hidden_size"], *_AROUND),
    }


def helium(config: Config) -> Shapes:
    """Helium: as Llama, the switch for biases leaves the output alone."""
    return {
        **_attention(config, biased="qkv" if config.get("attention_bias") else ""),
        **_gated(config, bias=bool(config.get("mlp_bias"))),
        **norms(config["hidden_size"], *_AROUND),
    }


def arcee(config: Config) -> Shapes:
    """Arcee: as Llama, with a plain MLP."""
    return {
        **_attention(config, biased=_everywhere(config)),
        **_mlp(config, ("up_proj",), "down_proj", bias=bool(config.get("mlp_bias"))),
        **norms(config["hidden_size"], *_AROUND),
    }


def nemotron(config: Config) -> Shapes:
    """Nemotron: as Arcee, norms with a bias."""
    return arcee(config) | norms(config["hidden_size"], *_AROUND, bias=True)


def exaone4(config: Config) -> Shapes:
    """EXAONE 4: norms behind attention and MLP, and on queries and keys of each head."""
    return {
        **_attention(config),
        **_gated(config),
        **norms(config["head_dim"], "self_attn.q_norm", "self_attn.k_norm"),
        **norms(config["hidden_size"], *_AFTER),
    }


def ernie(config: Config) -> Shapes:
    """ERNIE 4.5: one switch for all biases."""
    biased = _everywhere(config, "use_bias")
    return {
        **_attention(config, biased=biased),
        **_gated(config, bias=bool(biased)),
        **norms(config["hidden_size"], *_AROUND),
    }


def hunyuan(config: Config) -> Shapes:
    """Hunyuan: as Llama, with norms on queries and keys of each head."""
    names = ("self_attn.query_layernorm", "self_attn.key_layernorm")
    return {
        **_attention(config, biased=_everywhere(config)),
        **_gated(config),
        **norms(config["hidden_size"], *_AROUND),
        **norms(config["head_dim"], *names),
    }


def gpt_neox(config: Config) -> Shapes:
    """GPT-NeoX and Pythia: queries, keys and values of each head in one matrix, biases."""
    hidden, inner = config["hidden_size"], config["intermediate_size"]
    biased = bool(config.get("attention_bias", True))
    return {
        **linear("attention.query_key_value", 3 * hidden, hidden, bias=biased),
        **linear("attention.dense", hidden, hidden, bias=biased),
        **linear("mlp.dense_h_to_4h", inner, hidden, bias=True),
        **linear("mlp.dense_4h_to_h", hidden, inner, bias=True),
        **norms(hidden, *_AROUND, bias=True),
    }


def falcon(config: Config) -> Shapes:
    """Falcon: one matrix for queries, keys and values; norms by the form of the layer."""
    hidden, inner, biased = (
        config["hidden_size"],
        config["intermediate_size"],
        bool(config.get("bias")),
    )
    wide, narrow = _widths(config)
    return {
        **linear("self_attention.query_key_value", wide + 2 * narrow, hidden, bias=biased),
        **linear("self_attention.dense", hidden, hidden, bias=biased),
        **linear("mlp.dense_h_to_4h", inner, hidden, bias=biased),
        **linear("mlp.dense_4h_to_h", hidden, inner, bias=biased),
        **norms(hidden, *_falcon_norms(config), bias=True),
    }


def _falcon_norms(config: Config) -> tuple[str, ...]:
    if not config.get("parallel_attn", True):
        return _AROUND
    count = config.get("num_ln_in_parallel_attn")
    if count is None and config.get("new_decoder_architecture"):
        count = 2
    return ("ln_attn", "ln_mlp") if count == 2 else _AROUND[:1]


def gpt2(config: Config) -> Shapes:
    """GPT-2: matrices stored transposed, [in, out]; biases everywhere."""
    hidden, inner = config["hidden_size"], config["intermediate_size"]
    sizes = {
        "attn.c_attn": (hidden, 3 * hidden),
        "attn.c_proj": (hidden, hidden),
        "mlp.c_fc": (hidden, inner),
        "mlp.c_proj": (inner, hidden),
    }
    return {
        **{f"{name}.weight": shape for name, shape in sizes.items()},
        **{f"{name}.bias": shape[1:] for name, shape in sizes.items()},
        **norms(hidden, "ln_1", "ln_2", bias=True),
    }
