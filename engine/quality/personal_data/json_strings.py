# SPDX-License-Identifier: Apache-2.0
"""The strings inside a text that may be JSON, as tool calls and their arguments are.

What is searched and what is masked has to be the same, so both go through here. Numbers and keys
are left alone: a masked number is none any more. A string that holds JSON itself is opened too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import msgspec


def strings_of(text: str) -> list[str]:
    """Return the strings inside a JSON object or list, or the text itself where it is neither."""
    found: list[str] = []

    def _keep(one: str) -> str:
        found.append(one)
        return one

    with_strings(text, _keep)
    return found


def with_strings(text: str, change: Callable[[str], str]) -> str:
    """Return a text with the same strings changed; where none changes, it is the same object."""
    try:
        return _changed_text(text, change)
    except RecursionError:  # nested deeper than anything is that means something
        return change(text)


def _changed_text(text: str, change: Callable[[str], str]) -> str:
    value = _decoded(text)
    if value is None:
        return change(text)
    changed = _changed(value, change)
    return text if changed == value else msgspec.json.encode(changed).decode("utf-8")


def _decoded(text: str) -> Any:
    """Return a JSON object or list; None for anything else."""
    if text.lstrip()[:1] not in {"{", "["}:
        return None
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return None


def _changed(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return _changed_text(value, change)
    if isinstance(value, list):
        return [_changed(one, change) for one in cast("list[Any]", value)]
    if isinstance(value, dict):
        items = cast("dict[str, Any]", value).items()
        return {name: _changed(one, change) for name, one in items}
    return value
