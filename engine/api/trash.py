# SPDX-License-Identifier: Apache-2.0
"""The trash: what was removed can be put back for 30 days."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from datetime import datetime
from gettext import gettext as _
from pathlib import Path

from engine.api.clock import utc_now
from engine.api.ids import new_id
from engine.api.lookup import matching
from engine.domain.timestamp import timestamp
from engine.domain.trash import TrashEntry, TrashKind
from engine.errors import NotInTrash
from engine.store import trash
from engine.store.layout import Layout


class Trash:
    """The trash of one workspace."""

    def __init__(
        self,
        layout: Layout,
        *,
        make_id: Callable[[], str] = new_id,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        """Work on one workspace."""
        self._layout = layout
        self._make_id = make_id
        self._now = now

    def throw_away(self, kind: TrashKind, name: str, folders: Sequence[Path]) -> str:
        """Move the folders of one object into the trash, and return the id of the entry.

        Args:
            kind: What it is.
            name: What the person calls it.
            folders: Inside the workspace; with the first of them the object is gone.

        Raises:
            FileMissing: Somebody else removed it just now.
            InUse: Another process is busy with the trash.
            NotWritable: The place refuses; nothing was removed.
        """
        root = self._layout.root
        entry = TrashEntry(
            id=self._make_id(),
            kind=kind,
            name=name,
            places=tuple(one.relative_to(root).as_posix() for one in folders),
            thrown_at=timestamp(self._now()),
        )
        trash.throw_away(self._layout, entry)
        return entry.id

    def list(self) -> list[TrashEntry]:
        """Return what can be put back, newest first."""
        return trash.entries(self._layout)

    def restore(self, key: str) -> TrashEntry:
        """Put something back to where it stood, and return what it is.

        Args:
            key: Id, unique beginning of an id, or name.

        Raises:
            NotInTrash: It is not in the trash, or more than one thing is called so.
            TargetExists: Something stands at its place; nothing was changed.
        """
        return trash.restore(self._layout, self.get(key).id)

    def delete(self, key: str) -> None:
        """Delete one thing for good.

        Raises:
            NotInTrash: It is not in the trash, or more than one thing is called so.
            NotWritable: The place refuses.
        """
        trash.delete(self._layout, self.get(key).id)

    def empty(self) -> int:
        """Delete everything in the trash for good, and return how many things that were.

        Raises:
            NotWritable: The place refuses; what was not deleted is still there.
        """
        return trash.empty(self._layout)

    def tidy(self) -> int:
        """Delete what has been in the trash for more than 30 days; return how many things."""
        count = 0
        for one in trash.outdated(self._layout, now=self._now()):
            with contextlib.suppress(NotInTrash):  # somebody else tidies at the same time
                trash.delete(self._layout, one.id)
                count += 1
        return count

    def get(self, key: str) -> TrashEntry:
        """Return one entry by its id, the unique beginning of its id, or its name.

        Raises:
            NotInTrash: There is none, or more than one.
        """
        found = matching(self.list(), key)
        if len(found) > 1:
            ids = ", ".join(one.id for one in found)
            raise NotInTrash(
                _("More than one thing in the trash is called {name}: {ids}.").format(
                    name=key, ids=ids
                ),
                remedy=_("Use the id of one of them."),
            )
        if not found:
            raise NotInTrash(_("There is no {name} in the trash.").format(name=key))
        return found[0]
