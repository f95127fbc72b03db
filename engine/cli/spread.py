# SPDX-License-Identifier: Apache-2.0
"""Options that several commands share, declared once as the fields of a structure."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, get_type_hints

import msgspec
from msgspec.structs import fields


def spread(kind: type[msgspec.Struct]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return a decorator that takes the fields of a structure for options of a command.

    The command has a parameter of that class named `asked`; typer sees its fields in its place.

    Args:
        kind: The structure; each field is an annotated option with a default.
    """
    hints = get_type_hints(kind, include_extras=True)
    names = [one.name for one in fields(kind)]
    defaults = {one.name: one.default for one in fields(kind)}

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        """Return the command as typer is to see it."""

        def spread_command(**given: Any) -> None:
            """Gather the fields again."""
            asked = kind(**{name: given.pop(name) for name in names})
            command(asked=asked, **given)

        own = get_type_hints(command, include_extras=True) | hints
        before = inspect.signature(command).parameters.values()
        kept = [one.replace(annotation=own[one.name]) for one in before if one.name != "asked"]
        added = [
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                default=defaults[name],
                annotation=hints[name],
            )
            for name in names
        ]
        shown = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in kept]
        spread_command.__signature__ = inspect.Signature([*shown[:1], *added, *shown[1:]])
        spread_command.__annotations__ = {one.name: own[one.name] for one in (*shown, *added)}
        spread_command.__doc__ = command.__doc__
        return spread_command

    return decorate
