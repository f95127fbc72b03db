# SPDX-License-Identifier: Apache-2.0
"""Loads exported files as their user will, with plain transformers and peft, and asks for logits.

Weights stay in memory in the type of their files; each module computes in fp32, its weights are
widened while it runs. So the answers are as exact as with a model held in fp32, at half the memory.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from gettext import gettext as _
from pathlib import Path
from typing import Any

import jinja2
import psutil
import torch
from peft import PeftModel
from safetensors import SafetensorError
from transformers import AutoModelForCausalLM, AutoTokenizer

from engine.errors import EngineError, NotEnoughMemory, TokenizerInvalid
from engine.export.base import ModelTensors
from engine.export.lora import LoraAdapter

PROMPTS = (
    "What do you do when a customer has not had an answer for two days?",
    "Write one sentence about the sea.",
    "How much is seven times eight?",
    "Thank you, that helped me a lot.",
)
"""Asked where the dataset has no held-out conversation."""

MOST_PROMPTS = 8
MOST_TOKENS = 64
"""Positions of a prompt that are compared. The logits of 8 x 64 positions over 150,000 tokens are
0.3 GB, and a fault of the weights shows at every position."""

_MOST_CHARACTERS = 400
_FAILURES = (OSError, ValueError, RuntimeError, KeyError, TypeError, SafetensorError)

Change = Callable[[str, torch.Tensor], torch.Tensor]
"""Takes the path of a module and its fp32 weight; returns the weight to compute with."""


def check_memory(tensors: ModelTensors) -> None:
    """Check that the model can be held, with its largest weight and its logits in fp32.

    Raises:
        NotEnoughMemory: It does not fit into what is free now.
    """
    elements = [header.size for header in tensors.headers.values()]
    needed = sum(elements) * tensors.dtype.itemsize + 2 * 4 * max(elements)
    free = psutil.virtual_memory().available
    if needed > free:
        raise NotEnoughMemory(
            _(
                "Checking the export needs {needed} MB of memory, but only {free} MB are free. "
                "Nothing was written."
            ).format(needed=needed >> 20, free=free >> 20),
            remedy=_("Close other programs, or export on a computer with more memory."),
        )


def encode_prompts(folder: Path, prompts: Sequence[str]) -> list[list[int]]:
    """Return the token ids of each prompt, as a question where the model has a chat template.

    Raises:
        TokenizerInvalid: The folder's tokenizer cannot be loaded.
    """
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            str(folder), local_files_only=True, trust_remote_code=False
        )
    except _FAILURES as error:
        raise TokenizerInvalid(
            _("The tokenizer in {path} cannot be loaded.").format(path=folder), detail=str(error)
        ) from error
    texts = [prompt[:_MOST_CHARACTERS] for prompt in prompts if prompt.strip()]
    found = [_encode(tokenizer, text) for text in (texts or PROMPTS)[:MOST_PROMPTS]]
    return [ids[-MOST_TOKENS:] for ids in found if ids]


def _encode(tokenizer: Any, text: str) -> list[int]:
    if tokenizer.chat_template:
        turn = {"role": "user", "content": text}
        # A template may demand turns that a lone question does not have; plain text serves as well.
        with contextlib.suppress(jinja2.TemplateError):
            rendered = tokenizer.apply_chat_template(
                [turn], tokenize=False, add_generation_prompt=True
            )
            return tokenizer(rendered, add_special_tokens=False)["input_ids"]
    return tokenizer(text)["input_ids"]


def load_model(folder: Path, dtype: torch.dtype, *, error: type[EngineError]) -> torch.nn.Module:
    """Load a model folder on the processor.

    Args:
        folder: Absolute path.
        dtype: Type in which the weights are held.
        error: What to raise.

    Raises:
        EngineError: Of the given class: transformers refuses the folder or misses a weight.
    """
    try:
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            str(folder),
            dtype=dtype,
            # Said here, so that no config.json can ask for an implementation from elsewhere.
            attn_implementation="eager",
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            output_loading_info=True,
        )
    except _FAILURES as failure:
        raise error(_("transformers cannot load the model."), detail=str(failure)) from failure
    model, report = loaded
    faults = [*report["missing_keys"], *report["mismatched_keys"]]
    if faults:
        raise error(
            _("The model lacks weights that transformers expects."), detail=str(sorted(faults)[:8])
        )
    return model


def load_adapter(
    model: torch.nn.Module, folder: Path, adapter: LoraAdapter, *, error: type[EngineError]
) -> torch.nn.Module:
    """Load an adapter folder onto a model.

    Args:
        model: The base model; it becomes part of the result.
        folder: Absolute path of the adapter in peft's own format.
        adapter: What must be found in it.
        error: What to raise.

    Raises:
        EngineError: Of the given class: peft refuses the folder or adapts other modules.
    """
    try:
        tuned = PeftModel.from_pretrained(
            model,
            str(folder),
            torch_device="cpu",
            local_files_only=True,
        )
    except _FAILURES as failure:
        raise error(_("peft cannot load the adapter."), detail=str(failure)) from failure
    ending = ".lora_A"
    adapted = {
        name.removeprefix("base_model.model.").removesuffix(ending)
        for name, _module in tuned.named_modules()
        if name.endswith(ending)
    }
    odd = sorted(adapted ^ adapter.shapes.keys())
    if odd:
        raise error(_("peft adapts other modules than were trained."), detail=str(odd[:8]))
    return tuned


def logits(
    model: torch.nn.Module,
    tokens: Sequence[Sequence[int]],
    *,
    poll: Callable[[], None],
    change: Change | None = None,
) -> list[torch.Tensor]:
    """Return the logits of each prompt, [tokens, vocabulary], computed in fp32.

    All prompts go through together, so that a big model is widened once. They are filled up at
    their ends, where a causal model cannot look from the positions that count.

    Args:
        model: A causal language model.
        tokens: Ids of each prompt.
        poll: Called before each module; may raise.
        change: Alters weights for this call.
    """
    longest = max(len(ids) for ids in tokens)
    rows = torch.tensor([[*ids, *[0] * (longest - len(ids))] for ids in tokens])
    with torch.no_grad(), _widened(model, poll, change):
        answers = model(input_ids=rows, attention_mask=torch.ones_like(rows), use_cache=False)
    return [row[: len(ids)].float() for row, ids in zip(answers.logits, tokens, strict=True)]


@contextlib.contextmanager
def _widened(
    model: torch.nn.Module, poll: Callable[[], None], change: Change | None
) -> Iterator[None]:
    """Let every module that holds weights of its own compute in fp32."""
    hooks: list[torch.utils.hooks.RemovableHandle] = []
    for name, module in model.named_modules():
        if any(True for _one in module.parameters(recurse=False)):
            widening = _Widening(name, poll, change)
            hooks.append(module.register_forward_pre_hook(widening.before))
            hooks.append(module.register_forward_hook(widening.after, always_call=True))
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


class _Widening:
    """Swaps the weights of one module for their fp32 form while it runs."""

    def __init__(self, name: str, poll: Callable[[], None], change: Change | None) -> None:
        self._name = name
        self._poll = poll
        self._change = change
        self._kept: list[tuple[torch.nn.Parameter, torch.Tensor]] = []

    def before(self, module: torch.nn.Module, _arguments: tuple[Any, ...]) -> None:
        """Widen the weights; the hook before a module runs."""
        self._poll()
        for kind, parameter in module.named_parameters(recurse=False):
            self._kept.append((parameter, parameter.data))
            wide = parameter.data.float()
            change = self._change if kind == "weight" else None
            parameter.data = change(self._name, wide) if change else wide

    def after(self, _module: torch.nn.Module, _arguments: tuple[Any, ...], _answer: Any) -> None:
        """Put the narrow weights back; the hook after it ran, or failed."""
        while self._kept:
            parameter, narrow = self._kept.pop()
            parameter.data = narrow
