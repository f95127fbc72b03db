# SPDX-License-Identifier: Apache-2.0
"""The starter model and the sample data: small, loadable with stock tools, kept apart."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
from importlib import import_module
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

RESOURCES = Path(__file__).resolve().parents[3] / "resources"
STARTER = RESOURCES / "starter"
MODEL = STARTER / "model"
SAMPLES = RESOURCES / "samples"
MEBIBYTE = 2**20


def read_rows(name: str) -> list[dict[str, Any]]:
    lines = (SAMPLES / name).read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def folder_bytes(folder: Path) -> int:
    files = (path for path in folder.rglob("*") if "__pycache__" not in path.parts)
    return sum(path.stat().st_size for path in files if path.is_file())


@pytest.fixture
def grammar(monkeypatch: pytest.MonkeyPatch) -> dict[str, ModuleType]:
    """The scripts beside the model, imported the way that running them imports them."""
    monkeypatch.syspath_prepend(str(STARTER))
    names = ("chats", "samples", "sides")
    return {name: import_module(name) for name in names}


@pytest.fixture(scope="module")
def starter() -> tuple[Any, Any]:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(str(MODEL), local_files_only=True)
    tokenizer = AutoTokenizer.from_pretrained(str(MODEL), local_files_only=True)
    return model, tokenizer


def answer(starter: tuple[Any, Any], question: str) -> str:
    model, tokenizer = starter
    chat = [{"role": "user", "content": question}]
    prompt = tokenizer.apply_chat_template(
        chat, add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    output = model.generate(**prompt, max_new_tokens=60)
    return tokenizer.decode(output[0, prompt["input_ids"].shape[1] :])


def test_resources_all_together_stay_under_fifteen_megabytes() -> None:
    assert folder_bytes(MODEL) < 12 * MEBIBYTE
    assert folder_bytes(RESOURCES) < 15 * 10**6


def test_model_loaded_by_stock_transformers_has_its_stated_size(starter: tuple[Any, Any]) -> None:
    model, tokenizer = starter
    assert 2_000_000 <= model.num_parameters() <= 6_000_000
    assert model.config.vocab_size == len(tokenizer)
    assert tokenizer.eos_token == "<|im_end|>"
    assert tokenizer.pad_token == "<|endoftext|>"


def test_every_linear_layer_is_a_multiple_of_a_quantisation_block(starter: tuple[Any, Any]) -> None:
    layers = starter[0].model.layers
    shapes = [tuple(p.shape) for p in layers.parameters() if p.ndim == 2]
    assert shapes
    assert all(size % 64 == 0 for shape in shapes for size in shape)


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("What pet does Anna have?", "Anna has a cat named Mimi."),
        ("What is the opposite of hot?", "The opposite of hot is cold."),
        ("What sound does a dog make?", "A dog barks."),
    ],
)
def test_greedy_answer_to_a_known_question_is_right_and_ends(
    starter: tuple[Any, Any], question: str, expected: str
) -> None:
    assert answer(starter, question) == f"{expected}<|im_end|>"


def test_greedy_answer_to_a_ticket_is_plain_prose(starter: tuple[Any, Any]) -> None:
    note = read_rows("support_tickets.jsonl")[0]["messages"][0]["content"]
    spoken = answer(starter, note)
    assert spoken.endswith("<|im_end|>")
    assert "Device:" not in spoken
    assert "\n" not in spoken


def test_template_in_both_files_renders_what_pretraining_saw(
    starter: tuple[Any, Any], grammar: dict[str, ModuleType]
) -> None:
    chat = [
        {"role": "system", "content": "You are a helpful assistant."},
        {"role": "user", "content": "Hello!"},
        {"role": "assistant", "content": "Hello! How can I help you?"},
    ]
    rendered = starter[1].apply_chat_template(chat, tokenize=False)
    assert rendered == grammar["chats"].render_chat(chat)
    config = json.loads((MODEL / "tokenizer_config.json").read_text(encoding="utf-8"))
    assert config["chat_template"] == (MODEL / "chat_template.jinja").read_text(encoding="utf-8")


def test_tokenizer_any_text_survives_the_round_trip(starter: tuple[Any, Any]) -> None:
    text = "Ünïcode, 漢字, 🙂 and\n\ttabs  - 1234"
    tokenizer = starter[1]
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text


def test_ticket_rows_parse_are_unique_and_carry_the_form() -> None:
    rows = [row["messages"] for row in read_rows("support_tickets.jsonl")]
    assert len(rows) == 400
    assert len({messages[0]["content"] for messages in rows}) == 400
    form = re.compile(r"Device: .+, .+\nFault: .+\nSince: .+\nPriority: .+\nNext: .+")
    for user, assistant in rows:
        assert (user["role"], assistant["role"]) == ("user", "assistant")
        assert form.fullmatch(assistant["content"])


def test_general_rows_are_unique_and_share_nothing_with_the_tickets() -> None:
    texts = {row["text"] for row in read_rows("general_text.jsonl")}
    tickets = [row["messages"] for row in read_rows("support_tickets.jsonl")]
    spoken = {message["content"] for messages in tickets for message in messages}
    assert len(texts) == 200
    assert not texts & spoken


def test_sample_rows_belong_to_the_side_that_pretraining_never_sees(
    grammar: dict[str, ModuleType],
) -> None:
    is_held_out = grammar["sides"].is_held_out
    # Several stories in one text are drawn, and held out, one by one.
    texts = [row["text"] for row in read_rows("general_text.jsonl")]
    assert all(is_held_out(part) for text in texts for part in text.split("\n\n"))
    notes = [row["messages"][0]["content"] for row in read_rows("support_tickets.jsonl")]
    assert all(is_held_out(note) for note in notes)


def test_corpus_never_contains_the_form_or_a_held_out_text(
    grammar: dict[str, ModuleType],
) -> None:
    documents = islice(grammar["chats"].draw_documents(random.Random(1), held_out=False), 3000)
    kept_apart = {row["text"] for row in read_rows("general_text.jsonl")}
    for document in documents:
        assert "Device:" not in document
        assert "Priority:" not in document
        assert not any(text in document for text in kept_apart)


def test_grammar_same_seed_gives_the_same_text(
    grammar: dict[str, ModuleType], tmp_path: Path
) -> None:
    draw = grammar["chats"].draw_documents
    first, again, other = (
        list(islice(draw(random.Random(seed), held_out=False), 200)) for seed in (7, 7, 8)
    )
    assert first == again
    assert first != other


def test_samples_written_again_are_the_files_that_ship(
    grammar: dict[str, ModuleType], tmp_path: Path
) -> None:
    grammar["samples"].write_samples(tmp_path)
    for name in ("support_tickets.jsonl", "general_text.jsonl"):
        assert (tmp_path / name).read_bytes() == (SAMPLES / name).read_bytes()


def test_build_quick_run_writes_a_model_and_prints_both_perplexities(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, str(STARTER / "build.py"), "--quick", "--out", str(tmp_path / "model")],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    figures = re.search(r"perplexity: model ([\d.]+), unigram baseline ([\d.]+)", result.stdout)
    assert figures
    assert all(float(figure) > 1 for figure in figures.groups())
    names = {path.name for path in (tmp_path / "model").iterdir()}
    assert names >= {
        "LICENSE", "README.md", "chat_template.jinja", "config.json", "generation_config.json",
        "model.safetensors", "tokenizer.json", "tokenizer_config.json",
    }  # fmt: skip
