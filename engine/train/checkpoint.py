# SPDX-License-Identifier: Apache-2.0
"""Checkpoints: everything that a run needs to go on bit for bit, written whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from gettext import gettext as _
from pathlib import Path

import msgspec
import torch

from engine.domain.checkpoint import CheckpointState
from engine.errors import (
    CheckpointDamaged,
    DocumentDamaged,
    EngineError,
    LossNotFiniteError,
    ModelChanged,
    RunNotResumable,
)
from engine.protocol.events import Warned
from engine.store import atomicfs
from engine.store.documents import read_document, write_document
from engine.train.adapter import held_tensors, put_tensors, read_tensors, write_tensors
from engine.train.model import LanguageModel
from engine.train.optimizer import AdapterOptimizer

ADAPTER = "adapter.safetensors"
OPTIMIZER = "optimizer.safetensors"
STATE = "state.json"
_PREFIX = "ck-"


def checkpoint_name(step: int) -> str:
    """Return the folder name of the checkpoint after a step."""
    return f"{_PREFIX}{step:06d}"


def step_of(path: Path) -> int:
    """Return the step that a checkpoint folder is named after."""
    return int(path.name.removeprefix(_PREFIX))


def checkpoint_folders(root: Path) -> list[Path]:
    """Return the checkpoint folders of a run by step, oldest first, verified or not."""
    if not root.is_dir():
        return []
    found = [one for one in root.iterdir() if one.name.removeprefix(_PREFIX).isdecimal()]
    return sorted((one for one in found if one.name.startswith(_PREFIX)), key=step_of)


def write_checkpoint(
    root: Path, state: CheckpointState, model: LanguageModel, optimizer: AdapterOptimizer
) -> Path:
    """Commit a checkpoint and return its folder; one of the same step stays until it is whole.

    Raises:
        DiskFull: No room; what was there before is untouched.
        ModelChanged: The base model's files were written to meanwhile.
        LossNotFiniteError: A weight or a moment is no number; no run could go on from that.
    """
    model.check_unchanged()
    weights, moments = held_tensors(model), optimizer.held()
    _check_numbers((*weights.values(), *moments.values()), step=state.step)
    atomicfs.make_folder(root)
    target = root / checkpoint_name(state.step)
    needed = sum(4 * one.numel() for one in weights.values())
    needed += sum(one.nbytes for one in moments.values())
    with atomicfs.new_folder(target, replace=True, needed_bytes=needed) as folder:
        write_tensors(folder / ADAPTER, weights, dtype=torch.float32)
        write_tensors(folder / OPTIMIZER, moments)
        write_document(folder / STATE, state)
    return target


def _check_numbers(tensors: Iterable[torch.Tensor], *, step: int) -> None:
    if all(bool(torch.isfinite(values).all()) for values in tensors):
        return
    text = _(
        "After step {step} the adapter or its optimizer holds values that are not numbers. No "
        "checkpoint was written of them; those of before are sound."
    )
    raise LossNotFiniteError(
        text.format(step=step),
        remedy=_(
            "Resume the run from the last checkpoint. If it comes again, start again with a lower "
            "learning rate."
        ),
    )


def prune_checkpoints(root: Path, *, keep: int, spared: Collection[int]) -> list[str]:
    """Remove all but the newest `keep` checkpoints and those of some steps.

    Returns:
        The names of those that the system did not let go, because another program reads them.
    """
    refused: list[str] = []
    for folder in checkpoint_folders(root)[:-keep]:
        if step_of(folder) in spared:
            continue
        try:
            atomicfs.remove_folder(folder)
        except (EngineError, OSError):
            refused.append(folder.name)
    return refused


def not_removed_warning(names: list[str]) -> Warned:
    """Say that old checkpoints are still there; the run goes on without their room."""
    text = _(
        "Old checkpoints could not be removed, because another program uses them: {names}. They "
        "stay on the disk until that program is closed."
    )
    return Warned(code="checkpoint_not_removed", message=text.format(names=", ".join(names)))


def drop_checkpoints(root: Path, *, after: int) -> None:
    """Remove all checkpoints of later steps, newest first: those before never miss one between."""
    for folder in reversed(checkpoint_folders(root)):
        if step_of(folder) > after:
            atomicfs.remove_folder(folder)


class Checkpoint(msgspec.Struct, frozen=True):
    """A checkpoint that verified, read into memory."""

    state: CheckpointState
    adapter: dict[str, torch.Tensor]
    optimizer: dict[str, torch.Tensor]

    def restore(self, model: LanguageModel, optimizer: AdapterOptimizer) -> None:
        """Put its tensors into a model and an optimizer of the same recipe.

        Raises:
            CheckpointDamaged: A tensor is missing, unknown, or of another shape.
        """
        put_tensors(model, self.adapter)
        optimizer.load(self.optimizer)


def read_checkpoint(folder: Path) -> Checkpoint:
    """Verify a checkpoint against its manifest and read it.

    Raises:
        CheckpointDamaged: It does not verify.
    """
    try:
        atomicfs.verify_folder(folder)
        return Checkpoint(
            state=read_document(folder / STATE, CheckpointState),
            adapter=read_tensors(folder / ADAPTER),
            optimizer=read_tensors(folder / OPTIMIZER),
        )
    except DocumentDamaged as error:
        raise CheckpointDamaged(error.message, detail=error.detail) from error


def newest_checkpoint(root: Path, warn: Callable[[Warned], None]) -> Checkpoint | None:
    """Return the newest checkpoint that verifies, or None.

    Broken ones are told and put aside under another name, so that they are neither counted among
    those that are kept nor in the way of the same step when it comes again.
    """
    for folder in reversed(checkpoint_folders(root)):
        try:
            return read_checkpoint(folder)
        except CheckpointDamaged as error:
            text = _("The checkpoint {name} is damaged and is not used: {why}")
            warn(Warned(code=error.code, message=text.format(name=folder.name, why=error.message)))
            atomicfs.put_aside(folder)
    return None


def check_same_run(
    state: CheckpointState, *, recipe_sha256: str, data_sha256: str, weights_sha256: str
) -> None:
    """Check that a run would go on with what it began with.

    Args:
        state: Of the checkpoint that it would go on from.
        recipe_sha256: As it is now.
        data_sha256: As it is now.
        weights_sha256: As it is now; a checkpoint of an older version does not know it.

    Raises:
        RunNotResumable: The recipe or the tokenised rows differ.
        ModelChanged: The weights of the base model differ.
    """
    if state.recipe_sha256 != recipe_sha256:
        raise RunNotResumable(_("The recipe is not the one that this run began with."))
    if state.data_sha256 != data_sha256:
        raise RunNotResumable(
            _(
                "The tokenised rows are not those that this run began with: the dataset, the "
                "tokenizer or the chat template has changed."
            )
        )
    check_same_weights(state, weights_sha256=weights_sha256)


def check_same_weights(state: CheckpointState, *, weights_sha256: str) -> None:
    """Check that the base model has the weights that a run was trained on.

    Raises:
        ModelChanged: It has others.
    """
    if state.weights_sha256 and state.weights_sha256 != weights_sha256:
        raise ModelChanged(
            _("The base model has other weights than this run was trained on."),
            remedy=_("Put the old files back, or start a new run."),
        )


def moved_warning(state: CheckpointState, *, placement: str) -> Warned | None:
    """Say so where a run goes on elsewhere than before, where it is not the same to the bit.

    Args:
        state: Of the checkpoint that it goes on from.
        placement: Device and number format as they are now.
    """
    if state.placement in ("", placement):
        return None
    text = _(
        "The run goes on with {now}; up to step {step} it computed with {before}. The last digits "
        "differ, and so does the speed."
    )
    return Warned(
        code="placement_changed",
        message=text.format(now=placement, step=state.step, before=state.placement),
    )
