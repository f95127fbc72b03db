# SPDX-License-Identifier: Apache-2.0
"""Notes and tags of runs: one document beside the job, which no worker reads or writes."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from engine.api.runs import Runs, read_note
from engine.domain.run_note import RunNote, tidy_note, tidy_tags
from engine.errors import DocumentDamaged
from engine.store.documents import read_document, write_document
from engine.store.layout import JobFolder, Layout


class RunNotes:
    """Reads and writes what a person says about the runs of one workspace."""

    def __init__(self, layout: Layout, runs: Runs) -> None:
        """Work on one workspace."""
        self._layout = layout
        self._runs = runs

    def read(self, key: str) -> RunNote:
        """Return the note of a run; an empty one where nothing was written.

        Raises:
            RunNotFound: There is no such run.
        """
        return read_note(self._layout.job(self._runs.get(key).id))

    def set_text(self, key: str, text: str) -> RunNote:
        """Replace the text of a run's note, and return the whole note.

        Raises:
            RunNotFound: There is no such run.
            WrongUsage: It is too long.
            DiskFull: No room; the old note is untouched.
            DocumentDamaged: The old note cannot be read now, so that its tags would be lost.
        """
        return self._write(key, text=tidy_note(text))

    def set_tags(self, key: str, tags: Sequence[str]) -> RunNote:
        """Replace the tags of a run, and return the whole note.

        Raises:
            RunNotFound: There is no such run.
            WrongUsage: One is too long, or there are too many.
            DiskFull: No room; the old tags are untouched.
            DocumentDamaged: The old note cannot be read now, so that its text would be lost.
        """
        return self._write(key, tags=tidy_tags(tags))

    def write(self, key: str, *, text: str, tags: Sequence[str]) -> RunNote:
        """Replace the text and the tags of a run's note in one step.

        Raises:
            RunNotFound: There is no such run.
            WrongUsage: Something is too long.
            DiskFull: No room; the old note is untouched.
        """
        return self._write(key, text=tidy_note(text), tags=tidy_tags(tags))

    def change_tags(
        self, key: str, *, add: Sequence[str] = (), remove: Sequence[str] = ()
    ) -> RunNote:
        """Add some tags to a run and take others away, whatever their capitals.

        Raises:
            RunNotFound: There is no such run.
            WrongUsage: One is too long, or there are too many.
        """
        gone = {one.casefold() for one in tidy_tags(remove)}
        kept = [one for one in self.read(key).tags if one.casefold() not in gone]
        return self.set_tags(key, (*kept, *add))

    def _write(self, key: str, **changes: object) -> RunNote:
        folder = self._layout.job(self._runs.get(key).id)
        note = msgspec.structs.replace(_kept_note(folder), **changes)
        write_document(folder.note, note)
        return note


def _kept_note(folder: JobFolder) -> RunNote:
    """Return the note that is to be changed.

    Raises:
        DocumentDamaged: The system cannot read it now, so that what it says would be lost.
    """
    try:
        return read_document(folder.note, RunNote) if folder.note.is_file() else RunNote()
    except DocumentDamaged as error:
        if isinstance(error.__cause__, OSError):
            raise
        return read_note(folder)
