# SPDX-License-Identifier: Apache-2.0
"""Translation that is quick enough for a message per row."""

from __future__ import annotations

from functools import cache
from gettext import gettext


@cache
def translated(text: str) -> str:
    """Return the text in the user's language.

    Where there is no catalogue, gettext looks for one on the disk at every call, which takes
    longer than all else that is done with a row, and rejects may come by the million.
    """
    return gettext(text)
