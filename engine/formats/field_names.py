# SPDX-License-Identifier: Apache-2.0
"""Names of fields and columns by which row shapes are recognised, in lower case.

Within each tuple the first name that a row holds is taken.
"""

from __future__ import annotations

CONVERSATIONS = ("messages", "conversations", "conversation", "dialogue", "dialog", "turns", "chat")
ROLES = ("role", "from", "speaker")
CONTENTS = ("content", "value", "text")
REASONINGS = ("reasoning_content", "reasoning", "thinking")
TOOLS = ("tools", "functions")
SYSTEMS = ("system", "system_prompt")
INSTRUCTIONS = ("instruction",)
INPUTS = ("input", "context")
CONTEXTS = ("context",)
HISTORIES = ("history",)
QUESTIONS = ("prompt", "question", "query", "user", "human", "instruction", "input", "source")
ANSWERS = (
    "completion", "answer", "response", "output", "assistant", "reply", "target", "bot", "gpt",
)  # fmt: skip
TEXTS = ("text", "content", "document")
CHOSEN = ("chosen", "chosen_response", "preferred_output", "preferred")
REJECTED = ("rejected", "rejected_response", "non_preferred_output", "rejected_output")
LIKED = (
    "label", "is_liked", "liked", "kto_tag", "thumbs", "thumb", "feedback", "desirable",
    "is_desirable",
)  # fmt: skip
LABELS = ("label_text", "label_name", "label", "class", "category")
IMAGES = ("image", "image_path", "img", "img_path", "file_name", "filename", "path")

KNOWN = frozenset(
    name
    for names in (
        CONVERSATIONS, TOOLS, SYSTEMS, INSTRUCTIONS, INPUTS, HISTORIES, QUESTIONS, ANSWERS, TEXTS,
        CHOSEN, REJECTED,
    )
    for name in names
)  # fmt: skip
"""Every name of a field of a row, whatever its values are."""

KNOWN_COLUMNS = KNOWN | set(LIKED) | set(LABELS) | set(IMAGES)
"""Names by which a table is known to have a header; those beside KNOWN depend on the values."""
