# SPDX-License-Identifier: Apache-2.0
"""Commands on datasets: import, datasets, preview."""

from __future__ import annotations

from gettext import gettext as _
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from engine.api.preview import preview as preview_rows
from engine.cli.columns import Maps, Named, SaveAs, chosen_mapping, save_as
from engine.cli.follow import follow
from engine.cli.session import Json, Session, session_of
from engine.domain.dataset import DatasetInfo


def import_files(
    context: typer.Context,
    files: Annotated[list[Path], typer.Argument(help="Files or folders.")],
    name: Annotated[str, typer.Option(help="Name of the dataset.")] = "",
    eval_ratio: Annotated[
        float, typer.Option(min=0.0, max=0.9, help="Share of rows that is held out.")
    ] = 0.1,
    maps: Maps = None,
    mapping: Named = "",
    save_mapping: SaveAs = "",
    as_json: Json = False,
) -> None:
    """Import files as one dataset; the files themselves are never changed."""
    session = session_of(context, as_json)
    chosen = chosen_mapping(session.api.mappings, maps or (), mapping)
    if save_mapping:
        save_as(session.api.mappings, save_mapping, chosen, files)
    job_id = session.api.datasets.start_import(
        files, name=name, eval_ratio=eval_ratio, mapping=chosen
    )
    view = follow(session, job_id, title=_("Import"))
    info = session.api.datasets.get(view.snapshot.result["dataset_id"])
    tell_imported(session, info)
    session.result(facts_of(info))


def tell_imported(session: Session, info: DatasetInfo) -> None:
    """Print what was imported, and the first rows that were not."""
    session.out.print(
        _(
            "Imported {name}: {rows} rows ({train} train, {held} held out), {rejects} rejected."
        ).format(
            name=info.name,
            rows=f"{info.rows:,}",
            train=f"{info.splits['train']:,}",
            held=f"{info.splits['eval']:,}",
            rejects=f"{info.rejects:,}",
        ),
        markup=False,
    )
    for reject in session.api.datasets.rejects(info.id, limit=10):
        session.out.print(f"  {reject.file}:{reject.line}  {reject.message}", markup=False)


def facts_of(info: DatasetInfo) -> dict[str, object]:
    """Return what every command tells of a dataset."""
    return {
        "dataset_id": info.id,
        "name": info.name,
        "kind": info.kind.value,
        "rows": info.rows,
        "rejects": info.rejects,
        "duplicates": info.duplicates,
        "splits": info.splits,
    }


def datasets(context: typer.Context, as_json: Json = False) -> None:
    """List the datasets of the workspace."""
    session = session_of(context, as_json)
    found = session.api.datasets.list()
    session.table(
        [_("Id"), _("Name"), _("Kind"), _("Rows"), _("Rejected")],
        [[one.id, one.name, one.kind.value, f"{one.rows:,}", f"{one.rejects:,}"] for one in found],
    )
    session.result({"datasets": [facts_of(one) for one in found]})


def preview(
    context: typer.Context,
    dataset: Annotated[str, typer.Option(help="Id or name of the dataset.")],
    model: Annotated[str, typer.Option(help="Id or name of the model.")],
    rows: Annotated[int, typer.Option(min=1, max=1000, help="How many rows.")] = 1,
    split: Annotated[str, typer.Option(help="train or eval.")] = "train",
    start: Annotated[int, typer.Option(min=0, help="First row.")] = 0,
    max_length: Annotated[int, typer.Option(min=16, help="Longest row, tokens.")] = 2048,
    as_json: Json = False,
) -> None:
    """Show exactly which tokens a run would train; these are marked."""
    session = session_of(context, as_json)
    api = session.api
    dataset_id, model_id = api.datasets.get(dataset).id, api.models.get(model).id
    found = preview_rows(
        api.layout,
        dataset_id,
        model_id,
        split=split,
        start=start,
        rows=rows,
        max_length=max_length,
    )
    for one in found:
        text = Text()
        for token in one.tokens:
            text.append(token.text, style="bold underline" if token.trained else "dim")
        session.out.print(text)
        session.out.print(
            _("{trained} of {all} tokens are trained.").format(
                trained=one.trained_count, all=len(one.tokens)
            ),
            style="italic",
        )
    session.result(
        {
            "dataset_id": dataset_id,
            "model_id": model_id,
            "rows": [
                {
                    "row_hash": one.row_hash,
                    "trained": one.trained_count,
                    "truncated": one.truncated,
                    "problem": one.problem,
                    "tokens": [
                        {"id": token.id, "text": token.text, "trained": token.trained}
                        for token in one.tokens
                    ],
                }
                for one in found
            ],
        }
    )
