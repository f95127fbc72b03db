# SPDX-License-Identifier: Apache-2.0
"""One window for each workspace, person and screen: a second start is a wish to the first.

The window holds a lock, and looks for wishes as files beside it. Both stand with the person's
settings and not in the workspace, so that a workspace on another computer or on a disk that can
only be read makes no difference, and a window on another screen is not asked. The lock is only a
hint: what counts is that somebody takes the wish. A window that hangs, or a lock that stayed behind
on a disk without real ones, therefore costs a start two seconds, and never keeps it from opening.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import filelock
import msgspec

from engine.api.ids import new_id
from engine.errors import DocumentDamaged, EngineError
from engine.store import atomicfs
from engine.store.documents import read_document, write_document

ANSWER_LIMIT_S = 2.0
_LOOK_EVERY_S = 0.02


class WindowWish(msgspec.Struct, frozen=True, kw_only=True):
    """What a start asks of the window that is already open; to be shown in any case.

    Attributes:
        schema_version: Version of this document.
        page: Id of a page to go to, or empty.
        files: Absolute paths of files and folders to open.
        activation: Token by which a desktop lets a window come to the front, or empty.
    """

    schema_version: int = 1
    page: str = ""
    files: tuple[str, ...] = ()
    activation: str = ""


def window_folder(settings: Path, workspace: Path, screen: str) -> Path:
    """Return the folder of the lock and the wishes of one window.

    Args:
        settings: Folder of the person's settings, which several computers may share.
        workspace: The workspace that the window shows.
        screen: Names the screen that it is shown on.
    """
    place = os.path.normcase(os.path.realpath(workspace))
    facts = "\n".join((platform.node(), screen, place))
    return settings / "windows" / sha256(facts.encode()).hexdigest()[:16]


class OneWindow:
    """The lock and the wishes of one window, as its own process and a later start use them."""

    def __init__(self, folder: Path, *, make_id: Callable[[], str] = new_id) -> None:
        """Use a folder, which is made when it is needed; `make_id` names a wish."""
        self._folder = folder
        self._make_id = make_id
        self._lock = filelock.FileLock(
            folder / "window.lock", timeout=0, mode=0o600, thread_local=False
        )
        self._is_usable = True

    def claim(self) -> bool:
        """Become the window, unless another one is; True as well where there can be no lock."""
        if self._lock.is_locked or not self._is_usable:
            return True
        try:
            atomicfs.make_folder(self._folder)
            self._lock.acquire()
        except filelock.Timeout:
            return False
        except (EngineError, OSError):
            self._is_usable = False
        return True

    def ask(self, wish: WindowWish, *, limit_s: float = ANSWER_LIMIT_S) -> bool:
        """Ask the window that is open, and return whether it answered within the limit.

        A wish without an answer is withdrawn. Either the window takes it or this process, never
        both: it is a file, which only one of them can remove.
        """
        path = self._folder / f"{self._make_id()}.json"
        try:
            write_document(path, wish, durable=False)
            deadline = time.monotonic() + limit_s
            while path.exists() and time.monotonic() < deadline:
                time.sleep(_LOOK_EVERY_S)
            path.unlink()
        except FileNotFoundError:
            return True
        except (EngineError, OSError):
            return False
        return False

    def wishes(self) -> list[WindowWish]:
        """Take the wishes of other starts; a window that was opened beside another follows it."""
        if not self.claim() or not self._is_usable:
            return []
        try:
            paths = sorted(self._folder.glob("*.json"))
        except OSError:
            return []
        return [wish for path in paths if (wish := _taken(path)) is not None]

    def close(self) -> None:
        """Be the window no more; the next start opens one."""
        self._lock.release()


def _taken(path: Path) -> WindowWish | None:
    """Return a wish and remove it; None where it was withdrawn meanwhile."""
    try:
        wish = read_document(path, WindowWish)
    except DocumentDamaged:
        wish = WindowWish()
    try:
        path.unlink()
    except OSError:
        return None
    return wish
