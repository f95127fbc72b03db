# SPDX-License-Identifier: Apache-2.0
"""Showing rows as a model would read them, before anything is trained."""

from __future__ import annotations

from datetime import datetime
from gettext import gettext as _
from itertools import islice
from pathlib import Path

from engine.api.clock import utc_now
from engine.chat.rows import Answer, EndOfTurn, RowTokens, TokenView
from engine.domain.dataset import DatasetInfo
from engine.domain.model import ModelInfo
from engine.domain.split import TRAIN
from engine.errors import DatasetNotFound, DocumentDamaged, ModelNotFound
from engine.store.documents import read_document
from engine.store.layout import Layout

__all__ = ["Answer", "EndOfTurn", "RowTokens", "TokenView", "preview"]


def preview(
    layout: Layout,
    dataset_id: str,
    model_id: str,
    *,
    split: str = TRAIN,
    start: int = 0,
    rows: int = 1,
    max_length: int = 2048,
    clock: datetime | None = None,
) -> list[RowTokens]:
    """Return rows of a dataset as tokens of a model, with those marked that would be trained.

    Args:
        layout: The workspace.
        dataset_id: Id of a dataset.
        model_id: Id of a model.
        split: `train` or `eval`.
        start: First row, from 0; rows behind the end are left out.
        rows: How many rows.
        max_length: Longer rows are cut at the end, tokens.
        clock: The time that the chat template is told; by default now.

    Raises:
        DatasetNotFound: There is no such dataset, or no such split in it.
        DatasetDamaged: The rows are missing or not what was written.
        ModelNotFound: There is no such model.
        NoChatTemplate: The rows are conversations, but the model has no chat template.
        TokenizerInvalid: The model's tokenizer cannot be read.
        TemplateInvalid: The model's chat template cannot be used.
        KindUnsuitable: Rows that cannot be shown as one text.
    """
    from engine.chat.preview import preview_rows
    from engine.chat.tokenizer import load_tokenizer
    from engine.formats.versions import head_of, open_table, read_version

    info, dataset = _dataset(layout, dataset_id), layout.dataset(dataset_id)
    number = head_of(dataset)
    if split not in read_version(dataset, info, number).splits:
        raise DatasetNotFound(
            _("The dataset {name} has no rows called {split}.").format(name=info.name, split=split)
        )
    folder = Path(_model(layout, model_id).path)
    tokenizer = load_tokenizer(folder, clock=clock or utc_now())
    table = open_table(dataset, info, number, split)
    try:
        places = islice(range(len(table)), max(start, 0), max(start, 0) + rows)
        named = [(table.row_hash(one), table.row(one)) for one in places]
    finally:
        table.close()
    return preview_rows(tokenizer, named, max_length=max_length)


def _dataset(layout: Layout, dataset_id: str) -> DatasetInfo:
    try:
        return read_document(layout.dataset(dataset_id).info, DatasetInfo)
    except DocumentDamaged as error:
        raise DatasetNotFound(
            _("There is no dataset {name} here.").format(name=dataset_id), detail=error.message
        ) from error


def _model(layout: Layout, model_id: str) -> ModelInfo:
    try:
        return read_document(layout.model(model_id), ModelInfo)
    except DocumentDamaged as error:
        raise ModelNotFound(
            _("There is no model {name} here.").format(name=model_id), detail=error.message
        ) from error
