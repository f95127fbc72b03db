# SPDX-License-Identifier: Apache-2.0
"""Builds tiny base models in the Hugging Face form, for tests; stock transformers loads them.

A folder holds config.json, generation_config.json, model.safetensors (or shards with an index),
tokenizer.json, tokenizer_config.json with a chat template, and README.md with a licence. Every
linear layer has sizes that are multiples of 64, so that NF4 blocks never straddle rows.
"""

from __future__ import annotations

import json
import struct
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

CHATML = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
"""The plainest chat template there is; it has no default system turn."""

SENTENCES = (
    "The quick brown fox jumps over the lazy dog while the ticket waits for an answer.",
    "Hello, thank you for writing to us. Your order number is 1234 and it will arrive on Monday.",
    "system user assistant What is the capital of France? The capital of France is Paris.",
    "I am sorry that the printer does not work. Please turn it off and on again, then try once.",
    'def main():\n    return {"name": "value", "list": [1, 2, 3]}\n',
    "Grüße aus München, ça va? Добрый день. 你好，世界。 ありがとう 🙂",
)
SPECIAL_TOKENS = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<s>",
    "</s>",
    "<|begin_of_text|>",
    "<|start_header_id|>",
    "<|end_header_id|>",
    "<|eot_id|>",
    "[INST]",
    "[/INST]",
    "<bos>",
    "<start_of_turn>",
    "<end_of_turn>",
    "<|system|>",
    "<|user|>",
    "<|assistant|>",
    "<|end|>",
    "<|tool|>",
)
PLAIN_MARKERS = ("<think>", "</think>", "<tool_call>", "</tool_call>")
"""Added tokens that are not special, as in Qwen3; content may not make them either."""

LINEARS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
MODEL_TYPES = {
    "LlamaForCausalLM": "llama",
    "MistralForCausalLM": "mistral",
    "Qwen2ForCausalLM": "qwen2",
    "Qwen3ForCausalLM": "qwen3",
    "SmolLM3ForCausalLM": "smollm3",
    "Olmo2ForCausalLM": "olmo2",
    "GraniteForCausalLM": "granite",
}


@lru_cache(maxsize=4)
def _tokenizer_json(vocabulary: int) -> str:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    specials = [AddedToken(text, special=True, normalized=False) for text in SPECIAL_TOKENS]
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary - len(PLAIN_MARKERS),
        special_tokens=specials,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(SENTENCES * 4, trainer)
    markers = [AddedToken(text, special=False, normalized=False) for text in PLAIN_MARKERS]
    tokenizer.add_tokens(markers)
    return tokenizer.to_str()


def tiny_tokenizer(*, vocabulary: int = 400, bos: str = "") -> Tokenizer:
    """Return a byte-level BPE tokenizer; with `bos` its post-processor puts that token first."""
    tokenizer = Tokenizer.from_str(_tokenizer_json(vocabulary))
    if bos:
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{bos} $A",
            pair=f"{bos} $A {bos} $B",
            special_tokens=[(bos, tokenizer.token_to_id(bos))],
        )
    return tokenizer


def tiny_model_folder(
    path: Path,
    *,
    architecture: str = "LlamaForCausalLM",
    template: str | None = CHATML,
    tied: bool = True,
    seed: int = 0,
    layers: int = 2,
    hidden: int = 64,
    dtype: str = "bfloat16",
    shards: int = 1,
    end_of_turn: str = "<|im_end|>",
    bos: str = "",
    vocabulary: int = 400,
    licence: str = "apache-2.0",
    spread: float = 0.05,
) -> Path:
    """Write a tiny model with random weights and return its folder.

    Args:
        path: The folder to make.
        architecture: One of MODEL_TYPES.
        template: Chat template, or None for a model without one.
        tied: The head shares the embedding's weights.
        seed: Of the weights.
        layers: Decoder layers.
        hidden: Width; a multiple of 64.
        dtype: `bfloat16`, `float16` or `float32`.
        shards: Number of safetensors files; more than one adds an index.
        end_of_turn: Text of the eos token.
        bos: Text of a token that the tokenizer puts before every text, or empty.
        vocabulary: Rows of the embedding.
        licence: For README.md; empty for none.
        spread: Standard deviation of the weights.
    """
    path.mkdir(parents=True, exist_ok=True)
    tokenizer = tiny_tokenizer(vocabulary=vocabulary, bos=bos)
    config = _config(architecture, tied, layers, hidden, dtype, tokenizer, end_of_turn, bos)
    _write_json(path / "config.json", config)
    _write_json(
        path / "generation_config.json",
        {"eos_token_id": [config["eos_token_id"], tokenizer.token_to_id("<|endoftext|>")]},
    )
    (path / "tokenizer.json").write_text(tokenizer.to_str(), encoding="utf-8")
    _write_json(path / "tokenizer_config.json", _tokenizer_config(template, end_of_turn, bos))
    if licence:
        card = f"---\nlicense: {licence}\nlanguage:\n- en\n---\n# A tiny model\n"
        (path / "README.md").write_text(card, encoding="utf-8")
    write_weights(path, tiny_weights(config, seed=seed, spread=spread), dtype=dtype, shards=shards)
    return path


def _config(
    architecture: str,
    tied: bool,
    layers: int,
    hidden: int,
    dtype: str,
    tokenizer: Tokenizer,
    end_of_turn: str,
    bos: str,
) -> dict[str, Any]:
    config: dict[str, Any] = {
        "architectures": [architecture],
        "model_type": MODEL_TYPES[architecture],
        "attention_bias": False,
        "attention_dropout": 0.0,
        "bos_token_id": tokenizer.token_to_id(bos) if bos else None,
        "eos_token_id": tokenizer.token_to_id(end_of_turn),
        "pad_token_id": tokenizer.token_to_id("<|endoftext|>"),
        "head_dim": 32,
        "hidden_act": "silu",
        "hidden_size": hidden,
        "initializer_range": 0.02,
        "intermediate_size": 2 * hidden,
        "max_position_embeddings": 512,
        "num_attention_heads": 4,
        "num_hidden_layers": layers,
        "num_key_value_heads": 2,
        "rms_norm_eps": 1e-6,
        "rope_theta": 10000.0,
        "tie_word_embeddings": tied,
        "torch_dtype": dtype,
        "use_cache": True,
        "vocab_size": tokenizer.get_vocab_size(),
    }
    if architecture == "GraniteForCausalLM":
        config |= {
            "attention_multiplier": 0.2,
            "embedding_multiplier": 2.0,
            "logits_scaling": 1.5,
            "residual_multiplier": 0.9,
        }
    return config


def _tokenizer_config(template: str | None, end_of_turn: str, bos: str) -> dict[str, Any]:
    config: dict[str, Any] = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "clean_up_tokenization_spaces": False,
        "eos_token": end_of_turn,
        "pad_token": "<|endoftext|>",
        "model_max_length": 512,
    }
    if bos:
        config["bos_token"] = bos
    if template is not None:
        config["chat_template"] = template
    return config


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=2), encoding="utf-8")


def tiny_weights(
    config: dict[str, Any], *, seed: int, spread: float = 0.05
) -> dict[str, np.ndarray]:
    """Return random float32 weights by name, with the shapes that the config asks for."""
    generator = np.random.default_rng(seed)
    found: dict[str, np.ndarray] = {}
    for name, shape in shapes_of(config).items():
        is_norm = name.endswith("norm.weight")
        noise = generator.standard_normal(shape, dtype=np.float32) * np.float32(spread)
        found[name] = noise + np.float32(1.0) if is_norm else noise
    return found


def shapes_of(config: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """Return the shape of every weight of a tiny config, by name."""
    hidden, vocabulary = config["hidden_size"], config["vocab_size"]
    shapes: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (vocabulary, hidden)}
    for layer in range(config["num_hidden_layers"]):
        shapes |= {
            f"model.layers.{layer}.{name}": shape for name, shape in _layer_shapes(config).items()
        }
    shapes["model.norm.weight"] = (hidden,)
    if not config["tie_word_embeddings"]:
        shapes["lm_head.weight"] = (vocabulary, hidden)
    return shapes


def _layer_shapes(config: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    hidden, inner, head = config["hidden_size"], config["intermediate_size"], config["head_dim"]
    wide = config["num_attention_heads"] * head
    narrow = config["num_key_value_heads"] * head
    kind = config["model_type"]
    shapes: dict[str, tuple[int, ...]] = {
        "self_attn.q_proj.weight": (wide, hidden),
        "self_attn.k_proj.weight": (narrow, hidden),
        "self_attn.v_proj.weight": (narrow, hidden),
        "self_attn.o_proj.weight": (hidden, wide),
        "mlp.gate_proj.weight": (inner, hidden),
        "mlp.up_proj.weight": (inner, hidden),
        "mlp.down_proj.weight": (hidden, inner),
        "post_attention_layernorm.weight": (hidden,),
    }
    if kind == "qwen2":
        shapes |= {
            f"self_attn.{one}_proj.bias": (size,)
            for one, size in (("q", wide), ("k", narrow), ("v", narrow))
        }
    if kind in ("qwen3", "olmo2"):
        sizes = (head, head) if kind == "qwen3" else (wide, narrow)
        shapes |= {
            f"self_attn.{one}_norm.weight": (size,) for one, size in zip("qk", sizes, strict=True)
        }
    other_norm = "post_feedforward_layernorm" if kind == "olmo2" else "input_layernorm"
    shapes[f"{other_norm}.weight"] = (hidden,)
    return shapes


_CODES = {"bfloat16": "BF16", "float16": "F16", "float32": "F32"}


def _to_bytes(values: np.ndarray, dtype: str) -> bytes:
    if dtype == "bfloat16":
        bits = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32)
        rounded = bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))
        return (rounded >> np.uint32(16)).astype(np.uint16).tobytes()
    return np.ascontiguousarray(values, dtype=np.dtype(dtype)).tobytes()


def safetensors_bytes(weights: dict[str, np.ndarray], *, dtype: str = "bfloat16") -> bytes:
    """Return one safetensors file: 8-byte header length, JSON header, tensors in order."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    body = bytearray()
    for name, values in weights.items():
        content = _to_bytes(values, dtype)
        header[name] = {
            "dtype": _CODES[dtype],
            "shape": list(values.shape),
            "data_offsets": [len(body), len(body) + len(content)],
        }
        body += content
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + bytes(body)


def write_weights(
    path: Path, weights: dict[str, np.ndarray], *, dtype: str = "bfloat16", shards: int = 1
) -> None:
    """Write weights into a model folder as one file, or as shards with an index."""
    if shards == 1:
        (path / "model.safetensors").write_bytes(safetensors_bytes(weights, dtype=dtype))
        return
    where: dict[str, str] = {}
    names = list(weights)
    for number in range(shards):
        mine = names[number::shards]
        file = f"model-{number + 1:05d}-of-{shards:05d}.safetensors"
        content = safetensors_bytes({name: weights[name] for name in mine}, dtype=dtype)
        (path / file).write_bytes(content)
        where |= dict.fromkeys(mine, file)
    total = sum(values.size for values in weights.values()) * (4 if dtype == "float32" else 2)
    index = {"metadata": {"total_size": total}, "weight_map": where}
    _write_json(path / "model.safetensors.index.json", index)
