# SPDX-License-Identifier: Apache-2.0
"""Model folders that must be refused: each a small change to a sound one, with the error due."""

from __future__ import annotations

import io
import json
import os
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine.errors import (
    ArchitectureUnsupported,
    EngineError,
    FileMissing,
    ModelInvalid,
    RemoteCodeRefused,
    TemplateInvalid,
    TokenizerInvalid,
    UnsafeWeights,
)

Change = Callable[[Path], None]
Case = tuple[type[EngineError], str, Change]

# Protocol 2 and protocol 0 pickles that would run os.system; they are written as bytes, never read.
BINARY_PICKLE = b"\x80\x02cposix\nsystem\nq\x00X\x04\x00\x00\x00trueq\x01\x85q\x02Rq\x03."
TEXT_PICKLE = b"cposix\nsystem\n(S'true'\ntR." + b" " * 64


def edit_json(file: str, **changes: Any) -> Change:
    """Return a change that sets entries of a JSON file; None removes the entry."""

    def change(path: Path) -> None:
        value = json.loads((path / file).read_text(encoding="utf-8"))
        for key, one in changes.items():
            if one is None:
                value.pop(key, None)
            else:
                value[key] = one
        (path / file).write_text(json.dumps(value), encoding="utf-8")

    return change


def config(**changes: Any) -> Change:
    """Return a change of config.json."""
    return edit_json("config.json", **changes)


def write(file: str, content: bytes) -> Change:
    """Return a change that replaces a file."""

    def change(path: Path) -> None:
        (path / file).write_bytes(content)

    return change


def remove(*files: str) -> Change:
    """Return a change that removes files."""

    def change(path: Path) -> None:
        for file in files:
            (path / file).unlink()

    return change


def rename_weights(name: str) -> Change:
    """Return a change that gives the weights another name."""

    def change(path: Path) -> None:
        (path / "model.safetensors").rename(path / name)

    return change


def pickle_weights(name: str) -> Change:
    """Return a change that leaves weights only as a pickle of this name."""

    def change(path: Path) -> None:
        (path / "model.safetensors").unlink()
        (path / name).write_bytes(BINARY_PICKLE)

    return change


def edit_header(edit: Callable[[dict[str, Any]], None], *, tail: bytes = b"") -> Change:
    """Return a change of the safetensors header; the tensors stay, followed by `tail`."""

    def change(path: Path) -> None:
        file = path / "model.safetensors"
        content = file.read_bytes()
        length = struct.unpack("<Q", content[:8])[0]
        header = json.loads(content[8 : 8 + length])
        edit(header)
        text = json.dumps(header).encode()
        body = content[8 + length :]
        file.write_bytes(struct.pack("<Q", len(text)) + text + body + tail)

    return change


def entry(**changes: Any) -> Change:
    """Return a change of the header entry of the last norm."""
    return edit_header(lambda header: header["model.norm.weight"].update(changes))


def claimed_length(length: int) -> Change:
    """Return a change of the header length that the file claims."""

    def change(path: Path) -> None:
        file = path / "model.safetensors"
        file.write_bytes(struct.pack("<Q", length) + file.read_bytes()[8:])

    return change


def cut(count: int) -> Change:
    """Return a change that cuts bytes off the end of the weights."""

    def change(path: Path) -> None:
        file = path / "model.safetensors"
        file.write_bytes(file.read_bytes()[:-count])

    return change


def index(**where: str) -> Change:
    """Return a change that adds an index which names files of the tensors."""
    return write("model.safetensors.index.json", json.dumps({"weight_map": where}).encode())


def repeated_key(path: Path) -> None:
    """Name a tensor twice in the header."""
    file = path / "model.safetensors"
    content = file.read_bytes()
    length = struct.unpack("<Q", content[:8])[0]
    text = content[8 : 8 + length].rstrip()
    text = text[:-1] + b',"model.norm.weight":{"dtype":"BF16","shape":[0],"data_offsets":[0,0]}}'
    file.write_bytes(struct.pack("<Q", len(text)) + text + content[8 + length :])


def overlap(header: dict[str, Any]) -> None:
    """Let two tensors of one shape share their bytes."""
    one = "model.layers.0.post_attention_layernorm.weight"
    header[one]["data_offsets"] = header["model.norm.weight"]["data_offsets"]


def same_tensor_twice(path: Path) -> None:
    """Copy the weights, and let an index name both files."""
    content = (path / "model.safetensors").read_bytes()
    (path / "other.safetensors").write_bytes(content)
    index(**{"model.norm.weight": "model.safetensors", "lm_head.weight": "other.safetensors"})(path)


def zip_file(path: Path) -> None:
    """Replace the weights by a torch archive, which is a zip file with a pickle."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", BINARY_PICKLE)
    (path / "model.safetensors").write_bytes(buffer.getvalue())


def tar_file(path: Path) -> None:
    """Replace the weights by a tar archive."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("data.pkl"), io.BytesIO())
    (path / "model.safetensors").write_bytes(buffer.getvalue())


def link_to_device(path: Path) -> None:
    """Replace the weights by a link to a device that never ends."""
    (path / "model.safetensors").unlink()
    (path / "model.safetensors").symlink_to("/dev/zero")


def pipe(path: Path) -> None:
    """Replace config.json by a pipe that nobody writes to."""
    (path / "config.json").unlink()
    os.mkfifo(path / "config.json")


def tokenizer(edit: Callable[[dict[str, Any]], None]) -> Change:
    """Return a change of tokenizer.json."""

    def change(path: Path) -> None:
        file = path / "tokenizer.json"
        value = json.loads(file.read_text(encoding="utf-8"))
        edit(value)
        file.write_text(json.dumps(value), encoding="utf-8")

    return change


def runaway(value: dict[str, Any]) -> None:
    """Split text by a pattern that takes exponential time."""
    value["pre_tokenizer"] = {
        "type": "Split",
        "pattern": {"Regex": "(a+)+$"},
        "behavior": "Isolated",
        "invert": False,
    }


NEEDS_POSIX = {"link_to_device", "pipe"}

CASES: dict[str, Case] = {
    # --- weights ---
    "bin_only": (UnsafeWeights, "pytorch_model.bin", pickle_weights("pytorch_model.bin")),
    "pth_only": (UnsafeWeights, "consolidated.00.pth", pickle_weights("consolidated.00.pth")),
    "ckpt_only": (UnsafeWeights, "model.ckpt", pickle_weights("model.ckpt")),
    "pickle_renamed": (UnsafeWeights, "pickle", write("model.safetensors", BINARY_PICKLE)),
    "text_pickle_renamed": (UnsafeWeights, "pickle", write("model.safetensors", TEXT_PICKLE)),
    "zip_renamed": (UnsafeWeights, "zip", zip_file),
    "tar_renamed": (UnsafeWeights, "tar", tar_file),
    "no_weights": (ModelInvalid, "model.safetensors", remove("model.safetensors")),
    "other_name": (ModelInvalid, "weights.safetensors", rename_weights("weights.safetensors")),
    "empty_file": (ModelInvalid, "0 bytes", write("model.safetensors", b"")),
    "seven_bytes": (ModelInvalid, "7 bytes", write("model.safetensors", b"\0" * 7)),
    "length_zero": (ModelInvalid, "header of 0 bytes", claimed_length(0)),
    "length_beyond_file": (ModelInvalid, "header of", claimed_length(10**9)),
    "length_2_63": (ModelInvalid, "header of", claimed_length(2**63)),
    "header_no_json": (
        ModelInvalid,
        "not valid JSON",
        write("model.safetensors", struct.pack("<Q", 4) + b"{,,}"),
    ),
    "header_a_list": (
        ModelInvalid,
        "header of",
        write("model.safetensors", struct.pack("<Q", 2) + b"[]"),
    ),
    "repeated_tensor": (ModelInvalid, "not valid JSON", repeated_key),
    "trailing_bytes": (ModelInvalid, "3 bytes follow", edit_header(lambda _: None, tail=b"PK!")),
    "cut_off": (ModelInvalid, "5 bytes are missing", cut(5)),
    "overlapping": (ModelInvalid, "overlap or leave gaps", edit_header(overlap)),
    "negative_shape": (ModelInvalid, "impossible shape", entry(shape=[-64])),
    "overflowing_shape": (ModelInvalid, "does not follow", entry(shape=[2**40, 2**40])),
    "many_dimensions": (ModelInvalid, "impossible shape", entry(shape=[1] * 9)),
    "offsets_reversed": (ModelInvalid, "impossible offsets", entry(data_offsets=[128, 0])),
    "offsets_of_three": (ModelInvalid, "impossible offsets", entry(data_offsets=[0, 1, 2])),
    "dtype_unknown": (ModelInvalid, "number format OBJECT", entry(dtype="OBJECT")),
    "dtype_size_mismatch": (ModelInvalid, "does not follow", entry(dtype="F32")),
    "dtype_float8": (ArchitectureUnsupported, "already quantised", entry(dtype="F8_E4M3")),
    "whole_numbers": (ModelInvalid, "number format I16", entry(dtype="I16")),
    "shape_not_of_config": (ModelInvalid, "has the shape 8 x 8", entry(shape=[8, 8])),
    "tensor_missing": (
        ModelInvalid,
        "model.final.weight|model.norm.weight",
        edit_header(
            lambda header: header.update({"model.final.weight": header.pop("model.norm.weight")})
        ),
    ),
    # --- index ---
    "index_outside": (
        ModelInvalid,
        "not a safetensors file of this folder",
        index(**{"model.norm.weight": "../evil.safetensors"}),
    ),
    "index_absolute": (
        ModelInvalid,
        "not a safetensors file of this folder",
        index(**{"model.norm.weight": "/etc/evil.safetensors"}),
    ),
    "index_backslash": (
        ModelInvalid,
        "not a safetensors file of this folder",
        index(**{"model.norm.weight": "..\\evil.safetensors"}),
    ),
    "index_pickle": (
        ModelInvalid,
        "not a safetensors file of this folder",
        index(**{"model.norm.weight": "pytorch_model.bin"}),
    ),
    "index_shard_missing": (
        FileMissing,
        "gone.safetensors",
        index(**{"model.norm.weight": "gone.safetensors"}),
    ),
    "index_wrong_file": (
        ModelInvalid,
        "it is not there",
        index(**{"lm_head.weight": "model.safetensors"}),
    ),
    "index_empty": (ModelInvalid, "weight_map", index()),
    "index_tensor_twice": (ModelInvalid, "and again in", same_tensor_twice),
    "link_to_device": (ModelInvalid, "not a regular file", link_to_device),
    # --- config.json ---
    "config_missing": (FileMissing, "config.json", remove("config.json")),
    "config_no_json": (ModelInvalid, "not valid JSON", write("config.json", b"{")),
    "config_bom": (ModelInvalid, "not valid JSON", write("config.json", b"\xef\xbb\xbf{}")),
    "config_latin1": (ModelInvalid, "not valid JSON", write("config.json", b'{"a": "\xe9"}')),
    "config_list": (ModelInvalid, "JSON object", write("config.json", b"[]")),
    "config_deep": (ModelInvalid, "not valid JSON", write("config.json", b"[" * 200_000)),
    "config_huge": (ModelInvalid, "MB", write("config.json", b" " * (3 << 20))),
    "config_twice": (
        ModelInvalid,
        "not valid JSON",
        write("config.json", b'{"vocab_size":1,"vocab_size":2}'),
    ),
    "config_nan": (ModelInvalid, "rms_norm_eps", config(rms_norm_eps=float("nan"))),
    "pipe": (ModelInvalid, "not a regular file", pipe),
    "auto_map": (RemoteCodeRefused, "auto_map", config(auto_map={"AutoModel": "evil.Evil"})),
    "trust_nested": (
        RemoteCodeRefused,
        "rope_scaling.trust_remote_code",
        config(rope_scaling={"trust_remote_code": True}),
    ),
    "kernel_from_hub": (
        RemoteCodeRefused,
        "_attn_implementation_internal",
        config(_attn_implementation_internal="evil/kernels"),
    ),
    "attention_from_hub": (
        RemoteCodeRefused,
        "attn_implementation",
        config(attn_implementation="evil/kernels:run"),
    ),
    "architecture_unknown": (
        ArchitectureUnsupported,
        "EvilForCausalLM",
        config(architectures=["EvilForCausalLM"]),
    ),
    "architecture_moe": (
        ArchitectureUnsupported,
        "mixture of experts",
        config(architectures=["Qwen2MoeForCausalLM"]),
    ),
    "experts_in_dense": (ArchitectureUnsupported, "mixture of experts", config(num_experts=8)),
    "architecture_bloom": (
        ArchitectureUnsupported,
        "by distance",
        config(architectures=["BloomForCausalLM"], model_type="bloom"),
    ),
    "architecture_none": (ModelInvalid, "architectures", config(architectures=None)),
    "architecture_text": (ModelInvalid, "architectures", config(architectures="LlamaForCausalLM")),
    "model_type_other": (ModelInvalid, "model_type", config(model_type="qwen2")),
    "quantised": (
        ArchitectureUnsupported,
        "already quantised",
        config(quantization_config={"quant_method": "gptq"}),
    ),
    "quantised_fp4": (
        ArchitectureUnsupported,
        "FP4 of bitsandbytes",
        config(quantization_config={"load_in_4bit": True, "bnb_4bit_quant_type": "fp4"}),
    ),
    "quantised_int8": (
        ArchitectureUnsupported,
        "8 bits of bitsandbytes",
        config(quantization_config={"quant_method": "bitsandbytes", "load_in_8bit": True}),
    ),
    "quantised_oddly": (
        ArchitectureUnsupported,
        "a form that is not known",
        config(quantization_config=["nf4"]),
    ),
    "vocabulary_huge": (ModelInvalid, "vocab_size", config(vocab_size=10**9)),
    "hidden_negative": (ModelInvalid, "hidden_size", config(hidden_size=-64)),
    "hidden_float": (ModelInvalid, "hidden_size", config(hidden_size=64.0)),
    "hidden_text": (ModelInvalid, "hidden_size", config(hidden_size="64")),
    "hidden_flag": (ModelInvalid, "hidden_size", config(hidden_size=True)),
    "hidden_missing": (ModelInvalid, "hidden_size", config(hidden_size=None)),
    "layers_huge": (ModelInvalid, "num_hidden_layers", config(num_hidden_layers=10**6)),
    "layers_one_more": (ModelInvalid, "model.layers.2", config(num_hidden_layers=3)),
    "heads_do_not_divide": (ModelInvalid, "does not divide", config(num_key_value_heads=3)),
    "activation_unknown": (ModelInvalid, "hidden_act", config(hidden_act="os.system")),
    "rope_unknown": (
        ModelInvalid,
        "rope_scaling",
        config(rope_scaling={"rope_type": "evil", "factor": 2.0}),
    ),
    "rope_nested": (
        ModelInvalid,
        "rope_parameters",
        config(rope_parameters={"full": {"rope_theta": 1.0}}),
    ),
    "layer_types_short": (ModelInvalid, "layer_types", config(layer_types=["full_attention"])),
    "bias_without_weights": (ModelInvalid, "q_proj.bias", config(attention_bias=True)),
    # --- tokenizer and template ---
    "tokenizer_missing": (TokenizerInvalid, "tokenizer.json", remove("tokenizer.json")),
    "tokenizer_no_json": (TokenizerInvalid, "tokenizer.json", write("tokenizer.json", b"[]")),
    "tokenizer_kind": (
        TokenizerInvalid,
        "unknown kind",
        tokenizer(lambda one: one["model"].update(type="Evil")),
    ),
    "tokenizer_id_huge": (
        TokenizerInvalid,
        "2147483647",
        tokenizer(lambda one: one["model"]["vocab"].update(evil=2**31 - 1)),
    ),
    "tokenizer_id_negative": (
        TokenizerInvalid,
        "-5",
        tokenizer(lambda one: one["model"]["vocab"].update(evil=-5)),
    ),
    "tokenizer_added_beyond": (
        TokenizerInvalid,
        "400 tokens",
        tokenizer(lambda one: one["added_tokens"][0].update(id=400)),
    ),
    "tokenizer_runaway": (TokenizerInvalid, "run for hours", tokenizer(runaway)),
    "tokenizer_code": (
        RemoteCodeRefused,
        "tokenizer_config.json",
        edit_json("tokenizer_config.json", auto_map={"AutoTokenizer": ["evil.Evil", None]}),
    ),
    "tokenizer_config_no_json": (
        TokenizerInvalid,
        "tokenizer_config.json",
        write("tokenizer_config.json", b"no"),
    ),
    "template_not_text": (
        TemplateInvalid,
        "chat_template.jinja",
        write("chat_template.jinja", b"\xff\xfe"),
    ),
    "template_huge": (
        TemplateInvalid,
        "chat_template.jinja",
        write("chat_template.jinja", b" " * (2 << 20)),
    ),
}
