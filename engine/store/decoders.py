# SPDX-License-Identifier: Apache-2.0
"""The families of decoders that are trained: one entry each, by the name of the architecture.

To add a family: one entry here, and one function in decoder_shapes.py where its layers are new.
Defaults are what the libraries take where config.json is silent (transformers 5.23,
configuration_<model_type>.py); only those are listed that sizes follow from.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from functools import partial
from typing import Any

import msgspec

from engine.store import decoder_shapes as shapes
from engine.store import gemma4
from engine.store.decoder_shapes import Config, Shapes


class Decoder(msgspec.Struct, frozen=True, kw_only=True):
    """One family.

    Attributes:
        model_type: As in config.json.
        layer: Names and shapes of the weights of one layer.
        embedding: Module of the token embedding; `head` and `norm` likewise.
        layers: Module that holds the layers.
        norm: Module of the last norm.
        head: Module of the output layer, as it is named in the files.
        positions: Module of learned positions, or an empty text.
        more_positions: Rows of learned positions beyond the context.
        has_norm: The last norm has weights.
        has_biases: The last norm has a bias.
        has_head_bias: The output layer has a bias.
        own_names: Its own names of sizes, each with the common one.
        defaults: Values of common keys that config.json may leave out.
        derive: Fills in what follows from several keys.
        settle: Fills in what differs from layer to layer, once each value was found sound.
        each_layer: The config as each layer has it.
        others: Names and shapes of weights outside the layers that no other entry tells.
        not_for_library: Common keys that its library class does not take.
        own_keys: Keys that are taken over for it alone.
    """

    model_type: str
    layer: Callable[[Config], Shapes]
    embedding: str = "model.embed_tokens"
    layers: str = "model.layers"
    norm: str = "model.norm"
    head: str = "lm_head"
    positions: str = ""
    more_positions: int = 0
    has_norm: bool = True
    has_biases: bool = False
    has_head_bias: bool = False
    own_names: Mapping[str, str] = msgspec.field(default_factory=dict[str, str])
    defaults: Mapping[str, Any] = msgspec.field(default_factory=dict[str, Any])
    derive: Callable[[Config], None] = lambda config: None
    settle: Callable[[Config], None] = lambda config: None
    each_layer: Callable[[Config], list[Config]] = lambda config: (
        [config] * config["num_hidden_layers"]
    )
    others: Callable[[Config], Shapes] = lambda config: {}
    not_for_library: tuple[str, ...] = ()
    own_keys: tuple[str, ...] = ()

    def expected_shapes(self, config: Config) -> Shapes:
        """Return the shape of every weight that a completed config asks for, by its name."""
        hidden, vocabulary = config["hidden_size"], config["vocab_size"]
        found: Shapes = {f"{self.embedding}.weight": (vocabulary, hidden)}
        if self.positions:
            rows = config["max_position_embeddings"] + self.more_positions
            found[f"{self.positions}.weight"] = (rows, hidden)
        for number, one in enumerate(self.each_layer(config)):
            layer = self.layer(one)
            found |= {f"{self.layers}.{number}.{name}": shape for name, shape in layer.items()}
        if self.has_norm:
            found |= shapes.norms(hidden, self.norm, bias=self.has_biases)
        if not config["tie_word_embeddings"]:
            found |= shapes.linear(self.head, vocabulary, hidden)
        if self.has_head_bias:
            found[f"{self.head}.bias"] = (vocabulary,)
        return found | self.others(config)

    def linear_parameters(self, config: Config) -> int:
        """Return the number of weights in the matrices of all layers."""
        layers = [self.layer(one).values() for one in self.each_layer(config)]
        sizes = [one for layer in layers for one in layer if len(one) == 2]
        return sum(rows * columns for rows, columns in sizes)


def _complete_inner(config: Config, own_name: str) -> None:
    """Fill in the width of the MLP; the sizes are not checked yet."""
    hidden = config.get("hidden_size")
    if type(hidden) is int:
        config["intermediate_size"] = config.get(own_name) or 4 * hidden


def _complete_gpt2(config: Config) -> None:
    _complete_inner(config, "n_inner")


def _complete_bigcode(config: Config) -> None:
    _complete_inner(config, "n_inner")
    is_shared = config.get("multi_query", True)
    config["num_key_value_heads"] = 1 if is_shared else config.get("num_attention_heads")


def _complete_alone(config: Config) -> None:
    """Give each head keys and values of its own."""
    config["num_key_value_heads"] = config.get("num_attention_heads")


def _complete_falcon(config: Config) -> None:
    _complete_inner(config, "ffn_hidden_size")
    heads = config.get("num_attention_heads")
    if config.get("new_decoder_architecture"):
        config["num_key_value_heads"] = config.get("num_kv_heads") or heads
    else:
        config["num_key_value_heads"] = 1 if config.get("multi_query", True) else heads


def _context(tokens: int, **others: Any) -> dict[str, Any]:
    return {"max_position_embeddings": tokens, **others}


_GPT2_NAMES = {
    "n_embd": "hidden_size",
    "n_layer": "num_hidden_layers",
    "n_head": "num_attention_heads",
    "n_positions": "max_position_embeddings",
}
_OF_HEADS = ("head_dim", "num_key_value_heads")
_GEMMA = {"head_dim": 256, "tie_word_embeddings": True}


def _gemma4(model_type: str, context_tokens: int, *, fed: int = 0) -> Decoder:
    return Decoder(
        model_type=model_type,
        layer=gemma4.layer,
        defaults=_context(context_tokens, num_key_value_heads=4, **_GEMMA),
        derive=partial(gemma4.derive, fed=fed),
        settle=gemma4.settle,
        each_layer=gemma4.each_layer,
        others=gemma4.around,
        not_for_library=() if fed else gemma4.FED_KEYS,
        own_keys=gemma4.KEYS,
    )


DECODERS: dict[str, Decoder] = {
    "LlamaForCausalLM": Decoder(model_type="llama", layer=shapes.llama, defaults=_context(2048)),
    "MistralForCausalLM": Decoder(
        model_type="mistral",
        layer=shapes.mistral,
        defaults=_context(131_072, num_key_value_heads=8),
    ),
    "Qwen2ForCausalLM": Decoder(
        model_type="qwen2", layer=shapes.qwen2, defaults=_context(32_768, num_key_value_heads=32)
    ),
    "Qwen3ForCausalLM": Decoder(
        model_type="qwen3",
        layer=shapes.qwen3,
        defaults=_context(32_768, num_key_value_heads=32, head_dim=128),
    ),
    "SmolLM3ForCausalLM": Decoder(
        model_type="smollm3",
        layer=shapes.llama,
        defaults=_context(32_768, num_key_value_heads=4, tie_word_embeddings=True),
    ),
    "GemmaForCausalLM": Decoder(
        model_type="gemma",
        layer=shapes.llama,
        defaults=_context(8192, num_key_value_heads=16, **_GEMMA),
    ),
    "Gemma2ForCausalLM": Decoder(
        model_type="gemma2",
        layer=shapes.gemma2,
        defaults=_context(8192, num_key_value_heads=4, **_GEMMA),
    ),
    "Gemma3ForCausalLM": Decoder(
        model_type="gemma3_text",
        layer=shapes.gemma3,
        defaults=_context(131_072, num_key_value_heads=4, **_GEMMA),
    ),
    "Gemma4ForCausalLM": _gemma4("gemma4_text", 131_072, fed=256),
    "Gemma4UnifiedForCausalLM": _gemma4("gemma4_unified_text", 262_144),
    "PhiForCausalLM": Decoder(
        model_type="phi",
        layer=shapes.phi,
        norm="model.final_layernorm",
        has_biases=True,
        has_head_bias=True,
        defaults=_context(2048),
    ),
    "Phi3ForCausalLM": Decoder(model_type="phi3", layer=shapes.phi3, defaults=_context(4096)),
    "GraniteForCausalLM": Decoder(
        model_type="granite", layer=shapes.llama, defaults=_context(2048)
    ),
    "OlmoForCausalLM": Decoder(
        model_type="olmo", layer=shapes.olmo, has_norm=False, defaults=_context(2048)
    ),
    "Olmo2ForCausalLM": Decoder(model_type="olmo2", layer=shapes.olmo2, defaults=_context(2048)),
    "Olmo3ForCausalLM": Decoder(model_type="olmo3", layer=shapes.olmo2, defaults=_context(2048)),
    "CohereForCausalLM": Decoder(
        model_type="cohere",
        layer=shapes.cohere,
        defaults=_context(8192, tie_word_embeddings=True),
    ),
    "Cohere2ForCausalLM": Decoder(
        model_type="cohere2",
        layer=shapes.cohere,
        defaults=_context(8192, tie_word_embeddings=True),
    ),
    "GlmForCausalLM": Decoder(
        model_type="glm",
        layer=shapes.glm,
        defaults=_context(131_072, num_key_value_heads=2, head_dim=128),
    ),
    "Glm4ForCausalLM": Decoder(
        model_type="glm4",
        layer=shapes.glm4,
        defaults=_context(131_072, num_key_value_heads=2, head_dim=128),
    ),
    "StableLmForCausalLM": Decoder(
        model_type="stablelm",
        layer=shapes.stablelm,
        has_biases=True,
        defaults=_context(4096, num_key_value_heads=32),
    ),
    "Starcoder2ForCausalLM": Decoder(
        model_type="starcoder2",
        layer=shapes.starcoder2,
        has_biases=True,
        defaults=_context(4096, num_key_value_heads=2, tie_word_embeddings=True),
    ),
    "SeedOssForCausalLM": Decoder(
        model_type="seed_oss",
        layer=shapes.seed_oss,
        defaults=_context(524_288, num_key_value_heads=8, head_dim=128),
    ),
    "ArceeForCausalLM": Decoder(model_type="arcee", layer=shapes.arcee, defaults=_context(4096)),
    "NemotronForCausalLM": Decoder(
        model_type="nemotron", layer=shapes.nemotron, has_biases=True, defaults=_context(4096)
    ),
    "HeliumForCausalLM": Decoder(
        model_type="helium",
        layer=shapes.helium,
        defaults=_context(4096, num_key_value_heads=20, head_dim=128),
    ),
    "Exaone4ForCausalLM": Decoder(
        model_type="exaone4",
        layer=shapes.exaone4,
        defaults=_context(2048, num_key_value_heads=32),
    ),
    "Ernie4_5ForCausalLM": Decoder(
        model_type="ernie4_5",
        layer=shapes.ernie,
        defaults=_context(131_072, num_key_value_heads=2, head_dim=128, tie_word_embeddings=True),
    ),
    "HunYuanDenseV1ForCausalLM": Decoder(
        model_type="hunyuan_v1_dense", layer=shapes.hunyuan, defaults=_context(2048)
    ),
    "GPTNeoXForCausalLM": Decoder(
        model_type="gpt_neox",
        layer=shapes.gpt_neox,
        embedding="gpt_neox.embed_in",
        layers="gpt_neox.layers",
        norm="gpt_neox.final_layer_norm",
        head="embed_out",
        has_biases=True,
        defaults=_context(2048),
        not_for_library=("head_dim", "num_key_value_heads"),
    ),
    "FalconForCausalLM": Decoder(
        model_type="falcon",
        layer=shapes.falcon,
        embedding="transformer.word_embeddings",
        layers="transformer.h",
        norm="transformer.ln_f",
        has_biases=True,
        defaults=_context(2048, tie_word_embeddings=True),
        derive=_complete_falcon,
        not_for_library=("head_dim", "num_key_value_heads", "intermediate_size"),
    ),
    "GPT2LMHeadModel": Decoder(
        model_type="gpt2",
        layer=shapes.gpt2,
        embedding="transformer.wte",
        layers="transformer.h",
        norm="transformer.ln_f",
        positions="transformer.wpe",
        has_biases=True,
        own_names=_GPT2_NAMES,
        defaults=_context(1024, tie_word_embeddings=True),
        derive=_complete_gpt2,
        not_for_library=(*_OF_HEADS, "intermediate_size", *_GPT2_NAMES.values()),
    ),
    "GPTBigCodeForCausalLM": Decoder(
        model_type="gpt_bigcode",
        layer=shapes.gpt_bigcode,
        embedding="transformer.wte",
        layers="transformer.h",
        norm="transformer.ln_f",
        positions="transformer.wpe",
        has_biases=True,
        own_names=_GPT2_NAMES,
        defaults=_context(1024, tie_word_embeddings=True),
        derive=_complete_bigcode,
        not_for_library=(*_OF_HEADS, "intermediate_size", *_GPT2_NAMES.values()),
    ),
    "OPTForCausalLM": Decoder(
        model_type="opt",
        layer=shapes.opt,
        embedding="model.decoder.embed_tokens",
        layers="model.decoder.layers",
        positions="model.decoder.embed_positions",
        more_positions=2,
        has_norm=False,
        own_names={"ffn_dim": "intermediate_size"},
        defaults=_context(2048, tie_word_embeddings=True),
        derive=_complete_alone,
        others=shapes.opt_around,
        not_for_library=(*_OF_HEADS, "intermediate_size"),
    ),
    "BioGptForCausalLM": Decoder(
        model_type="biogpt",
        layer=shapes.opt,
        embedding="biogpt.embed_tokens",
        layers="biogpt.layers",
        norm="biogpt.layer_norm",
        head="output_projection",
        positions="biogpt.embed_positions",
        more_positions=2,
        has_biases=True,
        defaults=_context(1024, tie_word_embeddings=True),
        derive=_complete_alone,
        not_for_library=_OF_HEADS,
    ),
    "PersimmonForCausalLM": Decoder(
        model_type="persimmon",
        layer=shapes.persimmon,
        norm="model.final_layernorm",
        has_biases=True,
        defaults=_context(16_384),
        derive=_complete_alone,
        not_for_library=_OF_HEADS,
    ),
    "CwmForCausalLM": Decoder(
        model_type="cwm",
        layer=shapes.mistral,
        defaults=_context(131_072, num_key_value_heads=8, head_dim=128),
    ),
    "MinistralForCausalLM": Decoder(
        model_type="ministral",
        layer=shapes.mistral,
        defaults=_context(131_072, num_key_value_heads=8),
    ),
    "Ministral3ForCausalLM": Decoder(
        model_type="ministral3",
        layer=shapes.mistral,
        defaults=_context(262_144, num_key_value_heads=8, head_dim=128),
    ),
    "GraniteSWAForCausalLM": Decoder(
        model_type="granite_swa",
        layer=shapes.granite_swa,
        defaults=_context(8192, num_key_value_heads=4, tie_word_embeddings=True),
    ),
    "HyperCLOVAXForCausalLM": Decoder(
        model_type="hyperclovax", layer=shapes.hyperclovax, defaults=_context(2048)
    ),
    "ApertusForCausalLM": Decoder(
        model_type="apertus", layer=shapes.apertus, defaults=_context(65_536)
    ),
    "Jais2ForCausalLM": Decoder(
        model_type="jais2", layer=shapes.jais2, has_biases=True, defaults=_context(8192)
    ),
    "VaultGemmaForCausalLM": Decoder(
        model_type="vaultgemma",
        layer=shapes.vaultgemma,
        defaults=_context(8192, num_key_value_heads=4, **_GEMMA),
    ),
    "NanoChatForCausalLM": Decoder(
        model_type="nanochat", layer=shapes.nanochat, has_norm=False, defaults=_context(2048)
    ),
    "BitNetForCausalLM": Decoder(
        model_type="bitnet",
        layer=shapes.bitnet,
        defaults=_context(2048, num_key_value_heads=5),
    ),
    "DiffLlamaForCausalLM": Decoder(
        model_type="diffllama", layer=shapes.diffllama, defaults=_context(2048)
    ),
}
"""Architectures that are trained."""

_BARE, _BARE_MARK = "transformer.", "h.0.ln_1.weight"


def left_out_prefix(names: Container[str]) -> str:
    """Return what the names of a file lack in front; GPT-2's own files were saved without it."""
    return _BARE if _BARE_MARK in names else ""
