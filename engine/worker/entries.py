# SPDX-License-Identifier: Apache-2.0
"""Resolves the entry of a job, which is named by a string so that nothing else imports torch."""

from __future__ import annotations

import importlib
from gettext import gettext as _

from engine.errors import TrainingLibrariesMissing


def resolved(name: str) -> object:
    """Resolve `module:function`.

    Raises:
        TrainingLibrariesMissing: A library that it needs is not installed.
    """
    module, _colon, function = name.partition(":")
    try:
        return getattr(importlib.import_module(module), function)
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] == "engine":
            raise
        raise TrainingLibrariesMissing(
            _(
                "{library} is not installed, so this computer cannot train yet. "
                "Datasets and history work without it."
            ).format(library=error.name)
        ) from error
