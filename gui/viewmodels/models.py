# SPDX-License-Identifier: Apache-2.0
"""Base models as values: the list, one model with its facts, and why a folder was refused."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from gettext import gettext as _
from gettext import ngettext
from pathlib import Path

import msgspec

from engine.domain.model import ModelInfo
from engine.errors import EngineError
from gui.viewmodels import numbers
from gui.viewmodels.dataset import QuestionView
from gui.viewmodels.job import ChipView, FailureView

# ---------------------------------------------------------------------- the list


class ModelLine(msgspec.Struct, frozen=True, kw_only=True):
    """A model as a row of the list."""

    id: str
    name: str
    architecture: str
    parameters: str
    size: str
    context: str
    licence: str
    chat: str
    has_chat: bool


def model_lines(models: Sequence[ModelInfo], *, query: str) -> tuple[ModelLine, ...]:
    """Return the models that fit a search, in the given order.

    A model fits when each word of the search stands in its name, architecture, licence or path.
    """
    words = query.casefold().split()
    return tuple(_line(one) for one in models if all(word in _words_of(one) for word in words))


def _line(model: ModelInfo) -> ModelLine:
    return ModelLine(
        id=model.id,
        name=model.name,
        architecture=architecture_words(model),
        parameters=numbers.big(model.parameters),
        size=numbers.size(model.size_bytes),
        context=numbers.count(model.context_tokens),
        licence=model.licence or _("Not stated"),
        chat=_("Yes") if model.has_chat_template else _("No"),
        has_chat=model.has_chat_template,
    )


def _words_of(model: ModelInfo) -> str:
    return " ".join((model.name, model.architecture, model.licence, model.path)).casefold()


def architecture_words(model: ModelInfo) -> str:
    """Return the family of a model: `Qwen3` for `Qwen3ForCausalLM`."""
    return model.architecture.removesuffix("ForCausalLM") or model.architecture


def list_meta(models: Sequence[ModelInfo]) -> str:
    """Return the line below the title of the list."""
    if not models:
        return ""
    return ngettext(
        "{count} model, linked where it is", "{count} models, linked where they are", len(models)
    ).format(count=numbers.count(len(models)))


# ---------------------------------------------------------------------- one model


class ModelHeader(msgspec.Struct, frozen=True, kw_only=True):
    """What stands above the facts. `train_reason` says why it cannot be trained now."""

    title: str
    chip: ChipView
    meta: str
    train_reason: str = ""


def model_header(model: ModelInfo, *, is_there: bool, now: datetime) -> ModelHeader:
    """Return the header of a model; `is_there` tells whether its folder still exists."""
    parts = [
        _("{number} parameters").format(number=numbers.big(model.parameters)),
        model.licence,
        _("came with Burnish")
        if model.bundled
        else _("added {when}").format(when=numbers.day_and_clock(model.added_at, now=now)),
    ]
    return ModelHeader(
        title=model.name,
        chip=_chip(model, is_there=is_there),
        meta=" · ".join(one for one in parts if one),
        train_reason="" if is_there else _("Its folder is not there."),
    )


def _chip(model: ModelInfo, *, is_there: bool) -> ChipView:
    if not is_there:
        return ChipView(text=_("Folder not found"), kind="danger", icon="status-danger")
    if not model.has_chat_template:
        return ChipView(text=_("Ready for plain text"), kind="warning", icon="status-warning")
    return ChipView(text=_("Ready"), kind="success", icon="check")


class FactGroup(msgspec.Struct, frozen=True, kw_only=True):
    """Facts that belong together: a title, and each fact with its value and unit."""

    title: str
    rows: tuple[tuple[str, str, str], ...]


def fact_groups(model: ModelInfo) -> tuple[FactGroup, ...]:
    """Return the facts of a model, what a person asks first at the top."""
    return (_use(model), _build(model))


def _use(model: ModelInfo) -> FactGroup:
    return FactGroup(
        title=_("What it can do"),
        rows=(
            (_("Longest text"), numbers.count(model.context_tokens), _("tokens")),
            (_("Chat template"), _("Yes") if model.has_chat_template else _("No"), ""),
            (_("Ends an answer with"), model.end_of_turn or "–", ""),
            (_("Licence"), model.licence or _("Not stated"), ""),
        ),
    )


def _build(model: ModelInfo) -> FactGroup:
    shape = model.shape
    return FactGroup(
        title=_("How it is built"),
        rows=(
            (_("Architecture"), model.architecture, ""),
            (_("Parameters"), numbers.count(model.parameters), ""),
            (_("Layers"), numbers.count(shape.layers), ""),
            (_("Width"), numbers.count(shape.hidden), ""),
            (_("Attention heads"), _heads(model), ""),
            (_("Vocabulary"), numbers.count(shape.vocabulary), _("tokens")),
            (_("Stored as"), model.weights_dtype, ""),
            (_("Size on disk"), numbers.size(model.size_bytes), ""),
        ),
    )


def _heads(model: ModelInfo) -> str:
    shape = model.shape
    if shape.kv_heads == shape.heads:
        return numbers.count(shape.heads)
    return _("{heads}, sharing {groups}").format(
        heads=numbers.count(shape.heads), groups=numbers.count(shape.kv_heads)
    )


def files_words(model: ModelInfo) -> str:
    """Return how many weight files there are."""
    count = len(model.files)
    return ngettext("{count} weight file", "{count} weight files", count).format(
        count=numbers.count(count)
    )


def notes(model: ModelInfo) -> tuple[str, ...]:
    """Return what is unusual about a model, in sentences."""
    missing = _(
        "Without a chat template it can learn from plain text, not from conversations. "
        "Choose its instruction-tuned version for those."
    )
    own = model.notes
    return own if model.has_chat_template else (missing, *own)


def folder_words() -> str:
    """Return what Burnish does with the folder of a model."""
    return _("Burnish reads this folder and never writes to it.")


def removal_question(model: ModelInfo, *, runs: int) -> QuestionView:
    """Return what is asked before a model is removed that so many runs were trained on."""
    said = _("Only the entry in this list goes. The folder and all its files stay untouched.")
    if runs:
        said += " " + ngettext(
            "{count} run was trained on it; it stays, but cannot be resumed or merged.",
            "{count} runs were trained on it; they stay, but cannot be resumed or merged.",
            runs,
        ).format(count=numbers.count(runs))
    return QuestionView(
        cause=_("Remove “{name}” from the list?").format(name=model.name),
        consequence=said,
        yes=_("Remove from the list"),
        no=_("Keep it"),
    )


def removed_words(model: ModelInfo) -> str:
    """Return what was done when a model was removed."""
    return _("{name} was removed from the list. Its folder was not touched.").format(
        name=model.name
    )


# ---------------------------------------------------------------------- adding


def describe_folders(paths: Sequence[Path]) -> str:
    """Return what a drop on the page of models will do."""
    if len(paths) == 1:
        return _("Add the model {name}").format(name=paths[0].name)
    return ngettext("Add {count} model", "Add {count} models", len(paths)).format(
        count=numbers.count(len(paths))
    )


def refusal_view(path: Path, error: EngineError) -> FailureView:
    """Return what to say of a folder that was not added."""
    return FailureView(
        title=_("{name} was not added").format(name=path.name or str(path)),
        cause=error.message,
        safe=_("The folder was only looked at. Nothing in it was run or changed."),
        remedy=error.remedy,
        code=error.code,
        details="\n".join(one for one in (str(path), error.detail) if one),
    )
