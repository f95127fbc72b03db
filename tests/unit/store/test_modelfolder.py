# SPDX-License-Identifier: Apache-2.0
"""What is read from sound model folders, and that stock transformers agrees with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from engine.domain.model import ModelInfo
from engine.errors import FileMissing, ModelInvalid
from engine.store.modelfolder import (
    chat_template,
    fingerprint,
    inspect_model,
    read_headers,
    safe_config,
    special_tokens,
)
from engine.store.modelfolder_config import expected_shapes
from engine.store.modelfolder_tokenizer import can_run_away
from tests.builders.conversations import TEMPLATES, template_text
from tests.builders.evil_model_folders import config, edit_json
from tests.builders.model_folder import MODEL_TYPES, tiny_model_folder


def inspect(path: Path) -> ModelInfo:
    return inspect_model(path, model_id="m1", name="Tiny", added_at="2026-11-20T00:00:00.000Z")


def test_sound_folder_tells_all_facts(tmp_path: Path) -> None:
    info = inspect(tiny_model_folder(tmp_path / "m", licence="apache-2.0"))
    assert (info.architecture, info.model_type) == ("LlamaForCausalLM", "llama")
    assert (info.parameters, info.weights_dtype) == (124_224, "bfloat16")
    assert info.size_bytes == (tmp_path / "m" / "model.safetensors").stat().st_size
    assert (info.shape.layers, info.shape.hidden, info.shape.vocabulary) == (2, 64, 400)
    assert info.shape.linear_parameters == 2 * (2 * 64 * 128 + 2 * 64 * 64 + 3 * 64 * 128)
    assert (info.licence, info.end_of_turn) == ("apache-2.0", "<|im_end|>")
    assert info.has_chat_template
    assert info.shape.tied
    assert info.context_tokens == 512
    assert info.files == ("model.safetensors",)
    assert info.notes == ()
    assert Path(info.path).is_absolute()


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("architecture", MODEL_TYPES)
def test_expected_shapes_are_those_that_transformers_builds(
    architecture: str, tied: bool, tmp_path: Path
) -> None:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    path = tiny_model_folder(tmp_path / "m", architecture=architecture, tied=tied, shards=3)
    allowed = safe_config(path)
    built = AutoConfig.for_model(**allowed)
    with torch.device("meta"):
        net = AutoModelForCausalLM.from_config(built)
    wanted = {name: tuple(one.shape) for name, one in net.state_dict().items()}
    if tied:
        del wanted["lm_head.weight"]
    assert expected_shapes(allowed) == wanted
    assert inspect(path).parameters == sum(one.numel() for one in net.parameters())


def test_headers_point_at_the_bytes_of_each_tensor(tmp_path: Path) -> None:
    path = tiny_model_folder(tmp_path / "m", dtype="float32", shards=2)
    headers = read_headers(path)
    for name in ("model.norm.weight", "model.layers.1.mlp.down_proj.weight"):
        one = headers[name]
        content = (path / one.file).read_bytes()[one.offsets[0] : one.offsets[1]]
        values = np.frombuffer(content, dtype=np.float32).reshape(one.shape)
        assert np.array_equal(values, load_file(path / one.file)[name])


def test_files_that_are_links_are_followed_as_in_the_hugging_face_cache(tmp_path: Path) -> None:
    path = tiny_model_folder(tmp_path / "m")
    blobs = tmp_path / "blobs"
    blobs.mkdir()
    for number, file in enumerate(sorted(path.iterdir())):
        file.rename(blobs / str(number))
        try:
            file.symlink_to(blobs / str(number))
        except OSError:
            pytest.skip("this system makes no links without a privilege")
    assert inspect(path).parameters == 124_224


def test_link_that_leads_nowhere_is_named_as_missing(tmp_path: Path) -> None:
    path = tiny_model_folder(tmp_path / "m")
    (path / "model.safetensors").rename(path / "model-1.safetensors")
    where = dict.fromkeys(read_names(path / "model-1.safetensors"), "model-1.safetensors")
    index = path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": where}), encoding="utf-8")
    assert inspect(path).files == ("model-1.safetensors",)
    (path / "model-1.safetensors").unlink()
    with pytest.raises(FileMissing, match=r"model-1\.safetensors is missing"):
        inspect(path)


def read_names(file: Path) -> list[str]:
    return list(load_file_header(file))


def load_file_header(file: Path) -> dict[str, Any]:
    content = file.read_bytes()
    found = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    return {name: one for name, one in found.items() if name != "__metadata__"}


def test_missing_folder_and_file_as_folder_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(FileMissing, match="no folder"):
        inspect(tmp_path / "nowhere")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ModelInvalid, match="not a model folder"):
        inspect(tmp_path / "file")


def test_unsafe_files_beside_safetensors_are_named_and_left_alone(tmp_path: Path) -> None:
    path = tiny_model_folder(tmp_path / "m")
    (path / "pytorch_model.bin").write_bytes(b"\x80\x02.")
    (path / "modeling_evil.py").write_text("raise SystemExit", encoding="utf-8")
    assert [one for one in inspect(path).notes if "pytorch_model.bin, modeling_evil.py" in one]


def test_unknown_entries_of_config_are_left_out_and_named(tmp_path: Path) -> None:
    path = tiny_model_folder(tmp_path / "m")
    config(_attn_implementation="eager", frobnicate=3)(path)
    allowed = safe_config(path)
    assert "frobnicate" not in allowed
    assert not [key for key in allowed if key.startswith("_") or "implementation" in key]
    assert [one for one in inspect(path).notes if "_attn_implementation, frobnicate" in one]


@pytest.mark.parametrize(
    ("architecture", "kv_heads", "head_dim"),
    [("LlamaForCausalLM", 4, 16), ("SmolLM3ForCausalLM", 4, 16), ("Qwen3ForCausalLM", 32, 128)],
)
def test_sizes_that_config_leaves_out_are_those_of_the_library(
    architecture: str, kv_heads: int, head_dim: int, tmp_path: Path
) -> None:
    from transformers import AutoConfig

    path = tiny_model_folder(tmp_path / "m", architecture=architecture)
    heads = kv_heads if architecture == "Qwen3ForCausalLM" else 4
    config(num_key_value_heads=None, head_dim=None, num_attention_heads=heads)(path)
    allowed = safe_config(path)
    assert (allowed["num_key_value_heads"], allowed["head_dim"]) == (kv_heads, head_dim)
    theirs = AutoConfig.for_model(**json.loads((path / "config.json").read_text("utf-8")))
    assert theirs.num_key_value_heads == kv_heads
    assert (getattr(theirs, "head_dim", None) or theirs.hidden_size // heads) == head_dim


def test_weights_tied_by_config_note_a_head_that_is_not_used(tmp_path: Path) -> None:
    path = tiny_model_folder(tmp_path / "m", tied=False)
    assert inspect(path).parameters == 149_824
    config(tie_word_embeddings=True)(path)
    info = inspect(path)
    assert info.parameters == 124_224
    assert [one for one in info.notes if "lm_head.weight is not used" in one]


def test_fingerprint_follows_what_decides_the_result(tmp_path: Path) -> None:
    path = tiny_model_folder(tmp_path / "m")
    before = fingerprint(path)
    (path / "README.md").write_text("other", encoding="utf-8")
    assert fingerprint(path) == before
    config(rms_norm_eps=1e-5)(path)
    after = fingerprint(path)
    assert after != before
    (path / "chat_template.jinja").write_text("{{ messages }}", encoding="utf-8")
    templated = fingerprint(path)
    assert templated != after
    (path / "special_tokens_map.json").write_text('{"bos_token": "<s>"}', encoding="utf-8")
    named = fingerprint(path)
    assert named != templated
    (path / "special_tokens_map.json").write_text('{"bos_token": "<t>"}', encoding="utf-8")
    assert fingerprint(path) not in (named, templated)


def test_chat_template_is_taken_from_the_file_the_text_or_the_default(tmp_path: Path) -> None:
    path = tiny_model_folder(tmp_path / "m", template="text")
    assert chat_template(path) == "text"
    named = [{"name": "rag", "template": "no"}, {"name": "default", "template": "yes"}]
    edit_json("tokenizer_config.json", chat_template=named)(path)
    assert chat_template(path) == "yes"
    edit_json("tokenizer_config.json", chat_template=named[:1])(path)
    assert chat_template(path) is None
    assert [one for one in inspect(path).notes if "no chat template" in one]
    (path / "chat_template.jinja").write_text("file", encoding="utf-8")
    assert chat_template(path) == "file"


def test_special_tokens_are_read_from_texts_and_objects(tmp_path: Path) -> None:
    path = tiny_model_folder(tmp_path / "m", bos="<s>")
    token = {"content": "</s>", "lstrip": False, "__type": "AddedToken"}
    edit_json("tokenizer_config.json", eos_token=token)(path)
    found = special_tokens(path)
    assert found == {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<|endoftext|>"}


@pytest.mark.parametrize("name", TEMPLATES)
def test_end_of_turn_is_the_token_that_the_template_writes(name: str, tmp_path: Path) -> None:
    end, bos = TEMPLATES[name]
    path = tiny_model_folder(tmp_path / "m", template=template_text(name), end_of_turn=end, bos=bos)
    assert inspect(path).end_of_turn == end


def test_end_of_turn_is_found_among_generation_ends_where_eos_is_another(tmp_path: Path) -> None:
    path = tiny_model_folder(
        tmp_path / "m", template=template_text("gemma"), end_of_turn="<end_of_turn>", bos="<bos>"
    )
    edit_json("tokenizer_config.json", eos_token="</s>")(path)
    assert inspect(path).end_of_turn == "<end_of_turn>"


@pytest.mark.parametrize(
    ("card", "wanted"),
    [
        ("---\nlicense: mit\n---\n", "mit"),
        ("---\nlicense:\n- gpl-3.0\n---\n", "gpl-3.0"),
        ('---\nlicense: other\nlicense_name: "qwen"\n---\n', "qwen"),
        ("---\ntags: [a]\n---\nlicense: mit\n", "see LICENSE.txt"),
        ("# No front matter\nlicense: mit\n", "see LICENSE.txt"),
    ],
)
def test_licence_is_read_from_the_card_or_named_by_its_file(
    card: str, wanted: str, tmp_path: Path
) -> None:
    path = tiny_model_folder(tmp_path / "m", licence="")
    (path / "LICENSE.txt").write_text("text", encoding="utf-8")
    (path / "README.md").write_text(card, encoding="utf-8")
    assert inspect(path).licence == wanted


KNOWN_PATTERNS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+",
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+",
    r" ?[^(\s|[.,!?…。，、।۔،])]+",
    r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+""",
    r" {2,}",
)


@pytest.mark.parametrize("pattern", KNOWN_PATTERNS)
def test_pattern_of_a_known_tokenizer_is_accepted(pattern: str) -> None:
    assert not can_run_away(pattern)


@pytest.mark.parametrize(
    "pattern", ["(a+)+$", "(a|aa)+$", "((a*)b)*", r"(\w{2,}){3,}", r"(?:(?:x)*y)+"]
)
def test_pattern_that_repeats_repetitions_can_run_away(pattern: str) -> None:
    assert can_run_away(pattern)
