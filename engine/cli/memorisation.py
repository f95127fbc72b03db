# SPDX-License-Identifier: Apache-2.0
"""The command memorisation: asks a trained model for text of its training rows."""

from __future__ import annotations

from gettext import gettext as _
from typing import Any

import msgspec
import typer

from engine.api.memorisation import Checked, sentences_of, title_of
from engine.cli.follow import follow
from engine.cli.run import RunArgument
from engine.cli.session import Json, Session, session_of
from engine.errors import Cancelled


def memorisation(context: typer.Context, run: RunArgument, as_json: Json = False) -> None:
    """Ask a run's model for private values and passages of its rows; tell what it writes."""
    session = session_of(context, as_json)
    api = session.api
    job_id = api.memorisation.start(run)
    try:
        follow(session, job_id, title=_("Memorised text"))
    except Cancelled:
        api.jobs.remove(job_id)
        raise
    checked = api.memorisation.checked(run)
    if checked is not None:
        _show(session, checked)
    session.result(memorisation_facts(checked) or {})


def _show(session: Session, checked: Checked) -> None:
    session.table(
        [_("Asked for"), _("Count"), _("Word for word"), _("Within 100 tries"), _("Base model")],
        [
            [
                title,
                str(one.count),
                str(one.written),
                str(one.within_tries),
                str(one.base_within_tries),
            ]
            for title, one in checked.lines
        ],
    )
    if not checked.is_current:
        words = _("The weights changed since the check: it is of earlier ones. Check again.")
        session.out.print(words, markup=False)
    session.out.print(f"{title_of(checked.verdict)}.", markup=False)
    for line in sentences_of(checked.found):
        session.out.print(line, markup=False)


def memorisation_line(checked: Checked | None, run: str) -> str:
    """Return what is known of memorised text before weights leave the workspace."""
    if checked is None or not checked.is_current:
        return _("Memorised text: not checked. Check it with: burnish memorisation {run}").format(
            run=run
        )
    return _("Memorised text: {verdict} (checked {when}).").format(
        verdict=title_of(checked.verdict), when=checked.found.checked_at[:10]
    )


def memorisation_facts(checked: Checked | None) -> dict[str, Any] | None:
    """Return what is known of memorised text, for JSON; None where nothing is."""
    if checked is None:
        return None
    return {
        "verdict": checked.verdict.value,
        "is_current": checked.is_current,
        **msgspec.to_builtins(checked.found),
    }
