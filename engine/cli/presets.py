# SPDX-License-Identifier: Apache-2.0
"""The command on presets: what each is for, what it changes, and why."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from engine.api.presets import Preset
from engine.cli.session import Json, Session, session_of
from engine.domain.number_text import decimal_text
from engine.domain.recipe import recipe_fields


def presets(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Id of one preset, to see why each value.")] = "",
    as_json: Json = False,
) -> None:
    """Show the presets: when to take each, and what it changes of the usual settings."""
    session = session_of(context, as_json)
    found = [session.api.presets.get(name)] if name else session.api.presets.list()
    for one in found:
        _show(session, one, with_reasons=bool(name))
    session.result({"presets": [_facts(one) for one in found]})


def _show(session: Session, preset: Preset, *, with_reasons: bool) -> None:
    session.out.print(f"{preset.id}: {preset.title}", markup=False, style="bold")
    session.out.print(f"  {preset.summary}", markup=False)
    changes = _changes(preset)
    if not with_reasons:
        session.out.print("  " + ", ".join(changes.values()), markup=False, style="dim")
        return
    for field, value in preset.values.items():
        shown = changes.get(field, f"{field} = {_text(value)}")
        session.out.print(f"  {shown}. {preset.reasons.get(field, '')}", markup=False)


def _changes(preset: Preset) -> dict[str, str]:
    """Return what differs from the defaults, by field: `lora_rank 16 -> 64`."""
    usual = {one.name: one.default for one in recipe_fields()}
    return {
        field: f"{field} {_text(usual[field])} -> {_text(value)}"
        for field, value in preset.values.items()
        if value != usual[field]
    }


def _text(value: object) -> str:
    return decimal_text(value) if isinstance(value, float) else str(value)


def _facts(preset: Preset) -> dict[str, Any]:
    return {
        "id": preset.id,
        "title": preset.title,
        "summary": preset.summary,
        "values": preset.values,
        "reasons": preset.reasons,
    }
