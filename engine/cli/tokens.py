# SPDX-License-Identifier: Apache-2.0
"""The command that counts what would be trained of a whole dataset."""

from __future__ import annotations

from gettext import gettext as _
from gettext import ngettext
from typing import Annotated

import msgspec
import typer

from engine.cli.follow import follow
from engine.cli.session import Json, Session, session_of
from engine.domain.coverage import Coverage, PackedRow, RowGroup
from engine.domain.recipe import recipe_fields

_DEFAULTS = {one.name: one.default for one in recipe_fields()}


def tokens(
    context: typer.Context,
    dataset: Annotated[str, typer.Argument(help="Id or name of the dataset.")],
    model: Annotated[str, typer.Option(help="Id or name of the model.")],
    split: Annotated[str, typer.Option(help="train or eval.")] = "train",
    max_length: Annotated[int, typer.Option(min=1, help="Longest row, tokens.")] = 2048,
    row: Annotated[
        int | None, typer.Option(min=0, help="Also show the rows that are packed with this one.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Count exactly what would be trained of a dataset, and what would not."""
    session = session_of(context, as_json)
    found = _counted(session, dataset, model, split=split, max_length=max_length)
    packed = None
    if row is not None:
        packed = session.api.coverages.packed_with(
            found,
            row,
            effective_batch_size=int(_DEFAULTS["effective_batch_size"]),
            seed=int(_DEFAULTS["seed"]),
        )
    _tell(session, found)
    if packed is not None:
        _tell_packed(session, packed)
    session.result(
        {
            **msgspec.to_builtins(found),
            "trained_ratio": found.trained_ratio,
            "end_of_turn_ratio": found.ends.ratio,
            "packed": msgspec.to_builtins(packed),
        }
    )


def _counted(
    session: Session, dataset: str, model: str, *, split: str, max_length: int
) -> Coverage:
    """Return what was counted before and still holds, or count it now."""
    api = session.api
    dataset_id, model_id = api.datasets.get(dataset).id, api.models.get(model).id
    known = api.coverages.find(dataset_id, model_id, split=split, max_length=max_length)
    if known is not None:
        return known
    job_id = api.coverages.start(dataset_id, model_id, split=split, max_length=max_length)
    follow(session, job_id, title=_("Count"))
    return api.coverages.get(job_id)


def _tell(session: Session, found: Coverage) -> None:
    lines = [
        _("{trained} of {rows} rows are trained.").format(
            trained=f"{found.trained_rows:,}", rows=f"{found.rows:,}"
        ),
        _("{trained} of {all} tokens are trained ({share}).").format(
            trained=f"{found.trained_tokens:,}",
            all=f"{found.tokens:,}",
            share=f"{found.trained_ratio:.1%}",
        ),
        _("{share} of the answers end with a trained end of turn.").format(
            share=f"{found.ends.ratio:.1%}"
        ),
        _("{rows} rows are cut at {length} tokens, which loses {lost} trained tokens.").format(
            rows=f"{found.cut.rows:,}",
            length=f"{found.max_length:,}",
            lost=f"{found.lost_tokens:,}",
        ),
        _("Half of the rows have {median} tokens or fewer, the longest has {longest}.").format(
            median=f"{found.median_tokens:,}", longest=f"{found.longest_tokens:,}"
        ),
    ]
    for line in lines:
        session.out.print(line, markup=False)
    session.table(
        [_("Role"), _("Tokens"), _("Trained")],
        [[one.role, f"{one.tokens:,}", f"{one.trained_tokens:,}"] for one in found.roles],
    )
    for group in (*found.left_out, *found.notes):
        _tell_group(session, group)


def _tell_group(session: Session, group: RowGroup) -> None:
    words = ngettext("{count} row: {reason}", "{count} rows: {reason}", group.rows)
    session.out.print(words.format(count=f"{group.rows:,}", reason=group.text), markup=False)
    places = ", ".join(str(one) for one in group.examples[:5])
    session.out.print(_("  such as {places}").format(places=places), markup=False, style="dim")


def _tell_packed(session: Session, packed: PackedRow) -> None:
    pairs = zip(packed.rows, packed.lengths, strict=True)
    session.out.print(
        _("In step {step} it lies in one sequence with: {rows}").format(
            step=packed.step,
            rows=", ".join(
                _("row {row} ({tokens} tokens)").format(row=row, tokens=count)
                for row, count in pairs
            ),
        ),
        markup=False,
    )
