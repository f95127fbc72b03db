# SPDX-License-Identifier: Apache-2.0
"""Commands on many files and on documents: documents, import-each."""

from __future__ import annotations

from gettext import gettext as _
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from engine.cli.data import facts_of, tell_imported
from engine.cli.follow import follow
from engine.cli.session import Json, Session, session_of
from engine.domain.chunking import Chunking, DocumentPreview

Files = Annotated[list[Path], typer.Argument(help="Files or folders.")]
CountAs = Annotated[
    str,
    typer.Option(help="Id or name of the model that counts the tokens; else they are estimated."),
]


def documents(  # noqa: PLR0913, PLR0917 - each option is a parameter to Typer
    context: typer.Context,
    files: Files,
    chunk_tokens: Annotated[
        int, typer.Option(help="The most tokens of a row, 32 to 100,000.")
    ] = 1000,
    chunk_overlap: Annotated[
        int, typer.Option(help="The most tokens that a row repeats of the one before.")
    ] = 0,
    model: CountAs = "",
    as_text: Annotated[
        bool, typer.Option("--as-text", help="Do not look for questions with answers.")
    ] = False,
    preview: Annotated[
        bool, typer.Option("--preview", help="Show the rows; import nothing.")
    ] = False,
    name: Annotated[str, typer.Option(help="Name of the dataset.")] = "",
    as_json: Json = False,
) -> None:
    """Import documents (Word, PDF, Markdown, text), cut by headings and length."""
    session = session_of(context, as_json)
    chunking = Chunking(
        tokens=chunk_tokens,
        overlap_tokens=chunk_overlap,
        finds_questions=not as_text,
        model_id=session.api.models.get(model).id if model else "",
    )
    if preview:
        _show(session, session.api.documents.preview(files, chunking))
        return
    job_id = session.api.datasets.start_import(files, name=name, chunking=chunking)
    view = follow(session, job_id, title=_("Import"))
    info = session.api.datasets.get(view.snapshot.result["dataset_id"])
    tell_imported(session, info)
    session.result(facts_of(info))


def import_each(
    context: typer.Context,
    files: Files,
    eval_ratio: Annotated[
        float, typer.Option(min=0.0, max=0.9, help="Share of rows that is held out.")
    ] = 0.1,
    as_json: Json = False,
) -> None:
    """Import every file or folder as a dataset of its own."""
    session = session_of(context, as_json)
    job_id = session.api.datasets.start_import(files, eval_ratio=eval_ratio, is_separate=True)
    view = follow(session, job_id, title=_("Import"))
    made: list[dict[str, object]] = []
    for one in view.snapshot.result["datasets"].split(","):
        info = session.api.datasets.get(one)
        tell_imported(session, info)
        made.append(facts_of(info))
    session.result({"datasets": made})


def _show(session: Session, found: DocumentPreview) -> None:
    exact, rough = _("{file}:{line}, {tokens} tokens"), _("{file}:{line}, about {tokens} tokens")
    for one in found.chunks:
        session.out.print(
            (exact if found.is_exact else rough).format(
                file=one.file, line=one.line, tokens=one.tokens
            ),
            style="bold",
            markup=False,
        )
        session.out.print(one.text + "\n", markup=False)
    for line in found.rejects:
        session.out.print(f"  {line}", markup=False)
    lengths = (
        _("{rows} rows of {low} to {high} tokens (half of them up to {median})")
        if found.is_exact
        else _("{rows} rows of about {low} to {high} tokens (half of them up to {median})")
    ).format(
        rows=f"{found.rows:,}",
        low=found.tokens_min,
        high=found.tokens_max,
        median=found.tokens_median,
    )
    asked = _("{questions} of them questions with answers").format(questions=f"{found.questions:,}")
    session.out.print(f"{lengths}, {asked}. {_('Nothing was imported.')}", markup=False)
    if found.is_partial:
        session.out.print(_("Of long documents only the first part was looked at."), markup=False)
    session.result(msgspec.to_builtins(found))
