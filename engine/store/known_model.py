# SPDX-License-Identifier: Apache-2.0
"""The base model that a job names: found, and unchanged since it was added."""

from __future__ import annotations

from gettext import gettext as _
from pathlib import Path

from engine.domain.model import ModelInfo
from engine.errors import FileMissing, ModelChanged, ModelNotFound
from engine.store import modelfolder
from engine.store.documents import read_document
from engine.store.layout import Layout
from engine.store.weights_sample import weights_sample


def find_model(layout: Layout, model_id: str, *, fingerprint: str = "") -> ModelInfo:
    """Return what is known of a base model, after checking its folder.

    Args:
        layout: The workspace.
        model_id: Which model.
        fingerprint: What a run began with; empty where nothing is bound to it yet.

    Raises:
        ModelNotFound: The workspace does not know it.
        FileMissing: Its folder is gone.
        ModelChanged: Its files are not those that were added, or not those that the run began with.
    """
    document = layout.model(model_id)
    if not document.exists():
        raise ModelNotFound(_("The base model is not in this workspace any more."))
    info = read_document(document, ModelInfo)
    folder = Path(info.path)
    if not folder.is_dir():
        raise FileMissing(_("The folder of the base model is gone: {path}.").format(path=folder))
    is_same = modelfolder.fingerprint(folder) == info.fingerprint
    if not is_same or (info.weights and weights_sample(folder, info.files) != info.weights):
        raise ModelChanged(
            _("The files of {name} are not those that were added to Burnish.").format(
                name=info.name
            )
        )
    if fingerprint and fingerprint != info.fingerprint:
        raise ModelChanged(
            _("{name} was added again with other files than this run was trained on.").format(
                name=info.name
            ),
            remedy=_("Put the old files back, or start a new run."),
        )
    return info
