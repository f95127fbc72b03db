# SPDX-License-Identifier: Apache-2.0
"""The deliverable adapter: written, read back, and found fit before anything is announced."""

from __future__ import annotations

from gettext import gettext as _

import numpy as np
import torch

from engine.errors import AdapterUnusable, DocumentDamaged
from engine.protocol.events import AdapterCommitted
from engine.train.adapter import commit_adapter, put_tensors
from engine.train.decoding import answer_greedily
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
    prompt = _first_prompt(run)
    answer = answer_greedily(run.model, prompt, end_ids=frozenset(), limit=1)
    if not answer.ids or not answer.is_finite:
        raise AdapterUnusable(_("With the adapter the model does not answer."))


def _first_prompt(run: Run) -> list[int]:
    """Return the tokens of the first example up to the first that is trained, at least one."""
    examples = run.stepper.examples
    stop = int(examples.edges[1])
    first = int(np.argmax(examples.trained[1:stop])) + 1
    return [int(one) for one in examples.ids[:first]]
