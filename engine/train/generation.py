# SPDX-License-Identifier: Apache-2.0
"""The job `generate`: answers prompts with a base model, alone or with a run's adapter."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from engine.chat.tokenizer import ChatTokenizer, load_tokenizer
from engine.domain.dataset import Role, TextRow, Turn
from engine.domain.model import ModelInfo
from engine.domain.recipe import Recipe
from engine.domain.recipe_choices import Device, Dtype
from engine.errors import Cancelled, NoChatTemplate
from engine.hardware.calibration import read_measurements
from engine.methods.registry import method
from engine.protocol.events import AnswerMade, Finished, PhaseChanged, Stopped
from engine.protocol.job import JobContext
from engine.store.documents import read_document
from engine.store.known_model import find_model
from engine.store.layout import Layout
from engine.train.base_weights import load_base
from engine.train.cards import deal_out
from engine.train.decoding import answer_greedily
from engine.train.device import Placement, choose_placement, naming_memory_errors
from engine.train.model import LanguageModel
from engine.train.tuned import load_tuned

_LONGEST_PROMPT = 1 << 20
_ANSWERED_LENGTH = 512


class GenerateOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What a generate job is asked for.

    Attributes:
        model_id: The base model.
        run_id: The run whose adapter is used, or None.
        prompts: One user turn each.
        max_new_tokens: Longest answer.
        device: Where to compute.
    """

    model_id: str
    run_id: str | None = None
    prompts: list[str]
    max_new_tokens: int = 128
    device: Device = Device.AUTO


def read_options(raw: dict[str, msgspec.Raw]) -> GenerateOptions:
    """Return the options of a job.

    Raises:
        msgspec.ValidationError: They are not those of a generate job.
    """
    values: dict[str, Any] = {name: msgspec.json.decode(value) for name, value in raw.items()}
    return msgspec.convert(values, GenerateOptions)


def run(context: JobContext) -> None:
    """Answer every prompt; one `AnswerMade` each, then `Finished` or `Stopped`.

    Raises:
        EngineError: The model cannot be loaded, or memory ran out.
    """
    options = read_options(context.info.options)
    layout = Layout(context.workspace)
    info = find_model(layout, options.model_id)
    tokenizer = load_tokenizer(
        Path(info.path), clock=datetime.fromisoformat(context.info.created_at)
    )
    recipe = _recipe(layout, options.run_id)
    placement = deal_out(
        choose_placement(options.device, recipe.dtype if recipe else Dtype.AUTO),
        recipe or Recipe(dataset_id="", model_id=info.id, max_length=_ANSWERED_LENGTH),
        info,
        quantised=recipe is not None and method(recipe.method).quantised,
        measured=read_measurements(layout.measurements),
    )
    with naming_memory_errors(placement.device):
        try:
            model = _load(context, layout, options, recipe, info, placement)
        except Cancelled:
            context.emit(Stopped(step=0, checkpoint=""))
            return
        context.emit(PhaseChanged(phase="answering"))
        done = all(
            _answer(context, model, tokenizer, prompt, options.max_new_tokens)
            for prompt in options.prompts
        )
    context.emit(Finished() if done else Stopped(step=0, checkpoint=""))


def _recipe(layout: Layout, run_id: str | None) -> Recipe | None:
    return read_document(layout.job(run_id).recipe, Recipe) if run_id else None


def _load(
    context: JobContext,
    layout: Layout,
    options: GenerateOptions,
    recipe: Recipe | None,
    info: ModelInfo,
    placement: Placement,
) -> LanguageModel:
    if recipe is None or options.run_id is None:
        return load_base(context, info, placement, quantised=False).model
    return load_tuned(context, layout.job(options.run_id), recipe, info, placement)


def _answer(
    context: JobContext, model: LanguageModel, tokenizer: ChatTokenizer, prompt: str, limit: int
) -> bool:
    """Answer one prompt; return False, without an event, where a stop was asked for."""
    answer = answer_greedily(
        model,
        prompt_ids(tokenizer, prompt),
        end_ids=tokenizer.end_ids,
        limit=limit,
        should_stop=context.stop_requested,
    )
    if context.stop_requested():
        return False
    context.emit(
        AnswerMade(
            prompt=prompt,
            answer=tokenizer.decode(answer.ids),
            tokens=len(answer.ids),
            ended=answer.ended,
        )
    )
    return True


def prompt_ids(tokenizer: ChatTokenizer, prompt: str) -> list[int]:
    """Return a prompt as one user turn, or as plain text where the model has no chat template."""
    try:
        return tokenizer.encode_prompt([Turn(role=Role.USER, content=prompt)])
    except NoChatTemplate:
        ids = tokenizer.encode_row(TextRow(text=prompt), max_length=_LONGEST_PROMPT).ids
        return ids[:-1] if ids[-1] in tokenizer.end_ids else ids
