# SPDX-License-Identifier: Apache-2.0
"""A model as a run trained it: the same base, in the same form, with the run's adapter."""

from __future__ import annotations

from gettext import gettext as _
from pathlib import Path

import torch

from engine.domain.checkpoint import CheckpointState
from engine.domain.model import ModelInfo
from engine.domain.recipe import Recipe
from engine.errors import CheckpointDamaged, DocumentDamaged, NothingToExport
from engine.methods.registry import method
from engine.protocol.job import JobContext
from engine.store import atomicfs
from engine.store.documents import read_document
from engine.store.layout import JobFolder
from engine.store.weights_sample import weights_sample
from engine.train.adapter import WEIGHTS, put_tensors, read_tensors
from engine.train.base_weights import load_base
from engine.train.checkpoint import (
    STATE,
    check_same_weights,
    checkpoint_folders,
    read_checkpoint,
)
from engine.train.device import Placement
from engine.train.load import with_adapter_of
from engine.train.model import LanguageModel


def load_tuned(
    context: JobContext,
    folder: JobFolder,
    recipe: Recipe,
    info: ModelInfo,
    placement: Placement,
) -> LanguageModel:
    """Load a run's base model and put its newest verified adapter on it.

    Args:
        context: The job that needs it; is told the progress.
        folder: The run.
        recipe: Its recipe.
        info: Its base model.
        placement: Where to compute.

    Raises:
        NothingToExport: The run has no adapter and no checkpoint that verifies.
        ModelChanged: The base model has other weights than the run was trained on.
    """
    check_weights(folder, info)
    tensors = newest_adapter(folder)
    is_quantised = method(recipe.method).quantised
    base = load_base(context, info, placement, quantised=is_quantised).model
    model = with_adapter_of(base, recipe)
    put_tensors(model, tensors)
    return model


def newest_adapter(folder: JobFolder) -> dict[str, torch.Tensor]:
    """Return the delivered adapter of a run, or that of its newest checkpoint that verifies.

    Raises:
        NothingToExport: There is neither.
    """
    try:
        atomicfs.verify_folder(folder.adapter)
        return read_tensors(folder.adapter / WEIGHTS)
    except DocumentDamaged as damage:
        why = damage
    for one in reversed(checkpoint_folders(folder.checkpoints)):
        try:
            return read_checkpoint(one).adapter
        except CheckpointDamaged as damage:
            why = damage
    raise NothingToExport(
        _("The run has no adapter and no checkpoint that verifies."), detail=why.message
    )


def check_weights(folder: JobFolder, base: ModelInfo) -> None:
    """Check that a base model has the weights that a run was trained on.

    Raises:
        ModelChanged: Its newest checkpoint tells of others.
    """
    for one in reversed(checkpoint_folders(folder.checkpoints)):
        try:
            state = read_document(one / STATE, CheckpointState)
        except DocumentDamaged:
            continue
        check_same_weights(state, weights_sha256=weights_sample(Path(base.path), base.files))
        return
