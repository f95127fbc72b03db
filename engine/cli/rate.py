# SPDX-License-Identifier: Apache-2.0
"""The command learning-rate: tries rates for a short time, and suggests one."""

from __future__ import annotations

from collections.abc import Sequence
from gettext import gettext as _

import msgspec
import typer

from engine.api.rates import RateSweep, Sureness
from engine.cli.asked import AskedRun, ask_for_run
from engine.cli.follow import follow
from engine.cli.session import Json, session_of
from engine.cli.spread import spread
from engine.domain.number_text import RATE_FIGURES, decimal_text
from engine.errors import Cancelled


@spread(AskedRun)
def learning_rate(
    context: typer.Context,
    asked: AskedRun,
    as_json: Json = False,
) -> None:
    """Try learning rates for some steps, and suggest one; no run is made or touched."""
    session = session_of(context, as_json)
    api = session.api
    recipe, beginning = ask_for_run(session, asked)
    job_id = api.rates.start(recipe, beginning=beginning)
    try:
        follow(session, job_id, title=_("Learning rate"))
    except Cancelled:
        api.jobs.remove(job_id)
        raise
    found = api.rates.take(job_id)
    session.table([_("Rate"), _("Loss"), _("Change"), _("Smoothed")], curve_rows(found))
    for line in advice_lines(found):
        session.out.print(line, markup=False)
    session.result(msgspec.to_builtins(found))


def curve_rows(found: RateSweep) -> list[list[str]]:
    """Return the curve as the rows of a table; the first two points stand at the lowest rate."""
    return [
        [
            decimal_text(one.rate, RATE_FIGURES),
            f"{one.loss:.4f}",
            f"{one.change:+.4f}",
            f"{mean:+.4f}",
        ]
        for one, mean in zip(found.points, found.smoothed, strict=True)
    ]


def advice_lines(found: RateSweep) -> Sequence[str]:
    """Return what a person should know of a sweep, line by line."""
    lines: list[str] = []
    if found.exploded_at is not None:
        lines.append(
            _("The loss exploded at {rate}.").format(
                rate=decimal_text(found.exploded_at, RATE_FIGURES)
            )
        )
    if found.rate is None:
        return [*lines, _("No advice: {reason}").format(reason=found.reason)]
    text = (
        _("Suggested learning rate: {rate} (sure). {reason}")
        if found.sureness is Sureness.SURE
        else _("Suggested learning rate: {rate} (rough). {reason}")
    )
    lines.append(text.format(rate=decimal_text(found.rate), reason=found.reason))
    lines.append(
        _("Take it: --set learning_rate={rate}. Rule: {source}.").format(
            rate=decimal_text(found.rate), source=found.source
        )
    )
    return lines
