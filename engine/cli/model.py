# SPDX-License-Identifier: Apache-2.0
"""Commands on models: model add, model list."""

from __future__ import annotations

from gettext import gettext as _
from pathlib import Path
from typing import Annotated

import typer

from engine.cli.session import Json, session_of
from engine.domain.model import ModelInfo

app = typer.Typer(help="Base models: local folders, linked where they are.", no_args_is_help=True)


def _facts(info: ModelInfo) -> dict[str, object]:
    return {
        "model_id": info.id,
        "name": info.name,
        "path": info.path,
        "architecture": info.architecture,
        "parameters": info.parameters,
        "size_bytes": info.size_bytes,
        "dtype": info.weights_dtype,
        "context_tokens": info.context_tokens,
        "vocabulary": info.shape.vocabulary,
        "has_chat_template": info.has_chat_template,
        "licence": info.licence,
        "notes": list(info.notes),
    }


@app.command("add")
def add(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="A folder with safetensors files.")],
    name: Annotated[str, typer.Option(help="Name of the model.")] = "",
    as_json: Json = False,
) -> None:
    """Add a local model; it is checked, linked where it is, and never changed."""
    session = session_of(context, as_json)
    info = session.api.models.add(folder, name=name)
    session.out.print(
        _(
            "Added {name}: {architecture}, {parameters} million parameters, context {context}."
        ).format(
            name=info.name,
            architecture=info.architecture,
            parameters=f"{info.parameters / 1e6:,.1f}",
            context=f"{info.context_tokens:,}",
        ),
        markup=False,
    )
    for note in info.notes:
        session.out.print(f"  {note}", markup=False)
    session.result(_facts(info))


@app.command("list")
def list_models(context: typer.Context, as_json: Json = False) -> None:
    """List the models of the workspace."""
    session = session_of(context, as_json)
    found = session.api.models.list()
    session.table(
        [_("Id"), _("Name"), _("Architecture"), _("Parameters"), _("Folder")],
        [[one.id, one.name, one.architecture, f"{one.parameters:,}", one.path] for one in found],
    )
    session.result({"models": [_facts(one) for one in found]})
