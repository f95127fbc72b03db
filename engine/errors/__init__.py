# SPDX-License-Identifier: Apache-2.0
"""Every error that the engine raises on purpose: a stable code, a cause and a remedy.

The cause (`message`) says what happened and what is safe; the remedy is one imperative sentence.
Messages never hold text of the user's rows. `docs/errors.md` lists every class of this package.
"""

from __future__ import annotations

import traceback
from gettext import gettext as _
from pathlib import Path

from engine.errors import base, datasets, files, models, runs, training
from engine.errors.base import (
    Cancelled,
    EngineError,
    Unforeseen,
    WrongUsage,
    mark,
)
from engine.errors.datasets import (
    ArchiveNested,
    ArchiveUnsafe,
    DatasetDamaged,
    DatasetNotFound,
    FileEmpty,
    FileEncrypted,
    FormatUnknown,
    InUse,
    MixedKinds,
    NothingToUndo,
    NoUsableRows,
)
from engine.errors.files import (
    DiskFailed,
    DiskFull,
    DocumentDamaged,
    FileMissing,
    FileUnreadable,
    NotInTrash,
    NotWritable,
    TargetExists,
    WorkspaceInvalid,
    WorkspaceTooNew,
)
from engine.errors.models import (
    ArchitectureUnsupported,
    ModelChanged,
    ModelInvalid,
    ModelNotFound,
    NoChatTemplate,
    RemoteCodeRefused,
    TemplateInvalid,
    TokenizerInvalid,
    UnsafeWeights,
)
from engine.errors.runs import (
    AlreadyRunning,
    CheckpointDamaged,
    ComputerRestarted,
    ComputerSlept,
    DriverChanged,
    ExportNotEqual,
    GpuFaulted,
    GpuLost,
    KilledBySystem,
    NothingToExport,
    PowerRefused,
    ProbeSilent,
    ProcessFailed,
    ProcessLost,
    RunFileInvalid,
    RunNotFound,
    RunNotResumable,
    WorkerCrashed,
    WorkerDied,
)
from engine.errors.training import (
    AdapterUnusable,
    DeviceUnavailable,
    KindUnsuitable,
    LossNotFiniteError,
    NotEnoughMemory,
    NothingToTrain,
    RecipeFileInvalid,
    RecipeFileTooNew,
    RecipeInvalid,
    RecipeUnmatched,
    RuntimeFailed,
    RuntimeUnsuitable,
    StartUnusable,
    TrainingDiverged,
    TrainingLibrariesMissing,
    WheelChanged,
)

__all__ = [
    "AdapterUnusable",
    "AlreadyRunning",
    "ArchitectureUnsupported",
    "ArchiveNested",
    "ArchiveUnsafe",
    "Cancelled",
    "CheckpointDamaged",
    "ComputerRestarted",
    "ComputerSlept",
    "DatasetDamaged",
    "DatasetNotFound",
    "DeviceUnavailable",
    "DiskFailed",
    "DiskFull",
    "DocumentDamaged",
    "DriverChanged",
    "EngineError",
    "ExportNotEqual",
    "FileEmpty",
    "FileEncrypted",
    "FileMissing",
    "FileUnreadable",
    "FormatUnknown",
    "GpuFaulted",
    "GpuLost",
    "InUse",
    "KilledBySystem",
    "KindUnsuitable",
    "LossNotFiniteError",
    "MixedKinds",
    "ModelChanged",
    "ModelInvalid",
    "ModelNotFound",
    "NoChatTemplate",
    "NoUsableRows",
    "NotEnoughMemory",
    "NotInTrash",
    "NotWritable",
    "NothingToExport",
    "NothingToTrain",
    "NothingToUndo",
    "PowerRefused",
    "ProbeSilent",
    "ProcessFailed",
    "ProcessLost",
    "RecipeFileInvalid",
    "RecipeFileTooNew",
    "RecipeInvalid",
    "RecipeUnmatched",
    "RemoteCodeRefused",
    "RunFileInvalid",
    "RunNotFound",
    "RunNotResumable",
    "RuntimeFailed",
    "RuntimeUnsuitable",
    "StartUnusable",
    "TargetExists",
    "TemplateInvalid",
    "TokenizerInvalid",
    "TrainingDiverged",
    "TrainingLibrariesMissing",
    "Unforeseen",
    "UnsafeWeights",
    "WheelChanged",
    "WorkerCrashed",
    "WorkerDied",
    "WorkspaceInvalid",
    "WorkspaceTooNew",
    "WrongUsage",
    "all_errors",
    "error_from",
    "mark",
    "places_of",
    "unforeseen",
]


_TOPICS = (base, files, datasets, models, training, runs)


def all_errors() -> tuple[type[EngineError], ...]:
    """Return every error class of this package in the order of their definition."""
    found = (one for topic in _TOPICS for one in vars(topic).values() if isinstance(one, type))
    return tuple(dict.fromkeys(one for one in found if issubclass(one, EngineError)))


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
