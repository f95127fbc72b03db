# SPDX-License-Identifier: Apache-2.0
"""The check for marks of chat templates inside the texts of turns.

The list, by the model families that use them:
- ChatML, Qwen, Phi, GPT-OSS, Llama 3, GLM, Falcon: ``<|name|>`` of any name
- DeepSeek: ``<｜name｜>`` with wide bars
- Llama 2, Mistral: ``[INST]``, ``[/INST]``, ``<<SYS>>``, ``[TOOL_CALLS]`` and so on
- Gemma: ``<start_of_turn>``, ``<end_of_turn>``, ``<start_of_image>``
- Cohere: ``<|START_OF_TURN_TOKEN|>`` (as ChatML)
- Hermes, Qwen: ``<tool_call>``, ``<tool_response>``
- SentencePiece and others: ``<s>``, ``</s>``, ``<bos>``, ``<eos>``, ``<pad>``, ``<unk>``

Marks of reasoning (``<think>``) are no fault: rows carry them on purpose.
"""

from __future__ import annotations

from gettext import gettext as _

from engine.domain.dataset import RowKind
from engine.domain.problem import Severity
from engine.quality.batch import TurnBatch
from engine.quality.check import Check
from engine.quality.row_local import Hits, RowLocalPass, matches

CONTROL_STRINGS = {
    "bar_mark": r"<\|[A-Za-z_][A-Za-z0-9_ -]{1,40}\|>|<｜[^｜<>\n]{1,40}｜>",
    "instruction_mark": (
        r"\[/?(?:INST|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|SYSTEM_PROMPT|IMG)\]|<</?SYS>>"
    ),
    "turn_mark": r"<(?:start_of_turn|end_of_turn|start_of_image|end_of_image)>",
    "tool_mark": r"</?tool_(?:call|response|calls|responses)>",
    "sentence_mark": r"</?s>|<(?:bos|eos|pad|unk|mask|BOS|EOS|PAD|UNK|MASK)>",
}
"""RE2 expressions by label."""


def _look(batch: TurnBatch) -> list[Hits]:
    # One scan for all: hardly any set holds them, and those that do pay for the exact label.
    import pyarrow as pa

    mask = matches(batch.texts, "|".join(CONTROL_STRINGS.values()))
    if not mask.any():
        return []
    texts, rows = batch.texts.filter(pa.array(mask)), batch.rows[mask]
    return [
        Hits(rows=rows[matches(texts, expression)], label=label)
        for label, expression in enumerate(CONTROL_STRINGS.values())
    ]


CHECK = Check(
    id="control_strings",
    title=lambda: _("Marks of a chat template in a text"),
    why=lambda: _(
        "Marks such as “<|im_start|>” or “[INST]” belong to the chat template, which adds them by "
        "itself. Inside a text they are trained as plain characters, and they are often the trace "
        "of a set that was already formatted for another model. (“<s>” may also be HTML.)"
    ),
    severity=Severity.WARNING,
    kinds=tuple(RowKind),
    begin=lambda _settings: RowLocalPass(tuple(CONTROL_STRINGS), _look),
)
