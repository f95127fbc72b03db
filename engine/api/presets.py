# SPDX-License-Identifier: Apache-2.0
"""Presets: what a person wants to reach, as a few recipe values with plain words."""

from __future__ import annotations

from gettext import gettext as _
from pathlib import Path
from typing import Any

import msgspec

from engine.api.starter import RESOURCES
from engine.domain.recipe_values import problems_of
from engine.errors import DocumentDamaged, WrongUsage

FOLDER = RESOURCES / "presets"


class Preset(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A goal with the recipe values that serve it; all other values keep their defaults.

    Attributes:
        id: Stable name.
        title: Name for people.
        summary: One sentence on when to take it and what it costs.
        icon: Name of its icon in resources/icons.
        order: Place in the list, from 1.
        values: Recipe fields by name.
        reasons: Why each of these values, with its source.
        starter_only: It is made for the model that comes with Burnish, and no other.
    """

    id: str
    title: str
    summary: str
    icon: str
    order: int
    values: dict[str, Any]
    reasons: dict[str, str]
    starter_only: bool = False


class Presets:
    """All presets that ship with Burnish."""

    def __init__(self, folder: Path = FOLDER) -> None:
        """Read presets from a folder of TOML files when they are asked for."""
        self._folder = folder

    def list(self) -> list[Preset]:
        """Return all presets in their order.

        Raises:
            DocumentDamaged: A file is not a preset; the message names it.
        """
        found = [self._read(path) for path in self._folder.glob("*.toml")]
        return sorted(found, key=lambda one: (one.order, one.id))

    def get(self, preset_id: str) -> Preset:
        """Return one preset.

        Raises:
            WrongUsage: There is none of this id; the remedy names those that exist.
            DocumentDamaged: Its file is not a preset.
        """
        presets = self.list()
        for one in presets:
            if one.id == preset_id:
                return one
        raise WrongUsage(
            _("There is no preset {name}.").format(name=preset_id),
            remedy=_("Choose one of: {known}.").format(known=", ".join(one.id for one in presets)),
        )

    def _read(self, path: Path) -> Preset:
        try:
            found = msgspec.toml.decode(path.read_bytes(), type=Preset)
        except (OSError, msgspec.DecodeError) as error:
            raise DocumentDamaged(
                _("{path} does not hold a preset.").format(path=path), detail=str(error)
            ) from error
        problems = problems_of(found.values)
        if problems:
            raise DocumentDamaged(
                _("{path} does not hold a preset.").format(path=path),
                detail=" ".join(one.message for one in problems),
            )
        return msgspec.structs.replace(
            found,
            title=_(found.title),
            summary=_(found.summary),
            reasons={name: _(text) for name, text in found.reasons.items()},
        )
