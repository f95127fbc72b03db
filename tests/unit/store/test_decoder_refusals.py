# SPDX-License-Identifier: Apache-2.0
"""Models that are not trained: refused by their config.json alone, with the reason."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub.errors import StrictDataclassError
from transformers import AutoConfig
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES,
)

from engine.errors import ArchitectureUnsupported, ModelInvalid
from engine.store.decoder_refusals import (
    BOTH_WAYS,
    BYTES,
    COMPRESSED,
    DISTANCE_BIAS,
    EXPERTS,
    LOOPED,
    MORE_THAN_TEXT,
    NOT_WRITING,
    OTHER_HEAD,
    OWN_ATTENTION,
    SEVERAL_STREAMS,
    STATE,
    TEXT_PART,
    TWO_PARTS,
    refusal_of,
)
from engine.store.decoders import DECODERS
from engine.store.modelfolder import inspect_model, safe_config
from engine.train.load import load_model

KINDS: dict[str, tuple[str, ...]] = {
    EXPERTS: (
        "mixtral", "qwen2_moe", "qwen3_moe", "olmoe", "granitemoe", "deepseek_v2", "deepseek_v3",
        "phimoe", "gpt_oss", "dbrx", "jetmoe", "llama4_text", "ernie4_5_moe", "glm4_moe",
    ),
    STATE: (
        "mamba", "mamba2", "falcon_mamba", "jamba", "falcon_h1", "qwen3_next", "bamba", "rwkv",
        "recurrent_gemma", "zamba2", "lfm2", "granitemoehybrid", "nemotron_h", "qwen3_5_text",
    ),
    DISTANCE_BIAS: ("bloom", "mpt"),
    OWN_ATTENTION: ("gptj", "gpt_neo", "codegen", "xglm"),
    TWO_PARTS: ("bart", "marian", "trocr"),
    NOT_WRITING: ("bert", "roberta", "electra", "xlm"),
    COMPRESSED: ("minicpm3", "youtu"),
    SEVERAL_STREAMS: ("gemma3n_text",),
    LOOPED: ("hrm_text",),
    OTHER_HEAD: ("modernbert-decoder",),
    BYTES: ("blt",),
}  # fmt: skip
PICTURES = ("llava", "qwen2_vl", "qwen2_5_vl", "mllama", "idefics3", "paligemma")
WORDS_OF_RULES = [(name, reason) for reason, names in KINDS.items() for name in names]


def write_config(folder: Path, model_type: str, architecture: str, **values: Any) -> Path:
    """Write what transformers itself saves of a family's configuration."""
    config: dict[str, Any] = AutoConfig.for_model(model_type).to_dict()
    text = json.dumps(config | {"architectures": [architecture]} | values, default=str)
    (folder / "config.json").write_text(text, encoding="utf-8")
    return folder


def assert_refused(folder: Path, reason: str) -> None:
    """Check that the model is neither added nor loaded, and why."""
    for refused in (
        lambda: inspect_model(folder, model_id="m", name="x", added_at=""),
        lambda: load_model(folder, dtype=torch.float32, device=torch.device("cpu"), quantised=True),
    ):
        with pytest.raises(ArchitectureUnsupported) as caught:
            refused()
        assert reason in caught.value.message


@pytest.mark.parametrize(("name", "reason"), WORDS_OF_RULES)
def test_family_that_is_not_trained_is_refused_when_added_and_when_loaded(
    name: str, reason: str, tmp_path: Path
) -> None:
    architecture = MODEL_FOR_CAUSAL_LM_MAPPING_NAMES[name]
    assert_refused(write_config(tmp_path, name, str(architecture)), reason)


@pytest.mark.parametrize("name", PICTURES)
def test_model_that_reads_pictures_is_refused(name: str, tmp_path: Path) -> None:
    architecture = MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES[name]
    assert_refused(write_config(tmp_path, name, str(architecture)), MORE_THAN_TEXT)


@pytest.mark.parametrize("name", ["gemma3", "gemma4", "gemma4_unified"])
def test_model_around_a_text_model_that_is_trained_is_told_from_others(
    name: str, tmp_path: Path
) -> None:
    architecture = MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES[name]
    assert_refused(write_config(tmp_path, name, str(architecture)), TEXT_PART)


@pytest.mark.parametrize(
    ("name", "architecture", "values", "reason"),
    [
        ("falcon", "FalconForCausalLM", {"alibi": True}, DISTANCE_BIAS),
        ("gemma3_text", "Gemma3ForCausalLM", {"use_bidirectional_attention": True}, BOTH_WAYS),
        ("gemma2", "Gemma2ForCausalLM", {"use_bidirectional_attention": "all"}, BOTH_WAYS),
        ("gemma4_text", "Gemma4ForCausalLM", {"use_bidirectional_attention": "all"}, BOTH_WAYS),
        ("gemma4_text", "Gemma4ForCausalLM", {"enable_moe_block": True}, EXPERTS),
        ("llama", "LlamaForCausalLM", {"num_local_experts": 4}, EXPERTS),
        ("llama", "LlamaForCausalLM", {"vision_config": {}}, MORE_THAN_TEXT),
        ("llama", "LlamaForCausalLM", {"layer_types": ["linear_attention"]}, STATE),
    ],
)
def test_trained_family_in_a_form_that_is_not_trained_is_refused(
    name: str, architecture: str, values: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    assert_refused(write_config(tmp_path, name, architecture, **values), reason)


def test_no_family_of_the_library_is_unknown(tmp_path: Path) -> None:
    """A family here that a new version of transformers brings: train it, or name the reason."""
    unknown: list[str] = []
    for name, found in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.items():
        architecture = found if isinstance(found, str) else found[0]
        if architecture in DECODERS:
            continue
        try:
            config: dict[str, Any] = AutoConfig.for_model(name).to_dict()
        except (ValueError, StrictDataclassError):
            config = {"model_type": name}  # It has no defaults.
        if not refusal_of(architecture, config):
            unknown.append(name)
    assert unknown == []


def test_family_that_nobody_knows_is_refused_with_what_was_not_proven(tmp_path: Path) -> None:
    config = {"model_type": "llama9", "architectures": ["Llama9ForCausalLM"]}
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    assert refusal_of("Llama9ForCausalLM", config) == ""
    with pytest.raises(ArchitectureUnsupported, match="packed examples kept apart"):
        safe_config(tmp_path)


def test_every_family_of_the_library_is_trained_or_refused_as_unsupported(tmp_path: Path) -> None:
    trained: set[str] = set()
    for name, architecture in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.items():
        first = architecture if isinstance(architecture, str) else architecture[0]
        config = {"model_type": name, "architectures": [first]}
        (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
        try:
            safe_config(tmp_path)
        except ArchitectureUnsupported:
            continue
        except ModelInvalid:
            # A bare config lacks the sizes; what another family builds with this code is refused.
            trained.add(first)
    assert trained == set(DECODERS)


def test_number_that_json_does_not_know_is_refused_only_where_it_counts(tmp_path: Path) -> None:
    write_config(tmp_path, "llama", "LlamaForCausalLM", time_step_limit=float("inf"))
    assert safe_config(tmp_path)["model_type"] == "llama"
    write_config(tmp_path, "llama", "LlamaForCausalLM", rope_theta=float("inf"))
    with pytest.raises(ModelInvalid, match="rope_theta"):
        safe_config(tmp_path)
