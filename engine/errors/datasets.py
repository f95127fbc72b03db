# SPDX-License-Identifier: Apache-2.0
"""Errors of datasets and of the files they come from."""

from __future__ import annotations

from engine.errors.base import EngineError, mark


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
    """Something cannot be removed or forgotten while a run is using it."""

    code = "in_use"
    default_remedy = mark("Wait until the run has ended, or stop it.")


class NothingToUndo(EngineError):
    """There is no change of the dataset to take back, or to make again."""

    code = "nothing_to_undo"
    default_remedy = mark("Look at the history of the dataset to see its versions.")
