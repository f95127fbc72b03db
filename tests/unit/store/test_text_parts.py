# SPDX-License-Identifier: Apache-2.0
"""The user guide's program that saves the text part of a model, run as it stands there."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

from engine.store.modelfolder import inspect_model
from tests.builders.decoders import COMMON
from tests.builders.model_folder import tiny_model_folder
from tests.unit.train.models import alone_logits, load_ours, pack, packed_logits, random_examples

GUIDE = Path(__file__).parents[3] / "docs" / "user-guide.md"
FULL, WINDOW = "full_attention", "sliding_attention"
VISION: dict[str, Any] = {
    "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
    "num_key_value_heads": 2, "head_dim": 8, "patch_size": 4, "pooling_kernel_size": 1,
}  # fmt: skip
SHARED = {"num_hidden_layers": 4, "layer_types": [WINDOW, FULL] * 2, "num_kv_shared_layers": 2}
WHOLE: dict[str, dict[str, Any]] = {
    "gemma3": {
        "text_config": {"head_dim": 8, "layer_types": [WINDOW, FULL]},
        "vision_config": {**VISION, "image_size": 8},
    },
    "gemma4": {
        "text_config": {
            **SHARED,
            "head_dim": 8,
            "global_head_dim": 16,
            "hidden_size_per_layer_input": 8,
            "vocab_size_per_layer_input": 400,
        },
        "vision_config": VISION,
    },
    "gemma4_unified": {"text_config": {**SHARED, "head_dim": 8, "global_head_dim": 16}},
}


def program() -> str:
    """Return the one program of the user guide that saves a text part."""
    found = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    (one,) = [text for text in found if "get_text_config" in text]
    return one


@pytest.mark.parametrize("name", WHOLE)
def test_text_part_of_a_whole_model_is_added_and_answers_as_the_whole(
    name: str, tmp_path: Path
) -> None:
    source, target = tiny_model_folder(tmp_path / "whole"), tmp_path / "text"
    (source / "model.safetensors").unlink()
    values = {**WHOLE[name], "text_config": COMMON | WHOLE[name]["text_config"]}
    torch.manual_seed(0)
    whole = AutoModelForCausalLM.from_config(AutoConfig.for_model(name, **values))
    for one in whole.parameters():
        torch.nn.init.normal_(one, std=0.2)
    whole.save_pretrained(source)
    script = tmp_path / "text_part.py"
    script.write_text(program(), encoding="utf-8")
    runpy.run_path(str(script), {"source": str(source), "target": str(target)})
    info = inspect_model(target, model_id="m", name="text", added_at="")
    assert info.model_type == f"{name}_text"
    examples = random_examples([9, 21])
    found = packed_logits(load_ours(target), pack(examples))
    assert float(found.std()) > 0.01
    torch.testing.assert_close(found, alone_logits(whole.eval(), examples), rtol=0, atol=5e-5)
    assert AutoTokenizer.from_pretrained(target).chat_template
