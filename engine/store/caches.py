# SPDX-License-Identifier: Apache-2.0
"""Where compiled code is kept between runs: in the user's cache folder, and nowhere else.

It is made from the training libraries alone and holds nothing of anybody's data, so that all
workspaces share it. Whatever else a library wants to keep goes into the folder of its job.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import platformdirs

CACHE_VARIABLE = "BURNISH_CACHE"
"""Names another cache folder; a worker sets it, so that what it starts finds the same one."""

_FOLDER = "burnish-compiled"


def cache_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the cache folder, which a person may share with other programs."""
    named = environment.get(CACHE_VARIABLE)
    return Path(named) if named else platformdirs.user_cache_path("burnish", appauthor=False)


def compile_cache(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the folder that compiled code is kept in; it need not exist.

    It is one of its own in the cache folder, whatever that is, because it is removed as a whole.
    """
    return cache_folder(environment) / _FOLDER
