# SPDX-License-Identifier: Apache-2.0
"""The design tokens: they load, their names are unique, and every pair can be read."""

from __future__ import annotations

import tomllib
from itertools import product
from pathlib import Path

import pytest

from gui.widgets.theme.resources import resource_path
from gui.widgets.theme.tokens import Scheme, load_tokens

TOKENS = load_tokens(resource_path("theme", "tokens.toml"))
GROUNDS = ("window", "panel", "raised")
SOFT = ("accent_soft", "success_soft", "warning_soft", "danger_soft")
SERIES = ("s1", "s2", "s3", "s4", "s5")
MEMORY = ("other", "weights", "adapter", "optimizer", "activations", "reserve", "over")


def _channel(value: int) -> float:
    share = value / 255
    return share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4


def _luminance(colour: str) -> float:
    red, green, blue = (_channel(int(colour[i : i + 2], 16)) for i in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(scheme: Scheme, one: str, other: str) -> float:
    """Return the contrast of two roles (WCAG 2.2, relative luminance)."""
    colours = TOKENS.colours[scheme]
    bright, dark = sorted((_luminance(colours[one]), _luminance(colours[other])), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def _text_pairs() -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = list(product(("text", "text2"), (*GROUNDS, "selected")))
    pairs += product(("text3", "accent_text", "success", "warning", "danger"), GROUNDS)
    pairs += [("text", soft) for soft in SOFT]
    pairs += [("accent_text", "accent_soft"), ("success", "success_soft")]
    pairs += [("warning", "warning_soft"), ("danger", "danger_soft")]
    pairs += [("text", "token_bg"), ("text2", "pill_bg"), ("text", "select_bg")]
    pairs += [("on_accent", role) for role in ("accent", "accent_hover", "accent_pressed")]
    return pairs


def _shape_pairs() -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = list(product(("outline", "focus"), GROUNDS))
    pairs += product(SERIES, ("panel", "raised"))
    pairs += product(MEMORY, ("panel", "raised"))
    pairs += product(("token_line", "pill_line", "progress", "accent"), ("panel", "raised"))
    return [*pairs, ("progress", "free"), ("token_line", "token_bg"), ("focus", "accent_soft")]


@pytest.mark.parametrize("scheme", Scheme)
@pytest.mark.parametrize(("ink", "ground"), _text_pairs())
def test_text_on_its_ground_can_be_read(scheme: Scheme, ink: str, ground: str) -> None:
    limit = 7.0 if scheme is Scheme.HIGH_CONTRAST else 4.5

    assert contrast(scheme, ink, ground) >= limit


@pytest.mark.parametrize("scheme", Scheme)
@pytest.mark.parametrize(("ink", "ground"), _shape_pairs())
def test_edges_lines_and_segments_can_be_seen(scheme: Scheme, ink: str, ground: str) -> None:
    assert contrast(scheme, ink, ground) >= 3.0


@pytest.mark.parametrize("scheme", Scheme)
@pytest.mark.parametrize("ground", ["panel", "raised"])
def test_disabled_text_can_still_be_read(scheme: Scheme, ground: str) -> None:
    assert contrast(scheme, "disabled", ground) >= 3.0


@pytest.mark.parametrize("scheme", Scheme)
def test_colour_names_are_unique_over_the_groups(scheme: Scheme) -> None:
    path = resource_path("theme", "tokens.toml")
    raw = tomllib.loads(path.read_text(encoding="utf-8"))[scheme.value]
    names = [
        inner
        for name, value in raw.items()
        for inner in (value if isinstance(value, dict) else {name: value})
    ]

    assert len(names) == len(set(names)) == len(TOKENS.colours[scheme])


def test_every_scheme_has_the_same_roles() -> None:
    roles = {frozenset(colours) for colours in TOKENS.colours.values()}

    assert len(roles) == 1


def test_series_differ_by_dash_or_marker_and_not_by_colour_alone() -> None:
    looks = {(style.dash, style.marker) for style in TOKENS.series.values()}

    assert len(looks) == len(TOKENS.series)


def test_tokens_with_a_missing_group_are_refused(tmp_path: Path) -> None:
    broken = tmp_path / "tokens.toml"
    broken.write_text("[spacing]\nxs = 4\n", encoding="utf-8")

    with pytest.raises(KeyError):
        load_tokens(broken)
