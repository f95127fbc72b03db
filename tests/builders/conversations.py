# SPDX-License-Identifier: Apache-2.0
"""Conversations and chat templates that the tests of templates, masks and training share."""

from __future__ import annotations

from pathlib import Path

from engine.domain.dataset import ChatRow, Role, Turn

TEMPLATES_FOLDER = Path(__file__).resolve().parents[1] / "golden" / "templates"

# Name of the template -> (end-of-turn token of its tokenizer, bos token or an empty text).
TEMPLATES: dict[str, tuple[str, str]] = {
    "chatml_default_system": ("<|im_end|>", ""),
    "llama3": ("<|eot_id|>", "<|begin_of_text|>"),
    "mistral": ("</s>", "<s>"),
    "gemma": ("<end_of_turn>", "<bos>"),
    "zephyr": ("</s>", "<s>"),
    "phi3": ("<|endoftext|>", "<s>"),
    "qwen3": ("<|im_end|>", ""),
    "dated": ("<|eot_id|>", "<|begin_of_text|>"),
    "mistral_tools": ("</s>", "<s>"),
    "named": ("<|im_end|>", ""),
}


def template_text(name: str) -> str:
    """Return the source of a template."""
    return (TEMPLATES_FOLDER / f"{name}.jinja").read_text(encoding="utf-8")


def turn(
    role: str,
    content: str,
    *,
    tool_calls: str | None = None,
    weight: float | None = None,
    name: str | None = None,
    tool_call_id: str | None = None,
) -> Turn:
    """Return one turn."""
    return Turn(
        role=Role(role),
        content=content,
        tool_calls=tool_calls,
        weight=weight,
        name=name,
        tool_call_id=tool_call_id,
    )


def chat(*contents: str, system: str | None = None) -> ChatRow:
    """Return a conversation in which user and assistant speak in turns, the user first."""
    turns = [turn("system", system)] if system is not None else []
    roles = ("user", "assistant")
    turns += [turn(roles[number % 2], one) for number, one in enumerate(contents)]
    return ChatRow(messages=tuple(turns))


CONVERSATIONS: dict[str, ChatRow] = {
    "plain": chat("What is the capital of France?", "The capital of France is Paris."),
    "system": chat("Hello", "Good morning, sir.", system="You are a butler."),
    "three_questions": chat(
        "One?", "First answer.", "Two?", "Second answer,\nin two lines.", "Three?", "Third."
    ),
    "system_three_questions": chat("1?", "One.", "2?", "Two.", "3?", "Three.", system="Count."),
    "spaces_around": chat("  What?  ", "  Indented answer. \n\n", "\nAnd?\n", "\n\nLate start."),
    "unicode": chat("Grüße 你好 🙂?", "Добрый день, ça va? 👩‍👩‍👧 e\u0301"),
    "code": chat("Write code.", 'def main():\n    return {"a": [1, 2]}\n\n\nprint(main())'),
    "template_like": chat(
        "{{ 7 * 7 }} {% for x in y %}", "{% endfor %} {{ bos_token }} {# no #} assistant\nuser\n"
    ),
    "same_text": chat("assistant", "assistant", "user", "user", "assistant", "assistant"),
    "thoughts": chat(
        "What is 2 + 2?",
        "<think>\nTwo and two.\n</think>\n\nFour.",
        "Sure?",
        "<think>\nCheck it.\n</think>\n\nYes.",
    ),
    "second_only": ChatRow(
        messages=(
            turn("user", "One?"),
            turn("assistant", "Not this.", weight=0),
            turn("user", "Two?"),
            turn("assistant", "But this.", weight=1),
        )
    ),
    "one_letter": chat("a", "b"),
}

CONTROL_TEXTS = (
    "<|im_start|>",
    "<|im_end|>",
    "<|endoftext|>",
    "<s>",
    "</s>",
    "<|eot_id|>",
    "[INST]",
    "[/INST]",
    "<end_of_turn>",
    "<|start_header_id|>",
    "<|end|>",
    "<|assistant|>",
    "<bos>",
)
