# SPDX-License-Identifier: Apache-2.0
"""Families of chat templates, each with a rule in plain Python of what it writes and trains.

The rules are written by hand from what each family's format is, and know nothing of templates,
masks or tokenizers: they are the second opinion that golden masks are compared with. A rule returns
pieces in order, or the code of the problem with which the row must be flagged.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

from engine.domain.dataset import ChatRow, Turn
from tests.builders.model_folder import SENTENCES


@dataclass(frozen=True)
class Piece:
    """A stretch of a rendered conversation.

    Attributes:
        text: The stretch.
        is_trained: It carries loss.
        is_template: The template wrote it, so that control tokens in it are control.
    """

    text: str
    is_trained: bool = False
    is_template: bool = True


Rule = Callable[[ChatRow], "list[Piece] | str"]


def said(text: str, *, on: bool = False) -> Piece:
    """Return what the template writes by itself."""
    return Piece(text, on, True)


def given(text: str, *, on: bool = False) -> Piece:
    """Return what stands in the row."""
    return Piece(text, on, False)


@dataclass(frozen=True, kw_only=True)
class Family:
    """One family: its template, its tokenizer and its rule.

    Attributes:
        template: Name of the file in tests/golden/templates.
        eos: Token that ends a text.
        rule: What it writes.
        bos: Token that begins a text, or an empty text.
        special: Special tokens beside these.
        marks: Added tokens that are not special.
        is_sentencepiece: Spaces are letters of their own; else bytes are.
    """

    template: str
    eos: str
    rule: Rule
    bos: str = ""
    special: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()
    is_sentencepiece: bool = False

    @property
    def controls(self) -> tuple[str, ...]:
        """Return every added token."""
        named = (self.eos, self.bos, *self.special, *self.marks)
        return tuple(dict.fromkeys(one for one in named if one))

    def expected(self, row: ChatRow) -> list[Piece] | str:
        """Return the pieces of a row, or the problem with which it must be flagged."""
        found = self.rule(row)
        answers = "".join(one.content for one in row.messages if one.role == "assistant")
        # This letter is a space to such a tokenizer, so it cannot be learned as what it is.
        is_lost = self.is_sentencepiece and "▁" in answers and not isinstance(found, str)
        return "mask_mismatch" if is_lost else found

    def tokenizer(self) -> Tokenizer:
        """Return a small tokenizer of the family's kind."""
        made = _pieces_tokenizer() if self.is_sentencepiece else _bytes_tokenizer()
        for text in self.controls:
            is_special = text not in self.marks
            made.add_tokens([AddedToken(text, special=is_special, normalized=False)])
        return made


def _bytes_tokenizer() -> Tokenizer:
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=340,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator(SENTENCES * 2, trainer)
    return made


def _pieces_tokenizer() -> Tokenizer:
    letters = sorted(set("▁abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,?!"))
    names = ["<unk>", *(f"<0x{one:02X}>" for one in range(256)), *letters, "▁a", "▁W", "▁Wh"]
    merges = [("▁", "a"), ("▁", "W"), ("▁W", "h")]
    vocab = {name: number for number, name in enumerate(names)}
    made = Tokenizer(models.BPE(vocab, merges, unk_token="<unk>", byte_fallback=True))
    made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    made.decoder = decoders.Sequence(
        [
            decoders.Replace("▁", " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(" ", 1, 0),
        ]
    )
    return made


# --- formats in which every turn is written alike ------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Plain:
    """A format of the form: before, content, end, after.

    Attributes:
        before: Text before a turn by role; a role that is not there is refused.
        end: Ends every turn, by role or for all under an empty name.
        after: Stands behind the end of every turn.
        first: Begins the conversation.
        last: Ends it.
        trimmed: Roles whose content loses the whitespace around it.
        dropped: Roles that are not written at all.
        alternates: Refuses other than user and assistant in turns, the user first.
        default_system: Stands first where the first turn is no system turn.
    """

    before: dict[str, str]
    end: dict[str, str]
    after: str = ""
    first: str = ""
    last: str = ""
    trimmed: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    alternates: bool = False
    default_system: str = ""

    def __call__(self, row: ChatRow) -> list[Piece] | str:
        """Return what is written of a row."""
        if self.alternates and not alternates(row.messages):
            return "template_refused"
        if any(one.role not in (*self.before, *self.dropped) for one in row.messages):
            return "template_refused"
        if any(one.tool_calls for one in row.messages):
            return "tool_calls_left_out"
        found = [said(self.first)]
        if row.messages[0].role != "system":
            found.append(said(self.default_system))
        for turn in row.messages:
            if turn.role not in self.dropped:
                found += self._turn(turn)
        return [*found, said(self.last)]

    def _turn(self, turn: Turn) -> list[Piece]:
        content = turn.content.strip() if turn.role in self.trimmed else turn.content
        on = is_on(turn)
        end = self.end.get(turn.role, self.end.get("", ""))
        return [
            said(self.before[turn.role]),
            given(content, on=on),
            said(end, on=on),
            said(self.after),
        ]


def is_on(turn: Turn) -> bool:
    """Return whether a turn is trained."""
    return turn.role == "assistant" and turn.weight != 0


def alternates(turns: Iterable[Turn]) -> bool:
    """Return whether user and assistant speak in turns, the user first."""
    return all((turn.role == "user") == (at % 2 == 0) for at, turn in enumerate(turns))


ROLES = ("system", "user", "assistant", "tool")
SPEAKERS = ("system", "user", "assistant")


def headers(form: str, roles: Iterable[str] = ROLES) -> dict[str, str]:
    """Return the header of each role."""
    return {role: form.format(role) for role in roles}


CHATML = Plain(before=headers("<|im_start|>{}\n"), end={"": "<|im_end|>"}, after="\n")
CHATML_DEFAULT = Plain(
    before=headers("<|im_start|>{}\n"),
    end={"": "<|im_end|>"},
    after="\n",
    default_system="<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n",
)
LLAMA3 = Plain(
    first="<|begin_of_text|>",
    before=headers("<|start_header_id|>{}<|end_header_id|>\n\n"),
    end={"": "<|eot_id|>"},
    trimmed=ROLES,
)
PHI3 = Plain(
    before=headers("<|{}|>\n", SPEAKERS),
    end={"": "<|end|>"},
    after="\n",
    last="<|endoftext|>",
    dropped=("tool",),
)
PHI4 = Plain(
    before=headers("<|im_start|>{}<|im_sep|>", SPEAKERS),
    end={"": "<|im_end|>"},
    dropped=("tool",),
)
ZEPHYR = Plain(
    before=headers("<|{}|>\n", SPEAKERS), end={"": "</s>"}, after="\n", dropped=("tool",)
)
COMMAND_R = Plain(
    first="<BOS_TOKEN>",
    before={
        "system": "<|START_OF_TURN_TOKEN|><|SYSTEM_TOKEN|>",
        "user": "<|START_OF_TURN_TOKEN|><|USER_TOKEN|>",
        "assistant": "<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>",
    },
    end={"": "<|END_OF_TURN_TOKEN|>"},
    trimmed=("user", "assistant"),
)
_GEMMA = Plain(
    first="<bos>",
    before={"user": "<start_of_turn>user\n", "assistant": "<start_of_turn>model\n"},
    end={"": "<end_of_turn>"},
    after="\n",
    trimmed=("user", "assistant"),
    alternates=True,
)


# --- formats with a will of their own ------------------------------------------------------------


def dated(row: ChatRow) -> list[Piece] | str:
    """Llama 3 with the date in a system turn that is always there."""
    if any(one.tool_calls for one in row.messages):
        return "tool_calls_left_out"
    header = "<|start_header_id|>{}<|end_header_id|>\n\n"
    found = [
        said("<|begin_of_text|>"),
        said(header.format("system")),
        said("Today Date: 20 Nov 2026\n\n"),
    ]
    turns = list(row.messages)
    if turns[0].role == "system":
        found.append(given(turns.pop(0).content.strip()))
    found.append(said("<|eot_id|>"))
    for turn in turns:
        on = is_on(turn)
        found += [
            said(header.format(turn.role)),
            given(turn.content.strip(), on=on),
            said("<|eot_id|>", on=on),
        ]
    return found


def llama2(row: ChatRow) -> list[Piece] | str:
    """Questions in brackets that are plain text; the system text stands in the first of them."""
    turns, system = list(row.messages), None
    if turns[0].role == "system":
        system = turns.pop(0).content
    if not alternates(turns):
        return "template_refused"
    if any(one.tool_calls for one in turns):
        return "tool_calls_left_out"
    found: list[Piece] = []
    for number, turn in enumerate(turns):
        on = is_on(turn)
        if turn.role == "assistant":
            found += [said(" ", on=on), given(turn.content.strip(), on=on), said(" </s>", on=on)]
            continue
        found.append(said("<s>[INST] "))
        if number == 0 and system is not None:
            found += [said("<<SYS>>\n"), given(system), said("\n<</SYS>>\n\n")]
            found.append(given(turn.content.rstrip()))
        else:
            found.append(given(turn.content.strip()))
        found.append(said(" [/INST]"))
    return found


def mistral(row: ChatRow) -> list[Piece] | str:
    """Questions in control brackets; the system text stands in the last of them."""
    turns, system = list(row.messages), None
    if turns[0].role == "system":
        system = turns.pop(0).content
    if not alternates(turns):
        return "template_refused"
    if any(one.tool_calls for one in turns):
        return "tool_calls_left_out"
    found = [said("<s>")]
    asked = [number for number, turn in enumerate(turns) if turn.role == "user"]
    for number, turn in enumerate(turns):
        on = is_on(turn)
        if turn.role == "assistant":
            found += [said(" ", on=on), given(turn.content.strip(), on=on), said("</s>", on=on)]
            continue
        found.append(said("[INST] "))
        if system is not None and number == asked[-1]:
            found += [given(system), said("\n\n")]
        found += [given(turn.content), said(" [/INST]")]
    return found


def gemma(row: ChatRow) -> list[Piece] | str:
    """Two roles in turns, the assistant called `model`."""
    return "template_refused" if row.messages[0].role == "system" else _GEMMA(row)


def tulu(row: ChatRow) -> list[Piece] | str:
    """Headers in plain text; only the end of an answer is a token of its own."""
    if any(one.tool_calls for one in row.messages):
        return "tool_calls_left_out"
    found = [said("<|endoftext|>")]
    last = len(row.messages) - 1
    for number, turn in enumerate(row.messages):
        on = is_on(turn)
        if turn.role == "assistant":
            after = "" if number == last else "\n"
            found += [said("<|assistant|>\n"), given(turn.content, on=on)]
            found += [said("<|endoftext|>", on=on), said(after)]
        elif turn.role != "tool":
            found += [said(f"<|{turn.role}|>\n"), given(turn.content), said("\n")]
    return found


def answer_alone(content: str) -> str:
    """Return an answer without the reasoning before it."""
    return content.rsplit("</think>", maxsplit=1)[-1]


def thinks(content: str) -> bool:
    """Return whether an answer is one block of reasoning and then the rest, and nothing else."""
    marks = [content.count(one) for one in ("<think>", "</think>")]
    return marks == [1, 1] and content.lstrip().startswith("<think>")


def loses_text(turns: Iterable[Turn]) -> bool:
    """Return whether cutting at `</think>` takes more from an answer than its reasoning."""
    return any(
        one.role == "assistant" and "</think>" in one.content and not thinks(one.content)
        for one in turns
    )


def deepseek_r1(row: ChatRow) -> list[Piece] | str:
    """The prompt opens a block of reasoning, which is cut from every answer."""
    if any(one.tool_calls for one in row.messages):
        return "tool_calls_left_out"
    if loses_text(row.messages):
        return "mask_mismatch"
    found = [said("<｜begin▁of▁sentence｜>")]
    found += [given(one.content) for one in row.messages if one.role == "system"]
    for turn in row.messages:
        on = is_on(turn)
        if turn.role == "user":
            found += [said("<｜User｜>"), given(turn.content)]
        elif turn.role == "assistant":
            found += [said("<｜Assistant｜>"), given(answer_alone(turn.content), on=on)]
            found.append(said("<｜end▁of▁sentence｜>", on=on))
    return found


def thinking_prompt(row: ChatRow) -> list[Piece] | str:
    """The prompt opens a block of reasoning; only the last answer keeps its own."""
    turns = row.messages
    if any(one.tool_calls for one in turns):
        return "tool_calls_left_out"
    if loses_text(turns[:-1]):
        return "mask_mismatch"
    found: list[Piece] = []
    for number, turn in enumerate(turns):
        on = is_on(turn)
        content = turn.content
        found.append(said(f"<|im_start|>{turn.role}\n"))
        if turn.role == "assistant" and "</think>" in content and number < len(turns) - 1:
            content = answer_alone(content).lstrip("\n")
        if turn.role == "assistant" and thinks(content):
            thoughts, answer = content.removeprefix("<think>\n").split("</think>")
            found += [said("<think>\n"), given(thoughts, on=on), said("</think>", on=on)]
            content = answer
        found += [given(content, on=on), said("<|im_end|>", on=on), said("\n")]
    return found


def empty_thoughts(row: ChatRow) -> list[Piece] | str:
    """Prompt and answers begin with an empty block of reasoning; reasoning is cut."""
    if any(one.tool_calls for one in row.messages):
        return "tool_calls_left_out"
    if loses_text(row.messages):
        return "mask_mismatch"
    found: list[Piece] = []
    for turn in row.messages:
        on = is_on(turn)
        found.append(said(f"<|im_start|>{turn.role}\n"))
        content = turn.content
        if turn.role == "assistant":
            found.append(said("<think>\n\n</think>\n\n"))
            content = answer_alone(content).strip()
        found += [given(content, on=on), said("<|im_end|>", on=on), said("\n")]
    return found


def two_ends(row: ChatRow) -> list[Piece] | str:
    """The last answer ends with another token than those before, so these cannot be followed."""
    turns = row.messages
    answers = [one for one in turns if one.role == "assistant"]
    if answers[0].tool_calls:
        return "tool_calls_left_out"
    if any(one.role == "assistant" for one in turns[:-1]) or turns[-1].role != "assistant":
        return "mask_mismatch"
    found: list[Piece] = []
    for turn in turns[:-1]:
        found += [said(f"<|start|>{turn.role}<|message|>"), given(turn.content), said("<|end|>")]
    return [
        *found,
        said("<|start|>assistant"),
        said("<|channel|>final<|message|>", on=True),
        given(turns[-1].content, on=True),
        said("<|return|>", on=True),
    ]


# --- Qwen 3 --------------------------------------------------------------------------------------

_TOOLS_BEFORE = (
    "# Tools\n\nYou may call one or more functions to assist with the user query.\n\n"
    "You are provided with function signatures within <tools></tools> XML tags:\n<tools>"
)
_TOOLS_AFTER = (
    "\n</tools>\n\nFor each function call, return a json object with function name and arguments "
    'within <tool_call></tool_call> XML tags:\n<tool_call>\n{"name": <function-name>, '
    '"arguments": <args-json-object>}\n</tool_call><|im_end|>\n'
)


def qwen3(row: ChatRow) -> list[Piece] | str:
    """Reasoning is kept, or added empty, behind the last question only; tools are in the system."""
    turns = row.messages
    if loses_text(turns):
        return "mask_mismatch"
    found = _qwen3_system(row)
    questions = [number for number, turn in enumerate(turns) if turn.role == "user"]
    last_question = questions[-1] if questions else len(turns) - 1
    for number, turn in enumerate(turns):
        if turn.role == "user" or (turn.role == "system" and number):
            found += [said(f"<|im_start|>{turn.role}\n"), given(turn.content)]
            found.append(said("<|im_end|>\n"))
        elif turn.role == "assistant":
            is_last = number == len(turns) - 1
            found += _qwen3_answer(turn, is_behind=number > last_question, is_last=is_last)
        elif turn.role == "tool":
            roles = ["", *(one.role for one in turns), ""]
            found += [said("<|im_start|>user" if roles[number] != "tool" else "")]
            found += [said("\n<tool_response>\n"), given(turn.content)]
            end = "<|im_end|>\n" if roles[number + 2] != "tool" else ""
            found += [said("\n</tool_response>"), said(end)]
    return found


def _qwen3_system(row: ChatRow) -> list[Piece]:
    first = row.messages[0].content if row.messages[0].role == "system" else None
    if row.tools is None:
        if first is None:
            return []
        return [said("<|im_start|>system\n"), given(first), said("<|im_end|>\n")]
    found = [said("<|im_start|>system\n")]
    if first is not None:
        found += [given(first), said("\n\n")]
    found.append(said(_TOOLS_BEFORE))
    for tool in json.loads(row.tools):
        found += [said("\n"), given(json.dumps(tool, ensure_ascii=False))]
    return [*found, said(_TOOLS_AFTER)]


def _qwen3_answer(turn: Turn, *, is_behind: bool, is_last: bool) -> list[Piece]:
    on = is_on(turn)
    thoughts, answer = "", turn.content
    if thinks(answer):
        before, after = answer.split("</think>")
        thoughts, answer = before.split("<think>")[1].strip("\n"), after.lstrip("\n")
    found = [said("<|im_start|>assistant\n")]
    if is_behind and (is_last or thoughts):
        found += [said("<think>\n", on=on), given(thoughts, on=on)]
        found += [said("\n</think>\n\n", on=on), given(answer.lstrip("\n"), on=on)]
    else:
        found.append(given(answer, on=on))
    for number, call in enumerate(json.loads(turn.tool_calls or "[]")):
        if answer or number:
            found.append(said("\n", on=on))
        name, arguments = call["function"]["name"], call["function"]["arguments"]
        found += [said('<tool_call>\n{"name": "', on=on), given(name, on=on)]
        found += [said('", "arguments": ', on=on)]
        found += [given(json.dumps(arguments, ensure_ascii=False), on=on)]
        found.append(said("}\n</tool_call>", on=on))
    return [*found, said("<|im_end|>", on=on), said("\n")]


# --- all of them ---------------------------------------------------------------------------------

_CHATML_TOKENS = ("<|im_start|>", "<|endoftext|>")
_LLAMA3_TOKENS = ("<|start_header_id|>", "<|end_header_id|>")
_THINK = ("<think>", "</think>")
_HARMONY = ("<|start|>", "<|channel|>", "<|message|>", "<|end|>")

FAMILIES: dict[str, Family] = {
    "chatml": Family(template="chatml", eos="<|im_end|>", special=_CHATML_TOKENS, rule=CHATML),
    "chatml_default_system": Family(
        template="chatml_default_system",
        eos="<|im_end|>",
        special=_CHATML_TOKENS,
        rule=CHATML_DEFAULT,
    ),
    "llama3": Family(
        template="llama3",
        bos="<|begin_of_text|>",
        eos="<|eot_id|>",
        special=_LLAMA3_TOKENS,
        rule=LLAMA3,
    ),
    "llama2": Family(template="llama2", bos="<s>", eos="</s>", rule=llama2, is_sentencepiece=True),
    "mistral": Family(
        template="mistral", bos="<s>", eos="</s>", special=("[INST]", "[/INST]"), rule=mistral
    ),
    "gemma": Family(
        template="gemma",
        bos="<bos>",
        eos="<eos>",
        special=("<start_of_turn>", "<end_of_turn>"),
        rule=gemma,
        is_sentencepiece=True,
    ),
    "phi3": Family(
        template="phi3",
        bos="<s>",
        eos="<|endoftext|>",
        special=("<|system|>", "<|user|>", "<|assistant|>", "<|end|>"),
        rule=PHI3,
    ),
    "phi4": Family(
        template="phi4", eos="<|im_end|>", special=("<|im_start|>", "<|im_sep|>"), rule=PHI4
    ),
    "zephyr": Family(template="zephyr", bos="<s>", eos="</s>", rule=ZEPHYR, is_sentencepiece=True),
    "command_r": Family(
        template="command_r",
        bos="<BOS_TOKEN>",
        eos="<|END_OF_TURN_TOKEN|>",
        special=(
            "<|START_OF_TURN_TOKEN|>",
            "<|USER_TOKEN|>",
            "<|CHATBOT_TOKEN|>",
            "<|SYSTEM_TOKEN|>",
        ),
        rule=COMMAND_R,
    ),
    "tulu": Family(template="tulu", bos="<|endoftext|>", eos="<|endoftext|>", rule=tulu),
    "dated": Family(
        template="dated",
        bos="<|begin_of_text|>",
        eos="<|eot_id|>",
        special=_LLAMA3_TOKENS,
        rule=dated,
    ),
    "marked": Family(template="marked", eos="<|im_end|>", special=_CHATML_TOKENS, rule=CHATML),
    "qwen3": Family(
        template="qwen3",
        eos="<|im_end|>",
        special=_CHATML_TOKENS,
        marks=(*_THINK, "<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>"),
        rule=qwen3,
    ),
    "deepseek_r1": Family(
        template="deepseek_r1",
        bos="<｜begin▁of▁sentence｜>",
        eos="<｜end▁of▁sentence｜>",
        special=("<｜User｜>", "<｜Assistant｜>"),
        marks=_THINK,
        rule=deepseek_r1,
    ),
    "thinking_prompt": Family(
        template="thinking_prompt",
        eos="<|im_end|>",
        special=_CHATML_TOKENS,
        marks=_THINK,
        rule=thinking_prompt,
    ),
    "empty_thoughts": Family(
        template="empty_thoughts",
        eos="<|im_end|>",
        special=_CHATML_TOKENS,
        marks=_THINK,
        rule=empty_thoughts,
    ),
    "two_ends": Family(template="two_ends", eos="<|return|>", special=_HARMONY, rule=two_ends),
}
