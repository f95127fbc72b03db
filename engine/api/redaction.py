# SPDX-License-Identifier: Apache-2.0
"""Taking out of texts what says who a person is and what is in their data."""

from __future__ import annotations

import re
from collections.abc import Iterable
from gettext import ngettext
from pathlib import Path

OWN_LOGGERS = ("worker", "bridge", "gui", "engine")
"""Their messages never hold rows; what other libraries say is kept without its words."""

_STAMPED = re.compile(r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d+ [A-Z]+) ([\w.]+) (.*)$")
_FRAME = re.compile(r'^\s+File "(.*)", line (\d+)(?:, in (\S+))?$')
_RAISED = re.compile(r"^([A-Za-z_][\w.]*(?:Error|Exception|Interrupt|Exit|Warning))(?::|$)")
_HEADS = (
    "Traceback (most recent call last):",
    "During handling of the above exception, another exception occurred:",
    "The above exception was the direct cause of the following exception:",
)
"""Whole lines of Python's module traceback: a row may begin like one of them, and go on."""

_HOMES = re.compile(r"(?:/home/|/Users/|[A-Za-z]:\\Users\\)[^/\\\s\"':]+")
_SHORTEST_NAME = 3


class Redaction:
    """Knows what must not be told of one computer and workspace."""

    def __init__(self, *, workspace: Path, home: Path, user: str, computer: str) -> None:
        """Keep what is to be left out.

        Args:
            workspace: Its folder.
            home: The folder of the person.
            user: The name that they log in with.
            computer: The name of the computer.
        """
        self._folders = ((str(workspace), "WORKSPACE"), (str(home), "HOME"))
        self._names = tuple(
            (re.compile(rf"(?<!\w){re.escape(name)}(?!\w)", re.IGNORECASE), word)
            for name, word in ((user, "USER"), (computer, "COMPUTER"))
            if len(name) >= _SHORTEST_NAME
        )

    def text(self, text: str) -> str:
        """Return a text without folders of the person, their name and that of the computer."""
        for folder, word in self._folders:
            text = text.replace(folder, word)
        text = _HOMES.sub("HOME", text)
        for pattern, word in self._names:
            text = pattern.sub(word, text)
        return text

    def log(self, lines: Iterable[str]) -> list[str]:
        """Return the lines of a log that cannot hold rows, and how many others there were.

        Kept are: what Burnish logs by itself; of others that they spoke; of errors their kind and
        the places in the code. The words of an error may be a row that could not be read.
        """
        kept: list[str] = []
        left_out = 0
        for line in lines:
            safe = _safe_line(line)
            if safe is None:
                left_out += bool(line.strip())
            else:
                kept.append(self.text(safe))
        if left_out:
            words = ngettext(
                "({count} line was left out)", "({count} lines were left out)", left_out
            )
            kept.append(words.format(count=left_out))
        return kept


def _safe_line(line: str) -> str | None:
    stamped = _STAMPED.match(line)
    if stamped is not None:
        name = stamped[2]
        is_own = name.partition(".")[0] in OWN_LOGGERS
        return f"{stamped[1]} {name} {stamped[3] if is_own else '…'}"
    frame = _FRAME.match(line)
    if frame is not None:
        return f"  {Path(frame[1].replace(chr(92), '/')).name}:{frame[2]} {frame[3] or ''}".rstrip()
    if line in _HEADS:
        return line
    raised = _RAISED.match(line)
    return raised[1] if raised is not None else None
