# SPDX-License-Identifier: Apache-2.0
"""Begins a run with the numbers of an adapter that exists already."""

from __future__ import annotations

from gettext import gettext as _

import torch

from engine.domain.start import AdapterStart, start_words
from engine.errors import CheckpointDamaged, DocumentDamaged, ModelChanged, StartUnusable
from engine.store import atomicfs
from engine.store.layout import JobFolder
from engine.train.adapter import put_tensors, read_tensors
from engine.train.model import LanguageModel


def take_start(model: LanguageModel, folder: JobFolder, start: AdapterStart) -> None:
    """Put the weights that a run begins with into a fresh adapter of the same shape.

    Raises:
        StartUnusable: They are not those that the recipe names, hold numbers that are none, or do
            not fit the model.
    """
    try:
        if atomicfs.sha256_of(folder.start) != start.sha256:
            raise _unusable(start, _("it is not what was written"))
        tensors = read_tensors(folder.start)
    except (OSError, DocumentDamaged) as error:
        raise _unusable(start, _("it cannot be read"), str(error)) from error
    if not all(bool(torch.isfinite(values).all()) for values in tensors.values()):
        raise _unusable(start, _("it holds values that are not numbers"))
    try:
        put_tensors(model, tensors)
    except CheckpointDamaged as error:
        raise _unusable(start, _("it does not fit the model"), error.message) from error


def check_same_base(start: AdapterStart, *, weights_sha256: str) -> None:
    """Check that the base model has the weights that the adapter was trained on.

    Raises:
        ModelChanged: It has others.
    """
    if start.weights_sha256 and start.weights_sha256 != weights_sha256:
        raise ModelChanged(
            _("The base model has other weights than {name} was trained on.").format(
                name=start.name
            ),
            remedy=_("Choose the model that it was trained on, with unchanged files."),
        )


def _unusable(start: AdapterStart, reason: str, detail: str = "") -> StartUnusable:
    return StartUnusable(
        _("This run cannot begin with {start}: {reason}.").format(
            start=start_words(start), reason=reason
        ),
        detail=detail,
    )
