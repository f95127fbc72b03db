# SPDX-License-Identifier: Apache-2.0
"""Names of files that are offered where a person saves something."""

from __future__ import annotations


def file_stem(words: str, usual: str) -> str:
    """Return a name, without its ending, that every system takes.

    Args:
        words: What people call the thing.
        usual: The name where they call it nothing.
    """
    kept = "".join(one if one.isalnum() or one in " -_." else "-" for one in words.strip())
    return kept.strip(" .") or usual
