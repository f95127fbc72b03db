# SPDX-License-Identifier: Apache-2.0
"""Deleting a folder that nobody uses any more, while others may be deleting it too."""

from __future__ import annotations

import errno
import math
import os
import shutil
from gettext import gettext as _
from pathlib import Path

from engine.errors import NotWritable


def delete_tree(folder: Path) -> None:
    """Delete a folder; whoever deletes it at the same time takes files away under this one.

    It is looked through again as long as it gets smaller. A system may list a file for ever that
    it does not find when it is to go: on a share, a name that ends in a dot or a blank; on Windows,
    a path of more than 260 characters.

    Raises:
        NotWritable: Some of it stays, and will the next time.
        OSError: The system refuses.
    """
    left = math.inf
    while folder.exists():
        try:
            shutil.rmtree(folder)
        except OSError as error:
            # Newer Pythons pass over a file that is not found, and then miss an empty folder.
            if not isinstance(error, FileNotFoundError) and error.errno != errno.ENOTEMPTY:
                raise
            before, left = left, _entries_in(folder)
            if left >= before:
                raise _stuck(folder, error) from error


def _entries_in(folder: Path) -> int:
    """Return a number that falls with every file and folder that goes, and with the last to 0."""
    return sum(1 + len(folders) + len(files) for _place, folders, files in os.walk(folder))


def _stuck(folder: Path, error: OSError) -> NotWritable:
    return NotWritable(
        _(
            "Not all files of a removed folder could be deleted: the system lists some in {path} "
            "that it does not find. Nothing uses them any more; they only take room."
        ).format(path=folder),
        remedy=_("Delete that folder by hand; where its disk is another computer's, do it there."),
        detail=str(error),
    )
