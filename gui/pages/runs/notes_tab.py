# SPDX-License-Identifier: Apache-2.0
"""Note and tags of a run: what is typed is kept by itself, shortly after the last key."""

from __future__ import annotations

from functools import partial
from gettext import gettext as _

from PySide6.QtCore import QTimer

from engine.domain.run_note import RunNote
from gui.actions.run_notes import write_note
from gui.bridge.services import Services
from gui.bridge.tasks import Outcome
from gui.pages.runs.details import Plain
from gui.widgets.box import Stretch
from gui.widgets.fields import Field, TextArea, TextField
from gui.widgets.text import TextLabel

SAVE_AFTER_MS = 600


class NotesTab(Plain):
    """A field for tags and one for the note."""

    def __init__(self, services: Services) -> None:
        super().__init__(scroll=True)
        self._services = services
        self._run_id = ""
        self._told: RunNote = RunNote()
        self._kept: RunNote = RunNote()
        self._is_changed = False
        self._saving = 0
        self._tags = TextField(name=_("Tags"), placeholder=_("baseline, keep"))
        self._text = TextArea(name=_("Note"))
        self._state = TextLabel("", role="small", colour="text2")
        self._delay = QTimer(self)
        self._delay.setSingleShot(True)
        self._delay.setInterval(SAVE_AFTER_MS)
        self.add(
            Field(_("Tags, with commas between them"), self._tags),
            Field(_("What you tried, and what came of it"), self._text),
            self._state,
            Stretch(),
        )
        self._tags.textEdited.connect(self._on_tags)
        self._text.textChanged.connect(self._on_typed)
        self._delay.timeout.connect(self.save)

    def show_note(self, run_id: str, note: RunNote) -> None:
        """Show the note of a run; what a person types or has typed is never replaced.

        A note is kept without blank ends and commas, which stay in the fields: more may follow.
        """
        if run_id != self._run_id:
            self.save()
            self._run_id, self._is_changed = run_id, False
            self._state.set_text("")
        elif note == self._told:
            return
        elif self._is_changed or self._saving or note == self._kept:
            self._told = note
            return
        self._told = self._kept = note
        self._tags.set_text(", ".join(note.tags))
        self._text.set_text(note.text)

    def save(self) -> None:
        """Keep what was typed and is not kept yet."""
        self._delay.stop()
        if not self._is_changed or not self._run_id:
            return
        self._is_changed = False
        self._saving += 1
        self._state.set_text(_("Saving…"))
        write_note(
            self._services,
            run_id=self._run_id,
            text=self._text.text(),
            tags=self._tags.text().split(","),
            done=partial(self._on_saved, self._run_id),
        )

    def _on_tags(self, _text: str) -> None:
        self._on_typed()

    def _on_typed(self) -> None:
        self._is_changed = True
        self._state.set_text(_("Not saved yet"))
        self._delay.start()

    def _on_saved(self, run_id: str, outcome: Outcome[RunNote]) -> None:
        self._saving -= 1
        if run_id != self._run_id:
            return
        if outcome.error is not None:
            # The next key, or leaving the page, tries again.
            self._is_changed = True
            self._state.set_text(_("Not saved"))
            return
        self._kept = outcome.value
        if not self._is_changed:
            self._state.set_text(_("Saved"))
