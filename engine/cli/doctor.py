# SPDX-License-Identifier: Apache-2.0
"""The command doctor: what this computer has, and what is in the way of training on it."""

from __future__ import annotations

from gettext import gettext as _
from typing import Annotated

import msgspec
import typer

from engine.api.machine import Finding, MachineFacts, looked_at
from engine.cli.session import Json, Session, session_of
from engine.domain.problem import Severity


def doctor(
    context: typer.Context,
    model: Annotated[
        str, typer.Option(help="Id or name of a model to train; by default all of them.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Say what this computer has, and what is in the way of training on it."""
    session = session_of(context, as_json)
    facts = session.api.machine.facts()
    models = [session.api.models.get(model)] if model else session.api.models.list()
    found = session.api.machine.doctor(models)
    _print_facts(session, facts)
    for one in found:
        _print_finding(session, one)
    if not found:
        session.out.print(_("Nothing was found that hinders training here."), markup=False)
    things = ", ".join(looked_at())
    session.out.print(_("Looked at: {things}.").format(things=things), markup=False, style="dim")
    session.result(_result(session, facts, found))


def _print_facts(session: Session, facts: MachineFacts) -> None:
    session.out.print(
        _("{processor}, {cores} cores, {memory} GB").format(
            processor=facts.processor,
            cores=facts.cores,
            memory=f"{facts.memory_total_bytes / 1e9:.1f}",
        ),
        markup=False,
    )
    for gpu in facts.gpus:
        session.out.print(f"{gpu.name}, {gpu.total_bytes / 1e9:.1f} GB", markup=False)


def _print_finding(session: Session, one: Finding) -> None:
    session.out.print(f"[{one.severity.value}] {one.title}: {one.message}", markup=False)
    if one.remedy:
        session.out.print(f"  {one.remedy}", markup=False)


def _result(session: Session, facts: MachineFacts, found: list[Finding]) -> dict[str, object]:
    return {
        "healthy": not any(one.severity is Severity.ERROR for one in found),
        "workspace": str(session.api.layout.root),
        "processor": facts.processor,
        "cores": facts.cores,
        "memory_bytes": facts.memory_total_bytes,
        "disk_free_bytes": facts.disk_free_bytes,
        "gpus": [
            {
                "name": gpu.name,
                "driver": gpu.driver,
                "memory_bytes": gpu.total_bytes,
                "free_bytes": gpu.free_bytes,
            }
            for gpu in facts.gpus
        ],
        "gpus_hidden": facts.gpus_hidden,
        "problems": [msgspec.to_builtins(one) for one in found],
        "looked_at": list(looked_at()),
    }
