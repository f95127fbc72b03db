# SPDX-License-Identifier: Apache-2.0
"""The probe: a model that does not do what the trainer relies on is not loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from msgspec.structs import replace

from engine.errors import ArchitectureUnsupported
from engine.train import architecture
from engine.train.attention import segment_attention
from engine.train.model import LanguageModel
from engine.train.probe import check_trainable
from tests.builders.decoders import decoder_folder
from tests.unit.train.models import load_ours


@pytest.mark.parametrize("name", ["stablelm", "nemotron"])
def test_layers_that_drop_the_segments_are_found_out(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(architecture, "_DROPS_SEGMENTS", ())
    folder = decoder_folder(tmp_path / "m", name)
    with pytest.raises(ArchitectureUnsupported, match="see each other"):
        load_ours(folder)


def test_attention_of_its_own_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(architecture.falcon, "attend_in_segments", lambda net: None)
    folder = decoder_folder(tmp_path / "m", "falcon")
    with pytest.raises(ArchitectureUnsupported, match="see each other"):
        load_ours(folder)


def test_attention_to_later_tokens_is_found_out(tmp_path: Path) -> None:
    from transformers import AttentionInterface

    def both_ways(module: Any, query: Any, key: Any, value: Any, mask: Any, **_: Any) -> Any:
        share = query.shape[1] // key.shape[1]
        key, value = key.repeat_interleave(share, 1), value.repeat_interleave(share, 1)
        found = torch.nn.functional.scaled_dot_product_attention(query, key, value)
        return found.transpose(1, 2), None

    model = load_ours(decoder_folder(tmp_path / "m", "llama"))
    AttentionInterface.register(architecture.attention.NAME, both_ways)
    try:
        with pytest.raises(ArchitectureUnsupported, match="later tokens"):
            check_trainable(model)
    finally:
        AttentionInterface.register(architecture.attention.NAME, segment_attention)


@pytest.mark.parametrize("name", ["granite", "cohere", "gemma2"])
def test_logits_without_their_scale_or_cap_are_found_out(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = decoder_folder(tmp_path / "m", name)
    monkeypatch.setattr(LanguageModel, "logits", lambda self, hidden: self.head(hidden))
    with pytest.raises(ArchitectureUnsupported, match="output layer"):
        load_ours(folder)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_sound_model_in_16_bits_passes(dtype: torch.dtype, tmp_path: Path) -> None:
    folder = decoder_folder(tmp_path / "m", "gemma2")
    model = load_ours(folder, dtype=dtype, quantised=True)
    check_trainable(replace(model))


@pytest.mark.parametrize("name", ["llama", "gemma3", "gpt2", "falcon"])
def test_sound_model_is_asked_once(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes: list[int] = []
    hidden = LanguageModel.hidden

    def counted(self: LanguageModel, ids: torch.Tensor, *others: Any, **options: Any) -> Any:
        passes.append(ids.shape[1])
        return hidden(self, ids, *others, **options)

    monkeypatch.setattr(LanguageModel, "hidden", counted)
    load_ours(decoder_folder(tmp_path / "m", name))
    assert passes == [16]
