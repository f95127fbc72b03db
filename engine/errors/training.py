# SPDX-License-Identifier: Apache-2.0
"""Errors of recipes and of training."""

from __future__ import annotations

from engine.errors.base import EngineError, mark


class RecipeInvalid(EngineError):
    """Some values of a recipe are not possible; all of them are named."""

    code = "recipe_invalid"
    default_remedy = mark("Change the named settings.")


class RecipeFileInvalid(EngineError):
    """A file is not a recipe of Burnish, or some of its values are not possible."""

    code = "recipe_file_invalid"
    default_remedy = mark("Export the recipe again from the run that it comes from.")


class RecipeFileTooNew(EngineError):
    """A recipe file has a form or settings that only a newer Burnish knows."""

    code = "recipe_file_too_new"
    default_remedy = mark("Open it with the newer Burnish that wrote it.")


class RecipeUnmatched(EngineError):
    """A recipe file names a dataset or a model whose content is not in this workspace."""

    code = "recipe_unmatched"
    default_remedy = mark("Import what is missing, or say what stands for it.")


class KindUnsuitable(EngineError):
    """The training method cannot learn from this kind of rows."""

    code = "kind_unsuitable"
    default_remedy = mark("Choose a dataset of conversations or text.")


class NothingToTrain(EngineError):
    """No row holds a token that would be trained."""

    code = "nothing_to_train"
    default_remedy = mark(
        "Check that the rows hold assistant answers, and that they fit max_length."
    )


class NotEnoughMemory(EngineError):
    """The device ran out of memory."""

    code = "not_enough_memory"
    default_remedy = mark(
        "Lower the longest row (max_length) or the sequences at once (micro_batch_size), then "
        "resume from the last checkpoint."
    )


class LossNotFiniteError(EngineError):
    """The loss or the gradients stopped being numbers; the last checkpoint is sound."""

    code = "loss_not_finite"
    default_remedy = mark("Start again with a lower learning rate.")


class TrainingDiverged(EngineError):
    """The loss leapt up and stayed there, also with a lower learning rate."""

    code = "training_diverged"
    default_remedy = mark(
        "Start again with a much lower learning rate, or look for rows that are odd or mislabelled."
    )


class DeviceUnavailable(EngineError):
    """The chosen device is not there or cannot compute."""

    code = "device_unavailable"
    default_remedy = mark("Choose another device, or run the doctor.")


class TrainingLibrariesMissing(EngineError):
    """The training libraries are not installed."""

    code = "training_libraries_missing"
    default_remedy = mark(
        "Add the training runtime in Settings, or by `burnish runtime install`; in a clone, "
        "run packaging/bootstrap.py again."
    )


class RuntimeUnsuitable(EngineError):
    """A training runtime is not made for this program, or is not whole."""

    code = "runtime_unsuitable"
    default_remedy = mark("Get the training runtime that belongs to this version of Burnish.")


class WheelChanged(EngineError):
    """A file of a training runtime is not the one that this version was tested with."""

    code = "wheel_changed"
    default_remedy = mark("Copy the training runtime again; the one installed before still works.")


class RuntimeFailed(EngineError):
    """A training runtime was unpacked, but did not pass its own check, so it was not kept."""

    code = "runtime_failed"
    default_remedy = mark("Look at the details, and get the variant that fits this computer.")


class AdapterUnusable(EngineError):
    """The trained adapter did not pass its own check, so the run is not called finished."""

    code = "adapter_unusable"
    default_remedy = mark("Train again with a different learning rate; the checkpoints are kept.")


class StartUnusable(EngineError):
    """The adapter that a run is to begin with is not there, damaged, or does not fit."""

    code = "start_unusable"
    default_remedy = mark("Choose another adapter or checkpoint, or begin with a fresh adapter.")
