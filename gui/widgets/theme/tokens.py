# SPDX-License-Identifier: Apache-2.0
"""The design tokens: every colour, size and type ratio, read once from `resources/theme`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec


class Scheme(StrEnum):
    """The three sets of colours."""

    LIGHT = "light"
    DARK = "dark"
    HIGH_CONTRAST = "high_contrast"


class TypeRole(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of text: its size as a ratio to the system font, and its weight."""

    ratio: float
    weight: int


class SeriesStyle(msgspec.Struct, frozen=True, kw_only=True):
    """What tells a chart series from the others when colour does not: dash and marker."""

    dash: tuple[float, ...]
    marker: str


class Tokens(msgspec.Struct, frozen=True, kw_only=True):
    """All tokens. Lengths are pixels at a system font of 13 px; colours are `#RRGGBB`."""

    spacing: Mapping[str, float]
    radius: Mapping[str, float]
    size: Mapping[str, float]
    type: Mapping[str, TypeRole]
    line_height_text: float
    line_height_tokens: float
    icon: Mapping[str, float]
    overlay: Mapping[str, Any]
    motion: Mapping[str, float]
    charts: Mapping[str, Any]
    series: Mapping[str, SeriesStyle]
    colours: Mapping[Scheme, Mapping[str, str]]


def load_tokens(path: Path) -> Tokens:
    """Read the tokens.

    Raises:
        OSError: The file cannot be read.
        KeyError: A group is missing.
    """
    raw = tomllib.loads(path.read_text(encoding="utf-8"))
    return Tokens(
        spacing=_frozen(raw["spacing"]),
        radius=_frozen(raw["radius"]),
        size=_frozen(raw["size"]),
        type=_frozen({k: TypeRole(**v) for k, v in raw["type"].items() if isinstance(v, dict)}),
        line_height_text=raw["type"]["line_height_text"],
        line_height_tokens=raw["type"]["line_height_tokens"],
        icon=_frozen(raw["icon"]),
        overlay=_frozen(raw["overlay"]),
        motion=_frozen(raw["motion"]),
        charts=_frozen({k: v for k, v in raw["charts"].items() if not isinstance(v, dict)}),
        series=_frozen(_series(raw["charts"])),
        colours=_frozen({scheme: _frozen(_colours(raw[scheme.value])) for scheme in Scheme}),
    )


def _frozen(values: dict[Any, Any]) -> Mapping[Any, Any]:
    return MappingProxyType(values)


def _series(charts: dict[str, Any]) -> dict[str, SeriesStyle]:
    return {
        name: SeriesStyle(dash=tuple(style["dash"]), marker=style["marker"])
        for name, style in charts.items()
        if isinstance(style, dict)
    }


def _colours(scheme: dict[str, Any]) -> dict[str, str]:
    """Flatten one scheme: the names of its groups never collide, a test holds that."""
    flat: dict[str, str] = {}
    for name, value in scheme.items():
        flat.update(value if isinstance(value, dict) else {name: value})
    return flat
