# SPDX-License-Identifier: Apache-2.0
"""Resolves the entry of a job, which is named by a string so that nothing else imports torch."""

from __future__ import annotations

import contextlib
import gc
import importlib
import sys
from collections.abc import Generator
from gettext import gettext as _

from engine.errors import TrainingLibrariesMissing

_NEEDED_WITH_TORCH = "transformers.generation.utils"
"""What every job that imports torch imports a moment later, and most of what it waits for."""


def resolved(name: str) -> object:
    """Resolve `module:function`.

    Raises:
        TrainingLibrariesMissing: A library that it needs is not installed.
    """
    module, _colon, function = name.partition(":")
    try:
        with _no_search_for_garbage():
            found = importlib.import_module(module)
            if "torch" in sys.modules:
                importlib.import_module(_NEEDED_WITH_TORCH)
        return getattr(found, function)
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] == "engine":
            raise
        raise TrainingLibrariesMissing(
            _(
                "{library} is not installed, so this computer cannot train yet. "
                "Datasets and history work without it."
            ).format(library=error.name)
        ) from error


@contextlib.contextmanager
def _no_search_for_garbage() -> Generator[None]:
    """Import without looking for garbage, and never look at what was imported: it stays anyway.

    It would take a fifth of the start, and 0.2 s of each later search.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_on:
            gc.enable()
