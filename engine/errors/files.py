# SPDX-License-Identifier: Apache-2.0
"""Errors of files, of the disk and of the workspace."""

from __future__ import annotations

from engine.errors.base import EngineError, mark


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


class DiskFailed(EngineError):
    """A disk fails to read or to write; what was saved and verified before is untouched."""

    code = "disk_failed"
    default_remedy = mark("Check the disk and its connection, then try again.")


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
