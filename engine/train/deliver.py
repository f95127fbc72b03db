# SPDX-License-Identifier: Apache-2.0
"""The deliverable adapter: written, read back, and found fit before anything is announced."""

from __future__ import annotations

from gettext import gettext as _

import numpy as np
import torch

from engine.errors import AdapterUnusable, DocumentDamaged
from engine.protocol.events import AdapterCommitted
from engine.train.adapter import commit_adapter, put_tensors
from engine.train.decoding import Answer, answer_greedily
from engine.train.device import free_unused, is_out_of_memory
from engine.train.model import LanguageModel
from engine.train.setup import Run


def deliver_adapter(run: Run, *, step: int, is_best: bool) -> None:
    """Write the adapter of the current weights; found fit, it replaces an older one.

    Args:
        run: Whose model holds these weights.
        step: Optimizer step that they are of.
        is_best: They are those of the lowest held-out loss.

    Raises:
        AdapterUnusable: It holds numbers that are none, changes nothing, or does not answer; it is
            not kept, an older adapter is.
    """
    target = run.folder.adapter
    try:
        sha256 = commit_adapter(target, run.model, lambda tensors: _check(run, tensors))
    except DocumentDamaged as error:
        raise AdapterUnusable(error.message, detail=error.detail) from error
    run.context.emit(AdapterCommitted(path=target.name, sha256=sha256, step=step, is_best=is_best))


def _check(run: Run, tensors: dict[str, torch.Tensor]) -> None:
    if not all(bool(torch.isfinite(values).all()) for values in tensors.values()):
        raise AdapterUnusable(_("The adapter holds values that are not numbers."))
    if not any(bool(values.any()) for name, values in tensors.items() if "lora_B" in name):
        raise AdapterUnusable(_("The adapter changes nothing: no update was ever applied."))
    put_tensors(run.model, tensors)
    answer = _answer(run.model, _first_prompt(run))
    if not answer.ids or not answer.is_finite:
        raise AdapterUnusable(_("With the adapter the model does not answer."))


def _answer(model: LanguageModel, prompt: list[int]) -> Answer:
    """Return one token; where memory runs out, to the last half of the prompt, and so on.

    Whether the model answers at all is asked here, so that the end of a prompt is as good as all.

    Raises:
        RuntimeError, MemoryError: There is no memory for a prompt of one token either.
    """
    while True:
        answer = _try_answer(model, prompt)
        if answer is not None:
            return answer
        # Only here, where the error and all that it held are gone.
        free_unused(model.device)
        prompt = prompt[-(len(prompt) // 2) :]


def _try_answer(model: LanguageModel, prompt: list[int]) -> Answer | None:
    try:
        return answer_greedily(model, prompt, end_ids=frozenset(), limit=1)
    except (RuntimeError, MemoryError) as error:
        if len(prompt) == 1 or not is_out_of_memory(error):
            raise
        return None


def _first_prompt(run: Run) -> list[int]:
    """Return the tokens of the first example up to the first that is trained, at least one."""
    examples = run.stepper.examples
    stop = int(examples.edges[1])
    first = int(np.argmax(examples.trained[1:stop])) + 1
    return [int(one) for one in examples.ids[:first]]
