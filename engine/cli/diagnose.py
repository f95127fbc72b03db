# SPDX-License-Identifier: Apache-2.0
"""The command diagnose: a report for whoever helps, shown before it is given to anybody."""

from __future__ import annotations

from gettext import gettext as _
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from engine.api.paper import as_markdown
from engine.cli.session import Json, session_of


def diagnose(
    context: typer.Context,
    run: Annotated[str, typer.Option(help="Id or name of a run; by default the newest.")] = "",
    out: Annotated[
        Path | None, typer.Option(help="Write exactly what is shown there: .md or .html.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show a report for whoever helps: no rows, no names, no paths. Read it, then pass it on."""
    session = session_of(context, as_json)
    diagnosis = session.api.diagnosis
    paper = diagnosis.report(run)
    session.out.print(as_markdown(paper), markup=False)
    if out is not None:
        diagnosis.save(paper, out)
        session.out.print(_("Saved as {path}.").format(path=out), markup=False)
    session.result(msgspec.to_builtins(paper))
