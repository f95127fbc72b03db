# SPDX-License-Identifier: Apache-2.0
"""Commands on what is kept of a run: its note, its tags, its curves."""

from __future__ import annotations

from gettext import gettext as _
from pathlib import Path
from typing import Annotated

import typer

from engine.api.run_curves import COLUMNS, curve_rows
from engine.cli.run import RunArgument
from engine.cli.session import Json, Session, session_of
from engine.domain.run_note import RunNote


def note(
    context: typer.Context,
    run: RunArgument,
    text: Annotated[
        str | None, typer.Argument(help="The new note; empty text takes the old one away.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show the note of a run, or write it."""
    session = session_of(context, as_json)
    notes = session.api.notes
    _show(session, run, notes.read(run) if text is None else notes.set_text(run, text))


def tag(
    context: typer.Context,
    run: RunArgument,
    tags: Annotated[list[str] | None, typer.Argument(help="Tags to add.")] = None,
    remove: Annotated[
        list[str] | None, typer.Option("--remove", help="A tag to take away; again for more.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show the tags of a run, add some, or take some away."""
    session = session_of(context, as_json)
    notes = session.api.notes
    if tags or remove:
        _show(session, run, notes.change_tags(run, add=tags or (), remove=remove or ()))
    else:
        _show(session, run, notes.read(run))


def _show(session: Session, run: str, found: RunNote) -> None:
    words = ", ".join(found.tags) or _("no tags")
    session.out.print(f"{words}\n{found.text or _('no note')}", markup=False)
    run_id = session.api.runs.get(run).id
    session.result({"run_id": run_id, "note": found.text, "tags": found.tags})


def curves(
    context: typer.Context,
    run: RunArgument,
    csv: Annotated[
        Path | None, typer.Option("--csv", help="Write the numbers to this new file.")
    ] = None,
    tensorboard: Annotated[
        Path | None,
        typer.Option(
            "--tensorboard",
            help="Write a log for TensorBoard into this folder; again to bring it up to date.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show the numbers of a run step by step, or write them as CSV or for TensorBoard."""
    session = session_of(context, as_json)
    curves, run_id = session.api.curves, session.api.runs.get(run).id
    table = curves.save_csv([run_id], csv) if csv is not None else None
    log = curves.save_tensorboard([run_id], tensorboard)[0] if tensorboard is not None else None
    told = {
        "run_id": run_id,
        "csv": None if table is None else str(table),
        "tensorboard": None if log is None else str(log),
    }
    for one in filter(None, (table, log)):
        session.out.print(_("Saved as {path}.").format(path=one), markup=False)
    if tensorboard is not None:  # which holds nothing in memory, however long the run is
        session.result(told)
        return
    rows = curve_rows(curves.read(run_id))
    if table is None:
        session.table(
            [_("Step"), _("Training loss"), _("Held-out loss")],
            [[str(row[0]), _loss(row[1]), _loss(row[2])] for row in rows],
        )
    session.result({**told, "columns": COLUMNS, "rows": rows})


def export(
    context: typer.Context,
    run: RunArgument,
    file: Annotated[Path, typer.Argument(help="The new file.")],
    checkpoints: Annotated[
        bool, typer.Option(help="Put the checkpoints in, so that the run can go on elsewhere.")
    ] = True,
    as_json: Json = False,
) -> None:
    """Save a run as one file that another workspace can import."""
    session = session_of(context, as_json)
    saved = session.api.run_files.save(run, file, checkpoints=checkpoints)
    session.out.print(_("Saved as {path}.").format(path=saved), markup=False)
    session.result({"path": str(saved), "size_bytes": saved.stat().st_size})


def take(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A file that `run export` wrote.")],
    as_json: Json = False,
) -> None:
    """Import a run from a file."""
    session = session_of(context, as_json)
    view = session.api.runs.get(session.api.run_files.take(file))
    words = _("{name} is here now ({run}).")
    session.out.print(words.format(name=view.job.info.name, run=view.id), markup=False)
    session.result({"run_id": view.id, "name": view.job.info.name})


def _loss(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
