# SPDX-License-Identifier: Apache-2.0
"""Commands on trained weights: export, generate."""

from __future__ import annotations

from gettext import gettext as _
from pathlib import Path
from typing import Annotated, Any

import typer

from engine.cli.follow import follow
from engine.cli.memorisation import memorisation_facts, memorisation_line
from engine.cli.run import RunArgument
from engine.cli.session import Json, Session, session_of
from engine.errors import WrongUsage
from engine.protocol.events import AnswerMade, Event, ExportVerified


def export_run(session: Session, run: str, target: str, out: Path | None) -> ExportVerified:
    """Export a run, follow it, and return what was verified.

    Raises:
        EngineError: The export failed; nothing of it was kept.
    """
    verified: list[ExportVerified] = []

    def keep(event: Event) -> None:
        """Keep what was verified."""
        if isinstance(event, ExportVerified):
            verified.append(event)

    job_id = session.api.exports.start(run, target, out)
    follow(session, job_id, title=_("Export"), on_event=keep)
    return verified[-1]


def export(
    context: typer.Context,
    run: RunArgument,
    target: Annotated[str, typer.Option(help="adapter or merged.")],
    out: Annotated[Path | None, typer.Option(help="A missing or empty folder.")] = None,
    as_json: Json = False,
) -> None:
    """Write a run's weights, compare them with what was trained, and keep them only if equal."""
    session = session_of(context, as_json)
    checked = session.api.memorisation.checked(run)
    session.out.print(memorisation_line(checked, run), markup=False)
    done = export_run(session, run, target, out)
    session.out.print(_("Exported and verified: {path}").format(path=done.path), markup=False)
    session.out.print(
        _("  {prompts} prompts compared: same most likely token at {share} % of positions.").format(
            prompts=done.prompts, share=f"{100 * done.top1_agreement_ratio:.1f}"
        ),
        markup=False,
    )
    session.result(
        {
            "path": done.path,
            "files": list(done.files),
            "verified": True,
            "prompts": done.prompts,
            "max_logit_difference": done.max_logit_difference,
            "top1_agreement_ratio": done.top1_agreement_ratio,
            "mean_kl": done.mean_kl,
            "memorisation": memorisation_facts(checked),
        }
    )


def answers(
    session: Session, *, model: str, run: str | None, prompts: list[str], max_new_tokens: int
) -> list[AnswerMade]:
    """Answer prompts greedily, with or without a run's adapter, in the order of the prompts."""
    made: list[AnswerMade] = []

    def keep(event: Event) -> None:
        """Keep the answers."""
        if isinstance(event, AnswerMade):
            made.append(event)

    job_id = session.api.runs.generate(
        model=model, run=run, prompts=prompts, max_new_tokens=max_new_tokens
    )
    follow(session, job_id, title=_("Answer"), on_event=keep)
    return made


def generate(
    context: typer.Context,
    prompt: Annotated[str, typer.Option(help="What to ask.")],
    model: Annotated[
        str | None, typer.Option(help="Id or name of the model; by default that of the run.")
    ] = None,
    run: Annotated[str | None, typer.Option(help="Answer with this run's adapter.")] = None,
    max_new_tokens: Annotated[int, typer.Option(min=1, max=8192, help="Longest answer.")] = 200,
    as_json: Json = False,
) -> None:
    """Answer one prompt, greedily."""
    session = session_of(context, as_json)
    if model is None:
        model = _model_of(session, run)
    made = answers(session, model=model, run=run, prompts=[prompt], max_new_tokens=max_new_tokens)
    session.out.print(made[0].answer, markup=False)
    session.result(_facts(made[0]))


def _model_of(session: Session, run: str | None) -> str:
    if run is None:
        raise WrongUsage(
            _("Nobody said what is to answer."), remedy=_("Name a model, or a run of yours.")
        )
    return session.api.runs.get(run).recipe.model_id


def _facts(made: AnswerMade) -> dict[str, Any]:
    return {
        "prompt": made.prompt,
        "answer": made.answer,
        "tokens": made.tokens,
        "ended": made.ended,
    }
