# SPDX-License-Identifier: Apache-2.0
"""Every error that the engine raises on purpose: a stable code, a cause and a remedy.

The cause (`message`) says what happened and what is safe; the remedy is one imperative sentence.
Messages never hold text of the user's rows. `docs/errors.md` lists every class of this module.
"""

from __future__ import annotations

import traceback
from gettext import gettext as _
from pathlib import Path
from typing import ClassVar


def mark(text: str) -> str:
    """Mark a class-level text for the message catalogue; it is translated where it is shown."""
    return text


class EngineError(Exception):
    """Root of everything that the engine raises on purpose.

    Attributes:
        code: Stable snake_case name, shown in logs, in the interface and in docs/errors.md.
        message: What happened and what is safe, for the user.
        remedy: What the user can do, one imperative sentence.
        detail: Technical detail that may be copied; free of row text; may be empty.
    """

    code: ClassVar[str] = "engine_error"
    default_remedy: ClassVar[str] = mark("Try again; if it stays, look at the details.")

    def __init__(self, message: str, *, remedy: str | None = None, detail: str = "") -> None:
        """Keep the cause; take the remedy of the class when none is given."""
        super().__init__(message)
        self.message = message
        self.remedy = remedy if remedy is not None else _(self.default_remedy)
        self.detail = detail


class Unforeseen(EngineError):
    """Something failed in a way that Burnish does not know by name."""

    code = "unforeseen"
    default_remedy = mark("Look at the details below, and report them if it happens again.")


class Cancelled(EngineError):
    """The user cancelled the work before it was done."""

    code = "cancelled"
    default_remedy = mark("Start it again when you like.")


class WrongUsage(EngineError):
    """A command or a call was given values that do not fit together."""

    code = "wrong_usage"
    default_remedy = mark("Check the values that were given.")


# --- files and disk ---------------------------------------------------------------------------


class FileMissing(EngineError):
    """A file or folder that was named does not exist."""

    code = "file_missing"
    default_remedy = mark("Check the path, and whether the drive is connected.")


class FileUnreadable(EngineError):
    """A file exists but the system does not let Burnish read it."""

    code = "file_unreadable"
    default_remedy = mark("Check the permissions of the file.")


class DiskFull(EngineError):
    """The disk has no room for what had to be written; what existed before is untouched."""

    code = "disk_full"
    default_remedy = mark("Free some space on that disk, then try again.")


class NotWritable(EngineError):
    """A folder cannot be written to."""

    code = "not_writable"
    default_remedy = mark("Choose another folder, or change its permissions.")


class TargetExists(EngineError):
    """Something already stands at the place that should be written; it was not touched."""

    code = "target_exists"
    default_remedy = mark("Choose a new or an empty folder.")


class DocumentDamaged(EngineError):
    """A file of the workspace does not hold what it should."""

    code = "document_damaged"
    default_remedy = mark("Restore the file from a backup, or remove the object it belongs to.")


class WorkspaceInvalid(EngineError):
    """The chosen folder is not a workspace and cannot become one."""

    code = "workspace_invalid"
    default_remedy = mark("Choose an empty folder or an existing workspace.")


class WorkspaceTooNew(EngineError):
    """The workspace was written by a newer Burnish."""

    code = "workspace_too_new"
    default_remedy = mark("Open it with the newer Burnish, or choose another workspace.")


class NotInTrash(EngineError):
    """Something that should be put back is not in the trash any more."""

    code = "not_in_trash"
    default_remedy = mark("Look at what is in the trash; older things are deleted from it.")


# --- datasets ---------------------------------------------------------------------------------


class FileEmpty(EngineError):
    """A source file holds nothing."""

    code = "file_empty"
    default_remedy = mark("Choose a file that holds rows.")


class FormatUnknown(EngineError):
    """The content of a file is none of the formats that Burnish reads."""

    code = "format_unknown"
    default_remedy = mark("Save it as JSONL, CSV, Excel, Parquet, Arrow, Word, PDF or plain text.")


class ArchiveUnsafe(EngineError):
    """An archive or a compressed file holds what no honest one holds; nothing of it was written."""

    code = "archive_unsafe"
    default_remedy = mark("Do not trust it. If you do, unpack it yourself and import the folder.")


class ArchiveNested(EngineError):
    """An archive or a compressed file holds another one, which is not opened."""

    code = "archive_nested"
    default_remedy = mark("Unpack the outer one, and import what it holds.")


class FileEncrypted(EngineError):
    """A file can only be opened with a password."""

    code = "file_encrypted"
    default_remedy = mark("Save it without a password, then import it again.")


class NoUsableRows(EngineError):
    """Every row of the source was rejected."""

    code = "no_usable_rows"
    default_remedy = mark("Look at the reasons, and change the columns or the rows.")


class MixedKinds(EngineError):
    """Files of different row kinds were imported as one dataset."""

    code = "mixed_kinds"
    default_remedy = mark("Import them as separate datasets.")


class DatasetNotFound(EngineError):
    """No dataset of the workspace has this name or id."""

    code = "dataset_not_found"
    default_remedy = mark("Look at the list of datasets.")


class DatasetDamaged(EngineError):
    """The rows of a dataset do not verify against their manifest."""

    code = "dataset_damaged"
    default_remedy = mark("Import the source file again.")


class InUse(EngineError):
    """Something cannot be removed while a run is using it."""

    code = "in_use"
    default_remedy = mark("Wait until the run has ended, or stop it.")


class NothingToUndo(EngineError):
    """There is no change of the dataset to take back, or to make again."""

    code = "nothing_to_undo"
    default_remedy = mark("Look at the history of the dataset to see its versions.")


# --- models -----------------------------------------------------------------------------------


class ModelNotFound(EngineError):
    """No model of the workspace has this name or id."""

    code = "model_not_found"
    default_remedy = mark("Add the model's folder first.")


class ModelInvalid(EngineError):
    """A folder does not hold a complete model in the Hugging Face form."""

    code = "model_invalid"
    default_remedy = mark("Choose a folder with config.json, tokenizer.json and safetensors files.")


class UnsafeWeights(EngineError):
    """The folder holds weights only in a form that can run code when it is loaded."""

    code = "unsafe_weights"
    default_remedy = mark("Get the safetensors version of this model.")


class RemoteCodeRefused(EngineError):
    """The model asks to run program code that came with it."""

    code = "remote_code_refused"
    default_remedy = mark("Choose a version of the model that needs no code of its own.")


class ArchitectureUnsupported(EngineError):
    """The model's architecture is not one that Burnish trains."""

    code = "architecture_unsupported"
    default_remedy = mark("Choose one of the supported architectures.")


class ModelChanged(EngineError):
    """The model's folder changed since it was added."""

    code = "model_changed"
    default_remedy = mark("Add the folder again, so that its files are checked anew.")


class TemplateInvalid(EngineError):
    """The model's chat template cannot be rendered safely or completely."""

    code = "template_invalid"
    default_remedy = mark("Choose a model with a complete chat template.")


class NoChatTemplate(EngineError):
    """The dataset holds conversations, but the model has no chat template."""

    code = "no_chat_template"
    default_remedy = mark("Choose an instruction-tuned version of the model.")


class TokenizerInvalid(EngineError):
    """The model's tokenizer cannot be read."""

    code = "tokenizer_invalid"
    default_remedy = mark("Get the model's tokenizer.json again.")


# --- training ---------------------------------------------------------------------------------


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
        "Lower max_length or micro_batch_size, then resume from the last checkpoint."
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
    default_remedy = mark("Install Burnish with its training libraries.")


class AdapterUnusable(EngineError):
    """The trained adapter did not pass its own check, so the run is not called finished."""

    code = "adapter_unusable"
    default_remedy = mark("Train again with a different learning rate; the checkpoints are kept.")


# --- runs and jobs ----------------------------------------------------------------------------


class RunNotFound(EngineError):
    """No run of the workspace has this name or id."""

    code = "run_not_found"
    default_remedy = mark("Look at the list of runs.")


class RunNotResumable(EngineError):
    """The run cannot go on from where it is."""

    code = "run_not_resumable"
    default_remedy = mark("Start a new run with the same recipe.")


class AlreadyRunning(EngineError):
    """A worker is already busy with this job."""

    code = "already_running"
    default_remedy = mark("Wait for it, or stop it first.")


class WorkerDied(EngineError):
    """The worker process ended without saying why; finished checkpoints are safe."""

    code = "worker_died"
    default_remedy = mark("Look at the log, then resume the run.")


class GpuLost(EngineError):
    """The graphics card stopped answering; finished checkpoints are safe."""

    code = "gpu_lost"
    default_remedy = mark("Restart the computer, then resume the run.")


class GpuFaulted(EngineError):
    """A computation on the graphics card went wrong; finished checkpoints are safe."""

    code = "gpu_faulted"
    default_remedy = mark("Resume the run. If it happens again, restart the computer first.")


class DriverChanged(EngineError):
    """The graphics driver was updated while it was in use; finished checkpoints are safe."""

    code = "driver_changed"
    default_remedy = mark("Restart the computer, then resume the run.")


class ComputerSlept(EngineError):
    """The computer slept, and the graphics card did not wake; finished checkpoints are safe."""

    code = "computer_slept"
    default_remedy = mark("Resume the run. If the card is not found, restart the computer first.")


class ComputerRestarted(EngineError):
    """The computer was restarted or switched off meanwhile; finished checkpoints are safe."""

    code = "computer_restarted"
    default_remedy = mark("Resume the run.")


class KilledBySystem(EngineError):
    """The worker process was ended from outside; finished checkpoints are safe."""

    code = "killed_by_system"
    default_remedy = mark("Resume the run. If memory was short, close other programs first.")


class WorkerCrashed(EngineError):
    """The worker process crashed within a library; finished checkpoints are safe."""

    code = "worker_crashed"
    default_remedy = mark("Resume the run; if it crashes again, report the details.")


class ProcessLost(EngineError):
    """A process that trained together with others has ended; finished checkpoints are safe."""

    code = "process_lost"
    default_remedy = mark("Look at the end of the log, then resume the run.")


class ProcessFailed(EngineError):
    """A process that trained together with others failed; finished checkpoints are safe."""

    code = "process_failed"
    default_remedy = mark("Resume the run, with fewer processes if it fails again.")


class CheckpointDamaged(EngineError):
    """A checkpoint does not verify and is not used."""

    code = "checkpoint_damaged"
    default_remedy = mark("Resume from the checkpoint before it.")


class RunFileInvalid(EngineError):
    """The file is no run that was saved as a file, or not as it was written."""

    code = "run_file_invalid"
    default_remedy = mark("Save the run as a file once more, and copy that.")


class NothingToExport(EngineError):
    """The run has no adapter and no verified checkpoint yet."""

    code = "nothing_to_export"
    default_remedy = mark("Wait for the first checkpoint, or resume the run.")


class ExportNotEqual(EngineError):
    """The exported files do not answer as the trained model does; they were not kept."""

    code = "export_not_equal"
    default_remedy = mark("Export again; if it stays, export the adapter and report the numbers.")


def all_errors() -> tuple[type[EngineError], ...]:
    """Return every error class of this module in the order of their definition."""
    classes = (one for one in globals().values() if isinstance(one, type))
    return tuple(one for one in classes if issubclass(one, EngineError))


def places_of(error: BaseException) -> str:
    """Return where an error came from, a line for each place in the code; never values."""
    frames = traceback.extract_tb(error.__traceback__)
    return "\n".join(f"{Path(one.filename).name}:{one.lineno} {one.name}" for one in frames[-8:])


def unforeseen(error: Exception) -> EngineError:
    """Wrap what nobody foresaw; the detail names places in the code, never values."""
    kind = type(error).__name__
    text = _("Something unexpected happened ({kind}). What was saved before is safe.")
    return Unforeseen(text.format(kind=kind), detail=f"{kind}\n{places_of(error)}")


def error_from(code: str, message: str, remedy: str, detail: str = "") -> EngineError:
    """Return the error of a code that crossed a process border; Unforeseen for unknown ones."""
    kinds = {one.code: one for one in all_errors()}
    return kinds.get(code, Unforeseen)(message, remedy=remedy, detail=detail)
