# SPDX-License-Identifier: Apache-2.0
"""What a drop on the window means: a folder with a config.json is a model, all else is data."""

from __future__ import annotations

from collections.abc import Sequence
from gettext import gettext as _
from gettext import ngettext
from pathlib import Path

import msgspec


class SortedPaths(msgspec.Struct, frozen=True, kw_only=True):
    """Dropped paths by what they are."""

    models: tuple[Path, ...]
    data: tuple[Path, ...]


def sort_paths(paths: Sequence[Path]) -> SortedPaths:
    """Tell model folders from data; looks at the disk, reads nothing."""
    models = tuple(one for one in paths if (one / "config.json").is_file())
    return SortedPaths(models=models, data=tuple(one for one in paths if one not in models))


def describe_drop(paths: Sequence[Path]) -> str:
    """Return what will happen to dropped paths; "" where nothing would."""
    found = sort_paths(paths)
    models, data = len(found.models), len(found.data)
    if models and data:
        return _("Add {models} and import {data}").format(
            models=ngettext("{count} model", "{count} models", models).format(count=models),
            data=ngettext("{count} file", "{count} files", data).format(count=data),
        )
    if models:
        return _("Add the model {name}").format(name=found.models[0].name)
    if data == 1:
        return _("Import {name} as a dataset").format(name=found.data[0].name)
    return _("Import {count} files as one dataset").format(count=data) if data else ""
