# SPDX-License-Identifier: Apache-2.0
"""The command that forgets a dataset for good, and says what remains."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from gettext import gettext as _
from typing import Annotated

import msgspec
import typer

from engine.cli.session import Json, Session, session_of
from engine.domain.forgetting import (
    ForgetPlan,
    RelatedDataset,
    limits_of_deleting,
    remaining_text,
    trace_text,
)
from engine.errors import WrongUsage

_MEGABYTE = 1e6


def forget(
    context: typer.Context,
    dataset: Annotated[str, typer.Argument(help="Id or name of the dataset, here or gone.")],
    plan: Annotated[
        bool, typer.Option("--plan", help="Only say what would go and what would remain.")
    ] = False,
    keep: Annotated[
        list[str] | None,
        typer.Option(help="Keep this dataset, which was made of it. May be repeated."),
    ] = None,
    also: Annotated[
        list[str] | None,
        typer.Option(help="Forget this one, too: it has the same source files. May be repeated."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do it without asking.")] = False,
    as_json: Json = False,
) -> None:
    """Delete a dataset and every copy of its rows for good, and name what remains."""
    session = session_of(context, as_json)
    found = session.api.forgetting.plan(dataset, keep=keep or (), also=also or ())
    if plan or not yes:
        _tell(session, found)
    if not plan:
        if not yes:
            _confirm(session, found)
        ids = _ids_of(found)
        found = session.api.forgetting.forget(found.dataset_id, keep=ids[False], also=ids[True])
        session.out.print(_("“{name}” is forgotten.").format(name=found.name), markup=False)
        _tell_remaining(session, found)
    session.result(
        {
            **msgspec.to_builtins(found),
            "size_bytes": found.size_bytes,
            "is_forgotten": not plan,
            "limits": limits_of_deleting(),
        }
    )


def _ids_of(plan: ForgetPlan) -> dict[bool, list[str]]:
    """Return which of the related datasets stay (False) and go (True), as they were shown."""
    return {
        wish: [one.id for one in plan.related if one.is_forgotten is wish] for wish in (False, True)
    }


def _confirm(session: Session, plan: ForgetPlan) -> None:
    """Ask for the name of the dataset.

    Raises:
        WrongUsage: There is nobody to ask, or another name was typed; nothing was changed.
    """
    if session.json or not sys.stdin.isatty():
        raise WrongUsage(
            _("This deletes for good, and there is nobody to ask. Nothing was changed."),
            remedy=_("Look at --plan first, then say --yes."),
        )
    typed = typer.prompt(_("Type the name of the dataset to forget it for good"), err=True)
    if typed.strip() != plan.name:
        raise WrongUsage(
            _("That is not its name. Nothing was changed."),
            remedy=_("Type the name as it stands in the list."),
        )


def _tell(session: Session, plan: ForgetPlan) -> None:
    """Write the plan."""
    if plan.removed:
        session.out.print(_("Deleted for good:"), style="bold")
        _lines(
            session, [f"{trace_text(one)}  {_megabytes(one.size_bytes)}" for one in plan.removed]
        )
    if plan.rewritten:
        session.out.print(_("Kept without the text of rows:"), style="bold")
        _lines(session, [trace_text(one) for one in plan.rewritten])
    if plan.related:
        session.out.print(_("Other datasets with the same rows:"), style="bold")
        _lines(session, [_related_text(one) for one in plan.related])
    _tell_remaining(session, plan)
    _lines(session, plan.blockers)


def _tell_remaining(session: Session, plan: ForgetPlan) -> None:
    session.out.print(_("Remains:"), style="bold")
    _lines(session, [remaining_text(one) for one in plan.remaining])
    _lines(session, limits_of_deleting())


def _lines(session: Session, texts: Sequence[str]) -> None:
    """Write lines; equal ones once, with their number."""
    for text, count in Counter(texts).items():
        shown = text if count == 1 else _("{text} ({count} times)").format(text=text, count=count)
        session.out.print(f"  {shown}", markup=False)


def _related_text(one: RelatedDataset) -> str:
    if one.is_forgotten:
        words = _("{name} ({id}) goes, too; --keep {id} keeps it")
    elif one.is_derived:
        words = _("{name} ({id}) was made of it and stays")
    else:
        words = _("{name} ({id}) has the same source files and stays; --also {id} forgets it")
    return words.format(name=one.name, id=one.id)


def _megabytes(size_bytes: int) -> str:
    return f"{size_bytes / _MEGABYTE:,.1f} MB"
