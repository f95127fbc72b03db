# SPDX-License-Identifier: Apache-2.0
"""Commands on several runs: the list, and a comparison side by side."""

from __future__ import annotations

from gettext import gettext as _
from typing import Annotated, Any

import msgspec
import typer

from engine.api.run_compare import Comparison, Difference, compare_runs
from engine.cli.run import outcome, state_cell, state_word
from engine.cli.session import Json, Session, session_of
from engine.domain.number_text import decimal_text

app = typer.Typer(help="All runs: the list, and runs side by side.", invoke_without_command=True)


@app.callback()
def runs(
    context: typer.Context,
    tags: Annotated[
        list[str] | None, typer.Option("--tag", help="Only runs with this tag; again for more.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List the runs of the workspace, or compare some of them."""
    session = session_of(context, as_json)
    if context.invoked_subcommand is not None:
        return
    wanted = {one.casefold() for one in tags or ()}
    found = [
        one
        for one in session.api.runs.list()
        if wanted <= {tag.casefold() for tag in one.note.tags}
    ]
    session.table(
        [_("Id"), _("Name"), _("State"), _("Step"), _("Held-out loss"), _("Tags")],
        [
            [
                one.id,
                one.job.info.name,
                state_cell(one),
                f"{one.job.snapshot.step}/{one.job.snapshot.total_steps}",
                _loss(one.job.snapshot.eval_last),
                ", ".join(one.note.tags),
            ]
            for one in found
        ],
    )
    session.result({"runs": [outcome(one) for one in found]})


@app.command("compare")
def compare(
    context: typer.Context,
    names: Annotated[
        list[str], typer.Argument(metavar="RUN RUN...", help="Ids or names of two or more runs.")
    ],
    as_json: Json = False,
) -> None:
    """Compare runs: what came of each, and what differs between their recipes."""
    session = session_of(context, as_json)
    found = compare_runs(
        [session.api.runs.get(one) for one in names], name_of=session.api.datasets.name_of
    )
    _show_results(session, found)
    _show_differences(session, found)
    session.result(msgspec.to_builtins(found))


def _show_results(session: Session, found: Comparison) -> None:
    session.table(
        [_("Run"), _("State"), _("Step"), _("Training"), _("Held out"), _("Best"), _("Before")],
        [
            [
                one.name,
                state_word(one.state),
                f"{one.steps}/{one.total_steps}",
                _loss(one.train_loss),
                _loss(one.held_out_after),
                _loss(one.held_out_best),
                _loss(one.held_out_before),
            ]
            for one in found.runs
        ],
    )


def _show_differences(session: Session, found: Comparison) -> None:
    if not found.differences:
        session.out.print(_("Their recipes are the same."))
        return
    session.out.print(_("What differs between their recipes:"))
    session.table(
        [_("Setting"), *(one.name for one in found.runs)],
        [_difference_row(one) for one in found.differences],
    )


def _difference_row(one: Difference) -> list[str]:
    title = f"{one.title}, {one.unit}" if one.unit else one.title
    return [title, *(_value(value) for value in one.values)]


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return decimal_text(value) if isinstance(value, float) else str(value)


def _loss(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
